import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type * as Tf from '@tensorflow/tfjs';
import { markShown } from '../display/index.ts';
import { notebookHost } from '../host.ts';
import { checkedSteps, COUNTS_STEPS, wishSteps, type CountSteps } from './batch-hooks.ts';
import { TrainingCallback } from './callbacks/callback.ts';
import { LiveDisplay, progressMode } from './live-display.ts';
import type { DisplayMode } from './live-display.ts';
import { installViews } from './model-view.ts';
import { ownerOf, rememberOwners } from './owner.ts';
import { useTf } from './tf.ts';
import { TrainingRecord } from './record.ts';
import { epochLines, finalBundle, liveBundle, summaryLine } from './training-view.ts';

type Tfjs = typeof Tf;
type Logs = Record<string, number | Tf.Scalar>;

/** What `fit` and `fitDataset` understand beyond tfjs's own arguments. */
export interface TensorcellFitArgs {
  /**
   * What an interrupt does: `end` (the default) ends the cell after the running batch; `return` lets `fit` return the
   * history so far, and the cell goes on.
   */
  onInterrupt?: 'end' | 'return';
  /**
   * How many steps run in one call: `auto` (the default) takes as many as fit into a tenth of a second where no callback
   * wants to see every batch, and one otherwise. With a number, callbacks see every so many batches only, as in Keras.
   */
  stepsPerExecution?: number | 'auto';
  /** How this training shows its progress. */
  progress?: DisplayMode;
}

type FitInput = Parameters<Tf.LayersModel['fit']>[0];
type Fit = (
  this: Tf.LayersModel,
  x: FitInput,
  y: FitInput,
  args?: Tf.ModelFitArgs & TensorcellFitArgs,
) => Promise<Tf.History>;
type FitDataset = (
  this: Tf.LayersModel,
  dataset: Tf.data.Dataset<Tf.TensorContainer>,
  args: Tf.ModelFitDatasetArgs<Tf.TensorContainer> & TensorcellFitArgs,
) => Promise<Tf.History>;

const PATCHED = Symbol.for('tensorcell.training');

/**
 * Makes every `model.fit` and `model.fitDataset` of this copy of tfjs show its progress, and stop after the running
 * batch when the cell is interrupted. Calling it again changes nothing.
 */
export function installTraining(tf: Tfjs): void {
  useTf(tf);
  const prototype = tf.LayersModel.prototype as Tf.LayersModel & { [PATCHED]?: boolean };
  if (prototype[PATCHED] === true) return;
  Object.defineProperty(prototype, PATCHED, { value: true });
  const fit: Fit = Reflect.get(prototype, 'fit');
  const fitDataset: FitDataset = Reflect.get(prototype, 'fitDataset');
  // tfjs's Sequential hands both on to an inner model, so that these two see every training exactly once.
  const fitShown: Fit = async function fitShown(x, y, args = {}) {
    const samples = countSamples(x, args.validationSplit ?? 0);
    const steps = samples === undefined ? undefined : Math.ceil(samples / (args.batchSize ?? 32));
    return watched(tf, this, args, steps, async (watchedArgs) => fit.call(this, x, y, watchedArgs));
  };
  const fitDatasetShown: FitDataset = async function fitDatasetShown(dataset, args) {
    const size = args.batchesPerEpoch ?? dataset.size;
    const steps = typeof size === 'number' && Number.isFinite(size) ? size : undefined;
    return watched(tf, this, args, steps, async (watchedArgs) => fitDataset.call(this, dataset, watchedArgs));
  };
  Object.assign(prototype, { fit: fitShown, fitDataset: fitDatasetShown });
  rememberOwners(tf);
  installViews(tf);
  // In tfjs only the inner model has the history of a Sequential.
  Object.defineProperty(tf.Sequential.prototype, 'history', {
    configurable: true,
    get(this: { model?: { history?: unknown } }) {
      return this.model?.history;
    },
    set(this: object, value: unknown) {
      Object.defineProperty(this, 'history', { value, configurable: true, writable: true, enumerable: true });
    },
  });
}

function countSamples(x: unknown, validationSplit: number): number | undefined {
  const first: unknown = Array.isArray(x)
    ? x[0]
    : typeof x === 'object' && x !== null && !('shape' in x)
      ? Object.values(x)[0]
      : x;
  const count = (first as { shape?: number[] } | undefined)?.shape?.[0];
  return count === undefined ? undefined : Math.floor(count * (1 - validationSplit));
}

