/** Weights of samples in the elements of a data set count as those that `fit` and `evaluate` are given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Scalar, Tensor } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';

process.env['TENSORCELL_XLA'] = 'off';
const tf = loadTf();

const SAMPLES = 40;
const BATCH = 4;
const QUIET = { verbose: 0 as never };
const numbers = (count: number, salt: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(3 * i + salt));
const data = () => ({
  x: tf.tensor2d(numbers(SAMPLES * 3, 1), [SAMPLES, 3]),
  a: tf.tensor2d(
    numbers(SAMPLES, 2).map((value) => (value > 0 ? 1 : 0)),
    [SAMPLES, 1],
  ),
  b: tf.tensor2d(numbers(SAMPLES * 2, 3), [SAMPLES, 2]),
  w: tf.tensor1d(numbers(SAMPLES, 4).map((value) => value + 1)),
});

function build(outputs: number): LayersModel {
  const input = tf.input({ shape: [3] });
  const kernelInitializer = tf.initializers.constant({ value: 0.3 });
  const a = tf.layers.dense({ name: 'a', units: 1, activation: 'sigmoid', kernelInitializer }).apply(input);
  const b = tf.layers.dense({ name: 'b', units: 2, kernelInitializer }).apply(input);
  const model = tf.model({ inputs: input, outputs: (outputs === 1 ? a : [a, b]) as never });
  model.compile({
    optimizer: tf.train.sgd(0.1),
    loss: outputs === 1 ? 'binaryCrossentropy' : ['binaryCrossentropy', 'meanSquaredError'],
  });
  return model;
}

/** Batches of these tensors, made on request. */
function batches(element: (cut: (tensor: Tensor) => Tensor) => Record<string, unknown>) {
  return tf.data.generator(function* () {
    for (let at = 0; at < SAMPLES; at += BATCH) {
      yield element((tensor) =>
        tf.slice(tensor, [at, ...tensor.shape.slice(1).map(() => 0)], [BATCH, ...tensor.shape.slice(1)]),
      ) as never;
    }
  });
}

const kernels = (model: LayersModel) => model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));

function assertClose(actual: readonly number[], wanted: readonly number[]): void {
  assert.equal(actual.length, wanted.length);
  for (const [i, value] of wanted.entries())
    assert.ok(Math.abs((actual[i] as number) - value) <= 1e-5, `${i}`);
}

const cases = {
  'of one output': { outputs: 1, classWeight: undefined, weights: (w: Tensor) => w },
  'of one output, with class weights': {
    outputs: 1,
    classWeight: { 0: 0.5, 1: 3 },
    weights: (w: Tensor) => w,
  },
  'of all outputs': { outputs: 2, classWeight: undefined, weights: (w: Tensor) => w },
  'of one of two outputs, by name': {
    outputs: 2,
    classWeight: undefined,
    weights: (w: Tensor) => ({ b: w }),
  },
};

for (const mode of ['off', 'on'] as const) {
  for (const [name, { outputs, classWeight, weights }] of Object.entries(cases)) {
    test(`weights ${name} in elements of a data set, ${mode === 'on' ? 'compiled' : 'eagerly'}`, async () => {
      process.env['TENSORCELL_COMPILE'] = mode;
      const { x, a, b, w } = data();
      const ys = outputs === 1 ? a : [a, b];
      const plain = build(outputs);
      const more = classWeight === undefined ? {} : { classWeight };
      const { history } = await plain.fit(x, ys, {
        batchSize: BATCH,
        epochs: 3,
        shuffle: false,
        ...QUIET,
        ...more,
        sampleWeight: weights(w) as never,
      });
      const unweighted = build(outputs);
      await unweighted.fit(x, ys, { batchSize: BATCH, epochs: 3, shuffle: false, ...QUIET });
      assert.notDeepEqual(kernels(unweighted), kernels(plain));

      const elements = batches((cut) => ({
        xs: cut(x),
        ys: outputs === 1 ? cut(a) : { a: cut(a), b: cut(b) },
        sampleWeight: outputs === 1 || name === 'of all outputs' ? cut(w) : { b: cut(w) },
      }));
      const model = build(outputs);
      const start = tf.memory().numTensors;
      const from = await model.fitDataset(elements, { epochs: 3, ...QUIET, ...more });
      assertClose(kernels(model), kernels(plain));
      assertClose(from.history['loss'] as number[], history['loss'] as number[]);
      const evaluated = [await model.evaluateDataset(elements, {})].flat();
      const expected: Scalar[] = [
        plain.evaluate(x, ys, { batchSize: BATCH, sampleWeight: weights(w) as never }),
      ].flat();
      assertClose(
        evaluated.map((one) => one.dataSync()[0] as number),
        expected.map((one) => one.dataSync()[0] as number),
      );
      tf.dispose([evaluated, expected]);
      // The rate of an optimizer, and what a first step makes.
      assert.ok(tf.memory().numTensors - start <= 4, `${tf.memory().numTensors - start} tensors are left`);
      for (const one of [plain, unweighted, model]) one.dispose();
      tf.dispose([x, a, b, w]);
    });
  }

  test(`weights of another name or shape are refused, ${mode === 'on' ? 'compiled' : 'eagerly'}`, async () => {
    process.env['TENSORCELL_COMPILE'] = mode;
    const { x, a, w } = data();
    const model = build(1);
    for (const key of ['sampleWeights', 'sample_weight', 'weights']) {
      await assert.rejects(
        model.fitDataset(
          batches((cut) => ({ xs: cut(x), ys: cut(a), [key]: cut(w) })),
          { epochs: 1, ...QUIET },
        ),
        {
          message: `an element of the data set has "${key}", which is not used: name the sample weights sampleWeight, as in { xs, ys, sampleWeight }`,
        },
      );
    }
    await assert.rejects(
      model.fitDataset(
        batches((cut) => ({ xs: cut(x), ys: cut(a), sampleWeight: tf.ones([3]) })),
        { epochs: 1, ...QUIET },
      ),
      /sampleWeight has shape \[3\] for 4 samples: give a tensor of shape \[4\]/,
    );
    model.dispose();
    tf.dispose([x, a, w]);
  });
}

test('weightedMetrics are refused by name', () => {
  const model = build(1);
  assert.throws(
    () => {
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', weightedMetrics: ['accuracy'] } as never);
    },
    { message: /compile does not take weightedMetrics: metrics do not count sampleWeight here/ },
  );
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', weightedMetrics: [] } as never);
});
