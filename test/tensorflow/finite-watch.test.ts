import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, SGDOptimizer, Tensor } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { firstNotFinite, trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';

const tf = loadTf();
const { binding } = tensorflowBackend() as NodeBackend;
const quiet = { verbose: 0 as never };

function build(options: { loss?: string; rate?: number; activation?: 'relu' | 'linear' } = {}): LayersModel {
  setRandomSeed(1);
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ name: 'first', units: 4, activation: options.activation ?? 'relu', inputShape: [3] }),
      tf.layers.dense({ name: 'second', units: 4 }),
      tf.layers.dense({ name: 'third', units: 2 }),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(options.rate ?? 0.01), loss: options.loss ?? 'meanSquaredError' });
  return model;
}

const x = tf.randomNormal([8, 3], 0, 1, 'float32', 4);
const y = tf.randomNormal([8, 2], 0, 1, 'float32', 5);

/** Two good steps, of which the second runs as a graph. */
async function warm(model: LayersModel): Promise<void> {
  for (let i = 0; i < 2; i++) await model.trainOnBatch(x, y);
  assert.equal(trainingSteps(model)?.steps().length, 1);
  assert.equal(firstNotFinite(model), undefined);
}

function set(model: LayersModel, layer: string, value: number): void {
  const [kernel, bias] = model.getLayer(layer).getWeights() as [Tensor, Tensor];
  model.getLayer(layer).setWeights([kernel, tf.fill(bias.shape, value)]);
}

test('the first layer whose activation is not finite is told, once', async () => {
  const model = build();
  await warm(model);
  // 3e38 times a weight is finite, three of them are not.
  set(model, 'first', 3e38);
  const loss = (await model.trainOnBatch(x, y)) as number;
  assert.ok(!Number.isFinite(loss), String(loss));
  assert.deepEqual(firstNotFinite(model), { what: 'activation', layer: 'second' });
  assert.equal(firstNotFinite(model), undefined);
  model.dispose();
});

test('data that is not finite is named', async () => {
  const model = build();
  await warm(model);
  const bad = tf.concat([y.slice([0, 0], [7, 2]), tf.tensor2d([[NaN, 2]])]);
  assert.ok(Number.isNaN(await model.trainOnBatch(x, bad)));
  assert.deepEqual(firstNotFinite(model), { what: 'data', layer: '' });
  model.dispose();
});

test('the loss itself is told where all activations are finite', async () => {
  const model = build();
  await warm(model);
  set(model, 'third', 1e30);
  assert.equal(await model.trainOnBatch(x, y), Infinity);
  assert.deepEqual(firstNotFinite(model), { what: 'loss', layer: 'third' });
  model.dispose();
});

test('an update that spoilt the weights is told by the next step', async () => {
  const model = build();
  await warm(model);
  (model.optimizer as SGDOptimizer).setLearningRate(Infinity);
  assert.ok(Number.isFinite(await model.trainOnBatch(x, y)));
  assert.equal(firstNotFinite(model), undefined);
  assert.ok(!Number.isFinite(await model.trainOnBatch(x, y)));
  // In the backward pass the layer next to the output comes first.
  assert.deepEqual(firstNotFinite(model), { what: 'gradient', layer: 'third' });
  model.dispose();
});

test('a training that diverges in one call of many steps tells where', async () => {
  const model = build({ rate: 50, activation: 'linear' });
  const data = [tf.tile(x, [40, 1]), tf.tile(y, [40, 1])] as const;
  await model.fit(...data, { batchSize: 8, epochs: 3, ...quiet });
  const found = firstNotFinite(model);
  assert.ok(found !== undefined && found.what !== 'data', JSON.stringify(found));
  model.dispose();
});

test('models that go leave nothing behind', async () => {
  const count = () => [binding.valueCount(), tf.memory().numTensors];
  const once = async () => {
    const model = build();
    for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
    model.optimizer.dispose();
    model.dispose();
  };
  await once();
  const before = count();
  for (let i = 0; i < 5; i++) await once();
  assert.deepEqual(count(), before);
});
