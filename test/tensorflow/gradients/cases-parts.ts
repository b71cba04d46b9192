import { ints, sq } from './builders.ts';
import type { GradientCase } from './case.ts';

/** Ops that take parts of tensors. */

export const partCases: GradientCase[] = [
  sq('slice', '', [[3, 4]], (tf, a) => tf.slice(a, [1, 0], [2, 3]), 'a[1:3, 0:3]'),
  sq('slice1d', '', [[4]], (tf, a) => tf.slice1d(a, 1, 2), 'a[1:3]'),
  sq('slice2d', '', [[3, 4]], (tf, a) => tf.slice2d(a, [1, 0], [2, 3]), 'a[1:3, 0:3]'),
  sq('slice3d', '', [[2, 3, 2]], (tf, a) => tf.slice3d(a, [1, 0, 0], [1, 2, 2]), 'a[1:2, 0:2]'),
  sq('slice4d', '', [[2, 3, 2, 2]], (tf, a) => tf.slice4d(a, [1, 0, 0, 0], [1, 2, 2, 2]), 'a[1:2, 0:2]'),
  sq(
    'stridedSlice',
    'every second',
    [[3, 5]],
    (tf, a) => tf.stridedSlice(a, [0, 1], [3, 5], [2, 2]),
    'a[0:3:2, 1:5:2]',
  ),
  sq(
    'stridedSlice',
    'backwards',
    [[3, 5]],
    (tf, a) => tf.stridedSlice(a, [2, 4], [0, 0], [-1, -2]),
    'a[2:0:-1, 4:0:-2]',
  ),
  sq(
    'stridedSlice',
    'backwards to the start',
    [[5]],
    (tf, a) => tf.stridedSlice(a, [4], [0], [-1], 0, 1),
    'a[4::-1]',
  ),
  sq(
    'stridedSlice',
    'masks of begin and end',
    [[3, 4]],
    (tf, a) => tf.stridedSlice(a, [1, 1], [2, 2], [1, 1], 1, 2),
    'a[:2, 1:]',
  ),
  sq(
    'stridedSlice',
    'an axis removed',
    [[3, 4]],
    (tf, a) => tf.stridedSlice(a, [1, 0], [2, 4], [1, 1], 0, 0, 0, 0, 1),
    'a[1, 0:4]',
  ),
  sq(
    'stridedSlice',
    'an axis added',
    [[3, 4]],
    (tf, a) => tf.stridedSlice(a, [0, 1], [0, 3], [1, 1], 0, 0, 0, 1),
    'a[tf.newaxis, 1:3]',
  ),
  sq(
    'stridedSlice',
    'an ellipsis',
    [[2, 3, 4]],
    (tf, a) => tf.stridedSlice(a, [0, 1], [0, 4], [1, 2], 0, 0, 1),
    'a[..., 1:4:2]',
  ),
  sq(
    'gather',
    'rows, some twice',
    [[4, 2]],
    (tf, a) => tf.gather(a, ints(tf, [2, 0, 2])),
    'tf.gather(a, [2, 0, 2])',
  ),
  sq(
    'gather',
    'of axis 1 by a matrix',
    [[2, 4, 2]],
    (tf, a) =>
      tf.gather(
        a,
        ints(tf, [
          [0, 3],
          [3, 1],
        ]),
        1,
      ),
    'tf.gather(a, [[0, 3], [3, 1]], axis=1)',
  ),
  sq(
    'gather',
    'of the last axis',
    [[2, 3, 4]],
    (tf, a) => tf.gather(a, ints(tf, [1, 1]), -1),
    'tf.gather(a, [1, 1], axis=-1)',
  ),
  sq(
    'gather',
    'in batches',
    [[2, 4, 3]],
    (tf, a) =>
      tf.gather(
        a,
        ints(tf, [
          [0, 3],
          [1, 1],
        ]),
        1,
        1,
      ),
    'tf.gather(a, [[0, 3], [1, 1]], axis=1, batch_dims=1)',
  ),
  sq(
    'gather',
    'in batches, of a later axis',
    [[2, 3, 4]],
    (tf, a) =>
      tf.gather(
        a,
        ints(tf, [
          [0, 3],
          [1, 1],
        ]),
        2,
        1,
      ),
    'tf.gather(a, [[0, 3], [1, 1]], axis=2, batch_dims=1)',
  ),
  sq(
    'gather',
    'in two dimensions of batches',
    [[2, 2, 3]],
    (tf, a) =>
      tf.gather(
        a,
        ints(tf, [
          [
            [0, 2],
            [1, 1],
          ],
          [
            [2, 2],
            [0, 1],
          ],
        ]),
        2,
        2,
      ),
    'tf.gather(a, [[[0, 2], [1, 1]], [[2, 2], [0, 1]]], axis=2, batch_dims=2)',
  ),
  sq(
    'gather',
    'by what depends on the input',
    [[3, 2]],
    (tf, a) => tf.gather(a, tf.argMax(a, 0)),
    'tf.gather(a, tf.argmax(a, 0))',
  ),
  sq(
    'gatherND',
    'elements',
    [[3, 2]],
    (tf, a) =>
      tf.gatherND(
        a,
        ints(tf, [
          [0, 1],
          [2, 0],
          [0, 1],
        ]),
      ),
    'tf.gather_nd(a, [[0, 1], [2, 0], [0, 1]])',
  ),
  sq(
    'gatherND',
    'rows',
    [[3, 2]],
    (tf, a) => tf.gatherND(a, ints(tf, [[2], [2]])),
    'tf.gather_nd(a, [[2], [2]])',
  ),
  sq(
    'scatterND',
    'rows, one place twice',
    [[3, 2]],
    (tf, a) => tf.scatterND(ints(tf, [[2], [0], [2]]), a, [4, 2]),
    'tf.scatter_nd([[2], [0], [2]], a, [4, 2])',
  ),
  sq(
    'scatterND',
    'elements',
    [[3]],
    (tf, a) =>
      tf.scatterND(
        ints(tf, [
          [1, 0],
          [0, 1],
          [1, 1],
        ]),
        a,
        [2, 2],
      ),
    'tf.scatter_nd([[1, 0], [0, 1], [1, 1]], a, [2, 2])',
  ),
  sq(
    'tensorScatterUpdate',
    '',
    [
      [4, 2],
      [2, 2],
    ],
    (tf, a, b) => tf.tensorScatterUpdate(a, ints(tf, [[3], [1]]), b),
    'tf.tensor_scatter_nd_update(a, [[3], [1]], b)',
  ),
  sq(
    'sparseToDense',
    '',
    [[3], []],
    (tf, a, b) =>
      tf.sparseToDense(
        ints(tf, [
          [0, 1],
          [1, 0],
          [1, 2],
        ]),
        a,
        [2, 3],
        b,
      ),
    'tf.scatter_nd([[0, 1], [1, 0], [1, 2]], a - b, [2, 3]) + b',
  ),
  sq(
    'sparseToDense',
    'a list of places',
    [[2], []],
    (tf, a, b) => tf.sparseToDense(ints(tf, [1, 3]), a, [5], b),
    'tf.scatter_nd([[1], [3]], a - b, [5]) + b',
  ),
  sq('topk', 'values', [[2, 5]], (tf, a) => tf.topk(a, 3).values, 'tf.math.top_k(a, 3)[0]'),
  sq('topk', 'of three dimensions', [[2, 2, 4]], (tf, a) => tf.topk(a, 2).values, 'tf.math.top_k(a, 2)[0]'),
  sq(
    'unsortedSegmentSum',
    '',
    [[4, 2]],
    (tf, a) => tf.unsortedSegmentSum(a, ints(tf, [1, 0, 1, 2]), 3),
    'tf.math.unsorted_segment_sum(a, [1, 0, 1, 2], 3)',
  ),
  sq(
    'unsortedSegmentSum',
    'rows left out',
    [[4, 2]],
    (tf, a) => tf.unsortedSegmentSum(a, ints(tf, [1, -1, 1, 0]), 3),
    'tf.math.unsorted_segment_sum(a, [1, -1, 1, 0], 3)',
  ),
  sq(
    'split',
    'in parts of different size',
    [[5, 2]],
    (tf, a) => tf.mul(tf.split(a, [2, 3])[1], 2),
    'tf.split(a, [2, 3])[1] * 2',
  ),
  sq(
    'split',
    'all parts',
    [[4, 2]],
    (tf, a) => {
      const [p, q] = tf.split(a, 2);
      return tf.mul(p, q);
    },
    'tf.multiply(*tf.split(a, 2))',
  ),
  sq(
    'unstack',
    '',
    [[2, 3]],
    (tf, a) => {
      const [p, q] = tf.unstack(a);
      return tf.mul(p, q);
    },
    'tf.multiply(*tf.unstack(a))',
  ),
  sq('unstack', 'the last axis', [[2, 3]], (tf, a) => tf.unstack(a, -1)[2], 'tf.unstack(a, axis=-1)[2]'),
];
