import { ints, make, sq } from './builders.ts';
import type { GradientCase, Input, Loose } from './case.ts';

/** Losses, sparse and ragged tensors, and cells. */

const weights: Input = { shape: [2, 3], low: 0.2, high: 1 };
const chance: Input = { shape: [2, 3], low: 0.1, high: 0.9 };
const losses: GradientCase[] = [
  ...['absoluteDifference', 'meanSquaredError', 'huberLoss', 'hingeLoss', 'sigmoidCrossEntropy'].map((op) =>
    make(`losses.${op}`, 'with weights', [chance, [2, 3], weights], (tf, a, b, c) => tf.losses[op](a, b, c)),
  ),
  make('losses.logLoss', 'with weights', [chance, chance, weights], (tf, a, b, c) =>
    tf.losses.logLoss(a, b, c),
  ),
  make(
    'losses.cosineDistance',
    '',
    [
      [2, 3],
      [2, 3],
    ],
    (tf, a, b) => tf.losses.cosineDistance(a, b, 1),
  ),
  make('losses.computeWeightedLoss', '', [[2, 3], weights], (tf, a, b) =>
    tf.losses.computeWeightedLoss(tf.square(a), b),
  ),
  make(
    'losses.softmaxCrossEntropy',
    '',
    [[2, 3]],
    (tf, a) =>
      tf.losses.softmaxCrossEntropy(
        tf.tensor2d([
          [0.2, 0.3, 0.5],
          [0, 1, 0],
        ]),
        a,
      ),
    'tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]], a))',
  ),
  make(
    'losses.softmaxCrossEntropy',
    'the labels',
    [chance],
    (tf, a) =>
      tf.losses.softmaxCrossEntropy(
        a,
        tf.tensor2d([
          [1, 2, 3],
          [0.5, 0, -1],
        ]),
      ),
    'tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(a, [[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]]))',
  ),
];

