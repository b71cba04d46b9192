import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Optimizer, SymbolicTensor, Tensor, layers } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf } from '../../src/api/tensorflow.ts';

/** Keras 3's results for the same models: `keras/goldens.py` writes them. */
interface Golden {
  losses: number[];
  prediction: number[];
}

const goldens = JSON.parse(
  readFileSync(join(import.meta.dirname, 'keras', 'goldens.json'), 'utf8'),
) as Record<'layers' | 'losses' | 'optimizers', Record<string, Golden>>;
const tf = loadTf();
const L = tf.layers;
type Layer = layers.Layer;

/** Numbers in -1 to 1 that goldens.py makes as well. */
function fill(shape: number[], salt: number): Float32Array {
  return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => {
    let h = Math.imul(i + salt * 7919, 2654435761) >>> 0;
    h = (h ^ (h >>> 15)) >>> 0;
    h = Math.imul(h, 2246822519) >>> 0;
    h = (h ^ (h >>> 13)) >>> 0;
    return h / 2 ** 31 - 1;
  });
}

const [picture, series, vector] = [[6, 6, 2], [5, 3], [5]];
const sigmoid = { recurrentActivation: 'sigmoid' } as const;
const layerTable: Record<string, [number[], () => Layer]> = {
  dense: [vector, () => L.dense({ units: 4, activation: 'tanh' })],
  conv1d: [series, () => L.conv1d({ filters: 3, kernelSize: 2, activation: 'relu' })],
  conv2d: [
    picture,
    () => L.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' }),
  ],
  conv2dTranspose: [picture, () => L.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 2 })],
  depthwiseConv2d: [picture, () => L.depthwiseConv2d({ kernelSize: 3 })],
  separableConv2d: [picture, () => L.separableConv2d({ filters: 3, kernelSize: 3 })],
  maxPooling2d: [picture, () => L.maxPooling2d({ poolSize: 2 })],
  averagePooling2d: [picture, () => L.averagePooling2d({ poolSize: 2, padding: 'same' })],
  globalAveragePooling2d: [picture, () => L.globalAveragePooling2d({})],
  batchNormalization: [vector, () => L.batchNormalization({ momentum: 0.8 })],
  'batchNormalization of pictures': [picture, () => L.batchNormalization({})],
  layerNormalization: [series, () => L.layerNormalization({})],
  prelu: [vector, () => L.prelu({})],
  elu: [vector, () => L.elu({})],
  simpleRNN: [series, () => L.simpleRNN({ units: 3 })],
  lstm: [series, () => L.lstm({ units: 3, ...sigmoid })],
  'lstm with sequences': [
    series,
    () => L.lstm({ units: 3, returnSequences: true, goBackwards: true, ...sigmoid }),
  ],
  gru: [series, () => L.gru({ units: 3, ...sigmoid })],
  bidirectional: [
    series,
    () => L.bidirectional({ layer: L.lstm({ units: 3, ...sigmoid }), mergeMode: 'concat' }),
  ],
  timeDistributed: [series, () => L.timeDistributed({ layer: L.dense({ units: 3 }) })],
};
const optimizers: Record<string, () => Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.05, 0.8),
  nesterov: () => tf.train.momentum(0.05, 0.8, true),
  adam: () => tf.train.adam(0.01),
  adamax: () => tf.train.adamax(0.01),
  rmsprop: () => tf.train.rmsprop(0.01, 0.9, 0, 1e-7),
  adagrad: () => tf.train.adagrad(0.1, 0.1),
  // Not Adadelta: tfjs divides by the squares before it adds the new gradient's, Keras and the paper after it.
};

async function train(shape: number[], layer: Layer, loss: string, optimizer: Optimizer): Promise<Golden> {
  const linear = loss === 'meanSquaredError' || loss === 'meanAbsoluteError';
  const activation = linear ? 'linear' : loss === 'binaryCrossentropy' ? 'sigmoid' : 'softmax';
  const inputs = tf.input({ shape });
  let x = layer.apply(inputs) as SymbolicTensor;
  if (x.shape.length > 2) x = L.flatten().apply(x) as SymbolicTensor;
  const model = tf.model({ inputs, outputs: L.dense({ units: 3, activation }).apply(x) as SymbolicTensor });
  // In Keras's order: layer by layer.
  let salt = 10;
  for (const one of model.layers) {
    one.setWeights(
      one.weights.map(({ name, shape: size }, i) => {
        const values = fill(size as number[], salt++).map((value) => Math.fround(value * Math.fround(0.4)));
        if (name.includes('moving_variance')) return one.getWeights()[i] as Tensor;
        return tf.tensor(values, size as number[]);
      }),
    );
  }
  model.compile({ optimizer, loss });
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) {
    const classes = Int32Array.from({ length: 4 }, (_, i) => (i + step) % 3);
    // Keras takes 0 for -1 here, tfjs does not.
    const [on, off] = /hinge/i.test(loss) ? [1, -1] : [1, 0];
    const y = tf.cast(tf.oneHot(classes, 3, on, off), 'float32');
    losses.push(
      (await model.trainOnBatch(tf.tensor(fill([4, ...shape], 100 + step), [4, ...shape]), y)) as number,
    );
  }
  assert.equal(trainingSteps(model)?.steps().length, 1, 'it was not compiled');
  const prediction = model.predict(tf.tensor(fill([2, ...shape], 7), [2, ...shape])) as Tensor;
  return { losses, prediction: Array.from(prediction.dataSync()) };
}

function compare(actual: Golden, expected: Golden | undefined): void {
  assert.ok(expected, 'goldens.json has no such model: run goldens.py');
  for (const part of ['losses', 'prediction'] as const) {
    assert.equal(actual[part].length, expected[part].length);
    actual[part].forEach((value, i) => {
      const wanted = expected[part][i] as number;
      // Ten steps of float32 on kernels that add up in different orders.
      assert.ok(
        Math.abs(value - wanted) <= 5e-5 * Math.max(1, Math.abs(wanted)),
        `${part} ${i}: ${value}, not ${wanted}`,
      );
    });
  }
}

for (const [name, [shape, layer]] of Object.entries(layerTable)) {
  test(`ten compiled steps equal Keras's: ${name}`, async () => {
    compare(await train(shape, layer(), 'meanSquaredError', tf.train.sgd(0.05)), goldens.layers[name]);
  });
}
for (const loss of Object.keys(goldens.losses)) {
  test(`ten compiled steps equal Keras's: ${loss}`, async () => {
    const layer = L.dense({ units: 4, activation: 'relu' });
    compare(await train(vector, layer, loss, tf.train.sgd(0.05)), goldens.losses[loss]);
  });
}
for (const [name, optimizer] of Object.entries(optimizers)) {
  test(`ten compiled steps equal Keras's: ${name}`, async () => {
    const layer = L.dense({ units: 4, activation: 'relu' });
    compare(await train(vector, layer, 'meanSquaredError', optimizer()), goldens.optimizers[name]);
  });
}
