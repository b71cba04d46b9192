import type { Tensor } from '@tensorflow/tfjs';
import { boolAttribute, typeAttribute, type GradientTools } from './gradient-tools.ts';
import { TF } from '../../engines/dtypes.ts';
import type { Tf } from '../instance.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** Gradients of sums, products, extremes and running sums, after tensorflow/python/ops/math_grad.py. */
export function installReductionGradients(tools: GradientTools): void {
  installExtremes(tools);
  installSums(tools);
  installProduct(tools);
  installRunning(tools);
  installSoftmax(tools);
}

function axesOf(tf: Tf, axis: unknown, x: Tensor): number[] {
  return tf.util.parseAxisParam((axis ?? null) as number[], x.shape);
}

/** A reduced tensor with the axes that it was reduced over as axes of size 1. */
function kept(tf: Tf, tensor: Tensor, x: Tensor, axes: number[]): Tensor {
  return tf.reshape(
    tensor,
    x.shape.map((size, i) => (axes.includes(i) ? 1 : size)),
  );
}

function installExtremes({ tf, define }: GradientTools): void {
  for (const [name, attribute] of [
    ['Max', 'reductionIndices'],
    ['Min', 'axis'],
  ] as const) {
    // All that are as large as the extreme share its gradient.
    define(name, { inputs: ['x'], outputs: [true] }, (dy, saved, attributes) => {
      const [x, y] = saved as [Tensor, Tensor];
      return {
        x: () => {
          const axes = axesOf(tf, attributes[attribute], x);
          const extreme = tf.cast(tf.equal(x, kept(tf, y, x, axes)), 'float32');
          return tf.mul(tf.div(extreme, tf.sum(extreme, axes, true)), kept(tf, dy, x, axes));
        },
      };
    });
  }
}

function installSums({ tf, define, numbers, replaceKernel, run }: GradientTools): void {
  define('Sum', { inputs: ['x'] }, (dy, saved, attributes) => {
    const [x] = saved as [Tensor];
    return {
      x: () => tf.mul(kept(tf, dy, x, axesOf(tf, attributes['axis'], x)), tf.ones(x.shape, 'float32')),
    };
  });
  // tfjs-node makes real numbers of complex ones.
  replaceKernel(
    'Mean',
    () =>
      ({ x }, { axis, keepDims }) =>
        tf.tidy(() => {
          const values = numbers(x as Tensor);
          const axes = tf.tensor1d(axesOf(tf, axis, values), 'int32');
          return run(
            'Mean',
            [values, axes],
            [boolAttribute('keep_dims', keepDims === true), typeAttribute('Tidx', TF.INT32)],
          );
        }),
  );
  define('Mean', { inputs: ['x'] }, (dy, saved, attributes) => {
    const [x] = saved as [Tensor];
    return {
      x: () => {
        const axes = axesOf(tf, attributes['axis'], x);
        const count = elementCount(axes.map((axis) => x.shape[axis] as number));
        return tf.div(tf.mul(kept(tf, dy, x, axes), tf.ones(x.shape, 'float32')), count);
      },
    };
  });
}

function installProduct({ tf, define, numbers, conj }: GradientTools): void {
  define('Prod', { inputs: ['x'] }, (dy, saved, attributes) => {
    const [x] = saved as [Tensor];
    return {
      x: () => {
        const axes = axesOf(tf, attributes['axis'], x);
        const others = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
        const order = [...others, ...axes];
        const moved = tf.transpose(conj(numbers(x)), order);
        const rows = tf.reshape(moved, [
          elementCount(others.map((i) => x.shape[i] as number)),
          elementCount(axes.map((i) => x.shape[i] as number)),
        ]);
        // The product of all others, also where one is 0.
        const rest = tf.mul(tf.cumprod(rows, 1, true), tf.cumprod(rows, 1, true, true));
        const gradient = tf.mul(tf.reshape(dy, [-1, 1]), rest);
        return tf.transpose(
          tf.reshape(gradient, moved.shape),
          order.map((_, i) => order.indexOf(i)),
        );
      },
    };
  });
}

/** Running sums and products. */
function installRunning({ tf, define, numbers, conj }: GradientTools): void {
  // tfjs also turns the axes.
  define('Cumsum', {}, (dy, _, attributes) => ({
    x: () => {
      const { axis, exclusive, reverse } = attributes as {
        axis: number;
        exclusive: boolean;
        reverse: boolean;
      };
      return tf.cumsum(dy, axis, exclusive, !reverse);
    },
  }));
  define('Cumprod', { inputs: ['x'] }, (dy, saved, attributes) => ({
    x: () => {
      const { axis, exclusive, reverse } = attributes as {
        axis: number;
        exclusive: boolean;
        reverse: boolean;
      };
      const x = conj(numbers(saved[0] as Tensor));
      return cumprodGradient(tf, x, dy, axis < 0 ? axis + x.rank : axis, exclusive, reverse);
    },
  }));
}

function installSoftmax({ tf, define }: GradientTools): void {
  define('Softmax', { outputs: [true] }, (dy, saved, attributes) => {
    const [y] = saved as [Tensor];
    return {
      logits: () => {
        const weighted = tf.mul(dy, y);
        return tf.sub(weighted, tf.mul(tf.sum(weighted, attributes['dim'] as number, true), y));
      },
    };
  });
}

/**
 * The gradient of a running product without a division, so that it is right at factors of 0 in every order. (TensorFlow
 * divides by each factor.) That of factor k is the product of those before it, times
 *
 *     s[k] = dy[k] + x[k + 1] * s[k + 1],
 *
 * a linear recurrence, which is computed in log2(n) rounds: each replaces `s[k] = b[k] + a[k] * s[k + reach]` by the same
 * with twice the reach.
 */
function cumprodGradient(
  tf: Tf,
  x: Tensor,
  dy: Tensor,
  axis: number,
  exclusive: boolean,
  reverse: boolean,
): Tensor {
  const length = x.shape[axis] as number;
  /** The elements that stand `reach` places later in the running product, and 0 behind the last one. */
  const later = (values: Tensor, distance: number): Tensor => {
    const reach = Math.min(distance, length);
    const begin = x.shape.map((_, i) => (i === axis && !reverse ? reach : 0));
    const size = x.shape.map((n, i) => (i === axis ? n - reach : n));
    const none = x.shape.map((n, i) => (i === axis ? reach : n));
    const parts = [tf.slice(values, begin, size), tf.zeros(none, values.dtype)];
    return tf.concat(reverse ? parts.toReversed() : parts, axis);
  };
  let sums = exclusive ? later(dy, 1) : dy;
  let factors = later(x, 1);
  for (let reach = 1; reach < length; reach *= 2) {
    sums = tf.add(sums, tf.mul(factors, later(sums, reach)));
    if (reach * 2 < length) factors = tf.mul(factors, later(factors, reach));
  }
  return tf.mul(tf.cumprod(x, axis, true, reverse), sums);
}
