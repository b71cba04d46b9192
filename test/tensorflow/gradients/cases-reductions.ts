import { make } from './builders.ts';
import type { GradientCase, Input, Loose } from './case.ts';

/** Reductions, running sums and products, and products of matrices. */

const axes: [string, number | number[] | undefined, boolean, string][] = [
  ['all', undefined, false, 'None'],
  ['axis 0', 0, false, '0'],
  ['the last axis, kept', -1, true, '-1'],
  ['axes 0 and 2', [0, 2], false, '[0, 2]'],
  ['axes 2 and 1, kept', [2, 1], true, '[2, 1]'],
];
const reductions = (['sum', 'mean', 'max', 'min', 'prod', 'logSumExp'] as const).flatMap((op) =>
  axes.map(([name, axis, keepDims, python]) => ({
    ...make(
      op,
      name,
      [{ shape: [2, 3, 2], low: 0.5, high: 2 }],
      (tf, a) => tf.square(tf[op](a, axis, keepDims)),
      `tf.square(tf.reduce_${op === 'logSumExp' ? 'logsumexp' : op}(a, axis=${python}, keepdims=${keepDims ? 'True' : 'False'}))`,
    ),
    spread: op === 'max' || op === 'min',
  })),
);

const ties: GradientCase[] = (['max', 'min'] as const).flatMap((op) =>
  (
    [
      ['all', undefined, 'None'],
      ['axis 1', 1, '1'],
    ] as const
  ).map(([name, axis, python]) => ({
    ...make(
      op,
      `equal numbers, ${name}`,
      [{ shape: [2, 4], values: [3, 1, 3, 1, 5, 5, 5, 0] }],
      (tf, a) => tf[op](a, axis),
      `tf.reduce_${op}(a, axis=${python})`,
    ),
    numeric: false,
    numericSecond: false,
  })),
);

const zeros: Input = { shape: [3, 4], values: [1, 2, 0, 3, 0, 2, 0, 3, 2, 1, 3, 2] };
const single: Input = { shape: [2, 4], values: [1, 2, 0, 3, 0, 2, -1, 3] };
const running = (['cumsum', 'cumprod'] as const).flatMap((op) =>
  [false, true].flatMap((exclusive) =>
    [false, true].flatMap((reverse) =>
      [0, 1].map((axis) =>
        make(
          op,
          `axis ${axis}${exclusive ? ', exclusive' : ''}${reverse ? ', reverse' : ''}`,
          [[3, 2, 2]],
          (tf, a) => tf.square(tf[op](a, axis, exclusive, reverse)),
          `tf.square(tf.math.${op}(a, axis=${axis}, exclusive=${exclusive ? 'True' : 'False'}, reverse=${reverse ? 'True' : 'False'}))`,
        ),
      ),
    ),
  ),
);

const sums: GradientCase[] = [
  ...reductions,
  ...ties,
  ...running,
  // TensorFlow's gradient of a factor 0 is 0: numeric differences judge alone.
  make('cumprod', 'a 0 in each row', [single], (tf, a) => tf.cumprod(a, 1)),
  make('cumprod', 'a 0 in each row, exclusive, reverse', [single], (tf, a) => tf.cumprod(a, 1, true, true)),
  { ...make('cumprod', 'several 0 in a row', [zeros], (tf, a) => tf.cumprod(a, 1)), numericSecond: false },
  {
    // TensorFlow's second gradient of a factor 0 is 0.
    ...make('prod', 'a 0 in each row', [single], (tf, a) => tf.prod(a, 1), 'tf.reduce_prod(a, axis=1)'),
    pythonSecond: false,
  },
  make('prod', 'negative axis', [[2, 3]], (tf, a) => tf.prod(a, -1), 'tf.reduce_prod(a, axis=-1)'),
  make(
    'cumsum',
    'negative axis',
    [[2, 3]],
    (tf, a) => tf.square(tf.cumsum(a, -1)),
    'tf.square(tf.cumsum(a, axis=-1))',
  ),
  make('softmax', '', [[2, 3]], (tf, a) => tf.softmax(a), 'tf.nn.softmax(a)'),
  make('softmax', 'of four dimensions', [[2, 1, 2, 3]], (tf, a) => tf.softmax(a), 'tf.nn.softmax(a)'),
  make('logSoftmax', '', [[2, 3]], (tf, a) => tf.logSoftmax(a), 'tf.nn.log_softmax(a)'),
  make(
    'logSoftmax',
    'times its input',
    [[2, 3]],
    (tf, a) => tf.mul(a, tf.logSoftmax(a)),
    'a * tf.nn.log_softmax(a)',
  ),
  {
    // In Python the mean within the variance has no gradient, which is right for the first order only.
    pythonSecond: false,
    ...make(
      'moments',
      'mean and variance',
      [[3, 2]],
      (tf, a) => {
        const { mean, variance } = tf.moments(a, 0);
        return tf.add(tf.square(mean), tf.square(variance));
      },
      'tf.add(*[tf.square(part) for part in tf.nn.moments(a, [0])])',
    ),
  },
  ...(
    [
      ['euclidean', "'euclidean'"],
      [1, '1'],
      [Infinity, 'np.inf'],
    ] as const
  ).map(([order, python]) =>
    make(
      'norm',
      `order ${order}`,
      [[2, 3]],
      (tf, a) => tf.norm(a, order, 1),
      `tf.norm(a, ord=${python}, axis=1)`,
    ),
  ),
  make(
    'norm',
    'of a matrix',
    [[2, 3]],
    (tf, a) => tf.norm(a, 'fro', [0, 1]),
    "tf.norm(a, ord='fro', axis=[0, 1])",
  ),
  make('euclideanNorm', '', [[2, 3]], (tf, a) => tf.euclideanNorm(a, 1), 'tf.norm(a, axis=1)'),
];

