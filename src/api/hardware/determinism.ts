import { createHash } from 'node:crypto';
import type { StepOutcome } from '../../machine/hardware/report.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { setRandomSeed } from '../tensorflow.ts';
import { readyTf } from './gpu.ts';

/** Trains a small convolutional network and returns a digest of its losses and weights. */
async function train(tf: Tf): Promise<string> {
  setRandomSeed(7);
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [12, 12, 3], filters: 8, kernelSize: 3, activation: 'relu' }),
      tf.layers.batchNormalization(),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const x = tf.randomUniform([256, 12, 12, 3]);
  const y = tf.oneHot(tf.randomUniform([256], 0, 10, 'int32'), 10);
  const { history } = await model.fit(x, y, { epochs: 3, batchSize: 32, progress: 'quiet' });
  const digest = createHash('sha256').update(JSON.stringify(history));
  for (const weight of model.getWeights()) digest.update(new Uint8Array(weight.dataSync().slice().buffer));
  return digest.digest('hex');
}

/** Two trainings with one seed, in a process with the setting `deterministic`. */
export async function determinism(): Promise<StepOutcome> {
  const { tf } = readyTf();
  const first = await train(tf);
  const second = await train(tf);
  return first === second
    ? { status: 'works', found: 'two trainings with one seed have equal losses and weights, bit by bit' }
    : { status: 'fails', found: 'two trainings with one seed differ in losses or weights' };
}
