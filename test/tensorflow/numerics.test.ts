import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { nativeBinding } from './native-binding.ts';

const tf = loadTf();
const binding = nativeBinding();

/** Numbers that repeat from run to run, well away from 0 and from each other. */
function numbers(count: number, low: number, high: number, seed = 1): number[] {
  let state = seed * 7919 + 13;
  return Array.from({ length: count }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return low + ((high - low) * state) / 2_147_483_648;
  });
}

interface Case {
  inputs: { shape: number[]; low?: number; high?: number }[];
  run: (...inputs: Tensor[]) => Tensor;
  /** No gradient, or none that is defined. */
  forwardOnly?: boolean;
  tolerance?: number;
}

const unary = (run: (x: Tensor) => Tensor, low = -2, high = 2, extra: Partial<Case> = {}): Case => ({
  inputs: [{ shape: [2, 3], low, high }],
  run,
  ...extra,
});
const binary = (
  run: (a: Tensor, b: Tensor) => Tensor,
  low = 0.5,
  high = 2,
  extra: Partial<Case> = {},
): Case => ({
  inputs: [
    { shape: [2, 3], low, high },
    { shape: [3], low, high },
  ],
  run,
  ...extra,
});
/** For ops whose gradients in tfjs do not know broadcasting. */
const same = (run: (a: Tensor, b: Tensor) => Tensor): Case => ({
  inputs: [{ shape: [2, 3] }, { shape: [2, 3] }],
  run,
});
const images = { shape: [2, 6, 5, 3] };
const t4 = (x: Tensor) => x as never;

