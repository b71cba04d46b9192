import type { Tensor } from '@tensorflow/tfjs';
import { COUNTS_STEPS, seesBatches, type CountSteps } from './batch-hooks.ts';
import { asError } from '../../engines/errors.ts';
import { tfInternals, type Tf } from '../../tfjs/instance.ts';
import { failedAmongUpdates, isOfStep } from '../execution/failed-updates.ts';
import type { LoopResult } from '../execution/step-loop.ts';
import { trainerOf } from './trainer.ts';

export type Logs = Record<string, number | Tensor>;

/** tfjs's callbacks, as far as our loops call them. */
export interface Callback {
  onBatchBegin(batch: number, logs: Logs): Promise<void>;
  onBatchEnd(batch: number, logs: Logs): Promise<void>;
  [COUNTS_STEPS]?: CountSteps;
}

export interface CallbackList {
  callbacks: Callback[];
  setModel(model: object): void;
  onTrainBegin(): Promise<void>;
  onTrainEnd(): Promise<void>;
  onEpochBegin(epoch: number): Promise<void>;
  onEpochEnd(epoch: number, logs: Logs): Promise<void>;
  onBatchBegin(batch: number, logs: Logs): Promise<void>;
  onBatchEnd(batch: number, logs: Logs): Promise<void>;
}

export interface History {
  syncData(): Promise<void>;
}

/** tfjs's BaseLogger: the means of an epoch. */
interface BaseLogger extends Callback {
  seen: number;
  totals: Record<string, number>;
}

/** The outputs of a step that are not read yet, and the samples in its batch. */
interface UnreadStep {
  size: number;
  outs: Tensor[];
}

/** Outputs of so many steps stay on the device before they are read together. */
const MOST_UNREAD = 256;

/** Says of a failure in one of these steps what the weights are now, and where older ones lie. */
function failedStep(error: Error, first: number, count: number, callbacks: readonly object[]): Error {
  const saved = callbacks
    .map((callback) => (callback as { lastSaved?: unknown }).lastSaved)
    .findLast((path) => typeof path === 'string');
  const where = count === 1 ? `batch ${first}` : `one of the batches ${first} to ${first + count - 1}`;
  // Of a failure among updates the error itself tells.
  const weights = failedAmongUpdates(error) ? '' : '; the weights are those of the steps before it';
  error.message += ` (in ${where}, counted from 0${weights}${saved === undefined ? '' : `; the last checkpoint is ${saved}`})`;
  return error;
}

/**
 * The reports of a training's steps to callbacks: each step, or the sums of a call of several steps. tfjs's own logger
 * gets sums in float64, so that the means of an epoch are those of all its batches, and do not depend on which steps run
 * alone: measured times decide that.
 */
export class EpochReports {
  /** Whether some callback wants to see every batch. */
  readonly seesBatches: boolean;
  /** Steps in a call, where the user said how many. */
  readonly stepsPerExecution: number | undefined;
  readonly #tf: Tf;
  readonly #model: object;
  readonly #list: CallbackList;
  readonly #labels: readonly string[];
  readonly #logger: BaseLogger;
  /** All but the logger. */
  readonly #others: Callback[];
  readonly #unread: UnreadStep[] = [];

  constructor(tf: Tf, model: object, list: CallbackList, labels: readonly string[]) {
    this.#tf = tf;
    this.#model = model;
    this.#list = list;
    this.#labels = labels;
    const [logger, ...others] = list.callbacks as [BaseLogger, ...Callback[]];
    this.#logger = logger;
    this.#others = others;
    this.stepsPerExecution = trainerOf(model).stepsPerExecution;
    this.seesBatches = others.some((callback) => seesBatches(tf, callback));
  }

  /** One step, as tfjs reports it. @param run gives the step's outputs, which are kept until they were reported. */
  async single(index: number, size: number, begin: Logs, run: () => Tensor[]): Promise<void> {
    const tf = this.#tf;
    const logs = begin;
    await this.#list.onBatchBegin(index, logs);
    tf.tidy(() => {
      logs['batch'] = index;
      logs['size'] = size;
      const outs = run();
      this.#labels.forEach((label, i) => (logs[label] = tf.keep(outs[i] as Tensor)));
      this.#unread.push({ size, outs: outs.map((value) => tf.keep(value.toFloat().asScalar())) });
    });
    this.#logger.seen += size;
    if (this.#unread.length >= MOST_UNREAD) await this.#readSteps();
    for (const callback of this.#others) await callback.onBatchEnd(index, logs);
    for (const value of Object.values(logs)) if (typeof value !== 'number') value.dispose();
  }

  /** To be called before the callbacks hear of the end of an epoch: its means are complete then. */
  endEpoch(): Promise<void> {
    return this.#readSteps();
  }

  /** Releases what an error has left. */
  dispose(): void {
    for (const { outs } of this.#unread.splice(0)) this.#tf.dispose(outs);
  }

  /** Adds the outputs of the steps that ran alone to the sums of the epoch. */
  async #readSteps(): Promise<void> {
    const steps = this.#unread.splice(0);
    if (steps.length === 0) return;
    const tensors = steps.flatMap(({ outs }) => outs);
    const all = this.#tf.tidy(() => this.#tf.stack(tensors));
    this.#tf.dispose(tensors);
    const values = await all.data();
    all.dispose();
    let at = 0;
    for (const { size, outs } of steps) {
      this.#add(Array.from(values.subarray(at, at + outs.length)), size);
      at += outs.length;
    }
  }

  /** @param sums of each output, over one step or several */
  #add(sums: readonly number[], size: number): void {
    const { totals } = this.#logger;
    this.#labels.forEach((label, i) => {
      totals[label] = (totals[label] ?? 0) + (sums[i] as number) * size;
    });
    tfInternals(this.#tf).objective.addStepSums(this.#model, this.#logger, this.#labels, sums, size);
  }

  /** The outputs of a step. @throws what `step` throws, with a word on the weights where a graph failed. */
  tried(index: number, step: () => Tensor[]): Tensor[] {
    try {
      return step();
    } catch (error) {
      throw isOfStep(error) ? failedStep(asError(error), index, 1, this.#others) : error;
    }
  }

  /**
   * A call of `count` steps with batches of `size` samples each.
   *
   * @param run runs the call.
   * @param done is told of the steps before the callbacks are.
   * @returns how many steps were done: fewer when the call was told to end.
   * @throws what `run` throws, with a word on the weights.
   */
  async several(
    index: number,
    count: number,
    size: number,
    begin: () => Logs,
    run: () => Promise<LoopResult>,
    done?: (steps: number) => void,
  ): Promise<number> {
    const tells = this.seesBatches || this.stepsPerExecution !== undefined ? this.#others : [];
    for (const callback of tells) await callback.onBatchBegin(index, begin());
    let result: LoopResult;
    try {
      result = await run();
    } catch (error) {
      throw failedStep(asError(error), index, count, this.#others);
    }
    const { steps } = result;
    if (steps === 0) return 0;
    this.#logger.seen += steps * size;
    const logs: Record<string, number> = { batch: index + steps - 1, size };
    this.#labels.forEach((label, i) => (logs[label] = result.last[i] as number));
    this.#add(result.sums, size);
    done?.(steps);
    for (const callback of this.#others) {
      const counts = callback[COUNTS_STEPS];
      if (counts !== undefined) counts(steps, logs);
      else if (tells.length > 0) await callback.onBatchEnd(index + steps - 1, { ...logs });
    }
    return steps;
  }
}
