import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';
import type { SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const values = (tensor: Tensor) => Array.from(tensor.dataSync());

afterEach(() => {
  mock.restoreAll();
  process.env['TENSORCELL_COMPILE'] = 'on';
});

/** Two outputs of one input: `a` with two numbers, `b` with three. */
function two() {
  const input = tf.input({ shape: [3] });
  const out = (name: string, units: number) =>
    tf.layers.dense({ units, name, kernelInitializer: 'ones' }).apply(input) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: [out('a', 2), out('b', 3)] });
}

const refusals: Record<string, [() => unknown, RegExp]> = {
  'loss weights of an output that is not there': [
    () => two().compile({ optimizer: 'sgd', loss: 'mse', lossWeights: { c: 1 } }),
    /lossWeights names the output "c": give names of outputs, which are a, b/,
  ],
  'too few loss weights': [
    () => two().compile({ optimizer: 'sgd', loss: 'mse', lossWeights: [1] }),
    /lossWeights has 1 numbers for 2 outputs/,
  ],
  'a loss weight that is not finite': [
    () => two().compile({ optimizer: 'sgd', loss: 'mse', lossWeights: [1, Infinity] }),
    /lossWeights has Infinity for b: give a finite number/,
  ],
  'metrics of an output that is not there': [
    () => two().compile({ optimizer: 'sgd', loss: 'mse', metrics: { c: 'mae' } }),
    /metrics names the output "c": give names of outputs, which are a, b/,
  ],
  'lists of metrics for more outputs than there are': [
    () => two().compile({ optimizer: 'sgd', loss: 'mse', metrics: [['mae'], ['mse'], []] as never }),
    /metrics has 3 lists for 2 outputs: give one for each output, which are a, b/,
  ],
  'metrics that are a number': [
    () => two().compile({ optimizer: 'sgd', loss: 'mse', metrics: 3 as never }),
    /metrics is 3: give a name, a function, a list, or an object by the names of outputs/,
  ],
  'a loss with an unknown name': [
    () => two().compile({ optimizer: 'sgd', loss: 'squared' }),
    /Unknown loss squared: give a function, or one of meanSquaredError, /,
  ],
  'a metric with an unknown name': [
    () => two().compile({ optimizer: 'sgd', loss: 'mse', metrics: ['f1'] }),
    /Unknown metric f1: give a function, or one of .*precision/,
  ],
};
for (const [what, [run, message]] of Object.entries(refusals)) {
  test(`refused: ${what}`, () => assert.throws(run, message));
}

const mae = tf.metrics.meanAbsoluteError;
/** By what is given as metrics: the labels of two outputs, and of one. */
const METRIC_FORMS: [string, unknown, string[], string[]?][] = [
  ['none', undefined, [], []],
  ['a name', 'mae', ['a_mae', 'b_mae'], ['mae']],
  ['a list of one', ['mae'], ['a_mae', 'b_mae'], ['mae']],
  ['as many names as outputs', ['mae', 'mse'], ['a_mae', 'b_mse'], ['mae', 'mse']],
  ['a name and a function', ['mse', mae], ['a_mse', 'b_meanAbsoluteError']],
  [
    'more names than outputs',
    ['mae', 'mse', 'mape'],
    ['a_mae', 'a_mse', 'a_mape', 'b_mae', 'b_mse', 'b_mape'],
    ['mae', 'mse', 'mape'],
  ],
  ['lists', [['mae', 'mse'], ['mape']], ['a_mae', 'a_mse', 'b_mape'], ['mae', 'mse', 'mape']],
  ['a list and none', [['mae'], null], ['a_mae']],
  ['a name and an empty list', ['mae', []], ['a_mae'], ['mae']],
  ['by name', { b: 'mae' }, ['b_mae']],
  ['lists by name', { b: ['mae', 'mse'], a: [] }, ['b_mae', 'b_mse']],
];
for (const [what, metrics, ofTwo, ofOne] of METRIC_FORMS) {
  test(`metrics of outputs: ${what}`, () => {
    const model = two();
    model.compile({ optimizer: 'sgd', loss: 'mse', metrics: metrics as string[] });
    assert.deepEqual(model.metricsNames, ['loss', 'a_loss', 'b_loss', ...ofTwo]);
    if (ofOne === undefined) return;
    const one = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    one.compile({ optimizer: 'sgd', loss: 'mse', metrics: metrics as string[] });
    assert.deepEqual(one.metricsNames, ['loss', ...ofOne]);
  });
}

