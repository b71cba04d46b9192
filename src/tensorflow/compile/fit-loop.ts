import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs';
import { COUNTS_STEPS, watchesBatches, wishedSteps, type CountSteps } from '../../training/batch-hooks.ts';
import { asError } from '../errors.ts';
import { tfInternals, type Tf } from '../tfjs/instance.ts';
import type { CompiledStep } from './compiled-step.ts';
import type { StepCache } from './step-cache.ts';
import { loopKey, StepLoop, type LoopResult, type LoopShape } from './step-loop.ts';
import { XlaLoopChoice, type RunnableLoop } from './xla-loop-choice.ts';

type Logs = Record<string, number | Tensor>;

/** tfjs's callbacks, as far as the loop calls them. */
interface Callback {
  onBatchBegin(batch: number, logs: Logs): Promise<void>;
  onBatchEnd(batch: number, logs: Logs): Promise<void>;
  [COUNTS_STEPS]?: CountSteps;
}

interface CallbackList {
  callbacks: Callback[];
  setModel(model: object): void;
  onTrainBegin(): Promise<void>;
  onTrainEnd(): Promise<void>;
  onEpochBegin(epoch: number): Promise<void>;
  onEpochEnd(epoch: number, logs: Logs): Promise<void>;
  onBatchBegin(batch: number, logs: Logs): Promise<void>;
  onBatchEnd(batch: number, logs: Logs): Promise<void>;
}

/** tfjs's BaseLogger: the means of an epoch. */
interface BaseLogger extends Callback {
  seen: number;
  totals: Logs;
}

interface History {
  syncData(): Promise<void>;
}

/** The model's own part in a training. */
export interface FitModel {
  history: History;
  stopTraining_: boolean;
  checkNumSamples(ins: Tensor | Tensor[], batch?: number, steps?: number, name?: string): number;
  testLoop(f: DataFunction, ins: Tensor[], batch: number): Tensor[];
}

export type DataFunction = (data: (Tensor | null | undefined)[]) => Tensor[];

/** What tfjs's `fit` hands to its loop, in its order. */
export type FitLoopArguments = [
  f: DataFunction,
  /** Inputs, targets and sample weights; null where an output has none of those. */
  ins: (Tensor | null | undefined)[],
  outLabels: string[],
  batchSize: number | undefined,
  epochs: number | undefined,
  verbose: number | undefined,
  callbacks: Callback[],
  valF: DataFunction | null,
  valIns: Tensor[] | null,
  shuffle: boolean | string | undefined,
  callbackMetrics: string[],
  initialEpoch: number | undefined,
  stepsPerEpoch: number | null,
  validationSteps: number | null,
];

export interface FitLoopParts {
  tf: Tf;
  /** The graphs of the model's step, as the model is now. */
  graphs(): StepCache;
}

/** A call takes about this long, so that the display and interrupts have their turn. */
const CALL_MS = 80;
/** Below this many steps a loop is not worth being made. */
const FEWEST_STEPS = 12;
/** A step that takes longer runs on another thread even where callbacks want to see every batch. */
const LONG_STEP_MS = 10;

const loopsOfModels = new WeakMap<object, StepLoop>();

/** Ends the call of several steps in which the model's training is. */
export function endRunningSteps(model: object): void {
  loopsOfModels.get(model)?.stop();
}

/** Says of a failure in a call of several steps what the weights are now, and where older ones lie. */
function failedStep(error: Error, first: number, count: number, callbacks: readonly object[]): Error {
  const saved = callbacks
    .map((callback) => (callback as { lastSaved?: unknown }).lastSaved)
    .findLast((path) => typeof path === 'string');
  // All updates come last: only one of them can fail when another one is done.
  const weights = UPDATE.test(error.message)
    ? 'some weights may be those of the failed step already'
    : 'the weights are those of the steps before it';
  const where = count === 1 ? `batch ${first}` : `one of the batches ${first} to ${first + count - 1}`;
  error.message += ` (in ${where}, counted from 0; ${weights}${saved === undefined ? '' : `; the last checkpoint is ${saved}`})`;
  return error;
}

