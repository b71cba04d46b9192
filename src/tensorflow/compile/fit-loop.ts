import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs';
import { tfInternals, type Tf } from '../tfjs/instance.ts';
import type { CompiledStep } from './compiled-step.ts';
import { EpochReports, type Callback, type CallbackList, type History, type Logs } from './epoch-reports.ts';
import { onTrainingStop } from './running-trainings.ts';
import type { StepCache } from './step-cache.ts';
import { loopKey, StepLoop, type LoopShape } from './step-loop.ts';
import { XlaLoopChoice, type RunnableLoop } from './xla-loop-choice.ts';
import { XlaStep } from './xla-step.ts';

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
/** One step alone may have had to wait for others on the machine. */
const TIMED_STEPS = 3;

/** What earlier trainings found out of a model's steps, by the kind of their data: many short ones count as one long. */
const earlier = new WeakMap<StepCache, Map<string, Earlier>>();

interface Earlier {
  step: CompiledStep;
  /** How many steps have run. */
  steps: number;
  /** Milliseconds of the shortest step that ran alone, and how many were looked at. */
  stepTime: number;
  timed: number;
}

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
  const reports = new EpochReports(tf, model, callbackList, labels);
  const { watched, wished } = reports;
  const indices = Array.from({ length: samples }, (_, i) => i);
  const batches = Math.ceil(samples / batch);
  const whole = Math.floor(samples / batch);
  const shuffled = shuffle !== false;
  /** What the steps of trainings have to share: the loop's own key counts the outputs of a step too. */
  const kind = loopKey(data, { batch, shuffled, outputs: labels.length });
  /** The graph of a whole batch's step, once one has run. */
  let known: { graphs: StepCache; step: CompiledStep } | undefined;
  /** Steps of earlier trainings, and of this one. */
  let done = 0;
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
    const long = timed >= TIMED_STEPS && stepTime > LONG_STEP_MS;
    if (watched && wished === undefined && !long) return undefined;
    const { graphs, step } = known;
    if (parts.graphs() !== graphs || !graphs.serves(step)) {
      known = undefined;
      return undefined;
    }
    const shape: LoopShape = { batch, shuffled, outputs: step.outputTypes.length };
    const key = loopKey(data, shape);
    let loop = step.loops.get(key) as StepLoop | undefined;
    if (loop === undefined) {
      if (left + done < FEWEST_STEPS) return undefined;
      loop = new StepLoop(step, data, shape);
      step.loops.set(key, loop);
    }
    choice = XlaLoopChoice.of(step, key, loop, shape);
    const next = await choice.next(step, data, left, () => model.stopTraining_);
    onTrainingStop(model, next.loop.stop.bind(next.loop));
    return next;
  };

  /** Steps of the next call. */
  const stepsOfCall = (loop: StepLoop, left: number): number => {
    if (wished !== undefined) return Math.min(wished, left);
    if (watched) return 1;
    const time = loop.stepTime;
    return Math.min(left, time === undefined ? 2 : Math.max(1, Math.floor(CALL_MS / time)));
  };

  /** Milliseconds of steps that ran alone: the shortest, and how many were looked at. */
  let stepTime = Infinity;
  let timed = 0;

  /** Goes on where the last training of this kind has ended. */
  const recall = (): void => {
    const graphs = parts.graphs();
    const before = earlier.get(graphs)?.get(kind);
    if (before === undefined || !graphs.serves(before.step)) return;
    known = { graphs, step: before.step };
    ({ steps: done, stepTime, timed } = before);
  };

  const remember = (): void => {
    if (known === undefined) return;
    const { graphs, step } = known;
    const all = earlier.get(graphs) ?? new Map<string, Earlier>();
    earlier.set(graphs, all.set(kind, { step, steps: done, stepTime, timed }));
  };

  const single = async (order: Tensor, index: number, epochLogs: Logs): Promise<void> => {
    const begin = index * batch;
    const count = Math.min(batch, samples - begin);
    await reports.single(index, count, {}, () => {
      const began = performance.now();
      const again = known !== undefined;
      const ids = tf.slice(order, [begin], [count]) as ReturnType<Tf['tensor1d']>;
      const graphs = parts.graphs();
      const outs = reports.tried(index, () =>
        graphs.withoutXla(() => f(ins.map((tensor) => (tensor ? tf.gather(tensor, ids) : tensor)))),
      );
      if (count === batch && graphs.latest !== undefined) known = { graphs, step: graphs.latest };
      // The first step of a graph includes its trace.
      if (again) {
        const ms = performance.now() - began;
        stepTime = Math.min(stepTime, ms);
        timed++;
        if (known !== undefined) XlaStep.of(known.step).spent += ms;
      }
      done++;
      if (index === batches - 1) validate(epochLogs);
      return outs;
    });
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
  ): Promise<number> =>
    reports.several(
      index,
      count,
      batch,
      () => ({}),
      async () => {
        const began = performance.now();
        const result = await loop.run(step, data, shuffled ? order : undefined, index, count);
        choice?.ran({ loop, step }, performance.now() - began);
        return result;
      },
      (steps) => {
        done += steps;
        if (index + steps === batches) validate(epochLogs);
      },
    );

  callbackList.setModel(model);
  model.history = history;
  await callbackList.onTrainBegin();
  model.stopTraining_ = false;
  recall();
  for (let epoch = initial; epoch < epochs; epoch++) {
    await callbackList.onEpochBegin(epoch);
    const epochLogs: Logs = {};
    if (shuffled) tf.util.shuffle(indices);
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
  remember();
  await callbackList.onTrainEnd();
  await history.syncData();
  return history;
}
