import type { GradientCase, Input, Loose } from './case.ts';

/** Functions of single numbers and of two, with broadcasting, and at the places where they have a kink. */

const x: Input = { shape: [2, 3] };
const within = (low: number, high: number): Input => ({ shape: [2, 3], low, high });
const at = (...values: number[]): Input => ({ shape: [values.length], values });

type Run = GradientCase['run'];
const one = (
  op: string,
  python: string | undefined,
  input = x,
  more: Partial<GradientCase> = {},
): GradientCase => ({
  op,
  name: '',
  inputs: [input],
  run: (tf: Loose, a: Loose) => tf[op](a),
  ...(python === undefined ? {} : { python: `${python}(a)` }),
  ...more,
});

const unary: GradientCase[] = [
  one('abs', 'tf.abs'),
  one('acos', 'tf.acos', within(-0.9, 0.9)),
  one('acosh', 'tf.acosh', within(1.2, 3)),
  one('asin', 'tf.asin', within(-0.9, 0.9)),
  one('asinh', 'tf.asinh'),
  one('atan', 'tf.atan'),
  one('atanh', 'tf.atanh', within(-0.8, 0.8)),
  one('ceil', 'tf.math.ceil'),
  one('clone', 'tf.identity'),
  one('cos', 'tf.cos'),
  one('cosh', 'tf.cosh'),
  one('elu', 'tf.nn.elu'),
  one('erf', 'tf.math.erf'),
  one('exp', 'tf.exp'),
  one('expm1', 'tf.math.expm1'),
  one('floor', 'tf.floor'),
  one('log', 'tf.math.log', within(0.5, 3)),
  one('log1p', 'tf.math.log1p', within(-0.5, 3)),
  one('logSigmoid', 'tf.math.log_sigmoid'),
  one('neg', 'tf.negative'),
  one('reciprocal', 'tf.math.reciprocal', within(0.5, 3)),
  one('relu', 'tf.nn.relu'),
  one('relu6', 'tf.nn.relu6', within(-3, 9)),
  one('round', 'tf.round'),
  one('rsqrt', 'tf.math.rsqrt', within(0.5, 3)),
  one('selu', 'tf.nn.selu'),
  one('sigmoid', 'tf.sigmoid'),
  one('sign', 'tf.sign'),
  one('sin', 'tf.sin'),
  one('sinh', 'tf.sinh'),
  one('softplus', 'tf.math.softplus'),
  one('sqrt', 'tf.sqrt', within(0.5, 3)),
  one('square', 'tf.square'),
  one('step', undefined),
  one('tan', 'tf.tan', within(-1, 1)),
  one('tanh', 'tf.tanh'),
  one('onesLike', 'tf.ones_like'),
  one('zerosLike', 'tf.zeros_like'),
  ...['isNaN', 'isInf', 'isFinite'].map((op) =>
    one(op, undefined, x, { run: (tf: Loose, a: Loose) => tf.where(tf[op](a), tf.square(a), tf.exp(a)) }),
  ),
  one('leakyRelu', undefined, x, { python: 'tf.nn.leaky_relu(a, 0.2)' }),
  one('leakyRelu', undefined, x, {
    name: 'negative slope',
    run: (tf: Loose, a: Loose) => tf.leakyRelu(a, -0.5),
    // TensorFlow's op for a LeakyRelu with such a slope is not max(x, slope * x), which Python computes without it.
    python: 'tf.where(a > 0, a, -0.5 * a)',
  }),
  one('clipByValue', undefined, x, {
    run: (tf: Loose, a: Loose) => tf.clipByValue(a, -1, 1),
    python: 'tf.clip_by_value(a, -1.0, 1.0)',
  }),
  one('cast', undefined, x, {
    name: 'to whole numbers',
    run: (tf: Loose, a: Loose) => tf.cast(tf.cast(a, 'int32'), 'float32'),
  }),
  one('cast', undefined, x, {
    name: 'to complex numbers',
    run: (tf: Loose, a: Loose) => tf.real(tf.square(tf.cast(a, 'complex64'))),
    python: 'tf.math.real(tf.square(tf.cast(a, tf.complex64)))',
  }),
];