const table: Record<string, Case> = {
  abs: unary((x) => tf.abs(x)),
  acos: unary((x) => tf.acos(x), -0.9, 0.9),
  acosh: unary((x) => tf.acosh(x), 1.1, 3),
  asin: unary((x) => tf.asin(x), -0.9, 0.9),
  asinh: unary((x) => tf.asinh(x)),
  atan: unary((x) => tf.atan(x)),
  atanh: unary((x) => tf.atanh(x), -0.9, 0.9),
  ceil: unary((x) => tf.ceil(x)),
  clipByValue: unary((x) => tf.clipByValue(x, -1, 1)),
  cos: unary((x) => tf.cos(x)),
  cosh: unary((x) => tf.cosh(x)),
  elu: unary((x) => tf.elu(x)),
  erf: unary((x) => tf.erf(x)),
  exp: unary((x) => tf.exp(x)),
  expm1: unary((x) => tf.expm1(x)),
  floor: unary((x) => tf.floor(x)),
  leakyRelu: unary((x) => tf.leakyRelu(x, 0.1)),
  'leakyRelu with a slope of 0': unary((x) => tf.leakyRelu(x, 0)),
  'leakyRelu with a negative slope': unary((x) => tf.leakyRelu(x, -0.3)),
  log: unary((x) => tf.log(x), 0.1, 3),
  log1p: unary((x) => tf.log1p(x), -0.5, 3),
  logSigmoid: unary((x) => tf.logSigmoid(x)),
  neg: unary((x) => tf.neg(x)),
  reciprocal: unary((x) => tf.reciprocal(x), 0.5, 2),
  relu: unary((x) => tf.relu(x)),
  relu6: unary((x) => tf.relu6(x), -3, 9),
  round: unary((x) => tf.round(x)),
  rsqrt: unary((x) => tf.rsqrt(x), 0.5, 2),
  selu: unary((x) => tf.selu(x)),
  sigmoid: unary((x) => tf.sigmoid(x)),
  sign: unary((x) => tf.sign(x)),
  sin: unary((x) => tf.sin(x)),
  sinh: unary((x) => tf.sinh(x)),
  softplus: unary((x) => tf.softplus(x)),
  sqrt: unary((x) => tf.sqrt(x), 0.5, 2),
  square: unary((x) => tf.square(x)),
  step: unary((x) => tf.step(x)),
  tan: unary((x) => tf.tan(x), -1, 1),
  tanh: unary((x) => tf.tanh(x)),
  add: binary((a, b) => tf.add(a, b)),
  sub: binary((a, b) => tf.sub(a, b)),
  mul: binary((a, b) => tf.mul(a, b)),
  div: binary((a, b) => tf.div(a, b)),
  divNoNan: binary((a, b) => tf.divNoNan(a, b), 0.5, 2, { forwardOnly: true }),
  floorDiv: binary((a, b) => tf.floorDiv(a, b), 0.5, 9, { forwardOnly: true }),
  maximum: same((a, b) => tf.maximum(a, b)),
  minimum: same((a, b) => tf.minimum(a, b)),
  mod: binary((a, b) => tf.mod(a, b), 0.5, 9),
  pow: binary((a, b) => tf.pow(a, b)),
  squaredDifference: same((a, b) => tf.squaredDifference(a, b)),
  atan2: binary((a, b) => tf.atan2(a, b)),
  prelu: binary((a, b) => tf.prelu(a, b), -2, 2),
  greater: binary((a, b) => tf.greater(a, b), 0, 1, { forwardOnly: true }),
  lessEqual: binary((a, b) => tf.lessEqual(a, b), 0, 1, { forwardOnly: true }),
  where: same((a, b) => tf.where(tf.tensor2d([1, 0, 1, 0, 0, 1], [2, 3], 'bool'), a, b)),
  matMul: {
    inputs: [{ shape: [4, 3] }, { shape: [3, 5] }],
    run: (a, b) => tf.matMul(a, b),
  },
  'matMul transposed': {
    inputs: [{ shape: [3, 4] }, { shape: [5, 3] }],
    run: (a, b) => tf.matMul(a, b, true, true),
  },
  'matMul batched': {
    inputs: [{ shape: [2, 4, 3] }, { shape: [2, 3, 5] }],
    run: (a, b) => tf.matMul(a, b),
  },
  'fused matMul': {
    inputs: [{ shape: [4, 3] }, { shape: [3, 5] }, { shape: [5] }],
    run: (a, b, bias) =>
      tf.fused.matMul({ a, b, transposeA: false, transposeB: false, bias, activation: 'relu' }),
  },
  einsum: {
    inputs: [{ shape: [2, 3] }, { shape: [3, 4] }],
    run: (a, b) => tf.einsum('ij,jk->ik', a, b),
    forwardOnly: true,
  },
  dot: { inputs: [{ shape: [4] }, { shape: [4] }], run: (a, b) => tf.dot(a, b) },
  sum: unary((x) => tf.sum(x, 1)),
  mean: unary((x) => tf.mean(x, 0)),
  prod: unary((x) => tf.prod(x, 1), 0.5, 2),
  max: unary((x) => tf.max(x, 1)),
  min: unary((x) => tf.min(x, 0)),
  logSumExp: unary((x) => tf.logSumExp(x, 1)),
  cumsum: unary((x) => tf.cumsum(x, 1, true, true)),
  argMax: unary((x) => tf.argMax(x, 1), -2, 2, { forwardOnly: true }),
  topk: unary((x) => tf.topk(x, 2).values, -2, 2, { forwardOnly: true }),
  softmax: unary((x) => tf.softmax(x)),
  logSoftmax: unary((x) => tf.logSoftmax(x)),
  concat: binary((a, b) => tf.concat([a, tf.reshape(b, [1, 3])], 0)),
  stack: unary((x) => tf.stack([x, tf.square(x)], 1)),
  unstack: unary((x) => tf.unstack(x, 1)[1] as Tensor),
  'unstack into one': unary((x) => tf.square(tf.unstack(tf.reshape(x, [1, 6]))[0] as Tensor)),
  'split into one': unary((x) => tf.square(tf.split(x, 1, 1)[0] as Tensor)),
  'a gradient through a comparison': unary((x) => tf.mul(x, tf.cast(tf.greater(x, 0.3), 'float32'))),
  split: unary((x) => tf.split(x, [1, 2], 1)[1] as Tensor),
  slice: unary((x) => tf.slice(x, [0, 1], [2, 2])),
  stridedSlice: unary((x) => tf.stridedSlice(x, [0, 2], [2, 0], [1, -1]), -2, 2, { forwardOnly: true }),
  pad: unary((x) =>
    tf.pad(
      x,
      [
        [1, 0],
        [0, 2],
      ],
      7,
    ),
  ),
  mirrorPad: unary(
    (x) =>
      tf.mirrorPad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        'reflect',
      ),
    -2,
    2,
    { forwardOnly: true },
  ),
  tile: unary((x) => tf.tile(x, [2, 3])),
  reverse: unary((x) => tf.reverse(x, 1)),
  transpose: unary((x) => tf.transpose(x)),
  reshape: unary((x) => tf.reshape(x, [3, 2])),
  expandDims: unary((x) => tf.expandDims(x, 1)),
  gather: unary((x) => tf.gather(x, tf.tensor1d([2, 0, 2], 'int32'), 1)),
  oneHot: unary((x) => tf.oneHot(tf.cast(tf.abs(tf.round(x)), 'int32'), 4), -2, 2, { forwardOnly: true }),
  unsortedSegmentSum: unary((x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 1], 'int32'), 3)),
  conv2d: {
    inputs: [images, { shape: [3, 2, 3, 4] }],
    run: (x, filter) => tf.conv2d(t4(x), t4(filter), [2, 1], 'same'),
  },
  'conv2d valid': {
    inputs: [images, { shape: [3, 3, 3, 2] }],
    run: (x, filter) => tf.conv2d(t4(x), t4(filter), 1, 'valid'),
  },
  'fused conv2d': {
    inputs: [images, { shape: [3, 3, 3, 2] }, { shape: [2] }],
    run: (x, filter, bias) =>
      tf.fused.conv2d({ x: t4(x), filter: t4(filter), strides: 1, pad: 'same', bias, activation: 'relu' }),
  },
  'fused conv2d, channels first': {
    inputs: [{ shape: [2, 3, 6, 5] }, { shape: [3, 3, 3, 2] }, { shape: [2] }, { shape: [2] }],
    run: (x, filter, bias, preluActivationWeights) =>
      tf.fused.conv2d({
        x: t4(x),
        filter: t4(filter),
        strides: 1,
        pad: 'same',
        dataFormat: 'NCHW',
        bias,
        activation: 'prelu',
        preluActivationWeights,
      }),
    forwardOnly: true,
  },
  conv2dTranspose: {
    inputs: [{ shape: [2, 3, 3, 2] }, { shape: [3, 3, 4, 2] }],
    run: (x, filter) => tf.conv2dTranspose(t4(x), t4(filter), [2, 6, 6, 4], 2, 'same'),
  },
  conv1d: {
    inputs: [{ shape: [2, 7, 3] }, { shape: [3, 3, 4] }],
    run: (x, filter) => tf.conv1d(t4(x), t4(filter), 1, 'same'),
  },
  conv3d: {
    inputs: [{ shape: [1, 4, 4, 4, 2] }, { shape: [2, 2, 2, 2, 3] }],
    run: (x, filter) => tf.conv3d(t4(x), t4(filter), 1, 'same'),
  },
  depthwiseConv2d: {
    inputs: [images, { shape: [3, 3, 3, 2] }],
    run: (x, filter) => tf.depthwiseConv2d(t4(x), t4(filter), 1, 'same'),
  },
  separableConv2d: {
    inputs: [images, { shape: [3, 3, 3, 2] }, { shape: [1, 1, 6, 4] }],
    run: (x, depth, point) => tf.separableConv2d(t4(x), t4(depth), t4(point), 1, 'same'),
  },
  maxPool: { inputs: [images], run: (x) => tf.maxPool(t4(x), 2, 2, 'same') },
  avgPool: { inputs: [images], run: (x) => tf.avgPool(t4(x), [3, 2], [2, 2], 'valid') },
  batchNorm: {
    inputs: [
      images,
      { shape: [3], low: 0, high: 1 },
      { shape: [3], low: 0.5, high: 2 },
      { shape: [3] },
      { shape: [3] },
    ],
    run: (x, mean, variance, offset, scale) => tf.batchNorm(x, mean, variance, offset, scale, 1e-3),
  },
  localResponseNormalization: {
    inputs: [images],
    run: (x) => tf.localResponseNormalization(t4(x), 2, 1, 0.5, 0.7),
  },
  // tfjs's own backend swaps height and width in this gradient: a square.
  resizeBilinear: { inputs: [{ shape: [2, 5, 5, 3] }], run: (x) => tf.image.resizeBilinear(t4(x), [9, 8]) },
  resizeNearestNeighbor: { inputs: [images], run: (x) => tf.image.resizeNearestNeighbor(t4(x), [3, 10]) },
  cropAndResize: {
    inputs: [images],
    run: (x) =>
      tf.image.cropAndResize(t4(x), tf.tensor2d([[0.1, 0.2, 0.8, 0.9]]), tf.tensor1d([1], 'int32'), [3, 3]),
    forwardOnly: true,
  },
  depthToSpace: {
    inputs: [{ shape: [1, 2, 2, 8] }],
    run: (x) => tf.depthToSpace(t4(x), 2),
    forwardOnly: true,
  },
  spaceToBatchND: {
    inputs: [{ shape: [1, 4, 4, 2] }],
    run: (x) =>
      tf.spaceToBatchND(
        x,
        [2, 2],
        [
          [0, 0],
          [0, 0],
        ],
      ),
  },
  moments: { inputs: [images], run: (x) => tf.moments(x, [0, 1, 2]).variance },
  huberLoss: binary((a, b) => tf.losses.huberLoss(tf.tile(tf.reshape(b, [1, 3]), [2, 1]), a)),
  softmaxCrossEntropy: binary((a, b) =>
    tf.losses.softmaxCrossEntropy(tf.softmax(tf.tile(tf.reshape(b, [1, 3]), [2, 1])), a),
  ),
  sigmoidCrossEntropy: binary((a, b) =>
    tf.losses.sigmoidCrossEntropy(tf.tile(tf.reshape(b, [1, 3]), [2, 1]), a),
  ),
  fft: unary((x) => tf.abs(tf.fft(tf.complex(x, tf.square(x)))), -2, 2, { forwardOnly: true }),
  bincount: unary(
    (x) => tf.bincount(tf.tensor1d([1, 2, 2], 'int32'), tf.tensor1d([]), 4).add(tf.sum(x)),
    0,
    1,
    {
      forwardOnly: true,
    },
  ),
  'a bias for three axes': {
    inputs: [{ shape: [2, 3, 4] }, { shape: [4] }],
    run: (x, bias) => tf.add(x, bias),
  },
  'a bias for four axes': { inputs: [images, { shape: [3] }], run: (x, bias) => tf.add(x, bias) },
  'a bias for five axes': {
    inputs: [{ shape: [2, 1, 2, 3, 4] }, { shape: [4] }],
    run: (x, bias) => tf.add(x, bias),
  },
  'a bias for six axes': {
    inputs: [{ shape: [1, 2, 1, 2, 3, 4] }, { shape: [4] }],
    run: (x, bias) => tf.add(x, bias),
  },
  'a bias that is not the last axis': {
    inputs: [{ shape: [3, 1] }, { shape: [3] }],
    run: (x, bias) => tf.add(x, bias),
  },
  'a bias before the sum': {
    inputs: [{ shape: [3] }, { shape: [2, 3] }],
    run: (bias, x) => tf.add(bias, x),
  },
  'transposed product': {
    inputs: [{ shape: [4, 2] }, { shape: [3, 4] }],
    run: (a, b) => tf.matMul(t4(a), t4(b), true, true),
  },
  'gather in batches': {
    inputs: [{ shape: [2, 3, 2] }],
    run: (x) =>
      tf.gather(
        x,
        tf.tensor2d(
          [
            [2, 0],
            [1, 1],
          ],
          undefined,
          'int32',
        ),
        1,
        1,
      ),
    forwardOnly: true,
  },
  ...Object.fromEntries(
    (['relu', 'sigmoid', 'tanh', 'softplus', 'leakyRelu'] as const).map((name) => [
      `second gradient of ${name}`,
      unary((x) => tf.grad((y) => tf.mul(tf[name](y), y))(x), 0.5, 2),
    ]),
  ),
};

