import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { CustomCallbackArgs, data, LayersModel, Tensor, TensorContainer } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, onBackendNotice, setRandomSeed } from '../../src/api/tensorflow.ts';
import { counting, stepsDone } from './counting-model.ts';
import { stepLoops } from '../../src/compile/execution/step-loop.ts';
import { loopAutotuners } from '../../src/compile/execution/loop-autotuner.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();
const { fill } = tf;
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

/** tfjs's enumeration, which it does not export. */
const QUIET = 0 as never;

type Dataset = data.Dataset<TensorContainer>;
type FitArgs = Partial<Parameters<LayersModel['fitDataset']>[1]>;

/** Loops over steps that the model's training made. */
function loops(model: LayersModel): number {
  return (trainingSteps(model)?.steps() ?? []).reduce((sum, step) => sum + stepLoops.all(step).size, 0);
}

/** The choices of the autotuners of the model's steps. */
function choices(model: LayersModel): unknown[] {
  return (trainingSteps(model)?.steps() ?? []).flatMap((step) =>
    Array.from(loopAutotuners.all(step).values(), ({ chosen }) => chosen),
  );
}

/** Everything that the callbacks of one training were told, values as numbers. */
function recorder(batches: boolean): { seen: unknown[]; callbacks: CustomCallbackArgs } {
  const seen: unknown[] = [];
  const note = (what: string) => (index: number, logs: unknown) =>
    void seen.push([what, index, { ...(logs as object) }]);
  return {
    seen,
    callbacks: {
      ...(batches ? { onBatchBegin: note('begin'), onBatchEnd: note('end') } : {}),
      onEpochBegin: note('epoch begins'),
      onEpochEnd: note('epoch ends'),
    },
  };
}

interface Case {
  build: () => LayersModel;
  dataset: () => Dataset;
  args: FitArgs & { epochs: number };
  /** Pulling a batch draws from the stream of random numbers that the steps draw from. */
  draws?: boolean;
}

/** One training of a case. With `off` it is tfjs's own eager loop. */
async function train(
  { build, dataset, args }: Case,
  mode: 'on' | 'off',
  batches: boolean,
  more: FitArgs = {},
) {
  process.env['TENSORCELL_COMPILE'] = mode;
  setRandomSeed(5);
  const model = build();
  setRandomSeed(6);
  const given = dataset();
  const { seen, callbacks } = recorder(batches);
  const before = tf.memory().numTensors;
  try {
    const history = await model.fitDataset(given, { verbose: QUIET, callbacks, ...args, ...more });
    const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
    const left = tf.memory().numTensors - before;
    return {
      history: history.history as Record<string, number[]>,
      weights,
      loops: loops(model),
      chosen: choices(model),
      seen,
      left,
    };
  } finally {
    process.env['TENSORCELL_COMPILE'] = 'on';
    model.dispose();
  }
}