/** Where functions have a kink: TensorFlow's choice. */
const atKinks: GradientCase[] = [
  one('abs', 'tf.abs', at(-1, 0, 2)),
  one('relu', 'tf.nn.relu', at(-1, 0, 2)),
  one('relu6', 'tf.nn.relu6', at(0, 3, 6, 7)),
  one('elu', 'tf.nn.elu', at(-1, 0, 2)),
  one('selu', 'tf.nn.selu', at(-1, 0, 2)),
  one('softplus', 'tf.math.softplus', at(-40, 0, 40)),
  one('logSigmoid', 'tf.math.log_sigmoid', at(-40, 0, 40)),
  one('leakyRelu', undefined, at(-1, 0, 2), { python: 'tf.nn.leaky_relu(a, 0.2)' }),
  one('prelu', undefined, at(-1, 0, 2), {
    run: (tf: Loose, a: Loose) => tf.prelu(a, 0.2),
    python: 'tf.where(a > 0, a, 0.2 * a)',
  }),
  one('clipByValue', undefined, at(-2, -1, 0, 1, 2), {
    run: (tf: Loose, a: Loose) => tf.clipByValue(a, -1, 1),
    python: 'tf.clip_by_value(a, -1.0, 1.0)',
  }),
  one('sqrt', undefined, at(0, 4), {
    name: 'not chosen where its slope is infinite',
    run: (tf: Loose, a: Loose) => tf.where(tf.greater(a, 0), tf.sqrt(a), 0),
    python: 'tf.where(a > 0, tf.sqrt(a), 0.0)',
    pythonSecond: false,
  }),
  one('rsqrt', undefined, at(0, 4), {
    name: 'not chosen where its slope is infinite',
    run: (tf: Loose, a: Loose) => tf.where(tf.greater(a, 0), tf.rsqrt(a), 0),
    python: 'tf.where(a > 0, tf.math.rsqrt(a), 0.0)',
    pythonSecond: false,
  }),
  one('where', undefined, at(0, 1), {
    name: 'the branch that is not chosen overflows',
    run: (tf: Loose, a: Loose) => tf.where(tf.less(a, 0.5), a, tf.mul(a, a)),
    python: 'tf.where(a < 0.5, a, a * a)',
  }),
  ...(['maximum', 'minimum'] as const).map((op): GradientCase => ({
    op,
    name: 'equal numbers',
    inputs: [at(1, 2, 3), at(1, 3, 2)],
    run: (tf, a, b) => tf[op](a, b),
    python: `tf.${op}(a, b)`,
    numeric: false,
    numericSecond: false,
  })),
  {
    op: 'pow',
    name: 'whole powers of 0 and of numbers below it',
    inputs: [at(0, 0, -2, -2), at(2, 3, 2, 3)],
    run: (tf, a, b) => tf.pow(a, b),
    python: 'tf.pow(a, b)',
    numeric: false,
    numericSecond: false,
  },
  {
    op: 'pow',
    name: 'x to the power of 0 at 0',
    inputs: [at(0, 1)],
    run: (tf, a) => tf.pow(a, tf.tensor1d([0, 0])),
  },
  {
    op: 'divNoNan',
    name: 'by 0',
    inputs: [at(1, 2, 3), at(0, 2, 0)],
    run: (tf, a, b) => tf.divNoNan(a, b),
    python: 'tf.math.divide_no_nan(a, b)',
    numeric: false,
    numericSecond: false,
  },
];
const kinks = atKinks.map((one): GradientCase => ({
  numeric: false,
  numericSecond: false,
  ...one,
  name: one.name === '' ? 'at its kinks' : one.name,
}));

