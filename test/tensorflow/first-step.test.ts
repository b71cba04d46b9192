/** The first step of a training is a graph: no run by ops, which takes several times the memory, comes before it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Optimizer } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, onBackendNotice } from '../../src/api/tensorflow.ts';
import { everyOptimizer } from './every-optimizer.ts';

process.env['TENSORCELL_XLA'] = 'off';
const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

/** The state of an optimizer after some steps, with the number in each variable's name left out. */
async function stateAfter(make: () => Optimizer, mode: 'on' | 'off') {
  process.env['TENSORCELL_COMPILE'] = mode;
  const { layers } = tf;
  const initial = { kernelInitializer: tf.initializers.constant({ value: 0.3 }) };
  const model = tf.sequential({
    layers: [
      layers.dense({ name: 'a', units: 3, inputShape: [2], activation: 'tanh', ...initial }),
      // Its weights are not trained: they have no place in the state.
      layers.dense({ name: 'b', units: 3, trainable: false, ...initial }),
      layers.dense({ name: 'c', units: 1, ...initial }),
    ],
  });
  const optimizer = make();
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const y = tf.ones([2, 1]);
  const before = tf.memory().numTensors;
  await model.trainOnBatch(x, y);
  const made = tf.memory().numTensors - before;
  const first = trainingSteps(model)?.latest !== undefined;
  await model.trainOnBatch(x, y);
  // tfjs has no `getWeights` for Adamax: there the model's weights represent it.
  const state = await optimizer
    .getWeights()
    .catch(() => model.getWeights().map((tensor) => ({ name: '', tensor })));
  const weights = state.map(({ name, tensor }) => ({
    name: name.replaceAll(/_\d+/g, ''),
    shape: tensor.shape,
    values: Array.from(tensor.dataSync(), (value) => Number(value.toPrecision(4))),
  }));
  model.dispose();
  tf.dispose([x, y]);
  return { weights, made, first };
}

for (const [name, make] of Object.entries(everyOptimizer(0.01))) {
  test(`the first step is a graph and makes the state that a run by ops makes: ${name}`, async () => {
    const graph = await stateAfter(make, 'on');
    const ops = await stateAfter(make, 'off');
    assert.equal(graph.first, true, 'the first step ran by ops');
    assert.deepEqual(graph.weights, ops.weights);
    assert.equal(graph.made, ops.made, 'tensors are left behind');
    assert.deepEqual(notices, []);
  });
}
