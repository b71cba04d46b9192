// Masks of time steps as Keras 3 hands them from layer to layer (keras/src/layers/layer.py): true where there is data.
import * as tfc from '@tensorflow/tfjs-core';
import { isNone } from './none.mjs';

/** @typedef {tfc.Tensor} Tensor */
/** @typedef {Tensor | null | undefined} Mask true where there is data; missing where all is data */

/**
 * @typedef {object} MaskingLayer a layer of tfjs
 * @property {string} name
 * @property {boolean} supportsMasking
 * @property {() => string} getClassName
 * @property {(inputs: Tensor | Tensor[], mask: Mask | Mask[]) => Mask | Mask[]} computeMask
 */

/** @typedef {{ call(inputs: Tensor, kwargs: object): Tensor | Tensor[], forwardLayer?: CallableLayer }} CallableLayer */

/**
 * The `mask` argument of a layer: one for one input, a list for several; nothing where no input has one.
 *
 * @param {readonly Mask[]} masks
 */
export function maskArgument(masks) {
  if (masks.every((mask) => isNone(mask))) return undefined;
  return masks.length === 1 ? masks[0] : masks.map((mask) => mask ?? null);
}

/** @type {WeakSet<object>} */
const warned = new WeakSet();

/**
 * The masks of a layer's outputs, or null for each; warns where one is lost.
 *
 * @param {MaskingLayer} layer
 * @param {Tensor[]} inputs
 * @param {Mask[]} masks
 * @param {number} count of the outputs
 * @returns {(Tensor | null)[]}
 */
export function outputMasks(layer, inputs, masks, count) {
  const none = Array.from({ length: count }, () => null);
  if (layer.supportsMasking) {
    const single = masks.length === 1;
    const [input] = inputs;
    const computed = layer.computeMask(
      single && input !== undefined ? input : inputs,
      single ? (masks[0] ?? null) : masks,
    );
    if (isNone(computed)) return none;
    const list = Array.isArray(computed) ? computed : [computed];
    return none.map((_, i) => list[i] ?? null);
  }
  if (masks.some((mask) => !isNone(mask)) && !warned.has(layer)) {
    warned.add(layer);
    console.warn(
      `The layer ${layer.name} (${layer.getClassName()}) does not support masks: the mask of its input ends here, and ` +
        'the layers after it treat padding as data.',
    );
  }
  return none;
}

/**
 * True where any input has data; no mask where an input has none (keras/src/layers/merging/base_merge.py).
 *
 * @param {Mask[] | null | undefined} masks
 * @returns {Tensor | null}
 */
export function mergedMask(masks) {
  const present = masks?.filter((mask) => mask !== null && mask !== undefined);
  if (present === undefined || present.length !== masks?.length) return null;
  return tfc.tidy(() => present.map((mask) => tfc.cast(mask, 'bool')).reduce((a, b) => tfc.logicalOr(a, b)));
}

/**
 * A mask of steps for every number of a tensor.
 *
 * @param {Tensor} mask
 * @param {Tensor} like
 */
function wideMask(mask, like) {
  const all = tfc.cast(tfc.onesLike(like), 'bool');
  const given = tfc.cast(mask, 'bool');
  return tfc.logicalAnd(given.rank < like.rank ? tfc.expandDims(given, -1) : given, all);
}

/**
 * @param {Mask} mask
 * @param {Tensor} like
 */
function wideOrNone(mask, like) {
  return isNone(mask) ? null : wideMask(mask, like);
}

/**
 * A product in which hidden values count 1, and 0 where all are hidden (keras/src/layers/merging/multiply.py).
 *
 * @param {Tensor[]} inputs
 * @param {Mask[]} masks
 */
export function maskedProduct(inputs, masks) {
  const wide = inputs.map((input, i) => wideOrNone(masks[i], input));
  const shown = inputs.map((input, i) => {
    const mask = wide[i] ?? null;
    return mask === null ? input : tfc.where(mask, input, tfc.onesLike(input));
  });
  const output = shown.reduce((a, b) => tfc.mul(a, b));
  const all = wide.filter((mask) => mask !== null);
  if (all.length < wide.length) return output;
  return tfc.where(
    all.reduce((a, b) => tfc.logicalOr(a, b)),
    output,
    tfc.zerosLike(output),
  );
}

/**
 * The larger or smaller of what is not hidden (keras/src/layers/merging/base_merge.py, _apply_merge_op_and_or_mask).
 *
 * @param {(a: Tensor, b: Tensor) => Tensor} op
 * @param {[Tensor, ...Tensor[]]} inputs
 * @param {Mask[]} masks
 */
export function maskedExtreme(op, inputs, masks) {
  let [output] = inputs;
  let shown = wideOrNone(masks[0], output);
  inputs.slice(1).forEach((input, i) => {
    const mask = wideOrNone(masks[i + 1], input);
    const other = mask === null ? input : tfc.where(mask, input, output);
    const own = shown === null ? output : tfc.where(shown, output, other);
    shown = mask === null || shown === null ? null : tfc.logicalOr(shown, mask);
    output = op(own, other);
  });
  return output;
}

/**
 * As keras/src/layers/merging/concatenate.py: an input without a mask counts as data everywhere.
 *
 * @param {Tensor[]} inputs
 * @param {Mask[] | null | undefined} masks
 * @param {number} axis
 * @returns {Tensor | null}
 */
