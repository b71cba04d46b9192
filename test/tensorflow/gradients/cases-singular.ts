import { make } from './builders.ts';
import type { GradientCase, Input, Loose } from './case.ts';

/**
 * Places where a factor, a base, a divisor or a distance is 0, or where extremes are equal: formulas that divide by such a
 * number, or choose with a mask, lose terms of the second order there. Judged by JAX and TensorFlow, since numeric differences
 * mean nothing at a kink.
 */

const at = (...values: number[]): Input => ({ shape: [values.length], values });
const grid = (rows: number, ...values: number[]): Input => ({
  shape: [rows, values.length / rows],
  values,
});

type Run = GradientCase['run'];

interface Reference {
  /** TensorFlow's expression. */
  python?: string;
  /** JAX's, whose gradients are taken instead of TensorFlow's. */
  jax?: string;
  /** Numeric differences mean something, too. */
  smooth?: true;
}

const singular = (
  op: string,
  name: string,
  inputs: Input[],
  run: Run,
  { smooth, ...reference }: Reference,
): GradientCase => ({
  ...make(op, name, inputs, run),
  ...reference,
  ...(smooth === true ? {} : { numeric: false, numericSecond: false }),
});

const factors: [string, Input][] = [
  ['two 0 before a factor', at(0, 0, 3)],
  ['two 0 around a factor', at(0, 2, 0, 3)],
  ['two 0 behind a factor', at(4, 3, 0, 0)],
  ['three 0', at(0, 0, 0)],
  ['a single 0', at(2, 0, 3)],
  ['0 in rows', grid(2, 0, 0, 3, 2, 5, 0, 7, 0)],
];
const products: GradientCase[] = factors.flatMap(([name, input]) => {
  const axis = input.shape.length - 1;
  return [
    singular('prod', name, [input], (tf, a) => tf.prod(a, axis), {
      jax: `jnp.prod(a, ${axis})`,
      smooth: true,
    }),
    ...[false, true].flatMap((exclusive) =>
      [false, true].map((reverse) => {
        const flip = (x: string) => (reverse ? `jnp.flip(${x}, ${axis})` : x);
        const given = exclusive
          ? `jnp.concatenate([jnp.ones_like(${flip('a')}[..., :1]), ${flip('a')}[..., :-1]], ${axis})`
          : flip('a');
        return singular(
          'cumprod',
          `${name}${exclusive ? ', exclusive' : ''}${reverse ? ', reverse' : ''}`,
          [input],
          (tf, a) => tf.cumprod(a, axis, exclusive, reverse),
          { jax: flip(`jnp.cumprod(${given}, ${axis})`), smooth: true },
        );
      }),
    ),
  ];
});

const powers: GradientCase[] = [
  ...[0, 1, 2, 3, 4].map((power) =>
    singular('pow', `0 to the power of ${power}`, [at(0, -1, 2)], (tf, a) => tf.pow(a, power), {
      jax: `a ** ${power}`,
      smooth: true,
    }),
  ),
  ...[1.5, 2.5].map((power) =>
    singular('pow', `0 to the power of ${power}`, [at(0, 2)], (tf, a) => tf.pow(a, power), {
      python: `tf.pow(a, ${power})`,
    }),
  ),
  singular('pow', '0 to the power of a variable', [at(0, 0, 0), at(2, 3, 4)], (tf, a, b) => tf.pow(a, b), {
    python: 'tf.pow(a, b)',
  }),
  singular('pow', 'an exponent of 0', [at(2, 3), at(0, 0)], (tf, a, b) => tf.pow(a, b), {
    jax: 'a ** b',
    smooth: true,
  }),
];

