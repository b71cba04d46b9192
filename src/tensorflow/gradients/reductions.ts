import type { Tensor } from '@tensorflow/tfjs';
import { boolAttribute, product, typeAttribute, type GradientTools } from './gradient-tools.ts';
import { TF } from '../c-api/dtypes.ts';

/** Gradients of sums, products, extremes and running sums, after tensorflow/python/ops/math_grad.py. */
export function installReductionGradients(tools: GradientTools): void {
  const { tf, define, numbers, noGradient, conj, replaceKernel, run } = tools;
  const axesOf = (axis: unknown, x: Tensor): number[] =>
    tf.util.parseAxisParam((axis ?? null) as number[], x.shape);
  const kept = (tensor: Tensor, x: Tensor, axes: number[]) =>
    tf.reshape(
      tensor,
      x.shape.map((size, i) => (axes.includes(i) ? 1 : size)),
    );

  for (const [name, attribute] of [
    ['Max', 'reductionIndices'],
    ['Min', 'axis'],
  ] as const) {
    // All that are as large as the extreme share its gradient.
    define(name, { inputs: ['x'], outputs: [true] }, (dy, saved, attributes) => {
      const [x, y] = saved as [Tensor, Tensor];
      return {
        x: () => {
          const axes = axesOf(attributes[attribute], x);
          const extreme = tf.cast(tf.equal(x, kept(y, x, axes)), 'float32');
          return tf.mul(tf.div(extreme, tf.sum(extreme, axes, true)), kept(dy, x, axes));
        },
      };
    });
  }

  define('Sum', { inputs: ['x'] }, (dy, saved, attributes) => {
    const [x] = saved as [Tensor];
    return { x: () => tf.mul(kept(dy, x, axesOf(attributes['axis'], x)), tf.ones(x.shape, 'float32')) };
  });
  // tfjs-node makes real numbers of complex ones.
  replaceKernel(
    'Mean',
    () =>
      ({ x }, { axis, keepDims }) =>
        tf.tidy(() => {
          const values = numbers(x as Tensor);
          const axes = tf.tensor1d(axesOf(axis, values), 'int32');
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
        const axes = axesOf(attributes['axis'], x);
        const count = product(axes.map((axis) => x.shape[axis] as number));
        return tf.div(tf.mul(kept(dy, x, axes), tf.ones(x.shape, 'float32')), count);
      },
    };
  });

  define('Prod', { inputs: ['x'] }, (dy, saved, attributes) => {
    const [x] = saved as [Tensor];
    return {
      x: () => {
        const axes = axesOf(attributes['axis'], x);
        const others = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
        const order = [...others, ...axes];
        const moved = tf.transpose(conj(numbers(x)), order);
        const rows = tf.reshape(moved, [
          product(others.map((i) => x.shape[i] as number)),
          product(axes.map((i) => x.shape[i] as number)),
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
      const along = (values: Tensor) =>
        tf.cumsum(tf.mul(tf.cumprod(values, axis, exclusive, reverse), dy), axis, exclusive, !reverse);
      // TensorFlow divides by each factor, which makes the gradient of a 0 itself 0. Until the first 0 and behind it that
      // is right; the first one's gradient is that of the products without it.
      const zero = tf.equal(x, tf.zerosLike(x));
      const count = tf.cumsum(tf.cast(zero, 'int32'), axis, false, reverse);
      const first = tf.logicalAnd(zero, tf.equal(count, 1));
      const one = tf.onesLike(x);
      const others = tf.where(zero, noGradient(x), tf.div(along(x), tf.where(zero, one, x)));
      return tf.where(first, along(tf.where(first, one, x)), others);
    },
  }));

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
