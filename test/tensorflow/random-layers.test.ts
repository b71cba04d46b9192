// Layers with random numbers in training: the distribution that Keras has, anew in each call, and nothing in `predict`.
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { layers as ours } from '../../src/api/index.ts';
import { loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const L = tf.layers;
const before = process.env['TENSORCELL_COMPILE'];
after(() => {
  process.env['TENSORCELL_COMPILE'] = before ?? 'on';
});

const applied = (layer: Tf.layers.Layer, x: Tf.Tensor, training: boolean): number[] =>
  Array.from((layer.apply(x, { training }) as Tf.Tensor).dataSync());

function moments(values: number[]): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

const near = (actual: number, expected: number, tolerance: number, what: string): void => {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`);
};

const RATE = 0.25;
/** keras/src/layers/regularization/alpha_dropout.py: what a dropped unit becomes, and the map that keeps mean and variance. */
const SATURATION = -1.6732632423543772 * 1.0507009873554805;
const FACTOR = ((1 - RATE) * (1 + RATE * SATURATION ** 2)) ** -0.5;
const SHIFT = -FACTOR * SATURATION * RATE;

/** By layer: the values that ones become and their share; or mean and standard deviation. */
const KINDS: Record<
  string,
  [Tf.layers.Layer, { values?: [number, number][]; mean: number; deviation: number }]
> = {
  dropout: [
    L.dropout({ rate: RATE }),
    {
      values: [
        [0, RATE],
        [1 / (1 - RATE), 1 - RATE],
      ],
      mean: 1,
      deviation: Math.sqrt(RATE / (1 - RATE)),
    },
  ],
  gaussianNoise: [L.gaussianNoise({ stddev: 0.3 }), { mean: 1, deviation: 0.3 }],
  gaussianDropout: [L.gaussianDropout({ rate: RATE }), { mean: 1, deviation: Math.sqrt(RATE / (1 - RATE)) }],
  alphaDropout: [
    L.alphaDropout({ rate: RATE }),
    {
      values: [
        [FACTOR * SATURATION + SHIFT, RATE],
        [FACTOR + SHIFT, 1 - RATE],
      ],
      mean: FACTOR * (RATE * SATURATION + 1 - RATE) + SHIFT,
      deviation: FACTOR * (1 - SATURATION) * Math.sqrt(RATE * (1 - RATE)),
    },
  ],
};

for (const [name, [layer, { values, mean, deviation }]] of Object.entries(KINDS)) {
  test(`${name} draws from the distribution that Keras has, in training alone`, () => {
    setRandomSeed(5);
    const ones = tf.ones([200, 200]);
    const made = applied(layer, ones, true);
    const found = moments(made);
    near(found.mean, mean, 0.02, 'mean');
    near(found.deviation, deviation, 0.02, 'standard deviation');
    for (const [value, share] of values ?? []) {
      const count = made.filter((one) => Math.abs(one - value) < 1e-5).length;
      near(count / made.length, share, 0.02, `share of ${value}`);
    }
    assert.notDeepEqual(applied(layer, ones, true), made, 'the next call draws anew');
    assert.ok(applied(layer, ones, false).every((value) => value === 1));
  });
}

test('alphaDropout keeps mean and variance of what is standardized, and takes a shape of its noise', () => {
  setRandomSeed(6);
  const found = moments(applied(L.alphaDropout({ rate: 0.4 }), tf.randomNormal([300, 300]), true));
  near(found.mean, 0, 0.03, 'mean');
  near(found.deviation, 1, 0.03, 'standard deviation');
  const layer = L.alphaDropout({ rate: 0.5, noiseShape: [null, 1, 3] as never });
  const made = tf.tensor(applied(layer, tf.ones([8, 5, 3]), true), [8, 5, 3]);
  assert.equal(tf.max(tf.abs(tf.sub(made, made.slice([0, 0, 0], [8, 1, 3])))).dataSync()[0], 0);
  assert.deepEqual((layer.getConfig() as { noiseShape?: unknown }).noiseShape, [null, 1, 3]);
});

test('spatial dropouts drop whole channels', () => {
  setRandomSeed(7);
  const cases: [Tf.layers.Layer, number[]][] = [
    [L.spatialDropout1d({ rate: 0.5 }), [4, 6, 5]],
    [ours.spatialDropout2d({ rate: 0.5 }), [4, 3, 2, 5]],
    [ours.spatialDropout3d({ rate: 0.5 }), [4, 2, 3, 2, 5]],
  ];
  for (const [layer, shape] of cases) {
    const made = tf.tensor(applied(layer, tf.ones(shape), true), shape);
    const axes = shape.slice(1, -1).map((_, axis) => axis + 1);
    const [low, high] = [tf.min(made, axes).dataSync(), tf.max(made, axes).dataSync()];
    assert.deepEqual(low, high);
    assert.deepEqual(
      [...new Set(low)].sort((a, b) => a - b),
      [0, 2],
    );
  }
});

for (const backend of ['tensorflow', 'cpu']) {
  test(`a dropout with a seed draws anew in each call, as in Keras (${backend})`, async () => {
    await tf.setBackend(backend);
    try {
      const ones = tf.ones([40, 40]);
      const draw = (seed: number, calls: number): number[][] => {
        setRandomSeed(1);
        const layer = L.dropout({ rate: 0.5, seed });
        return Array.from({ length: calls }, () => applied(layer, ones, true));
      };
      const [first, second, third] = draw(3, 3);
      assert.notDeepEqual(first, second);
      assert.notDeepEqual(second, third);
      assert.deepEqual(draw(3, 3), [first, second, third], 'the same again');
      assert.notDeepEqual(draw(4, 1)[0], first, 'another seed');
    } finally {
      await tf.setBackend('tensorflow');
    }
  });
}

test('a dropout with a seed trains compiled as it does eagerly, with other units dropped in each step', async () => {
  const runs: number[][] = [];
  for (const mode of ['off', 'on']) {
    process.env['TENSORCELL_COMPILE'] = mode;
    setRandomSeed(2);
    const dense = L.dense({ units: 1, useBias: false, kernelInitializer: 'zeros' });
    const model = tf.sequential({ layers: [L.dropout({ rate: 0.5, seed: 9, inputShape: [12] }), dense] });
    model.compile({ optimizer: tf.train.sgd(1), loss: (_, y) => tf.mean(y) });
    const kernels: Tf.Tensor[] = [tf.zeros([12, 1])];
    for (let step = 0; step < 6; step++) {
      await model.trainOnBatch(tf.ones([1, 12]), tf.ones([1, 1]));
      kernels.push(tf.clone(dense.getWeights()[0] as Tf.Tensor));
    }
    // A step moves the weights of the units that were kept.
    const steps = kernels
      .slice(1)
      .map((kernel, i) => [...tf.sub(kernel, kernels[i] as Tf.Tensor).dataSync()]);
    assert.ok(new Set(steps.map((step) => step.join())).size > 3, mode);
    runs.push(steps.flat());
  }
  assert.deepEqual(runs[1], runs[0]);
});

const CELLS: Record<string, () => Tf.layers.Layer> = {
  simpleRNNCell: () => L.simpleRNNCell({ units: 3, dropout: 0.5, recurrentDropout: 0.4 }),
  gruCell: () => L.gruCell({ units: 3, dropout: 0.5, recurrentDropout: 0.4 }),
  lstmCell: () => L.lstmCell({ units: 3, dropout: 0.5, recurrentDropout: 0.4 }),
  stackedRNNCells: () =>
    L.stackedRNNCells({
      cells: [L.gruCell({ units: 3, dropout: 0.5 }), L.lstmCell({ units: 3, recurrentDropout: 0.4 })],
    }),
};
for (const [name, cell] of Object.entries(CELLS)) {
  for (const mode of ['off', 'on']) {
    test(`dropout in the cell of an RNN ends with the call that it belongs to: ${name} (compile ${mode})`, async () => {
      process.env['TENSORCELL_COMPILE'] = mode;
      setRandomSeed(3);
      const layer = L.rnn({ cell: cell() as never, inputShape: [4, 5] });
      const model = tf.sequential({ layers: [layer] });
      model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
      const x = tf.randomNormal([6, 4, 5], 0, 1, 'float32', 1);
      const predicted = (): number[] => Array.from((model.predict(x) as Tf.Tensor).dataSync());
      const first = predicted();
      const losses = new Set<number>();
      for (const size of [6, 6, 4, 6, 6]) {
        const loss = await model.trainOnBatch(x.slice([0, 0, 0], [size, 4, 5]), tf.zeros([size, 3]));
        losses.add(loss as number);
        // With a rate of 0 nothing is learned: only what stays dropped could change this.
        assert.deepEqual(predicted(), first);
      }
      assert.equal(losses.size, 5, 'each step drops other units');
      assert.deepEqual(predicted(), first);
    });
  }
}