const distances: GradientCase[] = [
  ...(['euclidean', 2] as const).map((order) =>
    singular('norm', `order ${order} with a 0`, [grid(2, 0, 3, 4, 0)], (tf, a) => tf.norm(a, order, 1), {
      jax: 'jnp.sqrt(jnp.sum(a * a, 1))',
      smooth: true,
    }),
  ),
  singular('norm', 'of a matrix with a 0', [grid(2, 0, 3, 4, 0)], (tf, a) => tf.norm(a, 'fro', [0, 1]), {
    jax: 'jnp.sqrt(jnp.sum(a * a))',
    smooth: true,
  }),
  singular('norm', 'order 1 with a 0', [at(0, 3)], (tf, a) => tf.square(tf.norm(a, 1)), {
    python: 'tf.square(tf.norm(a, ord=1))',
  }),
  singular(
    'norm',
    'order Infinity, equal numbers',
    [at(-3, 3, 1)],
    (tf, a) => tf.square(tf.norm(a, Infinity)),
    { python: 'tf.square(tf.norm(a, ord=np.inf))' },
  ),
  // The second order is not finite: NaN in TensorFlow, infinite here.
  {
    ...singular('norm', 'of zeros', [at(0, 0)], (tf, a) => tf.norm(a), { python: 'tf.norm(a)' }),
    pythonSecond: false,
  },
  singular(
    'norm',
    'of a complex matrix',
    [grid(2, 0, 3, 4, 0), grid(2, 1, 2, 0, 5)],
    (tf, a, b) => tf.norm(tf.complex(a, b), 'fro', [0, 1]),
    {
      jax: 'jnp.sqrt(jnp.sum(a * a + b * b))',
      smooth: true,
    },
  ),
  singular('norm', 'of complex numbers', [at(0, 3), at(1, 0)], (tf, a, b) => tf.norm(tf.complex(a, b)), {
    jax: 'jnp.sqrt(jnp.sum(a * a + b * b))',
    smooth: true,
  }),
  singular('euclideanNorm', 'with a 0', [at(0, 3)], (tf, a) => tf.euclideanNorm(a), {
    jax: 'jnp.sqrt(jnp.sum(a * a))',
    smooth: true,
  }),
  singular(
    'squaredDifference',
    'equal numbers',
    [at(1, 2), at(1, 3)],
    (tf, a, b) => tf.squaredDifference(a, b),
    {
      jax: '(a - b) ** 2',
      smooth: true,
    },
  ),
  singular('atan2', 'on the axes', [at(0, 1, 0, -1), at(1, 0, -1, 0)], (tf, a, b) => tf.atan2(a, b), {
    jax: 'jnp.arctan2(a, b)',
  }),
  singular('atan2', 'at the origin', [at(0), at(0)], (tf, a, b) => tf.atan2(a, b), {
    python: 'tf.atan2(a, b)',
  }),
  singular('abs', 'squared at 0', [at(0, 2)], (tf, a) => tf.square(tf.abs(a)), {
    python: 'tf.square(tf.abs(a))',
  }),
  singular('losses.huberLoss', 'no error', [at(1, 2), at(1, 2.5)], (tf, a, b) => tf.losses.huberLoss(a, b), {
    jax: 'jnp.mean(0.5 * (a - b) ** 2)',
    smooth: true,
  }),
  singular(
    'losses.huberLoss',
    'at its bend and beyond',
    [at(1, 3, 1), at(2, 0.5, 1)],
    (tf, a, b) => tf.square(tf.losses.huberLoss(a, b)),
    {
      jax: 'jnp.mean(jnp.where(jnp.abs(a - b) <= 1, 0.5 * (a - b) ** 2, jnp.abs(a - b) - 0.5)) ** 2',
    },
  ),
  singular(
    'losses.cosineDistance',
    'with a 0',
    [at(0, 1), at(1, 0)],
    (tf, a, b) => tf.losses.cosineDistance(a, b, 0),
    {
      jax: '1 - jnp.sum(a * b)',
      smooth: true,
    },
  ),
];

const quotients: GradientCase[] = [
  singular('div', '0 by a number', [at(0, 0), at(2, -3)], (tf, a, b) => tf.div(a, b), {
    jax: 'a / b',
    smooth: true,
  }),
  singular('div', 'by 0', [at(1, 0), at(0, 0)], (tf, a, b) => tf.div(a, b), { python: 'a / b' }),
  singular(
    'divNoNan',
    'by 0, squared',
    [at(1, 2, 0), at(0, 2, 0)],
    (tf, a, b) => tf.square(tf.divNoNan(a, b)),
    {
      python: 'tf.square(tf.math.divide_no_nan(a, b))',
    },
  ),
  singular('reciprocal', 'of 0', [at(0, 2)], (tf, a) => tf.reciprocal(a), {
    python: 'tf.math.reciprocal(a)',
  }),
  singular('mod', '0 by a number', [at(0, 1), at(2, 3)], (tf, a, b) => tf.square(tf.mod(a, b)), {
    python: 'tf.square(tf.math.floormod(a, b))',
  }),
];

