import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { layers, LayersModel, ModelFitArgs, Tensor } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { firstNotFinite, trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loopAutotuners, type LoopAutotuner } from '../../src/compile/execution/loop-autotuner.ts';
import { loadTf, onBackendNotice, setRandomSeed, traceable } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';
import { stepLoops } from '../../src/compile/execution/step-loop.ts';

const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

/** tfjs's enumeration, which it does not export. */
const QUIET = 0 as never;

type Build = () => LayersModel;
type Data = () => { x: Tensor | Tensor[]; y: Tensor | Tensor[] };

function choices(model: LayersModel): LoopAutotuner[] {
  return (trainingSteps(model)?.steps() ?? []).flatMap((step) => [...loopAutotuners.all(step).values()]);
}

/** Makes JavaScript draw the same numbers each time, for initial weights and shuffling. */
async function repeatable<T>(action: () => Promise<T>): Promise<T> {
  const { random } = Math;
  let state = 17;
  Math.random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  setRandomSeed(5);
  try {
    return await action();
  } finally {
    Math.random = random;
  }
}

/** The results of one training, always with the same weights at first and the same shuffling. */
function train(xla: 'on' | 'off' | 'auto', build: Build, data: Data, args: ModelFitArgs) {
  return repeatable(async () => {
    process.env['TENSORCELL_XLA'] = xla;
    const model = build();
    const { x, y } = data();
    try {
      const { history } = await model.fit(x, y, { verbose: QUIET, ...args });
      return {
        history: history as Record<string, number[]>,
        weights: model.getWeights().map((weight) => Array.from(weight.dataSync())),
        chosen: choices(model).map(({ chosen }) => chosen),
        problems: choices(model).map(({ reason }) => reason),
      };
    } finally {
      delete process.env['TENSORCELL_XLA'];
      tf.dispose([x, y]);
      model.dispose();
    }
  });
}

function assertClose(
  actual: readonly number[],
  expected: readonly number[],
  what: string,
  tolerance: number,
) {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const wanted = expected[i] as number;
    const distance = Math.abs(value - wanted) / Math.max(1, Math.abs(wanted));
    assert.ok(distance <= tolerance, `${what} ${i}: ${value}, not ${wanted}`);
  });
}

const samples =
  (count: number, shape: number[], classes = 3): Data =>
  () => ({
    x: tf.randomNormal([count, ...shape], 0, 1, 'float32', 3),
    y: tf.oneHot(tf.randomUniform([count], 0, classes, 'int32', 4), classes).cast<Tensor>('float32'),
  });

const classifier =
  (optimizer: string, ...hidden: layers.Layer[]): Build =>
  () => {
    const model = tf.sequential({
      layers: [...hidden, tf.layers.dense({ units: 3, activation: 'softmax' })],
    });
    model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    return model;
  };

const cases: Record<string, [Build, Data, ModelFitArgs]> = {
  'dropout and batch normalization, Adam, a smaller last batch, validation': [
    () =>
      classifier(
        'adam',
        tf.layers.dense({ units: 16, inputShape: [5], activation: 'relu' }),
        tf.layers.gaussianNoise({ stddev: 0.2 }),
        tf.layers.dropout({ rate: 0.4 }),
        tf.layers.batchNormalization(),
      )(),
    samples(330, [5]),
    { batchSize: 16, epochs: 3, validationSplit: 0.1 },
  ],
  'an LSTM, for TensorFlow one op': [
    () =>
      classifier(
        'rmsprop',
        tf.layers.lstm({ units: 6, inputShape: [7, 4], recurrentActivation: 'sigmoid' }),
      )(),
    samples(96, [7, 4]),
    { batchSize: 8, epochs: 2 },
  ],
  'convolutions, momentum and class weights': [
    () => {
      const model = tf.sequential({
        layers: [
          tf.layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 1], activation: 'relu' }),
          tf.layers.maxPooling2d({ poolSize: 2 }),
          tf.layers.flatten(),
          tf.layers.dense({
            units: 3,
            activation: 'softmax',
            kernelRegularizer: tf.regularizers.l2({ l2: 0.01 }),
          }),
        ],
      });
      model.compile({ optimizer: tf.train.momentum(0.05, 0.9), loss: 'categoricalCrossentropy' });
      return model;
    },
    samples(128, [8, 8, 1]),
    { batchSize: 8, epochs: 2, classWeight: { 0: 1, 1: 2, 2: 0.5 } },
  ],
};

