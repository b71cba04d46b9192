// Cross-entropies from logits, with the gradients that they have where a probability is nearly 0 or 1.
import * as tfc from '@tensorflow/tfjs-core';
import { isNone } from './none.mjs';

/** @typedef {tfc.Tensor} Tensor */

/**
 * @callback GradientOfTwo a function of two tensors with its gradient
 * @param {Tensor} x
 * @param {Tensor} y
 * @param {(saved: Tensor[]) => void} save
 * @returns {{ value: Tensor, gradFunc: (dy: Tensor, saved: [Tensor, Tensor]) => Tensor[] }}
 */

/** @typedef {(compute: GradientOfTwo) => (x: Tensor, y: Tensor) => Tensor} CustomGradOfTwo */

/**
 * tfjs declares all arguments of the function with one type.
 *
 * @param {GradientOfTwo} compute
 */
function customGradOfTwo(compute) {
  return /** @type {CustomGradOfTwo} */ (/** @type {unknown} */ (tfc.customGrad))(compute);
}

/**
 * @param {Tensor} logits
 * @returns {Tensor}
 */
function logSoftmax(logits) {
  // tfjs's own op composes it of six; kernels of backends are one.
  const engine = tfc.engine();
  return isNone(tfc.getKernel('LogSoftmax', engine.backendName))
    ? tfc.logSoftmax(logits)
    : engine.runKernel('LogSoftmax', { logits }, { axis: -1 });
}

/**
 * -sum(target * log(softmax(logits))) over the last axis, as `tf.nn.softmax_cross_entropy_with_logits`.
 *
 * @param {Tensor} target
 * @param {Tensor} logits
 */
export function softmaxCrossEntropy(target, logits) {
  const compute = customGradOfTwo((x, y, save) => {
    const logs = logSoftmax(x);
    save([logs, y]);
    return {
      value: tfc.neg(tfc.sum(tfc.mul(y, logs), -1)),
      gradFunc: (dy, [logs1, y1]) => {
        const each = tfc.expandDims(dy, -1);
        const slope = tfc.sub(tfc.mul(tfc.exp(logs1), tfc.sum(y1, -1, true)), y1);
        return [tfc.mul(slope, each), tfc.mul(tfc.neg(logs1), each)];
      },
    };
  });
  return compute(logits, tfc.cast(target, 'float32'));
}

/**
 * max(x, 0) - x * target + log(1 + exp(-|x|)), as `tf.nn.sigmoid_cross_entropy_with_logits`.
 *
 * @param {Tensor} target
 * @param {Tensor} logits
 */
export function sigmoidCrossEntropy(target, logits) {
  const compute = customGradOfTwo((x, y, save) => {
    save([x, y]);
    return {
      value: tfc.add(tfc.sub(tfc.relu(x), tfc.mul(x, y)), tfc.log1p(tfc.exp(tfc.neg(tfc.abs(x))))),
      // tfjs's tape would take 0 for the slope of both |x| and relu(x) at 0.
      gradFunc: (dy, [x1, y1]) => [tfc.mul(dy, tfc.sub(tfc.sigmoid(x1), y1)), tfc.mul(dy, tfc.neg(x1))],
    };
  });
  return compute(logits, tfc.cast(target, 'float32'));
}
