/** Models of the same form share their graphs; models that differ in any one thing never do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { SharedFunctions } from '../../src/compile/execution/shared-functions.ts';
import { compile, loadTf, onBackendNotice, profile, setRandomSeed } from '../../src/api/tensorflow.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

const shared = () => {
  const backend = tensorflowBackend();
  assert.ok(backend !== undefined);
  return SharedFunctions.of(backend.engine);
};

/** Everything by which the models of this file may differ. */
interface Form {
  units: number;
  input: number;
  activation: 'relu' | 'tanh' | 'sigmoid';
  useBias: boolean;
  l2: number;
  maxNorm: number;
  rate: number;
  seed: number | undefined;
  axis: number;
  epsilon: number;
  frozen: boolean;
  /** Made anew for each model: an optimizer keeps a state. */
  compile: () => object;
}

const base: Form = {
  units: 6,
  input: 6,
  // Smooth: at a corner a rounding error becomes another gradient.
  activation: 'sigmoid',
  useBias: true,
  l2: 0.01,
  maxNorm: 2,
  rate: 0.25,
  seed: undefined,
  axis: 2,
  epsilon: 0.001,
  frozen: false,
  compile: () => ({}),
};

/** Adam that does not make noise large: of weights whose gradient is nearly 0 it would make a step of full size. */
const adam = (rate = 0.02, beta1 = 0.9, epsilon = 1e-3) => tf.train.adam(rate, beta1, 0.999, epsilon);

function build(form: Form): LayersModel {
  const { layers } = tf;
  const input = tf.input({ shape: [form.input] });
  const through = (x: typeof input, ...all: { apply(x: unknown): unknown }[]) =>
    all.reduce((value, layer) => layer.apply(value) as typeof input, x);
  const first = layers.dense({
    units: form.units,
    activation: form.activation,
    useBias: form.useBias,
    kernelRegularizer: tf.regularizers.l2({ l2: form.l2 }),
    kernelConstraint: tf.constraints.maxNorm({ maxValue: form.maxNorm }),
    trainable: !form.frozen,
  });
  const hidden = through(
    input,
    first,
    layers.dropout({ rate: form.rate, ...(form.seed === undefined ? {} : { seed: form.seed }) }),
    // Before it, a bias would have no gradient but noise, which Adam makes large.
    layers.batchNormalization({ epsilon: form.epsilon }),
  );
  const grid = layers.reshape({ targetShape: [2, form.units / 2] }).apply(hidden) as typeof input;
  const turned = layers.permute({ dims: [1, 2] }).apply(grid) as typeof input;
  const joined = layers.concatenate({ axis: form.axis }).apply([grid, turned]) as typeof input;
  const a = through(joined, layers.flatten(), layers.dense({ units: 2 }));
  const b = through(hidden, layers.dense({ units: 1 }));
  const model = tf.model({ inputs: input, outputs: [a, b] });
  model.compile({
    optimizer: adam(),
    loss: 'meanSquaredError',
    ...form.compile(),
  });
  return model;
}

/** Numbers that follow from where they stand. */
function numbers(shape: readonly number[], salt: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + salt) * 0.7 + 0.1),
    [...shape],
  );
}

/** Some steps one by one, then some in one call, then a prediction: all numbers that come out. */
async function train(form: Form, mode: 'on' | 'off'): Promise<number[]> {
  process.env['TENSORCELL_COMPILE'] = mode;
  const model = build(form);
  const x = numbers([32, form.input], 1);
  const y = [numbers([32, 2], 2), numbers([32, 1], 3)];
  try {
    tf.tidy(() =>
      model.setWeights(model.getWeights().map(({ shape }, i) => numbers(shape, i).abs().add(0.05))),
    );
    setRandomSeed(7);
    const results: number[] = [];
    const batch = [x, ...y].map((all) => tf.slice(all, 0, 4)) as [Tensor, Tensor, Tensor];
    for (let step = 0; step < 4; step++) {
      results.push(...[await model.trainOnBatch(batch[0], batch.slice(1))].flat().map(Number));
    }
    tf.dispose(batch);
    const { history } = await model.fit(x, y, {
      batchSize: 4,
      epochs: 3,
      shuffle: false,
      verbose: 0 as never,
    });
    results.push(...Object.values(history).flat().map(Number));
    const evaluated = model.evaluate(x, y, { batchSize: 16 }) as Tensor[];
    const predicted = [model.predict(x), model.predict(x)].flat();
    for (const tensor of [...evaluated, ...predicted, ...model.getWeights()])
      results.push(...tensor.dataSync());
    tf.dispose([evaluated, predicted]);
    return results;
  } finally {
    tf.dispose([x, y]);
    model.dispose();
    process.env['TENSORCELL_COMPILE'] = 'on';
  }
}

