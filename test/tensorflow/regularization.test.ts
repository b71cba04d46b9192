// Regularization counts wherever a layer stands: in wrappers, cells and models inside of them, in training and evaluation.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { layers, LayersModel, Scalar, Tensor } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const L = tf.layers;
const l2 = () => tf.regularizers.l2({ l2: 0.3 });
const dense = (args: object = {}) => L.dense({ units: 3, kernelRegularizer: l2(), ...args });
const within = (...inside: layers.Layer[]) => tf.sequential({ layers: inside });

/** Layers on series of shape [4, 3]; all their kernels and recurrent kernels are regularized. */
const cases: Record<string, () => layers.Layer> = {
  'a layer': () => dense(),
  'a model': () => within(dense({ inputShape: [4, 3] }), dense()),
  'a model in a model': () => within(within(dense({ inputShape: [4, 3] })), dense()),
  'a layer of each step': () => L.timeDistributed({ layer: dense() }),
  'a model of each step': () => L.timeDistributed({ layer: within(dense({ inputShape: [3] }), dense()) }),
  'a model in a model of each step': () =>
    L.timeDistributed({
      layer: within(within(dense({ inputShape: [3] })), dense()),
    }),
  'both directions': () =>
    L.bidirectional({
      layer: L.lstm({
        units: 2,
        returnSequences: true,
        kernelRegularizer: l2(),
        recurrentRegularizer: l2(),
      }),
    }),
  'several cells': () =>
    L.rnn({
      returnSequences: true,
      cell: [2, 3].map((units) =>
        L.gruCell({
          units,
          kernelRegularizer: l2(),
          recurrentRegularizer: l2(),
        }),
      ),
    }),
};

const before = process.env['TENSORCELL_COMPILE'];
after(() => {
  process.env['TENSORCELL_COMPILE'] = before ?? 'on';
});

/** The sum of all squares of kernels, by hand. */
function penalty(model: LayersModel): number {
  const kernels = model.weights.filter(({ originalName }) => /kernel/.test(originalName));
  assert.ok(kernels.length > 0);
  return tf.tidy(() =>
    kernels
      .map((kernel) => tf.sum(tf.square(kernel.read())).mul(0.3).dataSync()[0] as number)
      .reduce((a, b) => a + b),
  );
}

for (const [name, make] of Object.entries(cases)) {
  test(`regularization counts in ${name}`, async () => {
    for (const mode of ['off', 'on']) {
      process.env['TENSORCELL_COMPILE'] = mode;
      const input = tf.input({ shape: [4, 3] });
      const model = tf.model({
        inputs: input,
        outputs: make().apply(input) as never,
      });
      model.compile({
        optimizer: tf.train.sgd(0.01),
        loss: 'meanSquaredError',
      });
      const x = tf.randomNormal([2, 4, 3]);
      const output = model.predict(x) as Tensor;
      const y = tf.zeros(output.shape);
      const expected = (tf.mean(tf.square(output)).dataSync()[0] as number) + penalty(model);
      const evaluated = (model.evaluate(x, y) as Scalar).dataSync()[0] as number;
      const trained = (await model.trainOnBatch(x, y)) as number;
      for (const loss of [evaluated, trained])
        assert.ok(Math.abs(loss - expected) <= 1e-5 * Math.max(1, expected), `${loss}, not ${expected}`);
    }
  });
}