/** The same structure, with numbers that are alike: float32 sums in another order. */
function assertAlike(actual: unknown, expected: unknown, what: string, tolerance = 1e-5): void {
  if (typeof expected === 'number') {
    const distance = Math.abs((actual as number) - expected) / Math.max(1, Math.abs(expected));
    assert.ok(distance <= tolerance, `${what}: ${String(actual)}, not ${expected}`);
  } else if (typeof expected === 'object' && expected !== null) {
    assert.deepEqual(Object.keys(actual as object), Object.keys(expected), what);
    for (const [key, value] of Object.entries(expected))
      assertAlike((actual as Record<string, unknown>)[key], value, `${what} ${key}`, tolerance);
  } else assert.equal(actual, expected, what);
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

/** Examples of three classes, cut into batches of `size` by a generator. */
const examples = (count: number, size: number): (() => Dataset) => {
  return () =>
    tf.data.generator(function* batches() {
      const x = tf.randomNormal([count, 5], 0, 1, 'float32', 3);
      const y = tf.tidy(() =>
        tf.oneHot(tf.randomUniform([count], 0, 3, 'int32', 4), 3).cast<Tensor>('float32'),
      );
      for (let at = 0; at < count; at += size) {
        const rows = Math.min(size, count - at);
        yield { xs: x.slice([at, 0], [rows, 5]), ys: y.slice([at, 0], [rows, 3]) };
      }
      tf.dispose([x, y]);
    }) as Dataset;
};

function twoOutputs(): LayersModel {
  const a = tf.input({ shape: [4], name: 'a' });
  const b = tf.input({ shape: [2], name: 'b' });
  const joined = tf.layers.concatenate().apply([a, b]) as typeof a;
  const first = tf.layers.dense({ units: 1, name: 'first' }).apply(joined) as typeof a;
  const second = tf.layers.dense({ units: 2, activation: 'sigmoid', name: 'second' }).apply(joined);
  const model = tf.model({ inputs: [a, b], outputs: [first, second as typeof a] });
  model.compile({
    optimizer: tf.train.momentum(0.05, 0.9),
    loss: ['meanSquaredError', 'binaryCrossentropy'],
    metrics: ['mae'] as never,
  });
  return model;
}

const cases: Record<string, Case> = {
  'a smaller last batch': {
    build: classifier(false),
    dataset: examples(330, 8),
    args: { epochs: 3 },
  },
  'dropout, and validation by a data set': {
    build: classifier(true),
    dataset: examples(256, 8),
    args: { epochs: 3, validationData: examples(100, 16)() },
  },
  'so many batches of an epoch, out of one iterator': {
    build: classifier(true, 'rmsprop'),
    dataset: () => examples(200, 8)().repeat(4),
    args: { epochs: 4, batchesPerEpoch: 17 },
  },
  'class weights, and validation by tensors': {
    build: classifier(false, 'sgd'),
    dataset: examples(160, 8),
    args: {
      epochs: 3,
      classWeight: { 0: 1, 1: 2, 2: 0.5 },
      validationData: [tf.ones([20, 5]), tf.oneHot(tf.zeros([20], 'int32'), 3).cast<Tensor>('float32')],
    },
  },
  'inputs and targets by name': {
    build: twoOutputs,
    dataset: () =>
      tf.data.generator(function* named() {
        for (let i = 0; i < 40; i++) {
          yield {
            xs: { b: fill([4, 2], i / 40), a: tf.randomNormal([4, 4], 0, 1, 'float32', 1 + i) },
            ys: { second: tf.ones([4, 2]), first: fill([4, 1], (i % 5) / 5) },
          };
        }
      }),
    args: { epochs: 2 },
  },
  'batches of several sizes': {
    build: classifier(true),
    dataset: () =>
      tf.data.generator(function* sizes() {
        for (let i = 0; i < 80; i++) {
          const rows = i < 40 ? 4 : i % 7 === 0 ? 3 : 6;
          yield {
            xs: tf.randomNormal([rows, 5], 0, 1, 'float32', 1 + i),
            ys: tf.oneHot(fill([rows], i % 3, 'int32'), 3).cast<Tensor>('float32'),
          };
        }
      }) as Dataset,
    args: { epochs: 2 },
  },
  "random numbers of the steps' own stream": {
    build: classifier(true),
    dataset: () =>
      tf.data.generator(function* noisy() {
        for (let i = 0; i < 40; i++) {
          const noise = tf.randomNormal([4, 5]);
          yield { xs: noise, ys: tf.oneHot(fill([4], i % 3, 'int32'), 3).cast<Tensor>('float32') };
        }
      }) as Dataset,
    args: { epochs: 2 },
    draws: true,
  },
  'single examples, joined and shuffled by tf.data': {
    build: classifier(false),
    dataset: () =>
      tf.data
        .array(
          Array.from({ length: 150 }, (_, i) => ({
            xs: [i / 150, 1, i % 2, 0, -1],
            ys: [i % 3 === 0 ? 1 : 0, 0, i % 3 === 0 ? 0 : 1],
          })),
        )
        .shuffle(60, '7')
        .batch(4)
        .prefetch(3),
    args: { epochs: 2, initialEpoch: 0 },
  },
};

for (const [name, one] of Object.entries(cases)) {
  test(`the same as tfjs's own eager loop: ${name}`, async () => {
    for (const batches of [true, false]) {
      const plain = await train(one, 'off', batches);
      const compiled = await train(one, 'on', batches);
      assertAlike(compiled.history, plain.history, 'history');
      assertAlike(compiled.weights, plain.weights, 'weights');
      assertAlike(compiled.seen, plain.seen, 'callbacks');
      assert.equal(compiled.left, plain.left, 'tensors that are left');
      if (!batches) assert.ok(compiled.loops > 0, 'no loop was made');
    }
    // So many batches are pulled before their steps run: these draw from the same stream then, in another order.
    if (one.draws === true) return;
    const threeSteps = await train(one, 'on', false, { stepsPerExecution: 3 });
    const plain = await train(one, 'off', false);
    assertAlike(threeSteps.history, plain.history, 'history, three steps a call');
    assertAlike(threeSteps.weights, plain.weights, 'weights, three steps a call');
  });
}

test('with XLA, too', async () => {
  const one = { build: classifier(false), dataset: examples(330, 8), args: { epochs: 3 } };
  const plain = await train(one, 'off', false);
  process.env['TENSORCELL_XLA'] = 'on';
  try {
    const compiled = await train(one, 'on', false);
    assertAlike(compiled.history, plain.history, 'history');
    assertAlike(compiled.weights, plain.weights, 'weights');
    assert.ok(compiled.chosen.includes('xla'));
  } finally {
    delete process.env['TENSORCELL_XLA'];
  }
});

test('with a number of steps a call, callbacks see every so many batches', async () => {
  const { seen } = await train(
    { build: classifier(false), dataset: examples(203, 10), args: { epochs: 2 } },
    'on',
    true,
    { stepsPerExecution: 4 },
  );
  const ends = (seen as [string, number, { size: number }][]).filter(([what]) => what === 'end');
  // The first ones run alone: the second one is traced. A smaller last batch is a separate step.
  assert.deepEqual(
    ends.map(([, index, { size }]) => `${index} of ${size}`),
    [0, 1, 5, 9, 13, 17, 19, 20, 3, 7, 11, 15, 19, 20].map((i) => `${i} of ${i === 20 ? 3 : 10}`),
  );
});

/** Batches of ones without an end; `pulled` is called before each. */
function endless(pulled: (index: number) => void | Promise<void> = () => undefined, end = Infinity): Dataset {
  let index = 0;
  const iterator = {
    async next() {
      if (index >= end) return { value: null, done: true };
      await pulled(index++);
      return { value: { xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) }, done: false };
    },
  };
  return { iterator: async () => Promise.resolve(iterator), size: null } as unknown as Dataset;
}

