import { layerOfNode } from '../../scope-names.ts';
import type { TimelineEvent, TimelineRow } from './timeline.ts';

/** A call into TensorFlow. Times are microseconds since the profile began. */
export interface CallSpan {
  /** `async`: on a background thread. */
  kind: 'execute' | 'async' | 'upload' | 'download';
  /** The op, or the name of the compiled function. */
  name: string;
  start: number;
  duration: number;
  bytes: number;
}

/** Time of one kind of op. */
export interface OpTime {
  /** TensorFlow's name of the kind, such as `MatMul`; kernels of a GPU that belong to no op have their own name. */
  kind: string;
  /** The device that computed it: `CPU`, `GPU:0`. */
  device: string;
  calls: number;
  /** How long these ops were computed, summed over threads and streams, in ms. */
  busyMs: number;
  /** Their part of the wall time, in ms: where several ops run at once, each gets its part of that moment. */
  wallMs: number;
}

/** Where the time of one layer went. */
export interface LayerTime {
  layer: string;
  wallMs: number;
}

/** The wall time in parts that add up to it, in ms. */
export interface ProfileParts {
  /** Some op was being computed, on any device. */
  ops: number;
  /** Values were copied to TensorFlow or from it, and no op ran. */
  transfer: number;
  /** TensorFlow prepared or scheduled ops, and none ran. */
  tensorflow: number;
  /** JavaScript ran, and TensorFlow did nothing. */
  javascript: number;
  /** JavaScript waited (for a timer, a file, the network), and TensorFlow did nothing. */
  idle: number;
}

export interface Attribution {
  parts: ProfileParts;
  /** The kind that took most comes first. */
  ops: OpTime[];
  layers: LayerTime[];
}

/** An op of a thread or stream, from its beginning to its end. */
interface Segment {
  start: number;
  end: number;
  op: OpTime;
  layer: LayerTime;
}

/** `name:Kind`, as the executor calls an op; names of scopes and functions in C++ have two colons. */
const OP = /^([^:\s]*):([A-Za-z_]\w*)$/;

/** An event that is an op which runs on the host: its kind and its layer. */
export function hostOp(name: string): { kind: string; layer: string } | undefined {
  const [, node, kind] = OP.exec(name) ?? [];
  if (node === undefined || kind === undefined) return undefined;
  return { kind, layer: layerOfNode(node)?.layer ?? '' };
}

