import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomCallbackArgs, LayersModel, ModelFitArgs, Tensor } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, onBackendNotice, setRandomSeed } from '../../src/api/tensorflow.ts';
import { counting, stepsDone } from './counting-model.ts';
import type { TensorcellFitArgs } from '../../src/training/index.ts';
import { stepLoops } from '../../src/compile/execution/step-loop.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

/** tfjs's enumeration, which it does not export. */
const QUIET = 0 as never;

type FitArgs = ModelFitArgs & TensorcellFitArgs;

/** Loops over steps that the model's training made. */
function loops(model: LayersModel): number {
  return (trainingSteps(model)?.steps() ?? []).reduce((sum, step) => sum + stepLoops.all(step).size, 0);
}

/** The results of one training, with the same shuffling each time. */
async function train(
  build: () => LayersModel,
  data: () => { x: Tensor | Tensor[]; y: Tensor | Tensor[] },
  args: FitArgs,
) {
  setRandomSeed(5);
  const model = build();
  setRandomSeed(6);
  const { x, y } = data();
  const { random } = Math;
  let state = 17;
  Math.random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  try {
    const history = await model.fit(x, y, { verbose: QUIET, ...args });
    const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
    return { history: history.history as Record<string, number[]>, weights, loops: loops(model) };
  } finally {
    Math.random = random;
    tf.dispose([x, y]);
    model.dispose();
  }
}

function assertClose(actual: number[], expected: number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const wanted = expected[i] as number;
    const distance = Math.abs(value - wanted) / Math.max(1, Math.abs(wanted));
    assert.ok(distance <= 1e-6, `${what} ${i}: ${value}, not ${wanted}`);
  });
}

const classifier =
  (dropout: boolean, optimizer = 'adam') =>
  () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, inputShape: [5], activation: 'relu' }),
        ...(dropout ? [tf.layers.dropout({ rate: 0.4 }), tf.layers.batchNormalization()] : []),
        tf.layers.dense({ units: 3, activation: 'softmax' }),
      ],
    });
    model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    return model;
  };

const samples = (count: number) => () => ({
  x: tf.randomNormal([count, 5], 0, 1, 'float32', 3),
  y: tf.oneHot(tf.randomUniform([count], 0, 3, 'int32', 4), 3).cast<Tensor>('float32'),
});

function twoOutputs(): LayersModel {
  const a = tf.input({ shape: [4] });
  const b = tf.input({ shape: [2] });
  const joined = tf.layers.concatenate().apply([a, b]) as typeof a;
  const first = tf.layers.dense({ units: 1, name: 'first' }).apply(joined) as typeof a;
  const second = tf.layers
    .dense({ units: 2, activation: 'sigmoid', name: 'second' })
    .apply(joined) as typeof a;
  const model = tf.model({ inputs: [a, b], outputs: [first, second] });
  model.compile({
    optimizer: tf.train.momentum(0.05, 0.9),
    loss: ['meanSquaredError', 'binaryCrossentropy'],
  });
  return model;
}

const cases: Record<
  string,
  [() => LayersModel, () => { x: Tensor | Tensor[]; y: Tensor | Tensor[] }, FitArgs]
> = {
  'a smaller last batch and validation': [
    classifier(false),
    samples(330),
    { batchSize: 16, epochs: 4, validationSplit: 0.1 },
  ],
  'dropout and batch normalization': [classifier(true), samples(256), { batchSize: 16, epochs: 4 }],
  'data in its own order': [
    classifier(true, 'rmsprop'),
    samples(170),
    { batchSize: 8, epochs: 3, shuffle: false },
  ],
  'class weights': [
    classifier(false, 'sgd'),
    samples(160),
    { batchSize: 8, epochs: 3, classWeight: { 0: 1, 1: 2, 2: 0.5 } },
  ],
  'two inputs and two outputs': [
    twoOutputs,
    () => ({
      x: [tf.randomNormal([128, 4], 0, 1, 'float32', 1), tf.randomNormal([128, 2], 0, 1, 'float32', 2)],
      y: [
        tf.randomNormal([128, 1], 0, 1, 'float32', 3),
        tf.randomUniform([128, 2], 0, 1, 'float32', 4).round(),
      ],
    }),
    { batchSize: 4, epochs: 2 },
  ],
};

