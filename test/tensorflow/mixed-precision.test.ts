import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { SharedFunctions } from '../../src/compile/execution/shared-functions.ts';
import { optimizedOps } from '../../src/engines/tensorflow/graph/optimized-graph.ts';
import { checkedPrecision, type MixedPrecision } from '../../src/compile/lowering/precision.ts';
import { compile, loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';
import { nativeBinding } from './native-binding.ts';

const tf = loadTf();
const { engine } = tensorflowBackend() as NodeBackend;
const binding = nativeBinding();
const values = (tensor: Tensor) => Array.from(tensor.dataSync());

/** Two spirals of points, and which of them each belongs to. */
function spirals(count: number): { x: Tensor; y: Tensor } {
  return tf.tidy(() => {
    const which = tf.range(0, count).mod(2);
    const angle = tf.randomUniform([count], 0.5, 6, 'float32', 5);
    const turned = angle.add(which.mul(Math.PI));
    const noise = tf.randomNormal([count, 2], 0, 0.05, 'float32', 6);
    return {
      x: tf.stack([turned.cos().mul(angle), turned.sin().mul(angle)], 1).add(noise),
      y: tf.oneHot(which.cast('int32'), 2).cast('float32'),
    };
  });
}

function build(mixedPrecision: MixedPrecision | undefined): LayersModel {
  setRandomSeed(3);
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 64, activation: 'relu', inputShape: [2] }),
      tf.layers.dense({ units: 64, activation: 'relu' }),
      tf.layers.dense({ units: 2, activation: 'softmax' }),
    ],
  });
  model.compile({
    optimizer: tf.train.adam(0.01),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
    ...(mixedPrecision === undefined ? {} : { mixedPrecision }),
  });
  return model;
}

const inner = (model: LayersModel) =>
  (model as unknown as { model: { makeTrainFunction(): (data: Tensor[]) => Tensor[] } }).model;

/** Ops of the training step after TensorFlow's optimizer. */
function trainingOps(model: LayersModel, x: Tensor, y: Tensor): Map<string, number> {
  // TensorFlow optimizes a function when it runs first: what an equal model has left behind has run.
  SharedFunctions.of(engine).clear();
  const graphs = optimizedOps(binding, () => {
    tf.dispose(inner(model).makeTrainFunction()([x, y]));
  });
  return graphs.find((graph) => graph.has('ResourceApplyAdam')) as Map<string, number>;
}

test('the graph computes products in bfloat16, and its variables stay float32', () => {
  const { x, y } = spirals(32);
  const plain = build(undefined);
  // The accuracy has its own.
  assert.equal(trainingOps(plain, x, y).get('Cast'), 1);
  const mixed = build('bfloat16');
  const ops = trainingOps(mixed, x, y);
  // Each of the six weights is cast once, and what goes into the first layer.
  assert.ok((ops.get('Cast') as number) >= 8, JSON.stringify([...ops]));
  // One of the six is of the size for which the op of AMSGrad is the faster Adam.
  assert.equal(ops.get('ResourceApplyAdam'), 5);
  assert.equal(ops.get('ResourceApplyAdamWithAmsgrad'), 1);
  const gradients = values(mixed.getWeights()[0] as Tensor).map((value, i) =>
    Math.abs(value - (values(plain.getWeights()[0] as Tensor)[i] as number)),
  );
  assert.ok(Math.max(...gradients) < 0.03, 'a step leads to nearly the same weights');
  assert.deepEqual([...new Set(mixed.getWeights().map(({ dtype }) => dtype))], ['float32']);
  for (const model of [plain, mixed]) model.dispose();
});