test('a training that is stopped at any moment has done a whole number of steps, and keeps no batch', async () => {
  for (let round = 0; round < 10; round++) {
    const model = counting();
    const before = tf.memory().numTensors;
    let pulled = 0;
    const timer = setTimeout(() => (model.stopTraining = true), 3 + 23 * round);
    const history = await model.fitDataset(
      endless(() => void pulled++),
      { epochs: 1, verbose: QUIET },
    );
    clearTimeout(timer);
    const done = stepsDone(model);
    assert.ok(done > 0 && done <= pulled, `${done} steps, ${pulled} batches`);
    assert.equal(history.epoch.length, 1);
    // The optimizer's count of steps and the like come with the first one.
    const again = tf.memory().numTensors;
    const stop = setTimeout(() => (model.stopTraining = true), 20);
    await model.fitDataset(endless(), { epochs: 1, verbose: QUIET });
    clearTimeout(stop);
    assert.equal(tf.memory().numTensors, again, `${again - before} tensors after the first training`);
    model.dispose();
  }
});

test('a stop ends the waiting for a batch, and releases it when it comes', async () => {
  const model = counting();
  await model.fitDataset(endless(undefined, 20), { epochs: 1, verbose: QUIET });
  const before = tf.memory().numTensors;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const timer = setInterval(() => {
    if (stepsDone(model) === 27) model.stopTraining = true;
  }, 10);
  await model.fitDataset(
    endless((index) => (index === 7 ? held : undefined)),
    { epochs: 2, verbose: QUIET },
  );
  clearInterval(timer);
  assert.equal(stepsDone(model), 27);
  release();
  await sleep(20);
  assert.equal(tf.memory().numTensors, before);
  model.dispose();
});