for (const [name, [build, data, args]] of Object.entries(cases)) {
  test(`many steps in one call give what one step a call gives: ${name}`, async () => {
    const one = await train(build, data, { ...args, callbacks: { onBatchEnd: () => undefined } });
    for (const stepsPerExecution of ['auto', 7] as const) {
      const many = await train(build, data, { ...args, stepsPerExecution });
      assert.equal(many.loops, 1, 'no loop was made');
      assert.deepEqual(Object.keys(many.history).sort(), Object.keys(one.history).sort());
      for (const [key, values] of Object.entries(one.history)) {
        assertClose(many.history[key] as number[], values, key);
      }
      one.weights.forEach((weight, i) => assertClose(many.weights[i] as number[], weight, `weight ${i}`));
    }
  });
}

test('callbacks see every batch by default, and every so many where the user set that', async () => {
  const seen: Record<string, number[]> = {};
  const recording = (name: string): CustomCallbackArgs => {
    const batches: number[] = (seen[name] = []);
    return { onBatchEnd: (batch) => void batches.push(batch) };
  };
  await train(classifier(false), samples(100), { batchSize: 10, epochs: 2, callbacks: recording('each') });
  const build = classifier(false);
  const told = () => {
    const model = build();
    model.compile({
      optimizer: 'sgd',
      loss: 'categoricalCrossentropy',
      stepsPerExecution: 4,
    });
    return model;
  };
  const data = samples(203);
  await train(told, data, { batchSize: 10, epochs: 2, callbacks: recording('four') });
  const each = Array.from({ length: 10 }, (_, i) => i);
  assert.deepEqual(seen['each'], [...each, ...each]);
  // The first step runs alone: it is traced. A smaller last batch is a separate step.
  assert.deepEqual(seen['four'], [0, 4, 8, 12, 16, 19, 20, 3, 7, 11, 15, 19, 20]);
  await assert.rejects(
    train(classifier(false), samples(20), { stepsPerExecution: 0 }),
    /stepsPerExecution is 0: give 'auto' or a whole number from 1 on/,
  );
});

test('a training that is stopped at any moment has done a whole number of steps, and tells how many', async () => {
  const x = tf.ones([4000, 1]);
  for (let round = 0; round < 12; round++) {
    const model = counting();
    const wait = 5 + 17 * round;
    const timer = setTimeout(() => (model.stopTraining = true), wait);
    const history = await model.fit(x, x, { batchSize: 2, epochs: 1000, verbose: QUIET });
    clearTimeout(timer);
    const done = stepsDone(model);
    assert.ok(done > 0 && done < 2_000_000);
    assert.equal(Math.ceil(done / 2000), history.epoch.length, `stopped after ${wait} ms, ${done} steps`);
    model.dispose();
  }
});

test('timers run meanwhile, and what they read is of a whole number of steps', async () => {
  const model = counting();
  const x = tf.ones([4000, 1]);
  const seen: number[] = [];
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const reading = setInterval(() => {
    if ((model as unknown as { isTraining: boolean }).isTraining) seen.push(stepsDone(model));
    if (seen.length > 12) model.stopTraining = true;
  }, 43);
  await model.fit(x, x, { batchSize: 2, epochs: 1000, verbose: QUIET });
  clearInterval(reading);
  clearInterval(ticking);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  assert.ok((seen.at(-1) as number) > (seen[1] as number), seen.join());
  assert.ok(ticks > 30, `${ticks} ticks`);
  // And a value that is set meanwhile counts.
  const setting = setTimeout(() => {
    model.setWeights(model.getWeights().map((weight) => tf.fill(weight.shape, 1e6)));
    model.stopTraining = true;
  }, 100);
  await model.fit(x, x, { batchSize: 2, epochs: 1000, verbose: QUIET });
  clearTimeout(setting);
  assert.ok(stepsDone(model) <= -9e5);
  model.dispose();
  x.dispose();
});

