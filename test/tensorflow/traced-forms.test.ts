/** A model that is built again with the same form takes the graphs of the first one, and is not traced. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { firstNotFinite, trainingSteps } from '../../src/compile/loops/model-steps.ts';
import * as added from '../../src/training/layers/index.ts';
import { Trace } from '../../src/compile/tracing/trace.ts';
import { loadTf, onBackendNotice, setRandomSeed } from '../../src/api/tensorflow.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

/** Counts every trace, those for XLA too. */
let recorded = 0;
const record: Trace['record'] = Reflect.get(Trace.prototype, 'record');
Trace.prototype.record = function recordAndCount(this: Trace, ...all) {
  recorded++;
  return record.apply(this, all);
};

interface Built {
  model: LayersModel;
  x: Tensor[];
  y: Tensor[];
}

/** Numbers that follow from where they stand. */
function numbers(shape: readonly number[], salt: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + salt) * 0.7 + 0.1),
    [...shape],
  );
}

const whole = (shape: number[], below: number): Tensor =>
  tf.cast(tf.abs(numbers(shape, 5)).mul(below).floor(), 'float32');

type Compile = Parameters<LayersModel['compile']>[0];

/** A model of one input with these layers behind each other. */
function chain(
  shape: number[],
  compile: Partial<Compile>,
  ...layers: { apply(x: unknown): unknown }[]
): Built {
  const input = tf.input({ shape });
  const output = layers.reduce((value, layer) => layer.apply(value) as SymbolicTensor, input);
  const model = tf.model({ inputs: input, outputs: output });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError', ...compile });
  return {
    model,
    x: [numbers([4, ...shape], 1)],
    y: [numbers([4, ...(output.shape.slice(1) as number[])], 2)],
  };
}

const { layers, train } = tf;
const dense = (units: number, more = {}) => layers.dense({ units, activation: 'tanh', ...more });
const optimizers: Record<string, () => Compile['optimizer']> = {
  sgd: () => train.sgd(0.1),
  momentum: () => train.momentum(0.1, 0.9),
  nesterov: () => train.momentum(0.1, 0.9, true),
  adam: () => train.adam(0.01),
  adamax: () => train.adamax(0.01),
  adagrad: () => train.adagrad(0.01),
  adadelta: () => train.adadelta(0.01),
  rmsprop: () => train.rmsprop(0.01),
  'rmsprop, centred': () => train.rmsprop(0.01, 0.9, 0.1, 1e-3, true),
};

const forms: Record<string, () => Built> = {
  'dense layers with dropout, noise, regularizers and constraints': () =>
    chain(
      [6],
      { metrics: ['mae'] },
      dense(20, {
        kernelRegularizer: tf.regularizers.l2({ l2: 0.01 }),
        biasConstraint: tf.constraints.nonNeg(),
      }),
      layers.dropout({ rate: 0.3 }),
      layers.gaussianNoise({ stddev: 0.1 }),
      layers.prelu(),
      dense(3),
    ),
  convolutions: () =>
    chain(
      [8, 8, 2],
      {},
      layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', padding: 'same' }),
      layers.batchNormalization(),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.depthwiseConv2d({ kernelSize: 3 }),
      layers.flatten(),
      layers.layerNormalization(),
      dense(2),
    ),
  'an unrolled LSTM': () => chain([5, 3], {}, layers.lstm({ units: 4 }), dense(2)),
  'an LSTM that is a loop': () => chain([60, 3], {}, layers.lstm({ units: 4 }), dense(2)),
  'a GRU that is a loop': () =>
    chain([60, 3], {}, layers.gru({ units: 4, recurrentActivation: 'sigmoid' }), dense(2)),
  'recurrent layers with dropout': () =>
    chain(
      [5, 3],
      {},
      layers.lstm({ units: 3, dropout: 0.3, recurrentDropout: 0.2, returnSequences: true }),
      layers.gru({ units: 3, dropout: 0.3 }),
    ),
  'recurrent layers in wrappers': () =>
    chain(
      [5, 3],
      {},
      layers.timeDistributed({ layer: dense(4) }),
      layers.bidirectional({ layer: layers.simpleRNN({ units: 3, returnSequences: true }) }),
      layers.globalAveragePooling1d(),
    ),
  'an embedding with a mask': () => {
    const input = tf.input({ shape: [6] });
    const rows = layers.embedding({ inputDim: 9, outputDim: 4, maskZero: true }).apply(input);
    const output = dense(2).apply(layers.lstm({ units: 3 }).apply(rows)) as SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: output });
    model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
    return { model, x: [whole([4, 6], 9)], y: [numbers([4, 2], 2)] };
  },
  'several inputs and outputs, a shared layer, a model inside': () => {
    const [a, b] = [tf.input({ shape: [4] }), tf.input({ shape: [4] })];
    const inner = tf.sequential({ layers: [dense(5, { inputShape: [4] }), dense(3)] });
    const [left, right] = [a, b].map((one) => inner.apply(one) as SymbolicTensor) as [
      SymbolicTensor,
      SymbolicTensor,
    ];
    const joined = layers
      .concatenate()
      .apply([left, layers.multiply().apply([left, right]) as SymbolicTensor]);
    const outputs = [dense(2).apply(joined), layers.dense({ units: 3, activation: 'softmax' }).apply(left)];
    const model = tf.model({ inputs: [a, b], outputs: outputs as SymbolicTensor[] });
    model.compile({
      optimizer: 'rmsprop',
      loss: ['meanSquaredError', 'categoricalCrossentropy'],
      metrics: ['accuracy'],
      lossWeights: [1, 0.5],
    });
    return {
      model,
      x: [numbers([4, 4], 1), numbers([4, 4], 2)],
      y: [numbers([4, 2], 3), tf.oneHot(tf.tensor1d([0, 2, 1, 1], 'int32'), 3).cast('float32')],
    };
  },
  'a frozen layer': () =>
    chain([6], {}, dense(4, { trainable: false }), layers.batchNormalization({ trainable: false }), dense(2)),
  'layers of this library': () =>
    chain(
      [6, 4],
      {},
      {
        apply: (x) => added.multiHeadAttention({ numHeads: 2, keyDim: 3 }).apply([x, x] as SymbolicTensor[]),
      },
      added.rmsNormalization({}),
      layers.flatten(),
      dense(2),
    ),
  ...Object.fromEntries(
    Object.entries(optimizers).map(([name, optimizer]) => [
      `the optimizer ${name}`,
      () => chain([6], { optimizer: optimizer() }, dense(20), dense(2)),
    ]),
  ),
};

