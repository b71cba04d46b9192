import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';

const tf = loadTf();
const { binding } = tensorflowBackend() as NodeBackend;
const counts = () => ({ handles: binding.getNumOfTensors(), tensors: tf.memory().numTensors });

test('1,000 training steps leave no handle behind', async () => {
  const before = counts();
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [4], units: 8, activation: 'relu' }),
      tf.layers.batchNormalization(),
      tf.layers.dropout({ rate: 0.2 }),
      tf.layers.dense({ units: 3, activation: 'softmax' }),
    ],
  });
  const optimizer = tf.train.adam(0.01);
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const xs = tf.randomNormal([1000, 4]);
  const ys = tf.tidy(() => tf.oneHot(tf.zeros([1000], 'int32'), 3));
  const { history } = await model.fit(xs, ys, { batchSize: 10, epochs: 1 });
  const middle = counts();
  await model.fit(xs, ys, { batchSize: 10, epochs: 9 });
  assert.deepEqual(counts(), middle);
  assert.ok((history['loss']?.[0] as number) > 0);
  model.dispose();
  optimizer.dispose();
  tf.dispose([xs, ys]);
  assert.deepEqual(counts(), before);
});