test('a layer that a callback changes between epochs counts from then on', async () => {
  const build = classifier(true);
  const change = (batchwise: boolean): CustomCallbackArgs & { model?: LayersModel } => ({
    ...(batchwise ? { onBatchEnd: () => undefined } : {}),
    onEpochEnd: (epoch) => {
      if (epoch === 1) Object.assign(current?.layers[1] ?? {}, { rate: 0.9 });
    },
  });
  let current: LayersModel | undefined;
  const remembered = () => (current = build());
  const args = { batchSize: 8, epochs: 4 };
  const one = await train(remembered, samples(160), { ...args, callbacks: change(true) });
  const many = await train(remembered, samples(160), { ...args, callbacks: change(false) });
  one.weights.forEach((weight, i) => assertClose(many.weights[i] as number[], weight, `weight ${i}`));
});

test('trainings leave nothing behind', async () => {
  const { x, y } = samples(200)();
  const model = classifier(true)();
  const args: FitArgs = { batchSize: 8, epochs: 3, verbose: QUIET, validationSplit: 0.2 };
  await model.fit(x, y, args);
  const before = tf.memory().numTensors;
  for (let i = 0; i < 5; i++) await model.fit(x, y, args);
  assert.equal(tf.memory().numTensors, before);
  assert.equal(loops(model), 1);
  model.dispose();
  assert.deepEqual(notices, []);
});

test('a step that fails among many leaves the weights of the steps before it, and the error names the step', async () => {
  const indices = Array.from({ length: 400 }, (_, i) => (i === 250 ? 99 : i % 7));
  const build = () => {
    setRandomSeed(8);
    const made = tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: 7, outputDim: 3, inputLength: 1 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 1 }),
      ],
    });
    made.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    return made;
  };
  const args: FitArgs = { batchSize: 10, epochs: 1, shuffle: false, verbose: QUIET };
  const model = build();
  const x = tf.tensor2d(indices, [400, 1]);
  const y = tf.ones([400, 1]);
  await assert.rejects(
    model.fit(x, y, {
      ...args,
      callbacks: Object.assign(new tf.CustomCallback({}), { lastSaved: 'models/7' }),
    }),
    /indices.* = 99 is not in \[0, 7\).*the weights are those of the steps before it; the last checkpoint is models\/7\)$/s,
  );
  const before = build();
  await before.fit(x.slice(0, 250), y.slice(0, 250), args);
  model.getWeights().forEach((weight, i) => {
    const expected = before.getWeights()[i] as Tensor;
    assertClose(Array.from(weight.dataSync()), Array.from(expected.dataSync()), `weight ${i}`);
  });
  // And the model can go on.
  await model.fit(x.slice(0, 250), y.slice(0, 250), args);
});

test('fitDataset runs compiled, with the same results as eagerly', async () => {
  const results: { loss: number[]; steps: number }[] = [];
  for (const mode of ['on', 'off']) {
    process.env['TENSORCELL_COMPILE'] = mode;
    setRandomSeed(5);
    const model = classifier(true)();
    setRandomSeed(6);
    const { x, y } = samples(100)();
    const dataset = tf.data.zip({ xs: tf.data.array(x.unstack()), ys: tf.data.array(y.unstack()) }).batch(8);
    const history = await model.fitDataset(dataset, { epochs: 3, verbose: QUIET });
    const steps = trainingSteps(model)?.steps().length ?? 0;
    results.push({ loss: history.history['loss'] as number[], steps });
    model.dispose();
  }
  process.env['TENSORCELL_COMPILE'] = 'on';
  // Whole batches and the smaller last one.
  assert.deepEqual(
    results.map(({ steps }) => steps),
    [2, 0],
  );
  const [compiled, plain] = results.map(({ loss }) => loss);
  plain?.forEach((value, i) => {
    const actual = compiled?.[i] ?? NaN;
    assert.ok(Math.abs(actual - value) <= 1e-5, `${actual}, not ${value}`);
  });
});
