import type { Tensor } from '@tensorflow/tfjs';
import { TF } from '../../engines/dtypes.ts';
import { flag, type, type KernelTools } from './kernel-tools.ts';

/** Kernels that count, search, cut and scatter. */
export function installIndexing({ tf, backend, replaceKernel, dtypeOf }: KernelTools): void {
  replaceKernel(
    'DenseBincount',
    () =>
      ({ x, weights }, { size, binaryOutput }) =>
        tf.tidy(() =>
          backend.executeSingleOutput(
            'DenseBincount',
            [
              type('Tidx', TF.INT32),
              type('T', dtypeOf(weights as Tensor)),
              flag('binary_output', binaryOutput === true),
            ],
            [x as Tensor, tf.scalar(size as number, 'int32'), weights as Tensor],
          ),
        ),
  );

  replaceKernel(
    'SearchSorted',
    () =>
      ({ sortedSequence, values }, { side }) =>
        tf.tidy(() => {
          const [sequence, sought] = [sortedSequence as Tensor, values as Tensor];
          const common = sequence.dtype === sought.dtype && sought.dtype !== 'bool';
          // Of two kinds of numbers both become float32, as for tfjs's other ops; truth values become integers.
          const wide = sequence.dtype === 'float32' || sought.dtype === 'float32' ? 'float32' : 'int32';
          const [a, b] = common ? [sequence, sought] : [tf.cast(sequence, wide), tf.cast(sought, wide)];
          return backend.executeSingleOutput(
            side === 'left' ? 'LowerBound' : 'UpperBound',
            [type('T', dtypeOf(b)), type('out_type', TF.INT32)],
            [a, b],
          );
        }),
  );

  replaceKernel('StridedSlice', (original) => (inputs, attributes) => {
    const { begin, strides } = attributes as { begin: number[]; strides?: number[] };
    return original(inputs, { ...attributes, strides: strides ?? begin.map(() => 1) });
  });

  // A list of indices is one of many places for tfjs, and one place in many dimensions for TensorFlow.
  replaceKernel('ScatterNd', (original) => (inputs, attributes) => {
    const indices = inputs['indices'] as Tensor;
    if (indices.rank !== 1) return original(inputs, attributes);
    return tf.tidy(
      () => original({ ...inputs, indices: tf.reshape(indices, [indices.size, 1]) }, attributes) as Tensor,
    );
  });
}
