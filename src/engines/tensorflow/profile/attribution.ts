import { layerOfNode } from '../../scope-names.ts';
import type { TimelineEvent, TimelineRow } from './timeline.ts';

/** A call of ours into TensorFlow. Times are microseconds since the profile began. */
export interface CallSpan {
  /** `async`: on a thread of its own. */
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

/** Something that lasts, with what it counts as. */
interface Segment {
  start: number;
  end: number;
  /** `op`: by its number in the list of kinds. */
  op: number;
  layer: number;
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

/** Numbers for names, in the order in which they are met. */
class Names<T> {
  readonly values: T[] = [];
  readonly #numbers = new Map<string, number>();

  of(key: string, make: () => T): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.values.push(make()) - 1;
      this.#numbers.set(key, number);
    }
    return number;
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

const OP_CLASS = 0;
const TRANSFER_CLASS = 1;
const TENSORFLOW_CLASS = 2;
/** Not a class of its own: JavaScript's thread is inside a call of ours. */
const CALL = 3;

/**
 * Says where the time between `from` and `to` went.
 *
 * @param idle how long the event loop waited meanwhile, in microseconds.
 */
export function attribute(
  rows: readonly TimelineRow[],
  calls: readonly CallSpan[],
  window: { from: number; to: number },
  idle: number,
): Attribution {
  const { from, to } = window;
  const kinds = new Names<OpTime>();
  const layers = new Names<LayerTime>();
  /** Beginnings and ends: time, what, +1 or -1, op, layer. */
  const edges: { time: number; what: number; step: 1 | -1; op: number; layer: number }[] = [];
  const add = (what: number, start: number, end: number, op = -1, layer = -1) => {
    const begin = Math.max(from, start);
    const stop = Math.min(to, end);
    if (stop <= begin) return;
    edges.push({ time: begin, what, step: 1, op, layer }, { time: stop, what, step: -1, op, layer });
  };
  const collectOps = (
    events: readonly (TimelineEvent & { op: { kind: string; layer: string } })[],
    device: string,
  ) => {
    const segments = events.flatMap(({ start, duration, op: { kind, layer } }) => {
      const end = start + duration;
      if (end < from || start > to) return [];
      const op = kinds.of(`${device} ${kind}`, () => ({ kind, device, calls: 0, busyMs: 0, wallMs: 0 }));
      (kinds.values[op] as OpTime).calls++;
      return [{ start, end, op, layer: layers.of(layer, () => ({ layer, wallMs: 0 })) }];
    });
    innermost(segments, ({ start, end, op, layer }) => {
      const busy = Math.min(to, end) - Math.max(from, start);
      if (busy > 0) (kinds.values[op] as OpTime).busyMs += busy / 1000;
      add(OP_CLASS, start, end, op, layer);
    });
  };
  for (const { plane, events } of rows) {
    const device = /^\/device:(?!CPU)(\w+:\d+)/.exec(plane)?.[1];
    if (device !== undefined) {
      const ops = events.flatMap((event) => {
        const op = deviceOp(event);
        if (op !== 'transfer') return [{ ...event, op }];
        add(TRANSFER_CLASS, event.start, event.start + event.duration);
        return [];
      });
      collectOps(ops, device);
    } else if (plane === '/host:CPU') {
      collectOps(
        events.flatMap((event) => {
          const op = hostOp(event.name);
          return op === undefined ? [] : [{ ...event, op }];
        }),
        'CPU',
      );
      for (const { name, start, duration } of events)
        if (name === 'EagerExecute') add(TENSORFLOW_CLASS, start, start + duration);
    }
  }
  for (const { kind, start, duration } of calls) {
    add(kind === 'execute' || kind === 'async' ? TENSORFLOW_CLASS : TRANSFER_CLASS, start, start + duration);
    if (kind !== 'async') add(CALL, start, start + duration);
  }
  // Without TensorFlow's profiler, all that is known of an op is how long its call took.
  if (rows.length === 0) {
    const ops = calls.filter(({ kind }) => kind === 'execute' || kind === 'async');
    collectOps(
      ops.map((call) => ({ ...call, op: { kind: call.name, layer: '' } })),
      'CPU',
    );
  }

  edges.sort((a, b) => a.time - b.time);
  const active = [0, 0, 0, 0];
  const running = new Map<number, number>();
  const runningLayers = new Map<number, number>();
  const parts: ProfileParts = { ops: 0, transfer: 0, tensorflow: 0, javascript: 0, idle: 0 };
  /** Time in which nothing of TensorFlow's went on, and time in which it worked without JavaScript waiting for it. */
  let free = 0;
  let aside = 0;
  let at = from;
  const count = (map: Map<number, number>, key: number, step: number) => {
    const next = (map.get(key) ?? 0) + step;
    if (next === 0) map.delete(key);
    else map.set(key, next);
  };
  const pass = (time: number) => {
    const elapsed = (time - at) / 1000;
    at = time;
    if (elapsed <= 0) return;
    const ops = active[OP_CLASS] as number;
    if (ops > 0) {
      parts.ops += elapsed;
      for (const [op, times] of running) (kinds.values[op] as OpTime).wallMs += (elapsed * times) / ops;
      for (const [layer, times] of runningLayers)
        (layers.values[layer] as LayerTime).wallMs += (elapsed * times) / ops;
    } else if ((active[TRANSFER_CLASS] as number) > 0) parts.transfer += elapsed;
    else if ((active[TENSORFLOW_CLASS] as number) > 0) parts.tensorflow += elapsed;
    else {
      free += elapsed;
      return;
    }
    if (active[CALL] === 0) aside += elapsed;
  };
  for (const { time, what, step, op, layer } of edges) {
    pass(time);
    (active[what] as number) += step;
    if (op < 0) continue;
    count(running, op, step);
    count(runningLayers, layer, step);
  }
  pass(to);
  // The event loop also waits while TensorFlow works on other threads.
  parts.idle = Math.min(free, Math.max(0, idle / 1000 - aside));
  parts.javascript = free - parts.idle;
  return {
    parts,
    ops: kinds.values.toSorted((a, b) => b.wallMs - a.wallMs),
    layers: layers.values.filter(({ layer }) => layer !== '').toSorted((a, b) => b.wallMs - a.wallMs),
  };
}