type FitArgs = Pick<Tf.ModelFitArgs, 'epochs' | 'initialEpoch' | 'verbose' | 'callbacks' | 'yieldEvery'> &
  TensorcellFitArgs;

async function watched<Args extends FitArgs>(
  tf: Tfjs,
  model: Tf.LayersModel,
  args: Args,
  steps: number | undefined,
  train: (args: Args) => Promise<Tf.History>,
): Promise<Tf.History> {
  const { onInterrupt = 'end', progress, stepsPerExecution, ...given } = args;
  wishSteps(model, checkedSteps(stepsPerExecution));
  const rest = { ...given } as unknown as Args;
  for (const callback of callbackList(args)) {
    if (!(callback instanceof TrainingCallback)) continue;
    const start = await callback.beforeFit(ownerOf(model));
    if (start?.initialEpoch !== undefined) rest.initialEpoch = start.initialEpoch;
  }
  const mode = (args.verbose as number | undefined) === 0 ? 'quiet' : (progress ?? progressMode());
  const ours = callbackList(args).filter((callback) => callback instanceof TrainingCallback);
  for (const callback of ours) callback.interrupted = false;
  const watcher = new Watcher(model, ours, mode, {
    epochs: args.epochs ?? 1,
    firstEpoch: rest.initialEpoch ?? 0,
    steps,
  });
  const host = notebookHost();
  const over = signal();
  const heard = signal();
  // A second interrupt leaves no `finally` behind; the display should not look as if it went on.
  if (host) {
    host.onEnd(host.execution(), () => {
      if (host.interrupted) watcher.end('interrupted');
    });
  }
  const removeListener = host?.onInterrupt(async () => {
    watcher.stop();
    heard.give();
    await over.given;
    return onInterrupt === 'return' ? 'continue' : undefined;
  });
  try {
    const callbacks = [...asCallbacks(tf, args), watcherCallback(tf, watcher)];
    const history = await train({ ...rest, callbacks });
    watcher.end(watcher.stopping ? 'interrupted' : 'finished');
    if (mode === 'chart') markShown(history);
    // A flag told of the interrupt between two batches; the notebook itself learns of it on the event loop's next turn.
    if (watcher.stopping) await Promise.race([heard.given, sleep(2000, undefined, { ref: false })]);
    return history;
  } catch (error) {
    watcher.end('failed');
    throw error;
  } finally {
    over.give();
    // The notebook ends the cell before this promise lets it go on.
    if (watcher.stopping) await nextTurn();
    removeListener?.();
  }
}

