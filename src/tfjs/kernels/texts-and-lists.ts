import type { Tensor } from '@tensorflow/tfjs';
import { TF } from '../../engines/dtypes.ts';
import { type, type KernelTools } from './kernel-tools.ts';
import { LIST_CHECKS } from './list-checks.ts';

/** Kernels that have a form in JavaScript only, and run in no time compared with the texts and lists that they take. */
const LISTS = [
  'RaggedGather',
  'RaggedRange',
  'RaggedTensorToTensor',
  'SparseFillEmptyRows',
  'SparseReshape',
  'StringNGrams',
  'StringSplit',
  'StringToHashBucketFast',
];

/** Kernels on texts, ragged and sparse tensors. */
export function installTextsAndLists({ backend, replaceKernel, inJavaScript }: KernelTools): void {
  for (const name of LISTS)
    replaceKernel(name, () => (inputs, attributes) => {
      LIST_CHECKS[name]?.(inputs, attributes);
      return inJavaScript(name, inputs, attributes);
    });

  for (const name of ['SparseSegmentMean', 'SparseSegmentSum']) {
    replaceKernel(name, () => (inputs, attributes) => {
      const { data, indices, segmentIds } = inputs as Record<'data' | 'indices' | 'segmentIds', Tensor>;
      // TensorFlow has no mean of integers, and wants to see ids before it says what is wrong with them.
      if (data.dtype !== 'float32' || segmentIds.size === 0) return inJavaScript(name, inputs, attributes);
      return backend.executeSingleOutput(
        name,
        [type('T', TF.FLOAT), type('Tidx', TF.INT32), type('Tsegmentids', TF.INT32)],
        [data, indices, segmentIds],
      );
    });
  }

  // TensorFlow compares numbers only.
  for (const name of ['Greater', 'GreaterEqual', 'Less', 'LessEqual']) {
    replaceKernel(
      name,
      (original) => (inputs, attributes) =>
        inputs['a']?.dtype === 'string'
          ? inJavaScript(name, inputs, attributes)
          : original(inputs, attributes),
    );
  }
}
