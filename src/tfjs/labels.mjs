// Targets as Keras 3 takes them: of any type, with or without a last dimension of 1.
import * as tfc from '@tensorflow/tfjs-core';

/** @typedef {tfc.Tensor} Tensor */

/**
 * Target and prediction with one type and rank (keras/src/losses/loss.py, squeeze_or_expand_to_same_rank).
 *
 * @param {Tensor} target
 * @param {Tensor} output
 * @returns {[target: Tensor, output: Tensor]}
 */
export function aligned(target, output) {
  let [y, x] = [tfc.cast(target, output.dtype === 'bool' ? 'float32' : output.dtype), output];
  if (y.rank === x.rank + 1 && y.shape.at(-1) === 1) {
    if (x.rank === 1) x = tfc.expandDims(x, -1);
    else y = tfc.squeeze(y, [-1]);
  } else if (x.rank === y.rank + 1 && x.shape.at(-1) === 1) {
    if (y.rank === 1) y = tfc.expandDims(y, -1);
    else x = tfc.squeeze(x, [-1]);
  }
  return [y, x];
}

/**
 * Labels -1 and 1 of labels 0 and 1; others stay as they are.
 *
 * @param {Tensor} target
 * @returns {Tensor}
 */
export function hingeLabels(target) {
  const binary = tfc.all(tfc.logicalOr(tfc.equal(target, 0), tfc.equal(target, 1)));
  return tfc.where(binary, tfc.sub(tfc.mul(target, 2), 1), target);
}

/**
 * Indices of classes as int32, in the shape of the output without its classes.
 *
 * @param {Tensor} target
 * @param {Tensor} output
 * @returns {Tensor}
 * @throws Error where the shapes do not fit
 */
export function classIndices(target, output) {
  const shape = output.shape.slice(0, -1);
  const y = target.rank === output.rank && target.shape.at(-1) === 1 ? tfc.squeeze(target, [-1]) : target;
  if (!tfc.util.arraysEqual(y.shape, shape)) {
    throw new Error(
      `targets of shape [${target.shape.join()}] do not fit an output of shape [${output.shape.join()}]: ` +
        `give an index of a class for each place, as [${shape.join()}] or [${[...shape, 1].join()}]`,
    );
  }
  return tfc.cast(tfc.floor(tfc.cast(y, 'float32')), 'int32');
}

/**
 * One-hot rows of indices of classes; NaN where an index is no class.
 *
 * @param {Tensor} indices
 * @param {number} classes how many there are
 * @returns {Tensor}
 */
export function oneHotOf(indices, classes) {
  const rows = tfc.cast(tfc.oneHot(indices, classes), 'float32');
  return tfc.div(rows, tfc.sum(rows, -1, true));
}

/**
 * Whether targets hold an index of a class for each place of an output of several classes.
 *
 * @param {Tensor} target
 * @param {Tensor} output
 */
export function isSparse(target, output) {
  return target.rank < output.rank || (target.shape.at(-1) === 1 && (output.shape.at(-1) ?? 1) > 1);
}
