import { sq } from './builders.ts';
import type { GradientCase } from './case.ts';

/** Ops that put tensors together, pad them, or order their elements in another way. */

export const joinCases: GradientCase[] = [
  sq(
    'concat',
    '',
    [
      [1, 2],
      [2, 2],
    ],
    (tf, a, b) => tf.concat([a, b]),
    'tf.concat([a, b], 0)',
  ),
  sq(
    'concat',
    'the last axis',
    [
      [2, 1],
      [2, 2],
    ],
    (tf, a, b) => tf.concat([a, b], -1),
    'tf.concat([a, b], -1)',
  ),
  sq('concat', 'the same tensor twice', [[2]], (tf, a) => tf.concat([a, a]), 'tf.concat([a, a], 0)'),
  sq('concat1d', '', [[2], [3]], (tf, a, b) => tf.concat1d([a, b]), 'tf.concat([a, b], 0)'),
  sq(
    'concat2d',
    '',
    [
      [2, 1],
      [2, 2],
    ],
    (tf, a, b) => tf.concat2d([a, b], 1),
    'tf.concat([a, b], 1)',
  ),
  sq(
    'concat3d',
    '',
    [
      [2, 1, 2],
      [2, 2, 2],
    ],
    (tf, a, b) => tf.concat3d([a, b], 1),
    'tf.concat([a, b], 1)',
  ),
  sq(
    'concat4d',
    '',
    [
      [1, 2, 1, 2],
      [1, 2, 2, 2],
    ],
    (tf, a, b) => tf.concat4d([a, b], 2),
    'tf.concat([a, b], 2)',
  ),
  sq(
    'stack',
    '',
    [
      [2, 3],
      [2, 3],
    ],
    (tf, a, b) => tf.stack([a, b]),
    'tf.stack([a, b])',
  ),
  sq(
    'stack',
    'axis 1',
    [
      [2, 3],
      [2, 3],
    ],
    (tf, a, b) => tf.stack([a, b], 1),
    'tf.stack([a, b], 1)',
  ),
  sq('tile', 'one dimension', [[3]], (tf, a) => tf.tile(a, [2]), 'tf.tile(a, [2])'),
  sq('tile', 'three dimensions', [[2, 1, 3]], (tf, a) => tf.tile(a, [1, 3, 2]), 'tf.tile(a, [1, 3, 2])'),
  sq(
    'tile',
    'five dimensions',
    [[1, 2, 1, 2, 1]],
    (tf, a) => tf.tile(a, [2, 1, 2, 2, 3]),
    'tf.tile(a, [2, 1, 2, 2, 3])',
  ),
  sq('broadcastTo', '', [[2, 1]], (tf, a) => tf.broadcastTo(a, [3, 2, 2]), 'tf.broadcast_to(a, [3, 2, 2])'),
  sq(
    'meshgrid',
    '',
    [[2], [3]],
    (tf, a, b) => {
      const [p, q] = tf.meshgrid(a, b);
      return tf.mul(p, q);
    },
    'tf.multiply(*tf.meshgrid(a, b))',
  ),
  sq(
    'pad',
    '',
    [[2, 2]],
    (tf, a) =>
      tf.pad(
        a,
        [
          [1, 0],
          [2, 1],
        ],
        3,
      ),
    'tf.pad(a, [[1, 0], [2, 1]], constant_values=3.0)',
  ),
  sq(
    'pad',
    'places taken away',
    [[3, 4]],
    (tf, a) =>
      tf.pad(a, [
        [-1, 2],
        [1, -2],
      ]),
    'tf.pad(a[1:, :2], [[0, 2], [1, 0]])',
  ),
  sq('pad1d', '', [[2]], (tf, a) => tf.pad1d(a, [1, 2]), 'tf.pad(a, [[1, 2]])'),
  sq(
    'pad2d',
    '',
    [[2, 2]],
    (tf, a) =>
      tf.pad2d(a, [
        [1, 0],
        [2, 1],
      ]),
    'tf.pad(a, [[1, 0], [2, 1]])',
  ),
  sq(
    'pad3d',
    '',
    [[2, 2, 1]],
    (tf, a) =>
      tf.pad3d(a, [
        [1, 0],
        [2, 1],
        [0, 1],
      ]),
    'tf.pad(a, [[1, 0], [2, 1], [0, 1]])',
  ),
  sq(
    'pad4d',
    '',
    [[1, 2, 2, 1]],
    (tf, a) =>
      tf.pad4d(a, [
        [0, 0],
        [1, 0],
        [2, 1],
        [0, 1],
      ]),
    'tf.pad(a, [[0, 0], [1, 0], [2, 1], [0, 1]])',
  ),
  ...(['reflect', 'symmetric'] as const).flatMap((mode) =>
    (
      [
        ['both sides', [3], [[1, 1]]],
        ['as far as it goes', [3], [mode === 'reflect' ? [2, 2] : [3, 3]]],
        [
          'one side of each axis',
          [3, 2],
          [
            [0, 2],
            [1, 0],
          ],
        ],
        [
          'three axes',
          [2, 3, 2],
          [
            [1, 1],
            [2, 1],
            [0, 1],
          ],
        ],
        ['nothing', [2], [[0, 0]]],
      ] as const
    ).map(([name, shape, paddings]) =>
      sq(
        'mirrorPad',
        `${mode}, ${name}`,
        [[...shape]],
        (tf, a) => tf.mirrorPad(a, paddings, mode),
        `tf.pad(a, ${JSON.stringify(paddings)}, mode="${mode.toUpperCase()}")`,
      ),
    ),
  ),
  sq('reverse', '', [[2, 3]], (tf, a) => tf.reverse(a, [0, 1]), 'tf.reverse(a, [0, 1])'),
  sq('reverse', 'the last axis', [[2, 3]], (tf, a) => tf.reverse(a, -1), 'tf.reverse(a, [-1])'),
  sq('reverse1d', '', [[3]], (tf, a) => tf.reverse1d(a), 'tf.reverse(a, [0])'),
  sq('reverse2d', '', [[2, 3]], (tf, a) => tf.reverse2d(a, 1), 'tf.reverse(a, [1])'),
  sq('reverse3d', '', [[2, 3, 2]], (tf, a) => tf.reverse3d(a, 1), 'tf.reverse(a, [1])'),
  sq('reverse4d', '', [[1, 2, 3, 2]], (tf, a) => tf.reverse4d(a, [1, 2]), 'tf.reverse(a, [1, 2])'),
  sq('reshape', '', [[2, 3]], (tf, a) => tf.reshape(a, [3, 2]), 'tf.reshape(a, [3, 2])'),
  sq('transpose', '', [[2, 3, 2]], (tf, a) => tf.transpose(a, [2, 0, 1]), 'tf.transpose(a, [2, 0, 1])'),
  sq('expandDims', '', [[2, 3]], (tf, a) => tf.expandDims(a, 1), 'tf.expand_dims(a, 1)'),
  sq('squeeze', '', [[2, 1, 3]], (tf, a) => tf.squeeze(a), 'tf.squeeze(a)'),
  sq('diag', '', [[3]], (tf, a) => tf.diag(a), 'tf.linalg.diag(a)'),
  sq('diag', 'of a matrix', [[2, 3]], (tf, a) => tf.diag(a), 'tf.raw_ops.Diag(diagonal=a)'),
  sq(
    'spaceToBatchND',
    '',
    [[1, 4, 4, 1]],
    (tf, a) =>
      tf.spaceToBatchND(
        a,
        [2, 2],
        [
          [0, 0],
          [1, 1],
        ],
      ),
    'tf.space_to_batch(a, [2, 2], [[0, 0], [1, 1]])',
  ),
  sq(
    'batchToSpaceND',
    '',
    [[4, 2, 2, 1]],
    (tf, a) =>
      tf.batchToSpaceND(
        a,
        [2, 2],
        [
          [0, 1],
          [1, 0],
        ],
      ),
    'tf.batch_to_space(a, [2, 2], [[0, 1], [1, 0]])',
  ),
  sq('depthToSpace', '', [[1, 2, 2, 8]], (tf, a) => tf.depthToSpace(a, 2), 'tf.nn.depth_to_space(a, 2)'),
];