function distance(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Infinity;
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number)) / Math.max(1, Math.abs(value))));
}

/** A loss with a factor that it closes over. */
const lossTimes = (factor: number) => (y: Tensor, p: Tensor) => tf.losses.meanSquaredError(y, p).mul(factor);
const bias = (amount: number) => (y: Tensor, p: Tensor) => tf.mean(tf.add(tf.sub(p, y), amount));

const { train: optimizers } = tf;

/** Pairs that differ in one thing. `same`: it is an input of the graph and no part of it. */
const pairs: Record<string, { a?: Partial<Form>; b: Partial<Form>; same?: true }> = {
  activation: { b: { activation: 'tanh' } },
  'number of units': { b: { units: 8 } },
  'input shape': { b: { input: 7 } },
  'a bias': { b: { useBias: false } },
  'strength of a regularizer': { b: { l2: 0.3 } },
  'limit of a constraint': { b: { maxNorm: 0.4 } },
  'dropout rate': { b: { rate: 0.6 } },
  'seed of a dropout': { a: { seed: 1, useBias: false }, b: { seed: 2, useBias: false } },
  'axis of a concatenation': { b: { axis: 1 } },
  'epsilon of a normalization': { b: { epsilon: 0.2 } },
  'a frozen layer': { b: { frozen: true } },
  loss: { b: { compile: () => ({ loss: 'logcosh' }) } },
  metric: { a: { compile: () => ({ metrics: ['mae'] }) }, b: { compile: () => ({ metrics: ['mse'] }) } },
  'factor in the closure of a loss': {
    a: { compile: () => ({ loss: lossTimes(2) }) },
    b: { compile: () => ({ loss: lossTimes(3) }) },
  },
  'number in the closure of a metric': {
    a: { compile: () => ({ metrics: [bias(0)] as never }) },
    b: { compile: () => ({ metrics: [bias(1)] as never }) },
  },
  precision: { b: { compile: () => ({ mixedPrecision: true }) } },
  'kind of optimizer': { b: { compile: () => ({ optimizer: optimizers.rmsprop(0.02) }) } },
  'learning rate': { b: { compile: () => ({ optimizer: adam(0.005) }) }, same: true },
  'beta1 of Adam': { b: { compile: () => ({ optimizer: adam(0.02, 0.5) }) } },
  'epsilon of Adam': { b: { compile: () => ({ optimizer: adam(0.02, 0.9, 0.1) }) } },
  'momentum of a momentum optimizer': {
    a: { compile: () => ({ optimizer: optimizers.momentum(0.01, 0.9) }) },
    b: { compile: () => ({ optimizer: optimizers.momentum(0.01, 0.5) }) },
    same: true,
  },
  "Nesterov's momentum": {
    a: { compile: () => ({ optimizer: optimizers.momentum(0.01, 0.9, false) }) },
    b: { compile: () => ({ optimizer: optimizers.momentum(0.01, 0.9, true) }) },
  },
  'decay of RMSProp': {
    a: { compile: () => ({ optimizer: optimizers.rmsprop(0.01, 0.9) }) },
    b: { compile: () => ({ optimizer: optimizers.rmsprop(0.01, 0.5) }) },
  },
  'a centred RMSProp': {
    a: { compile: () => ({ optimizer: optimizers.rmsprop(0.01, 0.9, 0, 1e-3, false) }) },
    b: { compile: () => ({ optimizer: optimizers.rmsprop(0.01, 0.9, 0, 1e-3, true) }) },
  },
  'rate of Adagrad': {
    a: { compile: () => ({ optimizer: optimizers.adagrad(0.1) }) },
    b: { compile: () => ({ optimizer: optimizers.adagrad(0.02) }) },
  },
};

const known = new Map<string, number[]>();

