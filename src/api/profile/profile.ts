import { performance } from 'node:perf_hooks';
import { setRendering, type Rendered } from '../../display/rendered.ts';
import { writeWhole } from '../../base/files/index.ts';
import { notebookHost } from '../../base/host.ts';
import type { BindingObserver } from '../../engines/op-recorder.ts';
import { layerOfScope, withLayersRenamed } from '../../engines/scope-names.ts';
import { TensorflowError } from '../../engines/errors.ts';
import { loadTf } from '../load-tf.ts';
import { loadedTensorflow, type LoadedTensorflow } from '../../engines/tensorflow/loading.ts';
import {
  attribute,
  type CallSpan,
  type LayerTime,
  type OpTime,
  type ProfileParts,
} from '../../engines/tensorflow/profile/attribution.ts';
import { chromeTrace, type ChromeTrace } from '../../engines/tensorflow/profile/chrome-trace.ts';
import { ProfilerSession } from '../../engines/tensorflow/profile/profiler-session.ts';
import type { ProfileReport, Transfers } from './report.ts';
import { profileHtml, profileText } from './view.ts';
import { parseTimeline, type TimelineRow } from '../../engines/tensorflow/profile/timeline.ts';

/** Where the time of a piece of code went. Made by `profile`. */
export class Profile<T = unknown> implements ProfileReport {
  /** The result of the code. */
  readonly value: T;
  /** From the call until what it gave was there (and every GPU had finished), in ms. */
  readonly wallMs: number;
  /** The wall time in parts that add up to it, in ms. */
  readonly parts: ProfileParts;
  /** Kinds of ops, the one that took most first. */
  readonly ops: readonly OpTime[];
  /** Layers of compiled models, the one that took most first. */
  readonly layers: readonly LayerTime[];
  /** Compiled steps that were run. */
  readonly graphs: number;
  /** Ops that were run one by one. */
  readonly opByOp: number;
  /** Tensors whose values were handed to TensorFlow. */
  readonly uploads: Transfers;
  /** Tensors whose values were read. */
  readonly downloads: Transfers;
  /** Facts that this profile cannot know, in words. */
  readonly note: string | undefined;
  readonly #rows: readonly TimelineRow[];
  readonly #calls: readonly CallSpan[];
  readonly #window: { from: number; to: number };

  constructor(
    value: T,
    rows: readonly TimelineRow[],
    calls: readonly CallSpan[],
    options: { from: number; to: number; idle: number; note?: string | undefined },
  ) {
    const { from, to, idle } = options;
    this.value = value;
    this.wallMs = (to - from) / 1000;
    this.note = options.note;
    this.#rows = rows;
    this.#calls = calls;
    this.#window = { from, to };
    const { parts, ops, layers } = attribute(rows, calls, this.#window, idle);
    this.parts = parts;
    this.ops = ops;
    this.layers = layers;
    const executed = calls.filter(({ kind }) => kind === 'execute' || kind === 'async');
    this.graphs = executed.filter(({ name }) => name.startsWith('tensorcell_')).length;
    this.opByOp = executed.length - this.graphs;
    const transfers = (wanted: CallSpan['kind']): Transfers => {
      const all = calls.filter(({ kind }) => kind === wanted);
      return { count: all.length, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) };
    };
    this.uploads = transfers('upload');
    this.downloads = transfers('download');
  }

  /** The whole course of events, for Chrome's trace viewer (chrome://tracing) and Perfetto. */
  trace(): ChromeTrace {
    return chromeTrace(this.#rows, this.#calls, this.#window);
  }

  /** Writes `trace()` into a file, such as `step.json`. @throws FileError; a file that was there before is kept then */
  // eslint-disable-next-line typescript/require-await -- its errors are rejections
  async save(file: string): Promise<void> {
    writeWhole(file, JSON.stringify(this.trace()));
  }

  toString(): string {
    return profileText(this);
  }

  render(): Rendered {
    return { data: { 'text/plain': profileText(this), 'text/html': profileHtml(this) }, metadata: {} };
  }
}

setRendering(Profile.prototype, function render(this: Profile) {
  return this.render();
});

/** One profile under way. */
class Recording implements BindingObserver {
  readonly calls: CallSpan[] = [];
  readonly #tensorflow: LoadedTensorflow | undefined;
  #session: ProfilerSession | undefined;
  /** When ops that do nothing were called, which tie both clocks together. */
  readonly #marks: number[] = [];
  #over = false;

  constructor(tensorflow: LoadedTensorflow | undefined) {
    this.#tensorflow = tensorflow;
    if (tensorflow === undefined) return;
    this.#session = ProfilerSession.start(tensorflow);
    const { binding } = tensorflow;
    for (let i = 0; i < 5; i++) {
      binding.startOp('NoOp');
      this.#marks.push(performance.now());
      binding.run('NoOp', 0);
    }
    binding.observer = this;
  }

