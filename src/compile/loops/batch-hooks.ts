import type * as Tf from '@tensorflow/tfjs';

/**
 * How callbacks and the loop that trains agree on batches: where no callback wants to see every batch, many of them go
 * into one call.
 */

/** Where a callback that only counts batches has a function `(steps, logs) => void`. */
export const COUNTS_STEPS = Symbol.for('tensorcell.countsSteps');

/** Called after a call of several steps, with the values of the last one. */
export type CountSteps = (steps: number, logs: Record<string, number>) => void;

interface Hooks {
  onBatchBegin?: unknown;
  onBatchEnd?: unknown;
  batchBegin?: unknown;
  batchEnd?: unknown;
  yield?: unknown;
  /** Says it outright; the library's own callbacks do. */
  seesBatches?: boolean;
  [COUNTS_STEPS]?: CountSteps;
}

/** Whether a callback has something to do for every batch. */
export function seesBatches(tf: typeof Tf, callback: object): boolean {
  const hooks: Hooks = callback;
  if (hooks[COUNTS_STEPS] !== undefined) return false;
  if (typeof hooks.seesBatches === 'boolean') return hooks.seesBatches;
  const custom: object = tf.CustomCallback.prototype;
  const { onBatchBegin, onBatchEnd }: Hooks = custom;
  const base: object = Object.getPrototypeOf(custom);
  const plain: Hooks = base;
  if (hooks.onBatchBegin === onBatchBegin && hooks.onBatchEnd === onBatchEnd) {
    return [hooks.batchBegin, hooks.batchEnd, hooks.yield].some((own) => own !== null && own !== undefined);
  }
  return hooks.onBatchBegin !== plain.onBatchBegin || hooks.onBatchEnd !== plain.onBatchEnd;
}

/** Checks `stepsPerExecution`; undefined stands for `auto`. @throws RangeError */
export function checkedSteps(value: unknown): number | undefined {
  if (value === undefined || value === null || value === 'auto') return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new RangeError(
    `stepsPerExecution is ${JSON.stringify(value)}: give 'auto' or a whole number from 1 on`,
  );
}
