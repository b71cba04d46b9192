import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { Tf } from '../../tfjs/instance.ts';

/** The state of an optimizer for a variable, as tfjs's optimizers hold it. */
interface Slot {
  originalName: string;
  variable: Variable;
}

/** A field of an optimizer with a slot for each variable. */
interface SlotField {
  field: string;
  /** The end of a slot's name in files. */
  name: string;
  /** Whether this optimizer uses it; always where this is left out. */
  used?: (read: (field: string) => unknown) => boolean;
  /** The first value of every element; 0 where this is left out. */
  initial?: (read: (field: string) => unknown) => number;
}

/** The state of tfjs's optimizers (tfjs-core/src/optimizers), which their first `applyGradients` makes. */
function slotFields(tf: Tf, optimizer: object): readonly SlotField[] {
  // `instanceof` is true of every optimizer and every class of them: they have a special Symbol.hasInstance.
  const is = ({ prototype }: { prototype: object }): boolean =>
    Object.prototype.isPrototypeOf.call(prototype, optimizer);
  if (is(tf.AdamOptimizer))
    return [
      { field: 'accumulatedFirstMoment', name: 'm' },
      { field: 'accumulatedSecondMoment', name: 'v' },
    ];
  if (is(tf.AdamaxOptimizer))
    return [
      { field: 'accumulatedFirstMoment', name: 'm' },
      { field: 'accumulatedWeightedInfNorm', name: 'v' },
    ];
  if (is(tf.RMSPropOptimizer))
    return [
      { field: 'accumulatedMeanSquares', name: 'rms' },
      { field: 'accumulatedMoments', name: 'momentum' },
      { field: 'accumulatedMeanGrads', name: 'mg', used: (read) => read('centered') === true },
    ];
  // A momentum optimizer extends SGD.
  if (is(tf.MomentumOptimizer)) return [{ field: 'accumulations', name: 'momentum' }];
  if (is(tf.AdagradOptimizer))
    return [
      {
        field: 'accumulatedGrads',
        name: 'accumulator',
        initial: (read) => Number(read('initialAccumulatorValue')),
      },
    ];
  if (is(tf.AdadeltaOptimizer))
    return [
      { field: 'accumulatedGrads', name: 'accum_grad' },
      { field: 'accumulatedUpdates', name: 'accum_var' },
    ];
  return [];
}

/**
 * Makes an optimizer's state, as its first step would: a variable for each variable that it trains, under the names and in
 * the order that files have.
 *
 * @param make makes a variable of a value, which it disposes.
 */
export function makeSlots(
  tf: Tf,
  make: (value: () => Tensor) => Variable,
  optimizer: object,
  trained: readonly (readonly [string, Variable])[],
) {
  const read = (field: string): unknown => Reflect.get(optimizer, field);
  for (const { field, name, used, initial } of slotFields(tf, optimizer)) {
    if (used?.(read) === false) continue;
    const slots: Slot[] = Reflect.get(optimizer, field);
    for (const [i, [variableName, { shape }]] of trained.entries()) {
      if (slots[i] !== undefined && slots[i] !== null) continue;
      const value = (): Tensor => tf.fill(shape, initial?.(read) ?? 0);
      slots[i] = { originalName: `${variableName}/${name}`, variable: make(value) };
    }
  }
}