/** A promise that is given from outside. */
function signal(): { given: Promise<void>; give: () => void } {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

/**
 * The user's callbacks as instances. tfjs takes either instances or plain records, never both in one list, and looks
 * at the first one to tell. Only what it makes of records yields to the event loop, so one of these leads the list.
 */
function asCallbacks(tf: Tfjs, args: FitArgs): Tf.CustomCallback[] {
  const list = callbackList(args);
  const yields = list.some((callback) => !isInstance(callback));
  const leader = new tf.CustomCallback({}, yields ? 'never' : args.yieldEvery);
  return [
    leader,
    ...list.map((callback) =>
      isInstance(callback) ? callback : new tf.CustomCallback(callback, args.yieldEvery),
    ),
  ];
}

function callbackList(args: FitArgs): (Tf.CustomCallback | Tf.CustomCallbackArgs)[] {
  const given = args.callbacks ?? [];
  return Array.isArray(given) ? given : [given];
}

/** Instances of tfjs's callback classes, and of classes written to be like them. */
function isInstance(callback: object): callback is Tf.CustomCallback {
  return 'setParams' in callback && 'setModel' in callback;
}

/** Sees a training's steps, shows them, and stops it. */
class Watcher {
  readonly record: TrainingRecord;
  stopping = false;
  private readonly model: Tf.LayersModel;
  private readonly callbacks: readonly TrainingCallback[];
  private readonly mode: DisplayMode;
  private readonly live = new LiveDisplay();
  private printed = 0;
  private begun = false;

  constructor(
    model: Tf.LayersModel,
    callbacks: readonly TrainingCallback[],
    mode: DisplayMode,
    options: { epochs: number; firstEpoch: number; steps: number | undefined },
  ) {
    this.model = model;
    this.callbacks = callbacks;
    this.mode = mode;
    this.record = new TrainingRecord({ ...options, now: performance.now() });
  }

  /** The batch that runs is the last one. */
  stop(): void {
    this.stopping = true;
    for (const callback of this.callbacks) callback.interrupted = true;
    this.model.stopTraining = true;
  }

  begin(): void {
    this.begun = true;
    if (this.mode === 'chart')
      this.live.show(() => ({ data: liveBundle(this.record, performance.now()), metadata: {} }), 'running');
  }

  beginEpoch(epoch: number): void {
    this.record.beginEpoch(epoch, performance.now());
  }

  endStep(logs: Logs, steps = 1): void {
    this.record.endStep(steps);
    // tfjs forgets a stop that comes before its first batch.
    if (this.stopping || notebookHost()?.interrupted === true) this.stop();
    if (this.mode !== 'chart' || !this.live.due) return;
    const now = performance.now();
    const metrics = readMetrics(logs);
    this.record.sample(metrics, now);
    this.warnOfNaN(metrics);
    this.live.update(() => liveBundle(this.record, now), 'running');
  }

  endEpoch(logs: Logs): void {
    if (this.mode === 'quiet') return;
    const now = performance.now();
    const metrics = readMetrics(logs);
    this.record.endEpoch(metrics, now);
    this.warnOfNaN(metrics);
    if (this.mode === 'chart') this.live.update(() => liveBundle(this.record, now), 'running');
    else this.print();
  }

  end(status: 'finished' | 'interrupted' | 'failed'): void {
    if (!this.begun || this.record.status !== 'running') return;
    this.record.end(status, performance.now());
    if (this.mode === 'chart') this.live.show(() => finalBundle(this.record), 'ended');
    if (this.mode === 'text') {
      this.print();
      for (const note of this.record.notes) process.stdout.write(`${note}\n`);
      process.stdout.write(`${summaryLine(this.record)}\n`);
    }
  }

  /** Said once, at the first value of the loss that is seen to be no number. */
  private warnOfNaN(metrics: Record<string, number>): void {
    const { loss } = metrics;
    if (loss === undefined || Number.isFinite(loss) || this.record.notes.length > 0) return;
    const layer = firstNotFinite(this.model);
    const where =
      layer === undefined
        ? 'all weights are still finite'
        : `the first layer whose weights are not finite is ${layer}`;
    this.record.notes.push(
      `The loss is ${loss} in epoch ${this.record.epoch + 1}, step ${this.record.step}: ${where}. Try a smaller learning rate.`,
    );
  }

  /** The lines of epochs that were not printed yet. */
  private print(): void {
    for (const line of epochLines(this.record, this.printed)) process.stdout.write(`${line}\n`);
    this.printed = this.record.done.length;
  }
}

/** The first layer, from the input on, that has a weight which is no number. */
function firstNotFinite(model: Tf.LayersModel): string | undefined {
  return model.layers.find((layer) =>
    layer
      .getWeights()
      .some((weight) => !(weight.dataSync() as Float32Array).every((value) => Number.isFinite(value))),
  )?.name;
}

/** Values are read from the device here, and nowhere else. */
function readMetrics(logs: Logs): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [name, value] of Object.entries(logs)) {
    if (name === 'batch' || name === 'size') continue;
    values[name] = typeof value === 'number' ? value : (value.dataSync()[0] as number);
  }
  return values;
}

function watcherCallback(tf: Tfjs, watcher: Watcher): Tf.CustomCallback {
  // A record of functions would have every value read after every batch.
  const callback = new tf.CustomCallback({}, 'never');
  callback.onTrainBegin = async () => {
    watcher.begin();
  };
  callback.onEpochBegin = async (epoch) => {
    watcher.beginEpoch(epoch);
  };
  callback.onBatchEnd = async (_batch, logs) => {
    watcher.endStep(logs ?? {});
  };
  const counts: CountSteps = (steps, logs) => {
    watcher.endStep(logs, steps);
  };
  Object.assign(callback, { [COUNTS_STEPS]: counts });
  callback.onEpochEnd = async (_epoch, logs) => {
    watcher.endEpoch(logs ?? {});
  };
  return callback;
}