  /** Times are kept as they come; they are moved to the profile's clock at the end. */
  call(kind: CallSpan['kind'], name: string, begin: number, end: number, bytes: number): void {
    this.calls.push({ kind, name, start: begin * 1000, duration: (end - begin) * 1000, bytes });
  }

  /** For each layer in the names of operations, the layers of the models that ran them. */
  readonly #layers = new Map<string, Set<string>>();

  layers(scopes: readonly string[], names: ReadonlyMap<string, string>): void {
    for (const scope of scopes) {
      const layer = layerOfScope(scope);
      if (layer === undefined) continue;
      const known = this.#layers.get(layer) ?? new Set();
      this.#layers.set(layer, known.add(names.get(layer) ?? layer));
    }
  }

  /** Gives layers the names of the model that ran, where that shares the functions of another one. */
  #rename(rows: readonly TimelineRow[]): void {
    const names = new Map(
      [...this.#layers]
        .map(([layer, all]) => [layer, [...all].join('--')] as const)
        .filter(([layer, name]) => layer !== name),
    );
    if (names.size === 0) return;
    const nameOf = (layer: string) => names.get(layer) ?? layer;
    for (const { events } of rows) {
      for (const event of events) {
        event.name = withLayersRenamed(event.name, nameOf);
        for (const [key, value] of Object.entries(event.details ?? {}))
          if (typeof value === 'string' && event.details !== undefined)
            event.details[key] = withLayersRenamed(value, nameOf);
      }
    }
  }

  get profiled(): boolean {
    return this.#session !== undefined;
  }

  /** Waits until every GPU has done what it was given. */
  settle(): void {
    const binding = this.#tensorflow?.binding;
    if (binding === undefined || !binding.isUsingGpuDevice()) return;
    binding.observer = undefined;
    const tf = loadTf();
    tf.tidy(() => tf.scalar(1).add(1).dataSync());
  }

  /** Ends the recording; rows and calls are on the clock of `performance.now()`, in microseconds. */
  stop(): TimelineRow[] {
    if (this.#over) return [];
    this.#over = true;
    running = undefined;
    if (this.#tensorflow !== undefined) this.#tensorflow.binding.observer = undefined;
    const session = this.#session;
    if (session === undefined) return [];
    const rows = parseTimeline(session.stop());
    this.#rename(rows);
    const executed = rows
      .flatMap(({ events }) => events.flatMap(({ name, start }) => (name === 'EagerExecute' ? start : [])))
      .sort((a, b) => a - b);
    // TensorFlow's time of a mark is later than ours by the way there: the shortest way tells best.
    const shift = Math.max(...this.#marks.map((mark, i) => mark * 1000 - (executed[i] ?? Infinity)));
    if (!Number.isFinite(shift)) return [];
    for (const { events } of rows) for (const event of events) event.start += shift;
    return rows;
  }
}

let running: Recording | undefined;

/**
 * Runs a function and says where its time went: JavaScript, transfer, TensorFlow's ops by kind and by layer, idle. Shown
 * as a table and a chart; `save` writes a trace file that Chrome's trace viewer opens. Profiled code runs somewhat
 * slower, and TensorFlow keeps a record of every op: profile some steps, not a whole training. Run the function once
 * before if its first call, which traces, is not what you want to know about.
 *
 * @param fn may be async.
 * @throws TensorflowError when another profile is being taken; otherwise what `fn` throws.
 */
export async function profile<T>(fn: () => T): Promise<Profile<Awaited<T>>> {
  loadTf();
  if (running !== undefined) {
    throw new TensorflowError(
      'FAILED_PRECONDITION',
      'another profile is running: there can be only one at a time. Await the first one, then take the next',
    );
  }
  const recording = new Recording(loadedTensorflow());
  running = recording;
  // A cell that is terminated leaves no `finally` behind.
  const host = notebookHost();
  host?.onEnd(host.execution(), () => {
    recording.stop();
  });
  const { idle } = performance.eventLoopUtilization();
  const from = performance.now() * 1000;
  let value: Awaited<T>;
  let rows: TimelineRow[];
  let to: number;
  let waited: number;
  try {
    value = await fn();
    recording.settle();
    to = performance.now() * 1000;
    waited = performance.eventLoopUtilization().idle - idle;
  } finally {
    rows = recording.stop();
  }
  const note =
    loadedTensorflow() === undefined || recording.profiled
      ? undefined
      : 'This TensorFlow build has no known profiler: ops are timed from outside, and the ops inside a graph are not visible.';
  return new Profile(value, rows, recording.calls, { from, to, idle: waited * 1000, note });
}