test('weights of samples that do not fit are refused wherever they are given', async () => {
  const model = two();
  model.compile({ optimizer: 'sgd', loss: 'mse' });
  const [x, y] = [tf.ones([4, 3]), [tf.ones([4, 2]), tf.ones([4, 3])]];
  const sampleWeight = tf.ones([3]) as never;
  const message = /sampleWeight has shape \[3\] for 4 samples: give a tensor of shape \[4\]/;
  assert.throws(() => model.evaluate(x, y, { sampleWeight }), message);
  await assert.rejects(model.trainOnBatch(x, y, { sampleWeight }), message);
  await assert.rejects(
    model.fit(x, y, { validationData: [x, y, sampleWeight], verbose: 0 as never }),
    message,
  );
  assert.throws(
    () => model.evaluate(x, y, { sampleWeight: [tf.ones([4])] as never }),
    /sampleWeight has 1 entries for 2 outputs: give one for each/,
  );
  // The model keeps working, and nothing of the attempts is left.
  const before = tf.memory().numTensors;
  tf.dispose(model.evaluate(x, y, { sampleWeight: tf.tidy(() => tf.keep(tf.ones([4]))) }));
  assert.equal(tf.memory().numTensors - before, 1, 'the weights belong to the caller');
});

for (const mode of ['off', 'on'] as const) {
  test(`an index of a class that the output lacks gives NaN, never a loss of 0 (compile ${mode})`, () => {
    process.env['TENSORCELL_COMPILE'] = mode;
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 3, activation: 'softmax', inputShape: [2] })],
    });
    model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
    for (let i = 0; i < 3; i++) {
      const loss = model.evaluate(tf.ones([2, 2]), tf.tensor1d([1, 3], 'int32')) as Tensor;
      assert.deepEqual(values(loss), [NaN]);
    }
  });

  test(`a mask that a layer cannot hand on is named once (compile ${mode})`, () => {
    process.env['TENSORCELL_COMPILE'] = mode;
    const warn = mock.method(console, 'warn', () => undefined);
    const { embedding, flatten, dense } = tf.layers;
    const model = tf.sequential({
      layers: [
        embedding({ inputDim: 5, outputDim: 2, maskZero: true, inputLength: 3 }),
        dense({ units: 2 }),
        flatten({ name: `flat_${mode}` }),
        dense({ units: 1 }),
      ],
    });
    for (let i = 0; i < 3; i++) model.predict(tf.tensor2d([[1, 2, 0]]));
    assert.deepEqual(
      warn.mock.calls.map(({ arguments: [text] }) => text as string),
      [
        `The layer flat_${mode} (Flatten) does not support masks: the mask of its input ends here, and the layers after it treat padding as data.`,
      ],
    );
  });
}

test('values that are set stay as they are, whatever the constraint', async () => {
  const layer = tf.layers.dense({ units: 1, kernelConstraint: 'nonNeg', useBias: false, inputShape: [2] });
  const model = tf.sequential({ layers: [layer] });
  layer.setWeights([tf.tensor2d([[-1], [2]])]);
  assert.deepEqual(values(model.getWeights()[0] as Tensor), [-1, 2]);
  model.compile({ optimizer: 'sgd', loss: 'mse' });
  await model.trainOnBatch(tf.zeros([1, 2]), tf.zeros([1, 1]));
  assert.deepEqual(values(model.getWeights()[0] as Tensor), [0, 2], 'it holds after a step');
});

for (const mode of ['off', 'on'] as const) {
  test(`a model may have one tensor as several of its outputs (compile ${mode})`, async () => {
    process.env['TENSORCELL_COMPILE'] = mode;
    mock.method(console, 'warn', () => undefined);
    const input = tf.input({ shape: [3] });
    const once = tf.layers.dense({ units: 2, kernelInitializer: 'ones' }).apply(input) as SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: [once, input, once] });
    model.compile({ optimizer: tf.train.sgd(0), loss: 'mse' });
    const [x, zeros] = [tf.ones([2, 3]), tf.zeros([2, 2])];
    for (let i = 0; i < 3; i++) {
      const outputs = model.predict(x) as Tensor[];
      assert.deepEqual(outputs.map(values), [
        [3, 3, 3, 3],
        [1, 1, 1, 1, 1, 1],
        [3, 3, 3, 3],
      ]);
      assert.deepEqual(await model.trainOnBatch(x, [zeros, tf.zeros([2, 3]), zeros]), [19, 9, 1, 9]);
    }
    const around = tf.model({ inputs: input, outputs: model.apply(input) as SymbolicTensor[] });
    assert.deepEqual((around.predict(x) as Tensor[]).map(values), [
      [3, 3, 3, 3],
      [1, 1, 1, 1, 1, 1],
      [3, 3, 3, 3],
    ]);
  });
}