const sparse: GradientCase[] = [
  sq(
    'sparse.sparseSegmentSum',
    '',
    [[4, 2]],
    (tf, a) => tf.sparse.sparseSegmentSum(a, ints(tf, [3, 0, 3]), ints(tf, [0, 0, 1])),
    'tf.sparse.segment_sum(a, [3, 0, 3], [0, 0, 1])',
  ),
  sq(
    'sparse.sparseSegmentMean',
    '',
    [[4, 2]],
    (tf, a) => tf.sparse.sparseSegmentMean(a, ints(tf, [3, 0, 3]), ints(tf, [0, 0, 1])),
    'tf.sparse.segment_mean(a, [3, 0, 3], [0, 0, 1])',
  ),
  sq(
    'sparse.sparseFillEmptyRows',
    '',
    [[3], []],
    (tf, a, b) =>
      tf.sparse.sparseFillEmptyRows(
        ints(tf, [
          [0, 1],
          [2, 0],
          [2, 1],
        ]),
        a,
        ints(tf, [4, 2]),
        b,
      ).outputValues,
  ),
  sq('denseBincount', 'weights', [[4]], (tf, a) => tf.denseBincount(ints(tf, [1, 3, 1, 7]), a, 5)),
  sq('denseBincount', 'weights of rows', [[2, 3]], (tf, a) =>
    tf.denseBincount(
      ints(tf, [
        [0, 2, 2],
        [1, 1, 6],
      ]),
      a,
      4,
    ),
  ),
  sq('bincount', 'weights', [[4]], (tf, a) => tf.bincount(ints(tf, [1, 3, 1, 2]), a, 5)),
  sq(
    'raggedGather',
    '',
    [[5, 2]],
    (tf, a) => tf.raggedGather([ints(tf, [0, 2, 3, 5])], a, ints(tf, [2, 0, 2]), 1).outputDenseValues,
  ),
  sq('raggedTensorToTensor', '', [[4], []], (tf, a, b) =>
    tf.raggedTensorToTensor(
      ints(tf, [3, 3]),
      a,
      b,
      [ints(tf, 3), ints(tf, [0, 0, 2, 2])],
      ['FIRST_DIM_SIZE', 'VALUE_ROWIDS'],
    ),
  ),
  {
    spread: true,
    ...make(
      'maxPoolWithArgmax',
      '',
      [[2, 4, 4, 1]],
      (tf, a) => tf.square(tf.maxPoolWithArgmax(a, 2, 2, 'valid').result),
      'tf.square(tf.nn.max_pool_with_argmax(a, 2, 2, "VALID").output)',
    ),
  },
  {
    spread: true,
    ...make(
      'maxPoolWithArgmax',
      'batch in the index',
      [[2, 4, 4, 2]],
      (tf, a) => tf.square(tf.maxPoolWithArgmax(a, 2, 1, 'same', true).result),
      'tf.square(tf.nn.max_pool_with_argmax(a, 2, 1, "SAME", include_batch_in_index=True).output)',
    ),
  },
  ...['lowerBound', 'upperBound', 'searchSorted'].map((op) =>
    sq(op, 'gathers', [[3]], (tf, a) => tf.gather(tf.square(a), tf[op](tf.tensor1d([-1, 0.5]), a))),
  ),
  {
    ...sq('multinomial', 'gathers', [[4]], (tf, a) => tf.gather(tf.square(a), tf.multinomial(a, 3, 7))),
    numeric: false,
    numericSecond: false,
  },
  sq('image.nonMaxSuppression', 'gathers', [[3]], (tf, a) =>
    tf.gather(
      tf.square(a),
      tf.image.nonMaxSuppression(
        tf.tensor2d([
          [0, 0, 1, 1],
          [0, 0, 1, 0.9],
          [0, 2, 1, 3],
        ]),
        a,
        2,
        0.5,
        -5,
      ),
    ),
  ),
  sq('image.nonMaxSuppressionPadded', 'gathers', [[3]], (tf, a) =>
    tf.gather(
      tf.square(a),
      tf.image.nonMaxSuppressionPadded(
        tf.tensor2d([
          [0, 0, 1, 1],
          [0, 0, 1, 0.9],
          [0, 2, 1, 3],
        ]),
        a,
        2,
        0.5,
        -5,
        true,
      ).selectedIndices,
    ),
  ),
];

const cells: GradientCase[] = [
  make('basicLSTMCell', '', [[3, 4], [4], [1, 2], [1, 1], [1, 1]], (tf, kernel, bias, data, c, h) =>
    tf.add(...tf.basicLSTMCell(tf.scalar(1), kernel, bias, data, c, h)),
  ),
  make('multiRNNCell', '', [[3, 4], [4], [1, 2]], (tf, kernel, bias, data) => {
    const cell = (input: Loose, c: Loose, h: Loose) =>
      tf.basicLSTMCell(tf.scalar(1), kernel, bias, input, c, h);
    const [[c], [h]] = tf.multiRNNCell([cell], data, [tf.zeros([1, 1])], [tf.ones([1, 1])]);
    return tf.add(c, h);
  }),
];

/** They read values, or have results whose shape depends on values. */
const EAGER = new Set([
  'image.nonMaxSuppression',
  'multinomial',
  'raggedGather',
  'raggedTensorToTensor',
  'sparse.sparseFillEmptyRows',
  'sparse.sparseSegmentMean',
  'sparse.sparseSegmentSum',
]);

/** They give places, which do not move with small changes. */
const PLACES = new Set([
  'image.nonMaxSuppression',
  'image.nonMaxSuppressionPadded',
  'lowerBound',
  'multinomial',
  'searchSorted',
  'upperBound',
]);

export const lossCases: GradientCase[] = [
  ...losses,
  ...sparse.map((one) => ({
    ...one,
    ...(PLACES.has(one.op) ? { constant: true } : {}),
    ...(EAGER.has(one.op) ? { eager: true } : {}),
  })),
  ...cells,
];