/** A kernel or a copy on a GPU. */
function deviceOp({ name, details }: TimelineEvent): { kind: string; layer: string } | 'transfer' {
  if (/^mem(?:cpy|set)/i.test(name)) return 'transfer';
  const noted = details?.['tf_op'] ?? details?.['annotation'] ?? details?.['kernel_annotation'];
  const last = typeof noted === 'string' ? noted.split('::').at(-1) : undefined;
  const op = last === undefined ? undefined : hostOp(last);
  if (op !== undefined) return op;
  return { kind: name.replace(/^void\s+/, '').replace(/[<(].*$/, ''), layer: '' };
}

/** Totals by name, in the order of their first appearance. */
class Totals<T> {
  readonly #byName = new Map<string, T>();

  of(name: string, make: () => T): T {
    let total = this.#byName.get(name);
    if (total === undefined) {
      total = make();
      this.#byName.set(name, total);
    }
    return total;
  }

  all(): T[] {
    return [...this.#byName.values()];
  }
}

/**
 * The moments at which each event of one thread was the innermost one: an op that runs others (a call, a loop) counts
 * only for what it does itself.
 */
function innermost(events: readonly Segment[], emit: (segment: Segment) => void): void {
  const sorted = events.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const open: Segment[] = [];
  let at = 0;
  const until = (time: number) => {
    for (let top = open.at(-1); top !== undefined && at < time; top = open.at(-1)) {
      const end = Math.min(top.end, time);
      if (end > at) emit({ ...top, start: at, end });
      at = Math.max(at, end);
      if (top.end > time) return;
      open.pop();
    }
  };
  for (const event of sorted) {
    until(event.start);
    at = Math.max(at, event.start);
    open.push(event);
  }
  until(Infinity);
}

/** The state of a moment; `call`: JavaScript's thread is inside a call into TensorFlow. */
type Activity = 'op' | 'transfer' | 'tensorflow' | 'call';

/** A moment at which an activity begins (1) or ends (-1). */
interface Edge {
  time: number;
  activity: Activity;
  step: 1 | -1;
  segment: Segment | undefined;
}

/** Profiled time from `from` to `to`, in microseconds. */
interface Window {
  from: number;
  to: number;
}

/** An event that is an op. */
type OpEvent = Pick<TimelineEvent, 'start' | 'duration'> & { op: { kind: string; layer: string } };

/** Collects the beginnings and ends of everything that happened in a window, and counts its ops. */
class Edges {
  readonly kinds = new Totals<OpTime>();
  readonly layers = new Totals<LayerTime>();
  readonly #window: Window;
  readonly #all: Edge[] = [];

  constructor(window: Window) {
    this.#window = window;
  }

  sorted(): Edge[] {
    return this.#all.toSorted((a, b) => a.time - b.time);
  }

  addRow({ plane, events }: TimelineRow): void {
    const device = /^\/device:(?!CPU)(\w+:\d+)/.exec(plane)?.[1];
    if (device !== undefined) this.#addDevice(events, device);
    else if (plane === '/host:CPU') this.#addHost(events);
  }

  #addDevice(events: readonly TimelineEvent[], device: string): void {
    const ops = events.flatMap((event) => {
      const op = deviceOp(event);
      if (op !== 'transfer') return [{ ...event, op }];
      this.#add('transfer', event.start, event.start + event.duration);
      return [];
    });
    this.addOps(ops, device);
  }

  #addHost(events: readonly TimelineEvent[]): void {
    const ops = events.flatMap((event) => {
      const op = hostOp(event.name);
      return op === undefined ? [] : [{ ...event, op }];
    });
    this.addOps(ops, 'CPU');
    for (const { name, start, duration } of events)
      if (name === 'EagerExecute') this.#add('tensorflow', start, start + duration);
  }

  addCall({ kind, start, duration }: CallSpan): void {
    this.#add(kind === 'execute' || kind === 'async' ? 'tensorflow' : 'transfer', start, start + duration);
    if (kind !== 'async') this.#add('call', start, start + duration);
  }

  /** Adds the ops of one thread or stream. */
  addOps(events: readonly OpEvent[], device: string): void {
    const { from, to } = this.#window;
    const segments = events.flatMap(({ start, duration, op: { kind, layer } }) => {
      const end = start + duration;
      if (end < from || start > to) return [];
      const op = this.kinds.of(`${device} ${kind}`, () => ({ kind, device, calls: 0, busyMs: 0, wallMs: 0 }));
      op.calls++;
      return [{ start, end, op, layer: this.layers.of(layer, () => ({ layer, wallMs: 0 })) }];
    });
    innermost(segments, (segment) => {
      const { start, end, op } = segment;
      const busy = Math.min(to, end) - Math.max(from, start);
      if (busy > 0) op.busyMs += busy / 1000;
      this.#add('op', start, end, segment);
    });
  }

  #add(activity: Activity, start: number, end: number, segment?: Segment): void {
    const begin = Math.max(this.#window.from, start);
    const stop = Math.min(this.#window.to, end);
    if (stop <= begin) return;
    this.#all.push({ time: begin, activity, step: 1, segment }, { time: stop, activity, step: -1, segment });
  }
}

/** Passes from edge to edge, and adds the time between two of them to what was active. */
class Sweep {
  /** Milliseconds in which some op ran, values were copied without an op, or TensorFlow prepared ops. */
  ops = 0;
  transfer = 0;
  tensorflow = 0;
  /** Milliseconds in which TensorFlow did nothing. */
  free = 0;
  /** Milliseconds in which TensorFlow worked without JavaScript waiting for it. */
  background = 0;
  readonly #active: Record<Activity, number> = { op: 0, transfer: 0, tensorflow: 0, call: 0 };
  readonly #running = new Map<OpTime | LayerTime, number>();
  #at: number;

  constructor(from: number) {
    this.#at = from;
  }

  /** Time passes up to `time`. */
  pass(time: number): void {
    const elapsed = (time - this.#at) / 1000;
    this.#at = time;
    if (elapsed <= 0) return;
    const active = this.#active;
    if (active.op > 0) {
      this.ops += elapsed;
      for (const [total, times] of this.#running) total.wallMs += (elapsed * times) / active.op;
    } else if (active.transfer > 0) this.transfer += elapsed;
    else if (active.tensorflow > 0) this.tensorflow += elapsed;
    else {
      this.free += elapsed;
      return;
    }
    if (active.call === 0) this.background += elapsed;
  }

  change({ time, activity, step, segment }: Edge): void {
    this.pass(time);
    this.#active[activity] += step;
    if (segment === undefined) return;
    this.#count(segment.op, step);
    this.#count(segment.layer, step);
  }

  #count(total: OpTime | LayerTime, step: number): void {
    const next = (this.#running.get(total) ?? 0) + step;
    if (next === 0) this.#running.delete(total);
    else this.#running.set(total, next);
  }
}

/**
 * Attributes the time between `from` and `to` to ops, layers and the parts of the wall time.
 *
 * @param idle how long the event loop waited meanwhile, in microseconds.
 */
export function attribute(
  rows: readonly TimelineRow[],
  calls: readonly CallSpan[],
  window: Window,
  idle: number,
): Attribution {
  const edges = new Edges(window);
  for (const row of rows) edges.addRow(row);
  for (const call of calls) edges.addCall(call);
  // Without TensorFlow's profiler, all that is known of an op is how long its call took.
  if (rows.length === 0) {
    const ops = calls.filter(({ kind }) => kind === 'execute' || kind === 'async');
    edges.addOps(
      ops.map((call) => ({ ...call, op: { kind: call.name, layer: '' } })),
      'CPU',
    );
  }
  const sweep = new Sweep(window.from);
  for (const edge of edges.sorted()) sweep.change(edge);
  sweep.pass(window.to);
  const { ops, transfer, tensorflow, free, background } = sweep;
  // The event loop also waits while TensorFlow works on other threads.
  const idleMs = Math.min(free, Math.max(0, idle / 1000 - background));
  return {
    parts: { ops, transfer, tensorflow, javascript: free - idleMs, idle: idleMs },
    ops: edges.kinds.all().toSorted((a, b) => b.wallMs - a.wallMs),
    layers: edges.layers
      .all()
      .filter(({ layer }) => layer !== '')
      .toSorted((a, b) => b.wallMs - a.wallMs),
  };
}
