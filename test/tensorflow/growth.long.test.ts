import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf } from '../../src/api/tensorflow.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();

test('10,000 steps, in many calls and many trainings, leave nothing behind', async () => {
  // XLA's compiler takes 100 MB when it is first used: it has a separate test.
  process.env['TENSORCELL_XLA'] = 'off';
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 32, inputShape: [16], activation: 'relu' }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  const x = tf.randomNormal([2000, 16]);
  const y = tf.randomNormal([2000, 1]);
  const args = { batchSize: 20, epochs: 5, verbose: 0 as never };
  const seen: { tensors: number; megabytes: number }[] = [];
  for (let training = 0; training < 20; training++) {
    // A new optimizer: the graphs of the one before are not used any more, and go.
    model.compile({ optimizer: tf.train.adam(0.001), loss: 'meanSquaredError' });
    await model.fit(x, y, args);
    assert.equal(trainingSteps(model)?.steps().length, 1);
    seen.push({ tensors: tf.memory().numTensors, megabytes: process.memoryUsage().rss / 1e6 });
  }
  const [before, after] = [seen[9], seen[19]] as [(typeof seen)[number], (typeof seen)[number]];
  // tfjs keeps the slots of an optimizer that is replaced: two for each of four weights, and two powers.
  const slots = (after.tensors - before.tensors) / 10;
  assert.ok(slots <= 12, `${slots} tensors a training`);
  const grown = after.megabytes - before.megabytes;
  assert.ok(grown < 60, `grew by ${grown.toFixed(0)} MB in 5,000 steps and 10 traces`);
});

test('10,000 steps of one graph, with XLA, leave nothing behind', async () => {
  process.env['TENSORCELL_XLA'] = 'on';
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 32, inputShape: [16], activation: 'relu' }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.001), loss: 'meanSquaredError' });
  const x = tf.randomNormal([2000, 16]);
  const y = tf.randomNormal([2000, 1]);
  const fit = () => model.fit(x, y, { batchSize: 20, epochs: 50, verbose: 0 as never });
  // The compiler is loaded, and has done its work.
  for (let i = 0; i < 2; i++) await fit();
  const before = { tensors: tf.memory().numTensors, megabytes: process.memoryUsage().rss / 1e6 };
  for (let i = 0; i < 2; i++) await fit();
  assert.equal(tf.memory().numTensors, before.tensors);
  const grown = process.memoryUsage().rss / 1e6 - before.megabytes;
  assert.ok(grown < 60, `grew by ${grown.toFixed(0)} MB in 10,000 steps`);
  model.dispose();
});