/** The results of a form, which are the same when its model is built again, without new functions. */
async function twice(form: Form, name: string): Promise<number[]> {
  let first = known.get(name);
  if (first !== undefined) return first;
  first = await train(form, 'on');
  const { made } = shared().counts;
  const again = await train(form, 'on');
  assert.ok(distance(again, first) <= 1e-5, `the same form again: ${distance(again, first)}`);
  assert.equal(shared().counts.made, made, 'the same form made new functions');
  known.set(name, first);
  return first;
}

for (const [what, { a, b, same }] of Object.entries(pairs)) {
  test(`models that differ in one thing have their own results: ${what}`, async () => {
    const [one, other] = [a ?? {}, b].map((part): Form => ({ ...base, ...part })) as [Form, Form];
    const first = await twice(one, a === undefined && same === undefined ? 'base' : what);
    const { made } = shared().counts;
    const compiled = await train(other, 'on');
    if (same === true)
      assert.equal(shared().counts.made, made, 'a new function was made for what is an input');
    const eager = await train(other, 'off');
    const tolerance = what === 'precision' ? 0.05 : 1e-4;
    assert.ok(distance(compiled, eager) <= tolerance, `compiled is ${distance(compiled, eager)} from eager`);
    assert.ok(distance(first, compiled) > 5e-4, 'the difference does not show');
    assert.deepEqual(notices, []);
  });
}

test('two models of one form train in turns, each with its own weights, and one outlives the other', async () => {
  const run = async (turns: boolean) => {
    const models = [build(base), build({ ...base, compile: () => ({ optimizer: adam(0.005) }) })];
    const x = numbers([4, 6], 1);
    const y = [numbers([4, 2], 2), numbers([4, 1], 3)];
    for (const model of models) model.setWeights(model.getWeights().map(({ shape }, i) => numbers(shape, i)));
    const losses: number[][] = [[], []];
    const step = async (i: number) => {
      setRandomSeed(losses[i]?.length ?? 0);
      losses[i]?.push(...[await models[i]?.trainOnBatch(x, y)].flat().map(Number));
    };
    for (let k = 0; k < 12; k++) await step(turns ? k % 2 : Math.floor(k / 6));
    models[0]?.dispose();
    await step(1);
    models[1]?.dispose();
    tf.dispose([x, y]);
    return losses;
  };
  assert.deepEqual(await run(true), await run(false));
});

test('functions that no model uses are kept up to a bound', async () => {
  const x = tf.ones([2, 3]);
  for (let size = 1; size <= 40; size++) {
    const scale = compile((t: Tensor) => t.mul(size).add(t.square()));
    for (let k = 0; k < 3; k++) assert.equal(scale(x).dataSync()[0], size + 1);
    scale.dispose();
  }
  assert.ok(shared().counts.unused <= 32, `${shared().counts.unused} functions are kept`);
  const again = compile((t: Tensor) => t.mul(1).add(t.square()));
  for (let k = 0; k < 3; k++) assert.equal(again(x).dataSync()[0], 2);
  again.dispose();
  x.dispose();
});

/** A model with an embedding that fails for numbers past its end. */
function table(name: string): LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.embedding({ name, inputDim: 5, outputDim: 3, inputShape: [2] }),
      tf.layers.flatten(),
      tf.layers.dense({ name: `${name}_out`, units: 1 }),
    ],
  });
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  return model;
}

test('errors and profiles name the layers of the model that runs, not those of the model that was there first', async () => {
  const good = tf.tensor2d([[1, 2]], [1, 2], 'int32');
  const bad = tf.tensor2d([[1, 99]], [1, 2], 'int32');
  const y = tf.ones([1, 1]);
  const models = ['first_table', 'second_table'].map(table);
  for (const model of models) for (let k = 0; k < 3; k++) await model.trainOnBatch(good, y);
  const [one, two] = models.map((model) => trainingSteps(model)?.steps()[0]?.shared);
  assert.ok(one !== undefined && one === two, 'the models share a function');
  for (const [i, model] of models.entries()) {
    const name = ['first_table', 'second_table'][i] as string;
    await assert.rejects(
      async () => {
        await model.trainOnBatch(bad, y);
      },
      (error: Error) => error.message.includes(` in ${name}: `),
    );
    const { layers } = await profile(() => model.trainOnBatch(good, y));
    const names = layers.map(({ layer }) => layer).filter((layer) => layer.includes('table'));
    assert.ok(names.length > 0 && names.every((layer) => layer.startsWith(name)), names.join());
  }
  tf.dispose([good, bad, y]);
  for (const model of models) model.dispose();
});