const flags = [false, true];
const products: GradientCase[] = [
  ...(
    [
      ['', [], []],
      ['batches', [2], [2]],
      ['one matrix for all batches', [2], []],
      ['batches that are repeated', [2, 1], [1, 3]],
    ] as const
  ).flatMap(([name, first, second]) =>
    flags.flatMap((left) =>
      flags.map((right) =>
        make(
          'matMul',
          `${name}${left ? ' first transposed' : ''}${right ? ' second transposed' : ''}`.trim(),
          [
            [...first, ...(left ? [3, 2] : [2, 3])],
            [...second, ...(right ? [2, 3] : [3, 2])],
          ],
          (tf, a, b) => tf.square(tf.matMul(a, b, left, right)),
          `tf.square(tf.matmul(a, b, transpose_a=${left ? 'True' : 'False'}, transpose_b=${right ? 'True' : 'False'}))`,
        ),
      ),
    ),
  ),
  make('dot', 'vectors', [[3], [3]], (tf, a, b) => tf.dot(a, b), 'tf.tensordot(a, b, 1)'),
  make('dot', 'matrix and vector', [[2, 3], [3]], (tf, a, b) => tf.dot(a, b), 'tf.linalg.matvec(a, b)'),
  make('outerProduct', '', [[2], [3]], (tf, a, b) => tf.outerProduct(a, b), 'tf.einsum("i,j->ij", a, b)'),
  ...(
    [
      ['ij,jk->ik', [2, 3], [3, 2]],
      ['ij->ji', [2, 3]],
      ['ij->i', [2, 3]],
      ['ij->', [2, 3]],
      ['ij,ij->', [2, 3], [2, 3]],
      ['ij,j->i', [2, 3], [3]],
      ['i,j->ij', [2], [3]],
      ['bij,bjk->bik', [2, 2, 3], [2, 3, 2]],
      ['bij,jk->bk', [2, 2, 3], [3, 2]],
      ['ijk,k->ji', [2, 3, 2], [2]],
      ['ij,kl->ik', [2, 3], [2, 2]],
      ['ii->', [3, 3]],
      ['ii->i', [3, 3]],
      ['iij->ji', [2, 2, 3]],
      ['...ij,...jk->...ik', [2, 2, 3], [2, 3, 2]],
      ['...ij,...jk->...ik', [2, 1, 2, 3], [3, 3, 2]],
      ['i...->...', [2, 3]],
      ['ij,jk,kl->il', [2, 3], [3, 2], [2, 2]],
      ['ij,ij,jk->k', [2, 3], [2, 3], [3, 2]],
    ] as const
  ).map(([equation, ...inputs]) =>
    make(
      'einsum',
      `${equation} of ${inputs.map((shape) => `[${shape.join()}]`).join(' and ')}`,
      inputs.map((shape) => [...shape]),
      (tf, ...all) => tf.square(tf.einsum(equation, ...all)),
      `tf.square(tf.einsum("${equation}", ${['a', 'b', 'c'].slice(0, inputs.length).join(', ')}))`,
    ),
  ),
  ...(
    [
      [[3, 3], false],
      [[4, 2], false],
      [[2, 4], false],
      [[2, 2, 3], false],
      [[3, 3], true],
      [[2, 3], true],
    ] as const
  ).map(([shape, full]) =>
    make(
      'linalg.qr',
      `of [${shape.join()}]${full ? ', full' : ''}`,
      [[...shape]],
      (tf, a) =>
        tf.concat(
          tf.linalg.qr(a, full).map((part: Loose) => tf.reshape(part, [-1])),
          0,
        ),
      `tf.concat([tf.reshape(part, [-1]) for part in tf.linalg.qr(a, full_matrices=${full ? 'True' : 'False'})], 0)`,
    ),
  ),
  // Away from where a sign turns round.
  make(
    'linalg.qr',
    'of [2,3,2]',
    [[2, 3, 2]],
    (tf, a) =>
      tf.linalg.qr(
        tf.add(tf.mul(a, 0.3), [
          [3, 0],
          [1, 2],
          [0, 1],
        ]),
      )[0],
    'tf.linalg.qr(a * 0.3 + [[3.0, 0.0], [1.0, 2.0], [0.0, 1.0]])[0]',
  ),
  // TensorFlow has no gradient of all of q.
  make('linalg.qr', 'of [2,3,2], full', [[2, 3, 2]], (tf, a) => {
    const [q, r] = tf.linalg.qr(
      tf.add(tf.mul(a, 0.3), [
        [3, 0],
        [1, 2],
        [0, 1],
      ]),
      true,
    );
    return tf.matMul(q, tf.square(r));
  }),
  make('linalg.gramSchmidt', '', [[2, 3]], (tf, a) => tf.linalg.gramSchmidt(a)),
  make(
    'linalg.bandPart',
    '',
    [[3, 3]],
    (tf, a) => tf.square(tf.linalg.bandPart(a, 1, 0)),
    'tf.square(tf.linalg.band_part(a, 1, 0))',
  ),
  make(
    'linalg.bandPart',
    'in batches',
    [[2, 2, 3]],
    (tf, a) => tf.square(tf.linalg.bandPart(a, 0, -1)),
    'tf.square(tf.linalg.band_part(a, 0, -1))',
  ),
];

export const reductionCases: GradientCase[] = [...sums, ...products];
