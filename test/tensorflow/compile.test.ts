import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { optimizedOps } from '../../src/engines/tensorflow/graph/optimized-graph.ts';
import { SharedFunctions } from '../../src/compile/execution/shared-functions.ts';
import { compile, loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';
import { nativeBinding } from './native-binding.ts';

const tf = loadTf();
const { engine } = tensorflowBackend() as NodeBackend;
const binding = nativeBinding();
const values = (tensor: Tensor) => Array.from(tensor.dataSync());

test('a function is traced at the second call of a kind, and gives the same as eagerly', () => {
  const weights = tf.variable(
    tf.tensor2d([
      [1, 2],
      [3, 4],
    ]),
  );
  const fn = (x: Tensor, scale: number, parts: { bias: Tensor }) => ({
    y: tf
      .matMul(x as never, weights as never)
      .mul(scale)
      .add(parts.bias)
      .relu(),
    sums: [x.sum(), parts.bias.sum()],
    label: 'kept',
  });
  const compiled = compile(fn);
  const x = tf.tensor2d([[1, -2]]);
  const bias = tf.tensor1d([0.5, 0.25]);
  for (let i = 0; i < 4; i++) {
    const expected = fn(x, 2, { bias });
    const actual = compiled(x, 2, { bias });
    assert.deepEqual(values(actual.y), values(expected.y));
    assert.deepEqual(actual.sums.map(values), expected.sums.map(values));
    assert.equal(actual.label, 'kept');
    assert.equal(compiled.traces, i === 0 ? 0 : 1);
    weights.assign(weights.add(1));
  }
  compiled(x, 3, { bias });
  assert.deepEqual(values(compiled(x, 3, { bias }).y), values(fn(x, 3, { bias }).y));
  assert.equal(compiled.traces, 2);
  const wide = tf.tensor2d([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  compiled(wide, 3, { bias });
  assert.deepEqual(compiled(wide, 3, { bias }).y.shape, [3, 2]);
  assert.equal(compiled.traces, 3);
  compiled.dispose();
  assert.deepEqual(values(compiled(x, 2, { bias }).y), values(fn(x, 2, { bias }).y));
});

test('gradients and variables that are assigned may be inside', () => {
  const run = (wrap: (fn: (x: Tensor) => Tensor[]) => (x: Tensor) => Tensor[]) => {
    const v = tf.variable(tf.tensor1d([1, -2, 3]));
    const count = tf.variable(tf.scalar(0));
    const step = wrap((x: Tensor) => {
      count.assign(count.add<Scalar>(1));
      const gradient = tf.grad((w) => w.mul(x).square().sum())(v);
      v.assign(v.sub(gradient.mul(0.1)));
      return [
        gradient,
        tf.grad((w) =>
          tf
            .grad((u) => tf.relu(u).pow(3).sum())(w)
            .sum(),
        )(v),
      ];
    });
    const seen: number[][] = [];
    for (let i = 0; i < 5; i++)
      seen.push(...step(tf.tensor1d([1, i, 2])).map(values), values(v), values(count));
    return seen;
  };
  assert.deepEqual(
    run((fn) => compile(fn)),
    run((fn) => fn),
  );
});

test('random numbers are new at each call, and the same as eagerly', () => {
  const noise = (x: Tensor) => [
    tf.dropout(x, 0.5),
    tf.randomUniform([3], -1, 1),
    tf.randomNormal([2, 2], 5, 0.1),
    tf.truncatedNormal([4]),
    tf.randomUniform([3], 0, 100, 'int32'),
  ];
  const draw = (fn: typeof noise) => {
    setRandomSeed(3);
    return Array.from({ length: 4 }, () => fn(tf.ones([8])).map(values));
  };
  const expected = draw(noise);
  assert.deepEqual(draw(compile(noise)), expected);
  assert.equal(new Set(expected.map((one) => JSON.stringify(one))).size, 4);
  setRandomSeed(4);
  assert.notDeepEqual(noise(tf.ones([8])).map(values), expected[0]);
});

test('random numbers are distributed as they should be', () => {
  const moments = (x: Tensor) => [
    x.mean().arraySync() as number,
    tf.moments(x).variance.sqrt().arraySync() as number,
  ];
  setRandomSeed(1);
  const near = (actual: number[], wanted: number[]) =>
    actual.forEach((value, i) => assert.ok(Math.abs(value - (wanted[i] as number)) < 0.02, actual.join()));
  near(moments(tf.randomUniform([20_000], 2, 4)), [3, 2 / Math.sqrt(12)]);
  near(moments(tf.randomNormal([20_000], 1, 0.5)), [1, 0.5]);
  assert.ok((tf.truncatedNormal([20_000], 0, 1).abs().max().arraySync() as number) <= 2);
  const seeded = () => values(tf.randomUniform([3], 0, 1, 'float32', 42));
  assert.deepEqual(seeded(), seeded());
});

test('a function that reads a value runs eagerly, and the line is named once', () => {
  const said: string[] = [];
  const branches = compile(
    function checksSign(x: Tensor) {
      return (x.sum().arraySync() as number) > 0 ? x.mul(2) : x.neg();
    },
    { say: (line) => said.push(line) },
  );
  const results = [1, -1, 2, -2].map((value) => values(branches(tf.tensor1d([value])))[0]);
  assert.deepEqual(results, [2, 1, 4, 2]);
  assert.equal(said.length, 1);
  assert.match(
    said[0] as string,
    /^checksSign runs eagerly: the value of a tensor is read \(.*compile\.test\..*:\d+:\d+\)\. Results are the same, only slower\.$/,
  );
});

test('an error in a graph is an error, changes no variable, and the next call works', () => {
  const v = tf.variable(tf.tensor1d([1, 2]));
  const fn = compile((indices: Tensor) => {
    v.assign(v.add(1));
    return tf.gather(tf.ones([3, 2]), indices as never).sum();
  });
  const good = tf.tensor1d([0, 1, 2], 'int32');
  fn(good);
  fn(good);
  const before = values(v);
  assert.throws(() => fn(tf.tensor1d([0, 9, 2], 'int32')), {
    code: 'INVALID_ARGUMENT',
    message: /indices\[1\] = 9/,
  });
  assert.deepEqual(values(v), before);
  assert.deepEqual(values(fn(good)), [6]);
  assert.deepEqual(
    values(v),
    before.map((value) => value + 1),
  );
});

test('graphs are bounded, and many traces are said once', () => {
  const said: string[] = [];
  const fn = compile((x: Tensor, n: number) => x.mul(n), { limit: 4, say: (line) => said.push(line) });
  for (let n = 0; n < 10; n++)
    for (let i = 0; i < 3; i++) assert.deepEqual(values(fn(tf.scalar(2), n)), [2 * n]);
  assert.equal(fn.traces, 10);
  assert.equal(said.length, 1);
  assert.match(said[0] as string, /was traced 4 times/);
});

test("TensorFlow's optimizer runs over a step: products, biases and activations are one op", async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 8, activation: 'relu', inputShape: [4] }),
      tf.layers.dense({ units: 2, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const x = tf.ones([4, 4]);
  const y = tf.ones([4, 2]);
  // TensorFlow optimizes a function when it runs first: that of an equal model may have run.
  SharedFunctions.of(engine).clear();
  const inner = (model as unknown as { model: { makeTrainFunction(): (data: Tensor[]) => Tensor[] } }).model;
  const graphs = optimizedOps(binding, () => {
    inner.makeTrainFunction()([x, y]);
  });
  const step = graphs.find((graph) => graph.has('ResourceApplyAdam'));
  assert.deepEqual(
    ['_FusedMatMul', 'MatMul', 'BiasAdd', 'Relu', 'ReluGrad', 'BiasAddGrad', 'ResourceApplyAdam', 'Cast'].map(
      (op) => [op, step?.get(op) ?? 0],
    ),
    [
      ['_FusedMatMul', 2],
      ['MatMul', 3],
      ['BiasAdd', 0],
      ['Relu', 0],
      ['ReluGrad', 1],
      ['BiasAddGrad', 2],
      ['ResourceApplyAdam', 4],
      ['Cast', 0],
    ],
  );
  // Before, it was more than that: the histogram counts what was traced.
  assert.ok((trainingSteps(model)?.steps()[0]?.histogram.get('BiasAdd') ?? 0) === 2);
});
