import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTf } from '../../src/api/tensorflow.ts';
import { numbers, sizeOf, type GradientCase, type Loose } from './gradients/case.ts';
import { judge } from './gradients/judge.ts';

/** Gradients of both orders through layers that are implemented here, against numeric differences. */

const tf = loadTf() as Loose;

/** A layer whose weights are plain numbers. */
function built(layer: Loose, shape: number[]): Loose {
  tf.tidy(() => layer.apply(tf.zeros(shape)));
  layer.setWeights(
    layer.getWeights().map((weight: Loose, i: number) => {
      // The moving variance of a normalization is above 0.
      const low = i === 3 ? 0.5 : -1;
      return tf.tensor(numbers(sizeOf(weight.shape), low, low + 2, i + 20), weight.shape);
    }),
  );
  return layer;
}

const layers: [string, Loose, number[]][] = [
  ['batchNormalization', tf.layers.batchNormalization(), [4, 3]],
  ['batchNormalization of images', tf.layers.batchNormalization(), [2, 2, 2, 2]],
  ['batchNormalization without scale', tf.layers.batchNormalization({ scale: false }), [4, 3]],
  ['layerNormalization', tf.layers.layerNormalization(), [3, 4]],
  ['lstm', tf.layers.lstm({ units: 2 }), [2, 3, 2]],
  ['gru', tf.layers.gru({ units: 2 }), [2, 3, 2]],
  ['simpleRNN', tf.layers.simpleRNN({ units: 2 }), [2, 3, 2]],
  ['dense with softmax', tf.layers.dense({ units: 3, activation: 'softmax' }), [2, 3]],
  ['dense with elu', tf.layers.dense({ units: 3, activation: 'elu' }), [2, 3]],
  [
    'conv2d with dilations',
    tf.layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2, activation: 'tanh' }),
    [1, 4, 4, 2],
  ],
  [
    'conv1d, causal',
    tf.layers.conv1d({ filters: 2, kernelSize: 2, padding: 'same', dilationRate: 2 }),
    [1, 5, 2],
  ],
  [
    'conv3d with dilations',
    tf.layers.conv3d({ filters: 1, kernelSize: 2, dilationRate: 2, activation: 'sigmoid' }),
    [1, 3, 3, 3, 1],
  ],
  [
    'separableConv2d',
    tf.layers.separableConv2d({ filters: 2, kernelSize: 2, activation: 'tanh' }),
    [1, 3, 3, 2],
  ],
];
for (const [name, made, shape] of layers) {
  test(`gradients of both orders through ${name} equal numeric differences`, () => {
    const layer = built(made, shape);
    const one: GradientCase = {
      op: name,
      name: '',
      inputs: [{ shape }],
      run: (_, x) => tf.pow(layer.apply(x, { training: true }), 3),
      tolerance: 1e-2,
    };
    assert.deepEqual(judge(tf, one).problems, []);
  });
}

const trained: [string, Loose, number[]][] = [
  ['conv2d', { filters: 2, kernelSize: 2, dilationRate: 2 }, [6, 6, 1]],
  ['conv1d', { filters: 2, kernelSize: 2, dilationRate: 2 }, [6, 1]],
  ['conv3d', { filters: 2, kernelSize: 2, dilationRate: 2 }, [5, 5, 5, 1]],
];
for (const [kind, options, shape] of trained) {
  test(`fit trains a ${kind} with dilations, compiled as eagerly`, async () => {
    const weights: Loose[] = [];
    const losses: number[][] = [];
    for (const mode of ['off', undefined]) {
      const before = process.env['TENSORCELL_COMPILE'];
      if (mode === undefined) delete process.env['TENSORCELL_COMPILE'];
      else process.env['TENSORCELL_COMPILE'] = mode;
      try {
        const model = tf.sequential({
          layers: [
            tf.layers[kind]({ inputShape: shape, ...options }),
            tf.layers.flatten(),
            tf.layers.dense({ units: 1 }),
          ],
        });
        if (weights.length === 0) weights.push(...model.getWeights().map((w: Loose) => tf.clone(w)));
        else model.setWeights(weights);
        model.compile({ optimizer: tf.train.sgd(0.05), loss: 'meanSquaredError' });
        const x = tf.tensor(numbers(8 * sizeOf(shape), -1, 1, 3), [8, ...shape]);
        const y = tf.tensor(numbers(8, -1, 1, 4), [8, 1]);
        const { history } = await model.fit(x, y, { epochs: 4, batchSize: 4, shuffle: false, verbose: 0 });
        losses.push(history.loss as number[]);
      } finally {
        if (before === undefined) delete process.env['TENSORCELL_COMPILE'];
        else process.env['TENSORCELL_COMPILE'] = before;
      }
    }
    const [eager, compiled] = losses as [number[], number[]];
    assert.ok((eager[3] as number) < (eager[0] as number), `the loss falls: ${eager.join()}`);
    for (const [i, loss] of eager.entries()) assert.ok(Math.abs(loss - (compiled[i] as number)) < 1e-4);
  });
}