test('timers run meanwhile, and what they read is of a whole number of steps', async () => {
  const model = counting();
  const seen: number[] = [];
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const reading = setInterval(() => {
    if ((model as unknown as { isTraining: boolean }).isTraining) seen.push(stepsDone(model));
    if (seen.length > 12) model.stopTraining = true;
  }, 43);
  await model.fitDataset(endless(), { epochs: 1, verbose: QUIET });
  clearInterval(reading);
  clearInterval(ticking);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  assert.ok((seen.at(-1) as number) > (seen[1] as number), seen.join());
  assert.ok(ticks > 30, `${ticks} ticks`);
  model.dispose();
});

test('the next batches are pulled while steps run, and not many of them', async () => {
  const model = counting();
  let done = 0;
  const ahead: number[] = [];
  await model.fitDataset(
    endless((index) => void ahead.push(index - done), 200),
    {
      epochs: 1,
      verbose: QUIET,
      stepsPerExecution: 5,
      callbacks: { onBatchEnd: (index) => void (done = index + 1) },
    },
  );
  assert.equal(stepsDone(model), 200);
  // Batches that are pulled during a call belong to the next one.
  assert.ok(Math.max(...ahead) >= 5 && Math.max(...ahead) <= 9, ahead.join());
  assert.deepEqual(ahead.slice(0, 2), [0, 0]);
  // Callbacks that see every batch do not keep the next one from being prepared.
  ahead.length = 0;
  done = 0;
  await model.fitDataset(
    endless((index) => void ahead.push(index - done), 50),
    { epochs: 1, verbose: QUIET, callbacks: { onBatchEnd: (index) => void (done = index + 1) } },
  );
  assert.ok(Math.max(...ahead) >= 1 && Math.max(...ahead) <= 2, ahead.join());
  model.dispose();
});

test('a data set that asks the model sees the weights of all steps before', async () => {
  const model = counting();
  const seen: number[] = [];
  const x = tf.ones([1, 1]);
  const asking = endless(() => {
    // Ten layers of a weight and a bias, each of them minus the steps that were done.
    const answer = tf.tidy(() => (model.predict(x) as Tensor).dataSync()[0] as number);
    seen.push(Math.round(-answer / 20) || 0);
  }, 60);
  await model.fitDataset(asking, { epochs: 1, verbose: QUIET });
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, i) => i),
  );
  model.dispose();
});

test('a layer that a callback changes between epochs counts from then on', async () => {
  const results = [];
  for (const mode of ['off', 'on'] as const) {
    let current: LayersModel | undefined;
    const build = () => (current = classifier(true)());
    const callbacks: CustomCallbackArgs = {
      onEpochEnd: (epoch) => {
        if (epoch === 1) Object.assign(current?.layers[1] ?? {}, { rate: 0.9 });
      },
    };
    const one = { build, dataset: examples(160, 8), args: { epochs: 4, callbacks } };
    results.push(await train(one, mode, false));
  }
  const [plain, compiled] = results;
  assertAlike(compiled?.weights, plain?.weights, 'weights');
  assertAlike(compiled?.history, plain?.history, 'history');
});