const logarithms: GradientCase[] = [
  singular('log1p', 'at 0', [at(0, 1)], (tf, a) => tf.log1p(a), { jax: 'jnp.log1p(a)', smooth: true }),
  singular('log1p', 'at -1', [at(-1)], (tf, a) => tf.log1p(a), { python: 'tf.math.log1p(a)' }),
  singular('expm1', 'at 0', [at(0, 1)], (tf, a) => tf.expm1(a), { jax: 'jnp.expm1(a)', smooth: true }),
  singular('log', 'at 0', [at(0, 1)], (tf, a) => tf.log(a), { python: 'tf.math.log(a)' }),
  singular(
    'log',
    'times its argument, not chosen at 0',
    [at(0, 2)],
    (tf, a) => {
      const positive = tf.greater(a, 0);
      const safe = tf.where(positive, a, 1);
      return tf.where(positive, tf.mul(a, tf.log(safe)), 0);
    },
    { jax: 'jnp.where(a > 0, a * jnp.log(jnp.where(a > 0, a, 1.0)), 0.0)' },
  ),
  singular('logSumExp', 'equal numbers', [at(2, 2, 1)], (tf, a) => tf.logSumExp(a), {
    jax: 'jax.scipy.special.logsumexp(a)',
    smooth: true,
  }),
  singular('logSumExp', 'far apart', [at(200, 0, -200)], (tf, a) => tf.logSumExp(a), {
    jax: 'jax.scipy.special.logsumexp(a)',
  }),
  singular('softmax', 'far apart', [at(200, 0, -200)], (tf, a) => tf.softmax(a), {
    jax: 'jax.nn.softmax(a)',
  }),
  singular('logSoftmax', 'far apart', [at(200, 0, -200)], (tf, a) => tf.logSoftmax(a), {
    jax: 'jax.nn.log_softmax(a)',
  }),
  singular('softplus', 'at 0', [at(0)], (tf, a) => tf.softplus(a), {
    jax: 'jax.nn.softplus(a)',
    smooth: true,
  }),
  singular('logSigmoid', 'at 0', [at(0)], (tf, a) => tf.logSigmoid(a), {
    jax: 'jax.nn.log_sigmoid(a)',
    smooth: true,
  }),
  singular(
    'losses.sigmoidCrossEntropy',
    'logits of 0',
    [at(0, 0, 1, -1), at(0.2, 1, 0, 1)],
    (tf, a, b) => tf.losses.sigmoidCrossEntropy(b, a),
    { jax: 'jnp.mean(jax.nn.softplus(a) - a * b)', smooth: true },
  ),
  singular(
    'losses.sigmoidCrossEntropy',
    'logits far from 0',
    [at(-100, 100, 60), at(0.2, 1, 0)],
    (tf, a, b) => tf.losses.sigmoidCrossEntropy(b, a),
    { python: 'tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=b, logits=a))' },
  ),
  singular(
    'losses.softmaxCrossEntropy',
    'labels of 0, logits far apart',
    [grid(2, 0, 90, -90, 1, 1, 0)],
    (tf, a) =>
      tf.losses.softmaxCrossEntropy(
        tf.tensor2d([
          [0, 1, 0],
          [0.5, 0.5, 0],
        ]),
        a,
      ),
    {
      jax: 'jnp.mean(-jnp.sum(jnp.array([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]) * jax.nn.log_softmax(a), 1))',
    },
  ),
];

