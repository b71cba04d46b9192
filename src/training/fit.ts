import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type * as Tf from '@tensorflow/tfjs';
import { markShown } from '../display/index.ts';
import { notebookHost } from '../base/host.ts';
import { trainerOf } from '../compile/loops/trainer.ts';
import { checkedSteps } from '../compile/loops/batch-hooks.ts';
import { TrainingCallback } from './callbacks/callback.ts';
import type { DeviceLoad } from './device-load.ts';
import type { TensorcellFitArgs } from './fit-arguments.ts';
import { progressMode } from './live-display.ts';
import { installViews } from './model-view.ts';
import { ownerOf, rememberOwners } from './owner.ts';
import { installLayers } from './layers/install.ts';
import { useTf } from '../tfjs/current.ts';
import type { FitData, Noticed } from './not-finite.ts';
import { gateCallback, Watcher, watcherCallback } from './watcher.ts';

type Tfjs = typeof Tf;

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

export interface TrainingOptions {
  /** Makes what looks at the devices during one training. */
  load?: () => DeviceLoad;
  /** Where numbers went missing in a compiled step, as the step itself has noticed it; told once. */
  noticed?: (model: Tf.LayersModel) => Noticed | undefined;
}

/**
 * Makes every `model.fit` and `model.fitDataset` of this copy of tfjs show its progress, and stop after the running
 * batch when the cell is interrupted. Calling it again changes nothing.
 */
export function installTraining(tf: Tfjs, options: TrainingOptions = {}): void {
  useTf(tf);
  installLayers(tf);
  const prototype = tf.LayersModel.prototype as Tf.LayersModel & { [PATCHED]?: boolean };
  if (prototype[PATCHED] === true) return;
  Object.defineProperty(prototype, PATCHED, { value: true });
  const fit: Fit = Reflect.get(prototype, 'fit');
  const fitDataset: FitDataset = Reflect.get(prototype, 'fitDataset');
  // tfjs's Sequential hands both on to an inner model, so that these two see every training exactly once.
  const fitShown: Fit = async function fitShown(x, y, args = {}) {
    const samples = countSamples(x, args.validationSplit ?? 0);
    const steps = samples === undefined ? undefined : Math.ceil(samples / (args.batchSize ?? 32));
    const seen = { steps, data: { x, y }, options };
    const own = tfjsArgs(args);
    return watched(tf, this, args, seen, async (changes) => fit.call(this, x, y, { ...own, ...changes }));
  };
  const fitDatasetShown: FitDataset = async function fitDatasetShown(dataset, args) {
    const size = args.batchesPerEpoch ?? dataset.size;
    const steps = typeof size === 'number' && Number.isFinite(size) ? size : undefined;
    const seen = { steps, data: {}, options };
    const own = tfjsArgs(args);
    return watched(tf, this, args, seen, async (changes) =>
      fitDataset.call(this, dataset, { ...own, ...changes }),
    );
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

/** The arguments that tfjs knows. */
function tfjsArgs<Args extends TensorcellFitArgs>(args: Args): Omit<Args, keyof TensorcellFitArgs> {
  const { onInterrupt: _onInterrupt, progress: _progress, stepsPerExecution: _steps, ...given } = args;
  return given;
}

/** @param train calls tfjs with the user's arguments and these changes of them. */
async function watched(
  tf: Tfjs,
  model: Tf.LayersModel,
  args: FitArgs,
  seen: { steps: number | undefined; data: FitData; options: TrainingOptions },
  train: (changes: Pick<FitArgs, 'initialEpoch' | 'callbacks'>) => Promise<Tf.History>,
): Promise<Tf.History> {
  const { onInterrupt = 'end', progress, stepsPerExecution } = args;
  trainerOf(model).stepsOnFit = checkedSteps(stepsPerExecution);
  const changes: Pick<FitArgs, 'initialEpoch' | 'callbacks'> = {};
  for (const callback of callbackList(args)) {
    if (!(callback instanceof TrainingCallback)) continue;
    const start = await callback.beforeFit(ownerOf(model));
    if (start?.initialEpoch !== undefined) changes.initialEpoch = start.initialEpoch;
  }
  const mode = (args.verbose as number | undefined) === 0 ? 'quiet' : (progress ?? progressMode());
  const ours = callbackList(args).filter((callback) => callback instanceof TrainingCallback);
  for (const callback of ours) callback.interrupted = false;
  const watcher = new Watcher({
    model,
    callbacks: ours,
    mode,
    epochs: args.epochs ?? 1,
    firstEpoch: changes.initialEpoch ?? args.initialEpoch ?? 0,
    steps: seen.steps,
    data: seen.data,
    load: mode === 'chart' ? seen.options.load?.() : undefined,
    noticed: seen.options.noticed,
  });
  const host = notebookHost();
  const over = signal();
  const heard = signal();
  // A second interrupt leaves no `finally` behind: the display should not look as if it went on, and no callback of
  // this training may run any more, whatever it waits for.
  let ended = false;
  if (host) {
    host.onEnd(host.execution(), () => {
      if (ended || !host.interrupted) return;
      watcher.end('interrupted');
      watcher.abandoned = true;
      Object.assign(model, { isTraining: false });
    });
  }
  const removeListener = host?.onInterrupt(async () => {
    watcher.stop();
    heard.give();
    await over.given;
    return onInterrupt === 'return' ? 'continue' : undefined;
  });
  try {
    changes.callbacks = [...asCallbacks(tf, args, watcher), watcherCallback(tf, watcher)];
    const history = await train(changes);
    watcher.end(watcher.stopping ? 'interrupted' : 'finished');
    // As the value of its cell it would be shown once more; nor does quiet mean a chart at the end.
    markShown(history);
    // A flag told of the interrupt between two batches; the notebook itself learns of it on the event loop's next turn.
    if (watcher.stopping) await Promise.race([heard.given, sleep(2000, undefined, { ref: false })]);
    return history;
  } catch (error) {
    watcher.end('failed');
    throw error;
  } finally {
    ended = true;
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
function asCallbacks(tf: Tfjs, args: FitArgs, watcher: Watcher): Tf.CustomCallback[] {
  const list = callbackList(args);
  const yields = list.some((callback) => !isInstance(callback));
  const leader = new tf.CustomCallback({}, yields ? 'never' : args.yieldEvery);
  const gate = gateCallback(tf, watcher);
  return [
    leader,
    ...list.flatMap((callback) => [
      gate,
      isInstance(callback) ? callback : new tf.CustomCallback(callback, args.yieldEvery),
    ]),
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