/** Weights as given, then some steps: their losses, and the weights after them. */
async function trained({ model, x, y }: Built): Promise<number[]> {
  tf.tidy(() =>
    model.setWeights(model.getWeights().map(({ shape }, i) => numbers(shape, i).abs().add(0.05))),
  );
  setRandomSeed(7);
  const results: number[] = [];
  for (let step = 0; step < 4; step++) results.push(...[await model.trainOnBatch(x, y)].flat().map(Number));
  for (const weight of model.getWeights()) results.push(...weight.dataSync());
  return results;
}

const steps = (model: LayersModel) => trainingSteps(model) as NonNullable<ReturnType<typeof trainingSteps>>;
let traced = 0;

for (const [name, build] of Object.entries(forms)) {
  test(`a model that is built again is not traced again: ${name}`, async () => {
    const first = build();
    const expected = await trained(first);
    assert.equal(steps(first.model).traces, 1);
    const second = build();
    const results = await trained(second);
    assert.deepEqual([steps(second.model).traces, steps(second.model).reused], [0, 1]);
    assert.deepEqual(results, expected);
    // Another setting is part of the key: this one is traced, and has to give the very same graph.
    process.env['TENSORCELL_TRACED_FORMS_TEST'] = String(traced++);
    const third = build();
    assert.deepEqual(await trained(third), expected);
    assert.equal(steps(third.model).traces, 1);
    delete process.env['TENSORCELL_TRACED_FORMS_TEST'];
    assert.equal(steps(second.model).steps()[0]?.content, steps(third.model).steps()[0]?.content);
    for (const { model, x, y } of [first, second, third]) {
      model.dispose();
      tf.dispose([x, y]);
    }
    assert.deepEqual(notices, []);
  });
}

test('models that are built again leave nothing behind', async () => {
  const build = forms['dense layers with dropout, noise, regularizers and constraints'] as () => Built;
  const once = async () => {
    const one = build();
    await one.model.trainOnBatch(one.x, one.y);
    const { optimizer } = one.model;
    one.model.dispose();
    optimizer.dispose();
    tf.dispose([one.x, one.y]);
  };
  await once();
  await once();
  const { numTensors } = tf.memory();
  for (let i = 0; i < 3; i++) await once();
  assert.equal(tf.memory().numTensors, numTensors);
});