for (const [name, [build, data, args]] of Object.entries(cases)) {
  test(`XLA's steps train as TensorFlow's do: ${name}`, async () => {
    const graph = await train('off', build, data, args);
    const xla = await train('on', build, data, args);
    assert.deepEqual(graph.chosen, [undefined]);
    assert.deepEqual(xla.chosen, ['xla'], xla.problems.join());
    for (const [key, values] of Object.entries(graph.history)) {
      assertClose(xla.history[key] as number[], values, key, 1e-5);
    }
    graph.weights.forEach((weight, i) => {
      assertClose(xla.weights[i] as number[], weight, `weight ${i}`, 2e-5);
    });
  });
}

test('a data set trains by XLA what it trains without', async () => {
  const run = (xla: 'on' | 'off') =>
    repeatable(async () => {
      process.env['TENSORCELL_XLA'] = xla;
      const model = classifier('adam', tf.layers.dense({ units: 4, inputShape: [5], activation: 'relu' }))();
      const { x, y } = samples(203, [5])() as { x: Tensor; y: Tensor };
      const rows = (tensor: Tensor) => tf.data.array(tensor.arraySync() as number[][]);
      const dataset = tf.data.zip({ xs: rows(x), ys: rows(y) }).batch(8);
      const { history } = await model.fitDataset(dataset, { epochs: 4, verbose: QUIET });
      const chosen = choices(model).map((choice) => choice.chosen);
      const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
      model.dispose();
      tf.dispose([x, y]);
      delete process.env['TENSORCELL_XLA'];
      return { loss: history['loss'] as number[], chosen, weights };
    });
  const graph = await run('off');
  const xla = await run('on');
  assert.deepEqual(xla.chosen, ['xla']);
  assertClose(xla.loss, graph.loss, 'loss', 1e-5);
  graph.weights.forEach((weight, i) => {
    assertClose(xla.weights[i] as number[], weight, `weight ${i}`, 2e-5);
  });
});

test('only whole batches are compiled by XLA, once each', async () => {
  await repeatable(async () => {
    process.env['TENSORCELL_XLA'] = 'on';
    const model = classifier('sgd', tf.layers.dense({ units: 4, inputShape: [5] }))();
    const { x, y } = samples(103, [5])() as { x: Tensor; y: Tensor };
    const fit = (epochs: number) => model.fit(x, y, { batchSize: 8, epochs, verbose: QUIET });
    await fit(2);
    const steps = trainingSteps(model)?.steps() ?? [];
    const states = () => choices(model).map(({ chosen, state }) => `${chosen} ${state}`);
    assert.equal(steps.length, 2);
    assert.deepEqual(states(), ['xla ready']);
    const values = (tensorflowBackend() as NodeBackend).binding.valueCount();
    const loops = steps.map((step) => stepLoops.all(step).size);
    await fit(20);
    assert.deepEqual(trainingSteps(model)?.steps(), steps);
    assert.deepEqual(states(), ['xla ready']);
    assert.deepEqual(
      steps.map((step) => stepLoops.all(step).size),
      loops,
    );
    assert.equal((tensorflowBackend() as NodeBackend).binding.valueCount(), values);
    model.dispose();
    tf.dispose([x, y]);
    delete process.env['TENSORCELL_XLA'];
  });
});

test('a step that XLA cannot compile stays a graph, without a notice', async () => {
  class Crop extends tf.layers.Layer {
    static className = 'Crop';
    override computeOutputShape([batch]: number[]): (number | null)[] {
      return [batch ?? null, 3, 3, 1];
    }
    override call(inputs: Tensor | Tensor[]): Tensor {
      const [x] = (Array.isArray(inputs) ? inputs : [inputs]) as [ReturnType<typeof tf.tensor4d>];
      return tf.image
        .cropAndResize(x, tf.tensor2d([[0, 0, 0.5, 0.5]]), tf.tensor1d([0], 'int32'), [3, 3])
        .tile([x.shape[0], 1, 1, 1]);
    }
  }
  traceable(Crop);
  const build = () => classifier('sgd', new Crop({ inputShape: [6, 6, 1] }), tf.layers.flatten())();
  const data = samples(64, [6, 6, 1]);
  const before = notices.length;
  const graph = await train('off', build, data, { batchSize: 4, epochs: 2 });
  const xla = await train('on', build, data, { batchSize: 4, epochs: 2 });
  assert.deepEqual(xla.chosen, ['graph']);
  assert.match(String(xla.problems), /CropAndResize/);
  assert.deepEqual(xla.weights, graph.weights);
  assert.deepEqual(notices.slice(before), []);
});