test('targets may be left out of the loss, with no loss for their output', async () => {
  const model = two();
  model.compile({ optimizer: 'sgd', loss: { a: 'mse', b: null as never } });
  assert.deepEqual(model.metricsNames, ['loss']);
  const before = values(model.getLayer('b').getWeights()[0] as Tensor);
  const loss = await model.trainOnBatch(tf.ones([4, 3]), [tf.zeros([4, 2]), tf.zeros([4, 3])]);
  assert.ok(Math.abs((loss as number) - 9) < 1e-5, String(loss));
  assert.deepEqual(values(model.getLayer('b').getWeights()[0] as Tensor), before);
});

test('a frozen Bidirectional stays frozen in a copy made of its configuration', async () => {
  const layer = tf.layers.bidirectional({ layer: tf.layers.gru({ units: 2 }), name: 'both' });
  const model = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [3, 1] }), layer] });
  layer.trainable = false;
  const json = JSON.parse(JSON.stringify(model.toJSON(null, false))) as object;
  const copy = await tf.models.modelFromJSON(json as never);
  assert.equal(copy.getLayer('both').trainable, false);
  assert.deepEqual(copy.trainableWeights, []);
});

test('frozen weights of a Sequential stay frozen through each compile', async () => {
  const normalization = tf.layers.batchNormalization({ inputShape: [2] });
  const model = tf.sequential({ layers: [normalization, tf.layers.dense({ units: 1 })] });
  normalization.trainable = false;
  const before = normalization.getWeights().map(values);
  for (let i = 0; i < 2; i++) {
    model.compile({ optimizer: 'sgd', loss: 'mse' });
    assert.equal(normalization.trainable, false);
    assert.equal(model.trainableWeights.length, 2);
    for (let step = 0; step < 3; step++) await model.trainOnBatch(tf.randomNormal([4, 2]), tf.ones([4, 1]));
  }
  assert.deepEqual(normalization.getWeights().map(values), before);
});

test('topk without order gives the same values as with it, each with its index', () => {
  const x = tf.tensor2d([
    [1, 9, 3, 7, 5, 8, 2, 6],
    [4, 4, 1, 9, 0, 3, 3, 8],
  ]);
  for (const k of [1, 2, 3, 5, 8]) {
    const sorted = tf.topk(x, k).values.arraySync();
    const { values: some, indices } = tf.topk(x, k, false);
    const rows = some.arraySync();
    assert.deepEqual(
      rows.map((row) => row.toSorted((a, b) => b - a)),
      sorted,
    );
    const found = indices.arraySync().map((row, i) => row.map((at) => x.arraySync()[i]?.[at]));
    assert.deepEqual(found, rows);
  }
});

for (const compile of ['on', 'off']) {
  test(`the losses of an epoch whose last batch is smaller are means over its samples (compiled: ${compile})`, async () => {
    process.env['TENSORCELL_COMPILE'] = compile;
    const model = two();
    // A rate of 0: what is logged depends on the samples alone.
    model.compile({ optimizer: tf.train.sgd(0), loss: 'mse', metrics: ['mae'], lossWeights: [1, 0.5] });
    const x = tf.randomNormal([8, 3], 0, 1, 'float32', 1);
    const ys = [tf.randomNormal([8, 2], 3, 1, 'float32', 2), tf.randomNormal([8, 3], 0, 2, 'float32', 3)];
    const whole = (model.evaluate(x, ys, { batchSize: 8 }) as Tensor[]).map((value) => values(value)[0] ?? 0);
    const { history } = await model.fit(x, ys, { batchSize: 3, epochs: 1, shuffle: false });
    const byThree = (model.evaluate(x, ys, { batchSize: 3 }) as Tensor[]).map(
      (value) => values(value)[0] ?? 0,
    );
    const names = model.metricsNames;
    assert.deepEqual(names, ['loss', 'a_loss', 'b_loss', 'a_mae', 'b_mae']);
    for (const [i, name] of names.entries()) {
      const expected = whole[i] ?? Number.NaN;
      assert.ok(Math.abs((history[name]?.[0] as number) - expected) < 1e-5 * expected, name);
      assert.ok(Math.abs((byThree[i] ?? Number.NaN) - expected) < 1e-5 * expected, `${name} of evaluate`);
    }
  });
}