const shapes: [string, number[], number[]][] = [
  ['', [2, 3], [2, 3]],
  ['a row', [2, 3], [3]],
  ['a number', [2, 3], []],
  ['a row on a column', [2, 1], [1, 3]],
];
const pairs: [string, string, Run, number, number][] = [
  ['add', 'a + b', (tf, a, b) => tf.add(a, b), -2, 2],
  ['sub', 'a - b', (tf, a, b) => tf.sub(a, b), -2, 2],
  ['mul', 'a * b', (tf, a, b) => tf.mul(a, b), -2, 2],
  ['div', 'a / b', (tf, a, b) => tf.div(a, b), 0.6, 2],
  ['divNoNan', 'tf.math.divide_no_nan(a, b)', (tf, a, b) => tf.divNoNan(a, b), 0.6, 2],
  ['squaredDifference', 'tf.math.squared_difference(a, b)', (tf, a, b) => tf.squaredDifference(a, b), -2, 2],
  ['maximum', 'tf.maximum(a, b)', (tf, a, b) => tf.maximum(a, b), -2, 2],
  ['minimum', 'tf.minimum(a, b)', (tf, a, b) => tf.minimum(a, b), -2, 2],
  ['atan2', 'tf.atan2(a, b)', (tf, a, b) => tf.atan2(a, b), 0.5, 2],
  ['mod', 'tf.math.floormod(a, b)', (tf, a, b) => tf.mod(a, b), 0.5, 3],
  ['floorDiv', '', (tf, a, b) => tf.floorDiv(a, b), 0.5, 3],
  ['pow', 'tf.pow(a, b)', (tf, a, b) => tf.pow(a, b), 0.5, 2],
  ['prelu', 'tf.where(a > 0, a, b * a)', (tf, a, b) => tf.prelu(a, b), -2, 2],
  ['where', 'tf.where(a > b, a * a, b)', (tf, a, b) => tf.where(tf.greater(a, b), tf.square(a), b), -2, 2],
];
const binary = pairs.flatMap(([op, python, run, low, high]) =>
  shapes.map(([name, first, second]): GradientCase => ({
    op,
    name,
    inputs: [
      { shape: first, low, high },
      { shape: second, low, high },
    ],
    run,
    ...(['maximum', 'minimum', 'where', 'prelu'].includes(op) ? { spread: true } : {}),
    // A quotient that becomes whole is a jump.
    ...(['mod', 'floorDiv'].includes(op)
      ? { numeric: op === 'mod' && name === '', numericSecond: false }
      : {}),
    ...(python === '' ? {} : { python }),
  })),
);

/** Truth values stop what flows back, and do not get in its way. */
const truths: GradientCase[] = [
  ...['equal', 'greater', 'greaterEqual', 'less', 'lessEqual', 'notEqual'].map((op): GradientCase => ({
    op,
    name: 'chooses',
    inputs: [x, { shape: [3] }],
    run: (tf, a, b) => tf.where(tf[op](a, b), tf.square(a), tf.exp(tf.add(a, b))),
  })),
  ...['logicalAnd', 'logicalOr', 'logicalXor'].map((op): GradientCase => ({
    op,
    name: 'chooses',
    inputs: [x, { shape: [3] }],
    run: (tf, a, b) => tf.where(tf[op](tf.greater(a, 0), tf.greater(b, 0)), tf.square(a), tf.exp(a)),
  })),
  one('logicalNot', undefined, x, {
    name: 'chooses',
    run: (tf: Loose, a: Loose) => tf.where(tf.logicalNot(tf.greater(a, 0)), tf.square(a), tf.exp(a)),
  }),
  ...['all', 'any'].map((op) =>
    one(op, undefined, x, {
      name: 'chooses',
      run: (tf: Loose, a: Loose) => tf.where(tf[op](tf.greater(a, 0), 0), tf.square(a), tf.exp(a)),
    }),
  ),
  one('bitwiseAnd', undefined, x, {
    name: 'of whole numbers',
    run: (tf: Loose, a: Loose) => {
      const whole = tf.cast(a, 'int32');
      return tf.mul(tf.square(a), tf.cast(tf.bitwiseAnd(whole, whole), 'float32'));
    },
  }),
  ...['argMax', 'argMin'].map((op) =>
    one(op, undefined, x, {
      name: 'gathers',
      run: (tf: Loose, a: Loose) => tf.gather(tf.square(a), tf[op](a, 1), 1),
    }),
  ),
  one('oneHot', undefined, x, {
    name: 'of the largest',
    run: (tf: Loose, a: Loose) => tf.mul(tf.square(a), tf.oneHot(tf.argMax(a, 1), 3)),
  }),
];

const constants = truths.map((one): GradientCase => ({ ...one, constant: true }));

const others: GradientCase[] = [
  {
    op: 'addN',
    name: '',
    inputs: [x, x, x],
    run: (tf, a, b, c) => tf.square(tf.addN([a, b, c])),
    python: 'tf.square(tf.add_n([a, b, c]))',
  },
  {
    op: 'dropout',
    name: 'with a seed',
    inputs: [x],
    run: (tf, a) => tf.dropout(tf.square(a), 0.5, undefined, 3),
  },
  one('ensureShape', undefined, x, { run: (tf: Loose, a: Loose) => tf.ensureShape(tf.square(a), [2, 3]) }),
  {
    op: 'movingAverage',
    name: '',
    inputs: [x, x],
    run: (tf, a, b) => tf.movingAverage(tf.square(a), b, 0.9, undefined, false),
  },
];

export const elementwise: GradientCase[] = [...unary, ...kinks, ...binary, ...constants, ...others];