export function concatenatedMask(inputs, masks, axis) {
  if (isNone(masks) || masks.every((mask) => isNone(mask))) return null;
  return tfc.tidy(() => {
    const wide = inputs.map(
      (input, i) => wideOrNone(masks[i], input) ?? tfc.cast(tfc.onesLike(input), 'bool'),
    );
    return tfc.any(tfc.concat(wide, axis), -1);
  });
}

/**
 * Whether a layer's `call` reads masks, which Keras tells by its signature.
 *
 * @param {CallableLayer} layer
 * @returns {boolean}
 */
export function usesMask(layer) {
  // A layer for both directions hands its arguments on.
  if (layer.forwardLayer !== undefined) return usesMask(layer.forwardLayer);
  for (let owner = layer; !isNone(owner); owner = Object.getPrototypeOf(owner)) {
    const call = Object.hasOwn(owner, 'call') ? Reflect.get(owner, 'call') : undefined;
    if (typeof call === 'function' && /\bmask\b/.test(Function.prototype.toString.call(call))) return true;
  }
  return false;
}

/**
 * A layer applied to each step of time with that step's part of the mask (keras/src/layers/rnn/time_distributed.py).
 *
 * @param {CallableLayer} layer
 * @param {Tensor} inputs
 * @param {{ mask: Tensor }} kwargs
 */
export function eachStep(layer, inputs, kwargs) {
  const masks = tfc.unstack(kwargs.mask, 1);
  const outputs = tfc.unstack(inputs, 1).map((input, i) => {
    const output = layer.call(input, { ...kwargs, mask: masks[i] });
    return /** @type {Tensor} */ (Array.isArray(output) ? output[0] : output);
  });
  return tfc.stack(outputs, 1);
}

/**
 * The mean over time of what is not hidden (keras/src/layers/pooling/global_average_pooling1d.py).
 *
 * @param {Tensor} input
 * @param {Tensor} mask
 */
export function maskedMean(input, mask) {
  const kept = tfc.cast(tfc.expandDims(tfc.cast(mask, 'bool'), -1), input.dtype);
  const counted = tfc.where(
    tfc.cast(tfc.mul(kept, tfc.onesLike(input)), 'bool'),
    input,
    tfc.zerosLike(input),
  );
  return tfc.div(tfc.sum(counted, 1), tfc.sum(kept, 1));
}

const EPSILON = 1e-7;

/**
 * Mean and variance of what is not hidden (keras/src/layers/normalization/batch_normalization.py, _moments).
 *
 * @param {Tensor} input
 * @param {Tensor} mask
 * @param {number[]} axes
 */
export function maskedMoments(input, mask, axes) {
  const kept = tfc.mul(tfc.cast(tfc.expandDims(mask, -1), input.dtype), tfc.onesLike(input));
  const total = tfc.add(tfc.sum(kept, axes, true), EPSILON);
  const mean = tfc.div(tfc.sum(tfc.mul(kept, input), axes, true), total);
  const variance = tfc.div(tfc.sum(tfc.mul(kept, tfc.square(tfc.sub(input, mean))), axes, true), total);
  return { mean: tfc.squeeze(mean, axes), variance: tfc.squeeze(variance, axes) };
}

/**
 * A softmax's input and output where a mask of the same rank hides places; other masks only pass through.
 *
 * @param {Tensor} input
 * @param {Mask} mask
 * @param {(input: Tensor) => Tensor} softmax
 */
export function maskedSoftmax(input, mask, softmax) {
  if (isNone(mask) || mask.rank !== input.rank) return softmax(input);
  const hides = tfc.logicalAnd(tfc.cast(mask, 'bool'), tfc.cast(tfc.onesLike(input), 'bool'));
  const made = softmax(tfc.where(hides, input, tfc.fill(input.shape, -1e9)));
  return tfc.where(hides, made, tfc.zerosLike(made));
}

/**
 * Outputs of a recurrent layer where steps are hidden: 0 before the first step that is not, whatever the first state is, and
 * 0 at each hidden one where the layer is to give that (keras/src/backend/tensorflow/rnn.py).
 *
 * @param {{ zeroOutputForMask?: boolean, goBackwards?: boolean }} layer
 * @param {[last: Tensor, all: Tensor | undefined, ...rest: unknown[]]} outputs the last output, and all of them or undefined
 * @param {Mask} mask
 * @param {boolean} startsAnew
 * @returns {[Tensor, Tensor | undefined]}
 */
export function maskedOutputs(layer, [last, all], mask, startsAnew) {
  if (isNone(mask) || mask.rank !== 2 || (startsAnew && !layer.zeroOutputForMask)) return [last, all];
  const inOrder = layer.goBackwards ? tfc.reverse(mask, 1) : mask;
  const kept = tfc.cast(inOrder, 'float32');
  const like = (/** @type {Tensor} */ values, /** @type {Tensor} */ tensor) =>
    tfc.reshape(values, [...values.shape, ...tensor.shape.slice(values.rank).map(() => 1)]);
  const seen = tfc.cast(tfc.greater(tfc.cumsum(kept, 1), 0), 'float32');
  const zeroed = layer.zeroOutputForMask && all !== undefined ? kept : seen;
  const end = tfc.cast(tfc.any(tfc.cast(mask, 'bool'), 1), 'float32');
  return [
    startsAnew ? last : tfc.mul(last, like(end, last)),
    all === undefined ? undefined : tfc.mul(all, like(zeroed, all)),
  ];
}
