// Masks of time steps as Keras 3 hands them from layer to layer (keras/src/layers/layer.py): true where there is data.
import * as tfc from '@tensorflow/tfjs-core';
import { isNone } from './none.mjs';

/** The `mask` argument of a layer: one for one input, a list for several; nothing where no input has one. */
export function maskArgument(masks) {
  if (masks.every((mask) => isNone(mask))) return undefined;
  return masks.length === 1 ? masks[0] : masks.map((mask) => mask ?? null);
}

const warned = new WeakSet();

/** The masks of a layer's outputs, or null for each; warns where one is lost. */
export function outputMasks(layer, inputs, masks, count) {
  const none = Array.from({ length: count }, () => null);
  if (layer.supportsMasking) {
    const single = masks.length === 1;
    const computed = layer.computeMask(single ? inputs[0] : inputs, single ? (masks[0] ?? null) : masks);
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

/** True where any input has data; no mask where an input has none (keras/src/layers/merging/base_merge.py). */
export function mergedMask(masks) {
  if (isNone(masks) || masks.some((mask) => isNone(mask))) return null;
  return tfc.tidy(() => masks.map((mask) => tfc.cast(mask, 'bool')).reduce((a, b) => tfc.logicalOr(a, b)));
}

/** A mask of steps for every number of a tensor. */
function wideMask(mask, like) {
  const all = tfc.cast(tfc.onesLike(like), 'bool');
  const given = tfc.cast(mask, 'bool');
  return tfc.logicalAnd(given.rank < like.rank ? tfc.expandDims(given, -1) : given, all);
}

/** A product in which what is hidden counts 1, and 0 where all is (keras/src/layers/merging/multiply.py). */
export function maskedProduct(inputs, masks) {
  const wide = inputs.map((input, i) => (isNone(masks[i]) ? null : wideMask(masks[i], input)));
  const shown = inputs.map((input, i) =>
    wide[i] === null ? input : tfc.where(wide[i], input, tfc.onesLike(input)),
  );
  const output = shown.reduce((a, b) => tfc.mul(a, b));
  if (wide.includes(null)) return output;
  return tfc.where(
    wide.reduce((a, b) => tfc.logicalOr(a, b)),
    output,
    tfc.zerosLike(output),
  );
}

/** The larger or smaller of what is not hidden (keras/src/layers/merging/base_merge.py, _apply_merge_op_and_or_mask). */
export function maskedExtreme(op, inputs, masks) {
  let output = inputs[0];
  let shown = isNone(masks[0]) ? null : wideMask(masks[0], output);
  inputs.slice(1).forEach((input, i) => {
    const mask = isNone(masks[i + 1]) ? null : wideMask(masks[i + 1], input);
    const other = mask === null ? input : tfc.where(mask, input, output);
    const own = shown === null ? output : tfc.where(shown, output, other);
    shown = mask === null || shown === null ? null : tfc.logicalOr(shown, mask);
    output = op(own, other);
  });
  return output;
}

/** As keras/src/layers/merging/concatenate.py: an input without a mask counts as data everywhere. */
export function concatenatedMask(inputs, masks, axis) {
  if (isNone(masks) || masks.every((mask) => isNone(mask))) return null;
  return tfc.tidy(() => {
    const wide = inputs.map((input, i) => {
      const mask = masks[i];
      return isNone(mask) ? tfc.cast(tfc.onesLike(input), 'bool') : wideMask(mask, input);
    });
    return tfc.any(tfc.concat(wide, axis), -1);
  });
}

/** Whether a layer's `call` reads masks, which Keras tells by its signature. */
export function usesMask(layer) {
  // A layer for both directions hands its arguments on.
  if (layer.forwardLayer !== undefined) return usesMask(layer.forwardLayer);
  for (let owner = layer; !isNone(owner); owner = Object.getPrototypeOf(owner)) {
    const call = Object.hasOwn(owner, 'call') ? owner.call : undefined;
    if (typeof call === 'function' && /\bmask\b/.test(Function.prototype.toString.call(call))) return true;
  }
  return false;
}

/** A layer applied to each step of time with that step's part of the mask (keras/src/layers/rnn/time_distributed.py). */
export function eachStep(layer, inputs, kwargs) {
  const masks = tfc.unstack(kwargs['mask'], 1);
  const outputs = tfc.unstack(inputs, 1).map((input, i) => {
    const output = layer.call(input, { ...kwargs, mask: masks[i] });
    return Array.isArray(output) ? output[0] : output;
  });
  return tfc.stack(outputs, 1);
}

/** The mean over time of what is not hidden (keras/src/layers/pooling/global_average_pooling1d.py). */
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

/** Mean and variance of what is not hidden (keras/src/layers/normalization/batch_normalization.py, _moments). */
export function maskedMoments(input, mask, axes) {
  const kept = tfc.mul(tfc.cast(tfc.expandDims(mask, -1), input.dtype), tfc.onesLike(input));
  const total = tfc.add(tfc.sum(kept, axes, true), EPSILON);
  const mean = tfc.div(tfc.sum(tfc.mul(kept, input), axes, true), total);
  const variance = tfc.div(tfc.sum(tfc.mul(kept, tfc.square(tfc.sub(input, mean))), axes, true), total);
  return { mean: tfc.squeeze(mean, axes), variance: tfc.squeeze(variance, axes) };
}

/** A softmax's input and output where a mask of the same rank hides places; other masks only pass through. */
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
 * @param outputs the last output, and all of them or undefined.
 */
export function maskedOutputs(layer, [last, all], mask, startsAnew) {
  if (isNone(mask) || mask.rank !== 2 || (startsAnew && !layer.zeroOutputForMask)) return [last, all];
  const inOrder = layer.goBackwards ? tfc.reverse(mask, 1) : mask;
  const kept = tfc.cast(inOrder, 'float32');
  const like = (values, tensor) =>
    tfc.reshape(values, [...values.shape, ...tensor.shape.slice(values.rank).map(() => 1)]);
  const seen = tfc.cast(tfc.greater(tfc.cumsum(kept, 1), 0), 'float32');
  const zeroed = layer.zeroOutputForMask && all !== undefined ? kept : seen;
  const end = tfc.cast(tfc.any(tfc.cast(mask, 'bool'), 1), 'float32');
  return [
    startsAnew ? last : tfc.mul(last, like(end, last)),
    all === undefined ? undefined : tfc.mul(all, like(zeroed, all)),
  ];
}
