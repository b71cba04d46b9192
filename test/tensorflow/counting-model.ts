/** A model whose weights say how many steps it has trained. */
import assert from 'node:assert/strict';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { loadTf, traceable } from '../../src/api/tensorflow.ts';

const tf = loadTf();

/** Twenty weights; each step takes exactly 1 from every one of them. */
export function counting(): LayersModel {
  const input = tf.input({ shape: [1] });
  const parts = Array.from({ length: 10 }, () => tf.layers.dense({ units: 1 }).apply(input) as typeof input);
  const model = tf.model({ inputs: input, outputs: tf.layers.add().apply(parts) as typeof input });
  model.compile({
    optimizer: tf.train.sgd(1),
    loss: traceable((_: Tensor, prediction: Tensor) => tf.mean(prediction, -1)),
  });
  model.setWeights(model.getWeights().map((weight) => tf.zerosLike(weight)));
  return model;
}

/** How many steps it has done; fails where some weights have done more than others. */
export function stepsDone(model: LayersModel): number {
  const counts = new Set(model.getWeights().flatMap((weight) => Array.from(weight.dataSync())));
  assert.equal(counts.size, 1, `weights of different steps: ${[...counts].join()}`);
  return -([...counts][0] as number);
}