test('evaluate and predict of a model that is built again are right, and fit of many steps', async () => {
  const build = forms['dense layers with dropout, noise, regularizers and constraints'] as () => Built;
  const all: number[][] = [];
  for (let i = 0; i < 3; i++) {
    const { model, x, y } = build();
    tf.tidy(() =>
      model.setWeights(model.getWeights().map(({ shape }, k) => numbers(shape, k).abs().add(0.05))),
    );
    setRandomSeed(3);
    const [xs, ys] = [x[0]?.tile([16, 1]), y[0]?.tile([16, 1])] as [Tensor, Tensor];
    const { history } = await model.fit(xs, ys, {
      batchSize: 4,
      epochs: 3,
      shuffle: false,
      verbose: 0 as never,
    });
    const results = Object.values(history).flat().map(Number);
    for (let k = 0; k < 3; k++) {
      results.push(...(model.evaluate(xs, ys) as Tensor[]).flatMap((one) => Array.from(one.dataSync())));
      results.push(...(model.predict(xs) as Tensor).dataSync());
    }
    all.push(results);
    model.dispose();
    tf.dispose([x, y, xs, ys]);
  }
  // How many steps a call has depends on time, and so does the rounding of an epoch's loss.
  for (const results of all.slice(1)) {
    assert.equal(results.length, all[0]?.length);
    for (const [k, value] of results.entries()) assert.ok(Math.abs(value - (all[0]?.[k] as number)) <= 1e-5);
  }
});

test('weights, learning rates and frozen layers of a model that took a graph are its own', async () => {
  const build = forms['the optimizer sgd'] as () => Built;
  const [one, two] = [build(), build()];
  await trained(one);
  await trained(two);
  const before = one.model.getWeights().map((weight) => Array.from(weight.dataSync()));
  (two.model.optimizer as unknown as { setLearningRate(rate: number): void }).setLearningRate(0);
  const still = two.model.getWeights().map((weight) => Array.from(weight.dataSync()));
  for (let i = 0; i < 3; i++) await two.model.trainOnBatch(two.x, two.y);
  assert.deepEqual(
    two.model.getWeights().map((weight) => Array.from(weight.dataSync())),
    still,
  );
  assert.deepEqual(
    one.model.getWeights().map((weight) => Array.from(weight.dataSync())),
    before,
  );
  // A layer that is frozen makes it another form.
  const frozen = two.model.layers[1] as NonNullable<(typeof two.model.layers)[number]>;
  frozen.trainable = false;
  two.model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  await two.model.trainOnBatch(two.x, two.y);
  assert.deepEqual(Array.from((frozen.getWeights()[0] as Tensor).dataSync()), still[0]);
  for (const { model, x, y } of [one, two]) {
    model.dispose();
    tf.dispose([x, y]);
  }
});

test("a model that is built again takes XLA's program, and is not traced for it", async () => {
  process.env['TENSORCELL_XLA'] = 'on';
  const losses: number[][] = [];
  const traces: number[] = [];
  try {
    for (let i = 0; i < 2; i++) {
      const { model, x, y } = chain(
        [6],
        { optimizer: 'adam' },
        dense(60),
        layers.dropout({ rate: 0.3 }),
        dense(2),
      );
      tf.tidy(() => model.setWeights(model.getWeights().map(({ shape }, k) => numbers(shape, k))));
      setRandomSeed(3);
      const [xs, ys] = [x[0]?.tile([16, 1]), y[0]?.tile([16, 1])] as [Tensor, Tensor];
      const before = recorded;
      const { history } = await model.fit(xs, ys, {
        batchSize: 4,
        epochs: 20,
        shuffle: false,
        verbose: 0 as never,
      });
      traces.push(recorded - before);
      losses.push(history['loss'] as number[]);
      const [step] = steps(model).steps();
      assert.ok(step?.forXla !== undefined, 'XLA has a separate graph');
      model.dispose();
      tf.dispose([x, y, xs, ys]);
    }
  } finally {
    delete process.env['TENSORCELL_XLA'];
  }
  assert.deepEqual(traces, [2, 0]);
  for (const [k, loss] of (losses[1] as number[]).entries())
    assert.ok(Math.abs(loss - (losses[0]?.[k] as number)) <= 1e-5);
  assert.deepEqual(notices, []);
});

test('the layer where numbers went missing is that of the model that runs', async () => {
  const build = (name: string) => {
    const built = chain(
      [4],
      { optimizer: 'sgd' },
      dense(3, { name: `${name}_a` }),
      dense(2, { name: `${name}_b` }),
    );
    return built;
  };
  for (const name of ['first', 'second']) {
    const { model, x, y } = build(name);
    await model.trainOnBatch(x, y);
    assert.equal(firstNotFinite(model), undefined);
    const [kernel, ...others] = model.getWeights() as [Tensor, ...Tensor[]];
    tf.tidy(() => model.setWeights([tf.fill(kernel.shape, NaN), ...others]));
    await model.trainOnBatch(x, y);
    assert.equal(firstNotFinite(model)?.layer, `${name}_a`);
    assert.equal(steps(model).reused, name === 'first' ? 0 : 1);
    model.dispose();
    tf.dispose([x, y]);
  }
});