test('an index past the end fails as before: XLA would not look', async () => {
  const build = () => {
    const model = tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: 10, outputDim: 4, inputLength: 3 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 3, activation: 'softmax' }),
      ],
    });
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
    return model;
  };
  const { y } = samples(64, [1])();
  const values = Array.from({ length: 64 * 3 }, (_, i) => (i === 190 ? 10 : i % 10));
  await assert.rejects(
    train('on', build, () => ({ x: tf.tensor2d(values, [64, 3]), y: (y as Tensor).clone() }), {
      batchSize: 4,
      epochs: 1,
      shuffle: false,
    }),
    /10.*not in \[0, 10\)/s,
  );
  tf.dispose(y);
});

test('where numbers went missing is known of steps by XLA too', async () => {
  await repeatable(async () => {
    process.env['TENSORCELL_XLA'] = 'on';
    const build = classifier('sgd', tf.layers.dense({ units: 4, inputShape: [5], activation: 'relu' }));
    const model = build();
    const { x, y } = samples(64, [5])() as { x: Tensor; y: Tensor };
    const args = { batchSize: 4, epochs: 1, shuffle: false, verbose: QUIET };
    await model.fit(x, y, args);
    assert.deepEqual(
      choices(model).map(({ chosen }) => chosen),
      ['xla'],
    );
    assert.equal(firstNotFinite(model), undefined);
    const spoilt = Array.from(x.dataSync());
    spoilt[200] = NaN;
    const { history } = await model.fit(tf.tensor2d(spoilt, [64, 5]), y, args);
    assert.ok(Number.isNaN(history['loss']?.[0]));
    assert.deepEqual(firstNotFinite(model), { what: 'data', layer: '' });
    model.dispose();
    tf.dispose([x, y]);
    delete process.env['TENSORCELL_XLA'];
  });
});

/** An unrolled network takes XLA many seconds. */
function slowToCompile(): { model: LayersModel; x: Tensor; y: Tensor } {
  process.env['TENSORCELL_RECURRENT'] = 'unrolled';
  const model = classifier('adam', tf.layers.gru({ units: 8, inputShape: [20, 4] }))();
  const { x, y } = samples(64, [20, 4])() as { x: Tensor; y: Tensor };
  return { model, x, y };
}

test('a training that is stopped does not wait for XLA, and its step may go meanwhile', async () => {
  process.env['TENSORCELL_XLA'] = 'on';
  const { model, x, y } = slowToCompile();
  let compiling: LoopAutotuner | undefined;
  const watching = setInterval(() => {
    compiling = choices(model).find(({ state }) => state === 'running');
    if (compiling !== undefined) model.stopTraining = true;
  }, 20);
  await model.fit(x, y, { batchSize: 4, epochs: 1000, verbose: QUIET });
  clearInterval(watching);
  assert.equal(compiling?.state, 'running');
  model.dispose();
  assert.equal(compiling.state, 'running');
  delete process.env['TENSORCELL_RECURRENT'];
  delete process.env['TENSORCELL_XLA'];
  tf.dispose([x, y]);
});

test('graph steps go on while XLA compiles, both are measured, and the weights go on', async () => {
  const epochsDone = { count: 0 };
  const build = () =>
    classifier('adam', tf.layers.dense({ units: 32, inputShape: [16], activation: 'relu' }))();
  const data = samples(640, [16]);
  const args = { batchSize: 16 };
  let states: string[] = [];
  const auto = await repeatable(async () => {
    process.env['TENSORCELL_XLA'] = 'auto';
    const model = build();
    const { x, y } = data();
    await model.fit(x, y, {
      ...args,
      verbose: QUIET,
      epochs: 100_000,
      callbacks: {
        onEpochEnd: (epoch) => {
          epochsDone.count = epoch + 1;
          const [choice] = choices(model);
          if (choice !== undefined) states.push(choice.state);
          if (choice?.chosen !== undefined) model.stopTraining = true;
        },
      },
    });
    const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
    model.dispose();
    tf.dispose([x, y]);
    return weights;
  });
  states = states.filter((state, i) => state !== states[i - 1]);
  assert.deepEqual(states.slice(-2), ['running', 'ready']);
  const graph = await train('off', build, data, { ...args, epochs: epochsDone.count });
  // Thousands of steps lie between: what rounding does is not small any more, but both have learnt the same.
  graph.weights.forEach((weight, i) => {
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
    const apart = mean(weight.map((value, j) => value - ((auto[i] as number[])[j] as number)));
    assert.ok(apart <= 0.05 * mean(weight), `weight ${i} is ${apart} away`);
  });
});
