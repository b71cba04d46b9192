import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Rank, Tensor, layers } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { tfInternals } from '../../src/tfjs/instance.ts';

const tf = loadTf();
const { normalizing } = tfInternals(tf);
const ours = { ...normalizing };
const composed = { batch: () => undefined, layer: () => undefined };

type Layer = layers.Layer;
const cases: Record<string, { shape: number[]; layer: () => Layer }> = {
  'batches of vectors': { shape: [7, 5], layer: () => tf.layers.batchNormalization({ epsilon: 1e-3 }) },
  'batches of series': { shape: [3, 4, 5], layer: () => tf.layers.batchNormalization({}) },
  'batches of pictures': { shape: [3, 4, 5, 2], layer: () => tf.layers.batchNormalization({}) },
  'one vector': { shape: [1, 5], layer: () => tf.layers.batchNormalization({ epsilon: 0.1 }) },
  'layers of vectors': { shape: [3, 6], layer: () => tf.layers.layerNormalization({}) },
  'layers of series': { shape: [3, 4, 6], layer: () => tf.layers.layerNormalization({ epsilon: 1e-5 }) },
  'layers over two axes': {
    shape: [3, 4, 5, 2],
    layer: () => tf.layers.layerNormalization({ axis: [2, 3] }),
  },
  'layers over an axis in the middle': {
    shape: [3, 4, 5],
    layer: () => tf.layers.layerNormalization({ axis: 1 }),
  },
};

/** Everything that training one layer gives: result, gradients, and what it keeps. */
function run(shape: number[], make: () => Layer, how: typeof composed | typeof ours): number[][] {
  Object.assign(normalizing, how);
  try {
    return tf.tidy(() => {
      const layer = make();
      const x = tf.randomNormal(shape, 2, 3, 'float32', 1);
      layer.build(shape);
      layer.setWeights(layer.getWeights().map((w, i) => tf.randomUniform(w.shape, 0.5, 2, 'float32', i + 7)));
      const direction = tf.randomNormal(shape, 0, 1, 'float32', 2);
      const apply = (value: Tensor) => layer.apply(value, { training: true }) as Tensor;
      const score = (value: Tensor) => tf.sum(tf.mul(apply(value), direction));
      const variables = layer.trainableWeights.map((weight) => (weight as unknown as { val: never }).val);
      const { grads } = tf.variableGrads(() => score(x) as never, variables);
      return [
        apply(x),
        tf.grad(score)(x),
        ...layer.getWeights(),
        ...Object.keys(grads)
          .sort()
          .map((name) => grads[name] as Tensor),
      ].map((tensor) => Array.from(tensor.dataSync()));
    });
  } finally {
    Object.assign(normalizing, ours);
  }
}

for (const [name, { shape, layer }] of Object.entries(cases)) {
  test(`normalization of ${name}: values, gradients and averages equal the composed form`, () => {
    const expected = run(shape, layer, composed);
    const actual = run(shape, layer, ours);
    assert.equal(actual.length, expected.length);
    actual.forEach((numbers, part) => {
      assert.equal(numbers.length, expected[part]?.length);
      numbers.forEach((value, i) => {
        const wanted = expected[part]?.[i] as number;
        // Where the variance is 0, what is left of the input is rounding errors.
        const allowed = 2e-5 * Math.max(1, Math.abs(wanted)) * (name === 'one vector' ? 10 : 1);
        assert.ok(Math.abs(value - wanted) <= allowed, `part ${part}, ${i}: ${value}, not ${wanted}`);
      });
    });
  });
}

test('normalization of batches with the channels first equals that with the channels last', () => {
  const shape = [3, 4, 5, 2];
  const x = tf.randomNormal(shape, 2, 3, 'float32', 1);
  const direction = tf.randomNormal(shape, 0, 1, 'float32', 2);
  const first = [0, 2, 3, 1];
  const score = (layer: Layer, value: Tensor, along: Tensor) =>
    tf.sum(tf.mul(layer.apply(value, { training: true }) as Tensor, along));
  const expected = tf.grad((value: Tensor) =>
    score(tf.layers.batchNormalization({}), value, tf.transpose(direction, first)),
  )(tf.transpose(x, first));
  const actual = tf.grad((value: Tensor) =>
    score(tf.layers.batchNormalization({ axis: 1 }), value, direction),
  )(x);
  const off = tf.max(tf.abs(tf.sub(tf.transpose(actual, first), expected))).dataSync()[0] as number;
  assert.ok(off < 1e-5, String(off));
});

test('a network with normalization has second gradients', () => {
  const layer = tf.layers.layerNormalization({});
  const batch = tf.layers.batchNormalization({});
  const x = tf.tensor2d([1, 2, 4, 3, 5, 9], [2, 3]);
  const score = (value: Tensor) =>
    tf.sum<Tensor<Rank.R0>>(tf.pow(batch.apply(layer.apply(value), { training: true }) as Tensor, 3));
  const slope = tf.grad((value: Tensor) => tf.sum(tf.square(tf.grad(score)(value))));
  const found = slope(x).dataSync();
  const first = (values: number[]) =>
    tf.sum(tf.square(tf.grad(score)(tf.tensor2d(values, [2, 3])))).dataSync()[0] as number;
  const values = Array.from(x.dataSync());
  values.forEach((value, i) => {
    const at = (by: number) => first(values.map((other, k) => (k === i ? value + by : other)));
    const wanted = (at(0.01) - at(-0.01)) / 0.02;
    assert.ok(
      Math.abs((found[i] as number) - wanted) < 0.05 * Math.max(1, Math.abs(wanted)),
      `${found[i]}, not ${wanted}`,
    );
  });
});

test('the gradient of tile is that of adding up what was repeated', () => {
  const x = tf.randomNormal([2, 3, 4], 0, 1, 'float32', 3);
  const weights = tf.randomNormal([4, 9, 4], 0, 1, 'float32', 4);
  const actual = tf.grad((value) => tf.sum(tf.mul(tf.tile(value, [2, 3, 1]), weights)))(x);
  const expected = tf.tidy(() => {
    let sum: Tensor = tf.zeros([2, 3, 4]);
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) sum = tf.add(sum, tf.slice(weights, [2 * i, 3 * j, 0], [2, 3, 4]));
    }
    return sum;
  });
  const off = tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0] as number;
  assert.ok(off < 1e-5, String(off));
});

test('normalizations without scale and centre train, which those of tfjs do not', async () => {
  const model: LayersModel = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [3], units: 4 }),
      tf.layers.batchNormalization({ scale: false, center: false }),
      tf.layers.layerNormalization({ scale: false, center: false }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const { history } = await model.fit(tf.randomNormal([32, 3]), tf.ones([32, 1]), {
    epochs: 3,
    verbose: 0 as never,
  });
  assert.ok((history['loss']?.[2] as number) < (history['loss']?.[0] as number));
});