test('an error of the data set comes where its batch would have come, with the steps before it done', async () => {
  for (const seesBatches of [true, false]) {
    const model = counting();
    await model.fitDataset(endless(undefined, 20), { epochs: 1, verbose: QUIET });
    const before = tf.memory().numTensors;
    const seen: number[] = [];
    await assert.rejects(
      model.fitDataset(
        endless((index) => {
          if (index === 33) throw new RangeError('row 33 is torn');
        }),
        {
          epochs: 1,
          verbose: QUIET,
          callbacks: seesBatches ? { onBatchEnd: (index) => void seen.push(index) } : [],
        },
      ),
      /^RangeError: row 33 is torn$/,
    );
    assert.equal(stepsDone(model), 20 + 33);
    if (seesBatches) assert.equal(seen.at(-1), 32);
    // tfjs's logger keeps the sums of an epoch that did not end: as numbers, or as scalars where it saw every batch.
    assert.ok(tf.memory().numTensors - before <= 1, `${tf.memory().numTensors - before} tensors`);
    model.dispose();
  }
});

test('a batch that does not fit the model is refused as tfjs refuses it', async () => {
  const model = counting();
  const wrong = tf.data.generator(function* torn() {
    for (let i = 0; i < 5; i++) yield { xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) };
    yield { xs: tf.ones([2, 1]) };
  }) as Dataset;
  await assert.rejects(
    model.fitDataset(wrong, { epochs: 1, verbose: QUIET }),
    /A Dataset iterator for fitDataset\(\) is expected to generate objects of the form/,
  );
  assert.equal(stepsDone(model), 5);
  await assert.rejects(
    model.fitDataset(wrong, { epochs: 0 }),
    /config\.epochs is expected to be a positive integer, but got 0/,
  );
  model.dispose();
});

test('a data set that ends too early ends its epoch with a warning', async () => {
  const warnings: unknown[] = [];
  const { warn } = console;
  console.warn = (line: unknown) => void warnings.push(line);
  const model = counting();
  try {
    await model.fitDataset(endless(undefined, 30), { epochs: 2, batchesPerEpoch: 20, verbose: QUIET });
  } finally {
    console.warn = warn;
  }
  assert.equal(stepsDone(model), 30);
  assert.equal(warnings.length, 1);
  assert.match(String(warnings[0]), /ran out of data after 10 batches.*\(in this case, 40 batches\)/s);
  model.dispose();
});

test('evaluateDataset gives what evaluate gives, and takes no batch more than it needs', async () => {
  setRandomSeed(5);
  const model = classifier(true)();
  const x = tf.randomNormal([330, 5], 0, 1, 'float32', 3);
  const y = tf.oneHot(tf.randomUniform([330], 0, 3, 'int32', 4), 3).cast<Tensor>('float32');
  const numbers = (values: Tensor | Tensor[]) => {
    const all = [values].flat().map((value) => value.dataSync()[0] as number);
    tf.dispose(values);
    return all;
  };
  const expected = numbers(model.evaluate(x, y, { batchSize: 330 }));
  const dataset = examples(330, 8)();
  await model.evaluateDataset(dataset as never, {});
  const before = tf.memory().numTensors;
  for (let round = 0; round < 3; round++)
    assertAlike(numbers(await model.evaluateDataset(dataset as never, {})), expected, 'evaluation');
  assert.equal(tf.memory().numTensors, before);
  let pulled = 0;
  const counted = endless(() => void pulled++);
  const one = counting();
  await one.evaluateDataset(counted as never, { batches: 37 });
  assert.equal(pulled, 37);
  const first = examples(160, 8)();
  const part = numbers(await model.evaluateDataset(examples(330, 8)() as never, { batches: 20 }));
  assert.equal(part.length, 2);
  assert.ok(part.every(Number.isFinite));
  await model.fitDataset(first, { epochs: 1, verbose: QUIET });
  tf.dispose([x, y]);
  model.dispose();
  one.dispose();
  assert.deepEqual(notices, []);
});