/** Ops of TensorFlow's own that stand for what tfjs-node composes (src/tfjs/kernels/native.ts). */
const ownOps = [
  'BiasAdd',
  'BiasAddGrad',
  'GatherV2',
  'LeakyReluGrad',
  'MatMul',
  'ReluGrad',
  'SigmoidGrad',
  'SoftplusGrad',
  'TanhGrad',
];

/** Names of the ops that ran on TensorFlow. */
const executed = new Set<string>();

/** Values, and the gradients of a weighted sum of them by every input. */
function evaluate(
  backend: string,
  { inputs, run, forwardOnly }: Case,
): { shape: number[]; values: number[] }[] {
  void tf.setBackend(backend);
  return tf.tidy(() => {
    const tensors = inputs.map(({ shape, low = -1, high = 1 }, i) =>
      tf.tensor(
        numbers(
          shape.reduce((a, b) => a * b, 1),
          low,
          high,
          i + 1,
        ),
        shape,
      ),
    );
    const value = run(...tensors);
    const results = [value];
    if (!forwardOnly) {
      const weights = tf.tensor(numbers(value.size, 0.5, 1.5, 99), value.shape);
      results.push(...tf.grads((...xs) => tf.sum(tf.mul(run(...xs), weights)))(tensors));
    }
    return results.map((tensor) => ({ shape: tensor.shape, values: Array.from(tensor.dataSync()) }));
  });
}

for (const [name, one] of Object.entries(table)) {
  test(`${name} and its gradients equal those of tfjs's own backend`, () => {
    const expected = evaluate('cpu', one);
    binding.observer = { call: (_kind, op) => void executed.add(op) };
    const actual = evaluate('tensorflow', one);
    binding.observer = undefined;
    assert.deepEqual(
      actual.map(({ shape }) => shape),
      expected.map(({ shape }) => shape),
    );
    const tolerance = one.tolerance ?? 1e-5;
    actual.forEach(({ values }, part) => {
      values.forEach((value, i) => {
        const wanted = expected[part]?.values[i] as number;
        const off = Math.abs(value - wanted);
        assert.ok(
          off <= tolerance * Math.max(1, Math.abs(wanted)) || Object.is(value, wanted),
          `${part === 0 ? 'value' : `gradient ${part}`} ${i}: ${value}, not ${wanted}`,
        );
      });
    });
  });
}

test("each of TensorFlow's own ops was compared", () => {
  assert.deepEqual(
    ownOps.filter((op) => !executed.has(op)),
    [],
  );
});