const roots: GradientCase[] = [
  singular('sqrt', 'of 0', [at(0, 4)], (tf, a) => tf.sqrt(a), { python: 'tf.sqrt(a)' }),
  {
    ...singular('sqrt', 'of a square at 0', [at(0, 4)], (tf, a) => tf.sqrt(tf.square(a)), {
      python: 'tf.sqrt(tf.square(a))',
    }),
    pythonSecond: false,
  },
  singular('sqrt', 'not chosen at 0', [at(0, 4)], (tf, a) => tf.where(tf.greater(a, 0), tf.sqrt(a), 0), {
    jax: 'jnp.where(a > 0, jnp.sqrt(jnp.where(a > 0, a, 1.0)), 0.0)',
  }),
  singular('rsqrt', 'not chosen at 0', [at(0, 4)], (tf, a) => tf.where(tf.greater(a, 0), tf.rsqrt(a), 0), {
    jax: 'jnp.where(a > 0, 1 / jnp.sqrt(jnp.where(a > 0, a, 1.0)), 0.0)',
  }),
  singular('rsqrt', 'of 0', [at(0, 4)], (tf, a) => tf.rsqrt(a), { python: 'tf.math.rsqrt(a)' }),
  ...(['acos', 'asin', 'atanh'] as const).map((op) =>
    singular(op, 'at the end of its range', [at(1, 0)], (tf, a) => tf[op](a), { python: `tf.${op}(a)` }),
  ),
  singular('acosh', 'at the end of its range', [at(1, 2)], (tf, a) => tf.acosh(a), { python: 'tf.acosh(a)' }),
];

const extremes: GradientCase[] = [
  ...(['max', 'min'] as const).flatMap((op) =>
    [['squared, equal numbers', at(3, 1, 3, 1)] as const, ['squared, all equal', at(2, 2, 2)] as const].map(
      ([name, input]) =>
        singular(op, name, [input], (tf, a) => tf.square(tf[op](a)), {
          python: `tf.square(tf.reduce_${op}(a))`,
        }),
    ),
  ),
  ...(['maximum', 'minimum'] as const).map((op) =>
    singular(op, 'squared, equal numbers', [at(1, 2), at(1, 3)], (tf, a, b) => tf.square(tf[op](a, b)), {
      python: `tf.square(tf.${op}(a, b))`,
    }),
  ),
  singular('topk', 'squared, equal numbers', [at(3, 1, 3, 3)], (tf, a) => tf.square(tf.topk(a, 2).values), {
    python: 'tf.square(tf.math.top_k(a, 2)[0])',
  }),
  singular(
    'maxPool',
    'squared, equal numbers',
    [{ shape: [1, 2, 4, 1], values: [1, 1, 2, 0, 1, 1, 2, 2] }],
    (tf, a) => tf.square(tf.maxPool(a, 2, 2, 'valid')),
    { python: 'tf.square(tf.nn.max_pool2d(a, 2, 2, "VALID"))' },
  ),
  singular('prelu', 'squared at 0', [at(0, -1), at(0.5, 0.5)], (tf, a, b) => tf.square(tf.prelu(a, b)), {
    python: 'tf.square(tf.where(a > 0, a, b * a))',
  }),
  ...(['relu', 'elu', 'selu', 'relu6', 'softplus'] as const).map((op) =>
    singular(op, 'squared at 0', [at(0, -1, 2)], (tf, a) => tf.square(tf[op](a)), {
      python: op === 'softplus' ? 'tf.square(tf.math.softplus(a))' : `tf.square(tf.nn.${op}(a))`,
    }),
  ),
  singular(
    'clipByValue',
    'squared at its ends',
    [at(-1, 1, 0)],
    (tf, a) => tf.square(tf.clipByValue(a, -1, 1)),
    {
      python: 'tf.square(tf.clip_by_value(a, -1.0, 1.0))',
    },
  ),
];

const statistics: GradientCase[] = [
  singular(
    'moments',
    'variance of equal numbers',
    [grid(2, 1, 2, 1, 3)],
    (tf, a) => tf.moments(a, 0).variance,
    { jax: 'jnp.var(a, 0)', smooth: true },
  ),
  singular(
    'batchNorm',
    'equal numbers, variance 0',
    [grid(2, 1, 2, 1, 2), at(2, 3), at(0, 1)],
    (tf: Loose, a, gamma, beta) => {
      const { mean, variance } = tf.moments(a, 0);
      return tf.batchNorm(a, mean, variance, beta, gamma, 0.1);
    },
    {
      jax: '(a - jnp.mean(a, 0)) / jnp.sqrt(jnp.var(a, 0) + 0.1) * b + c',
      smooth: true,
    },
  ),
];

export const singularCases: GradientCase[] = [
  ...products,
  ...powers,
  ...distances,
  ...quotients,
  ...logarithms,
  ...roots,
  ...extremes,
  ...statistics,
];
