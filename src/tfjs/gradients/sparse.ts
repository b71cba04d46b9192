import type { Tensor } from '@tensorflow/tfjs';
import type { Composites } from './composites.ts';
import { tensorAt, type GradientTools } from './gradient-tools.ts';

/** Gradients of sparse, ragged and counting ops, after tensorflow/python/ops/sparse_grad.py and math_grad.py. */
export function installSparseGradients(tools: GradientTools, composites: Composites): void {
  const { tf, define, defineList, call, callList, depth, noGradient } = tools;

  for (const name of ['SparseSegmentSum', 'SparseSegmentMean']) {
    define(name, { inputs: ['data', 'indices', 'segmentIds'] }, (dy, saved) => {
      const [data, indices, segments] = saved as [Tensor, Tensor, Tensor];
      return {
        data: () => {
          let rows = tf.gather(dy, segments);
          if (name === 'SparseSegmentMean') {
            const ones = tf.ones([segments.size]);
            const counts = tf.unsortedSegmentSum(ones, segments as never, dy.shape[0]);
            const shape = [segments.size, ...Array.from({ length: dy.rank - 1 }, () => 1)];
            rows = tf.div(rows, tf.reshape(tf.gather(counts, segments as never), shape));
          }
          return tf.unsortedSegmentSum(rows, indices as never, data.shape[0]);
        },
        indices: () => noGradient(indices),
        segmentIds: () => noGradient(segments),
      };
    });
  }

  defineList(
    'SparseFillEmptyRows',
    { inputs: ['values'], outputs: [false, false, false, true] },
    (dys, saved) => {
      const dy = tensorAt(dys, 1);
      const [, places] = saved as [Tensor, Tensor];
      const ofValues = () => tf.gather(dy, places);
      return {
        values: ofValues,
        defaultValue: () => tf.sub(tf.sum(dy), tf.sum(ofValues())),
      };
    },
  );

  for (const name of ['DenseBincount', 'Bincount']) {
    define(name, { inputs: ['x', 'weights'] }, (dy, saved, attributes) => {
      const [x, weights] = saved as [Tensor, Tensor];
      return {
        x: () => noGradient(x),
        weights: () => {
          if (weights.size === 0 || attributes['binaryOutput'] === true) return noGradient(weights);
          const size = attributes['size'] as number;
          // Numbers beyond the last bin were not counted.
          const bins = tf.minimum(x, tf.scalar(size, 'int32'));
          const wide = tf.pad(dy, [...dy.shape.slice(1).map((): [number, number] => [0, 0]), [0, 1]]);
          const rows = x.rank === 1 ? tf.gather(wide, bins) : tf.gather(wide, bins, 1, 1);
          return tf.reshape(rows, weights.shape);
        },
      };
    });
  }

  // These put values in another order: which goes where, the same op on their numbers tells.
  composites.set('RaggedTensorToTensor', (inputs, attributes) => {
    const { shape, values, defaultValue } = inputs as Record<'shape' | 'values' | 'defaultValue', Tensor>;
    if (depth() === 0 || values.dtype !== 'float32') return undefined;
    return tf.tidy(() => {
      const inner = values.rank - 1;
      const numbered = {
        ...inputs,
        shape: shape.rank === 0 || inner === 0 ? shape : tf.slice(shape, [0], [shape.size - inner]),
        values: tf.range(1, values.shape[0] + 1, 1, 'int32'),
        defaultValue: tf.scalar(0, 'int32'),
      };
      const ids = call('RaggedTensorToTensor', numbered, attributes);
      const rows = tf.gather(values, tf.maximum(tf.sub(ids, tf.scalar(1, 'int32')), tf.scalar(0, 'int32')));
      const there = tf.reshape(tf.greater(ids, 0), [...ids.shape, ...Array.from({ length: inner }, () => 1)]);
      return tf.where(there, rows, tf.broadcastTo(defaultValue, rows.shape));
    });
  });
  composites.set('RaggedGather', (inputs, attributes) => {
    const values = inputs['paramsDenseValues'] as Tensor;
    if (depth() === 0 || values.dtype !== 'float32') return undefined;
    return tf.tidy(() => {
      const paramsDenseValues = tf.range(0, values.shape[0], 1, 'int32');
      const parts = callList('RaggedGather', { ...inputs, paramsDenseValues }, attributes);
      return [...parts.slice(0, -1), tf.gather(values, parts.at(-1) as never)];
    });
  });
}