/** Names of operations that a trace gives to updates. */
const UPDATE = /node optimizer\.layer\//;

/**
 * tfjs's `fitLoop`, with many steps in one call where no callback wants to see every batch (or where the user said how
 * many). What callbacks see is what they see with tfjs's own; logs are numbers instead of scalars on the device.
 */
export async function fitLoop(
  parts: FitLoopParts,
  model: FitModel,
  ...[
    f,
    ins,
    labels,
    size,
    epochs = 1,
    verbose = 1,
    callbacks,
    valF,
    valIns,
    shuffle = true,
    metrics,
    initial = 0,
  ]: FitLoopArguments
): Promise<History> {
  const { tf } = parts;
  const batch = size ?? 32;
  const data = ins.filter((tensor) => tensor !== null && tensor !== undefined);
  const samples = model.checkNumSamples(data, batch);
  const validates = valF !== null && valIns !== null;
  const { callbackList, history } = tfInternals(tf).training.configureCallbacks(
    callbacks,
    verbose,
    epochs,
    initial,
    samples,
    null,
    batch,
    validates,
    metrics,
  ) as { callbackList: CallbackList; history: History };
  const [logger, ...others] = callbackList.callbacks as [BaseLogger, ...Callback[]];
  const wished = wishedSteps(model);
  const watched = others.some((callback) => watchesBatches(tf, callback));
  const indices = Array.from({ length: samples }, (_, i) => i);
  const batches = Math.ceil(samples / batch);
  const whole = Math.floor(samples / batch);
  const shape: LoopShape = { batch, shuffled: shuffle !== false, outputs: labels.length };
  /** The graph of a whole batch's step, once one has run. */
  let known: { graphs: StepCache; step: CompiledStep } | undefined;
  let last = performance.now();

  const breathe = async (): Promise<void> => {
    if (performance.now() - last < 30) return;
    await nextTurn();
    last = performance.now();
  };

  let choice: XlaLoopChoice | undefined;

  /** A loop over the step as it is now. */
  const loopFor = async (left: number): Promise<RunnableLoop | undefined> => {
    if (known === undefined) return undefined;
    // A short step that somebody wants to see is best run here.
    if (watched && wished === undefined && !(stepTime !== undefined && stepTime > LONG_STEP_MS)) {
      return undefined;
    }
    const { graphs, step } = known;
    if (parts.graphs() !== graphs || !graphs.serves(step)) {
      known = undefined;
      return undefined;
    }
    const key = loopKey(data, shape);
    choice = step.xla.get(`loop ${key}`) as XlaLoopChoice | undefined;
    if (choice === undefined) {
      if (left < FEWEST_STEPS) return undefined;
      const loop = new StepLoop(step, data, shape);
      step.loops.set(key, loop);
      choice = new XlaLoopChoice({ loop, step }, (xla) => new StepLoop(xla, data, { ...shape, xla: true }));
      step.xla.set(`loop ${key}`, choice);
    }
    const next = await choice.next(left, () => model.stopTraining_);
    loopsOfModels.set(model, next.loop);
    return next;
  };

  /** Steps of the next call. */
  const stepsOfCall = (loop: StepLoop, left: number): number => {
    if (wished !== undefined) return Math.min(wished, left);
    if (watched) return 1;
    const time = loop.stepTime;
    return Math.min(left, time === undefined ? 2 : Math.max(1, Math.floor(CALL_MS / time)));
  };

  /** Milliseconds of a step that ran alone. */
  let stepTime: number | undefined;

  const single = async (order: Tensor, index: number, epochLogs: Logs): Promise<void> => {
    const logs: Logs = {};
    await callbackList.onBatchBegin(index, logs);
    const began = performance.now();
    const again = known !== undefined;
    tf.tidy(() => {
      const begin = index * batch;
      const count = Math.min(batch, samples - begin);
      logs['batch'] = index;
      logs['size'] = count;
      const ids = tf.slice(order, [begin], [count]) as ReturnType<Tf['tensor1d']>;
      const outs = f(ins.map((tensor) => (tensor ? tf.gather(tensor, ids) : tensor)));
      labels.forEach((label, i) => (logs[label] = tf.keep(outs[i] as Tensor)));
      const graphs = parts.graphs();
      if (count === batch && graphs.latest !== undefined) known = { graphs, step: graphs.latest };
    });
    // The first step of a graph includes its trace.
    if (again) stepTime = Math.min(stepTime ?? Infinity, performance.now() - began);
    if (index === batches - 1) validate(epochLogs);
    // tfjs adds scalars to scalars.
    for (const label of labels) {
      const total = logger.totals[label];
      if (typeof total === 'number') logger.totals[label] = tf.scalar(total);
    }
    await callbackList.onBatchEnd(index, logs);
    for (const value of Object.values(logs)) if (typeof value !== 'number') value.dispose();
  };

  const validate = (epochLogs: Logs): void => {
    if (valF === null || valIns === null || !validates) return;
    tf.tidy(() => {
      const outs = model.testLoop(valF, valIns, batch);
      labels.forEach((label, i) => (epochLogs[`val_${label}`] = tf.keep(outs[i] as Tensor)));
    });
  };

  const several = async (
    { loop, step }: RunnableLoop,
    order: Tensor,
    index: number,
    count: number,
    epochLogs: Logs,
  ): Promise<number> => {
    const tells = watched || wished !== undefined ? others : [];
    for (const callback of tells) await callback.onBatchBegin(index, {});
    let result: LoopResult;
    const began = performance.now();
    try {
      result = await loop.run(step, data, shape.shuffled ? order : undefined, index, count);
    } catch (error) {
      throw failedStep(asError(error), index, count, others);
    }
    choice?.ran({ loop, step }, performance.now() - began);
    if (result.steps === 0) return 0;
    logger.seen += result.steps * batch;
    const logs: Record<string, number> = {
      batch: index + result.steps - 1,
      size: batch,
    };
    labels.forEach((label, i) => {
      logs[label] = result.last[i] as number;
      const before = logger.totals[label] ?? 0;
      const total = typeof before === 'number' ? before : (before.dataSync()[0] as number);
      if (typeof before !== 'number') before.dispose();
      logger.totals[label] = total + (result.sums[i] as number) * batch;
    });
    if (index + result.steps === batches) validate(epochLogs);
    for (const callback of others) {
      const counts = callback[COUNTS_STEPS];
      if (counts !== undefined) counts(result.steps, logs);
      else if (tells.length > 0) await callback.onBatchEnd(index + result.steps - 1, { ...logs });
    }
    return result.steps;
  };

  callbackList.setModel(model);
  model.history = history;
  await callbackList.onTrainBegin();
  model.stopTraining_ = false;
  for (let epoch = initial; epoch < epochs; epoch++) {
    await callbackList.onEpochBegin(epoch);
    const epochLogs: Logs = {};
    if (shape.shuffled) tf.util.shuffle(indices);
    const order = tf.tensor1d(indices, 'int32');
    try {
      for (let index = 0; index < batches;) {
        const left = whole - index;
        const all = left + (epochs - epoch - 1) * whole;
        const ready = left > 0 ? await loopFor(all) : undefined;
        if (ready !== undefined) {
          index += await several(ready, order, index, stepsOfCall(ready.loop, left), epochLogs);
        } else {
          await single(order, index, epochLogs);
          index++;
        }
        if (model.stopTraining_) break;
        await breathe();
      }
    } finally {
      order.dispose();
    }
    await callbackList.onEpochEnd(epoch, epochLogs);
    if (model.stopTraining_) break;
  }
  await callbackList.onTrainEnd();
  await history.syncData();
  return history;
}