test('a model trains to the same accuracy, and predicts nearly the same', async () => {
  const { x, y } = spirals(600);
  const train = async (precision: MixedPrecision) => {
    const model = build(precision);
    const history = await model.fit(x, y, { batchSize: 50, epochs: 30, shuffle: false, verbose: 0 as never });
    const accuracy = (history.history['acc'] as number[]).at(-1) as number;
    const loss = history.history['loss'] as number[];
    return { model, accuracy, loss };
  };
  const full = await train(false);
  const mixed = await train(true);
  assert.ok(full.accuracy > 0.97, `float32: ${full.accuracy}`);
  assert.ok(mixed.accuracy > 0.97, `bfloat16: ${mixed.accuracy}`);
  assert.ok(
    Math.abs((mixed.loss[0] as number) - (full.loss[0] as number)) < 0.02,
    'the first epoch is the same',
  );
  mixed.model.setWeights(full.model.getWeights());
  // The second prediction of a shape runs compiled.
  for (const model of [full.model, mixed.model]) tf.dispose(model.predict(x, { batchSize: 600 }));
  const expected = values(full.model.predict(x, { batchSize: 600 }) as Tensor);
  const actual = values(mixed.model.predict(x, { batchSize: 600 }) as Tensor);
  const apart = actual.map((value, i) => Math.abs(value - (expected[i] as number)));
  assert.ok(Math.max(...apart) < 0.1, `at most ${Math.max(...apart)} apart`);
  assert.ok(Math.max(...apart) > 0, 'the prediction was computed in bfloat16');
  for (const { model } of [full, mixed]) model.dispose();
});

test('compiling a model anew changes its precision', () => {
  const { x, y } = spirals(32);
  const model = build('mixed_bfloat16');
  assert.ok((trainingOps(model, x, y).get('Cast') as number) > 1);
  const mixedStep = trainingSteps(model)?.steps()[0];
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  assert.ok(!trainingOps(model, x, y).has('Cast'));
  assert.notEqual(trainingSteps(model)?.steps()[0], mixedStep);
  model.dispose();
});

test('a compiled function may be mixed too', () => {
  const a = tf.randomUniform([64, 64], 0, 1, 'float32', 1);
  // TensorFlow's optimizer leaves graphs of fewer than four ops alone.
  const product = compile(
    (x: Tensor) =>
      tf.matMul(
        tf
          .matMul(x as never, x as never)
          .relu()
          .square(),
        x as never,
      ),
    {
      mixedPrecision: true,
    },
  );
  const exact = values(product(a));
  const rounded = values(product(a));
  const apart = rounded.map((value, i) => Math.abs(value / (exact[i] as number) - 1));
  // bfloat16 has eight bits of precision.
  assert.ok(Math.max(...apart) < 2 ** -6, String(Math.max(...apart)));
  assert.ok(Math.max(...apart) > 1e-5, String(Math.max(...apart)));
});

test('a precision that does not fit the device is refused when the model is compiled', () => {
  const model = build(undefined);
  const compiled = (mixedPrecision: unknown) => () =>
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', mixedPrecision: mixedPrecision as true });
  for (const name of ['float16', 'mixed_float16'])
    assert.throws(compiled(name), {
      code: 'UNIMPLEMENTED',
      message: /'float16' needs a GPU.*use 'bfloat16'/,
    });
  assert.throws(compiled('half'), {
    code: 'INVALID_ARGUMENT',
    message: "mixedPrecision is 'half': give true, false, 'float32', 'bfloat16' or 'float16'",
  });
  assert.throws(compiled(16), { code: 'INVALID_ARGUMENT', message: /^mixedPrecision is 16: / });
  assert.equal(checkedPrecision(true, true), 'float16');
  assert.equal(checkedPrecision('mixed_float16', true), 'float16');
  assert.throws(() => checkedPrecision('bfloat16', true), {
    code: 'UNIMPLEMENTED',
    message: /for CPUs/,
  });
  assert.deepEqual(
    [undefined, false, 'float32', true, 'mixed_bfloat16'].map((option) => checkedPrecision(option, false)),
    ['float32', 'float32', 'float32', 'bfloat16', 'bfloat16'],
  );
  model.dispose();
});
