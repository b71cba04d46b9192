/** Our callbacks against Keras's: the same data, weights and optimizer; keras/callbacks.py made the reference. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as tensorcell from '../../src/training/index.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

interface Reference {
  epochs: number[];
  history: Record<string, (number | null)[]>;
  rates: number[];
  weights: number[];
}

const golden = JSON.parse(
  readFileSync(fileURLToPath(new URL('keras/callbacks.golden.json', import.meta.url)), 'utf8'),
) as Record<string, Reference> & { schedules: Record<string, number[]>; csv: string; csvAppend: string };

tf.env().set('IS_TEST', true);
tensorcell.installTraining(tf);
tensorcell.progressMode('quiet');

function values(shape: number[], scale: number, shift: number): Tf.Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return tf.tensor(
    Float32Array.from({ length: count }, (_, index) => scale * Math.sin(shift + 1.7 * index)),
    shape,
  );
}

function data(count: number, shift: number): [Tf.Tensor, Tf.Tensor] {
  const x = values([count, 4], 1, shift);
  const y = x
    .sum(1, true)
    .cos()
    .add(values([count, 1], 1, shift + 5).mul(0.8));
  return [x, y];
}

const KERAS_NAMES: Record<string, string> = {
  val_loss: 'val_loss',
  loss: 'loss',
  mae: 'mae',
  val_mae: 'val_mae',
};

async function train(
  callbacks: tensorcell.TrainingCallback[],
  { epochs = 30, rate = 0.45 } = {},
): Promise<{ epochs: number[]; history: Record<string, number[]>; rates: number[]; weights: number[] }> {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [4], units: 8, activation: 'tanh' }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(rate), loss: 'meanSquaredError', metrics: ['mae'] });
  model.setWeights([
    values([4, 8], 0.5, 1),
    values([8], 0.1, 2),
    values([8, 1], 0.5, 3),
    values([1], 0.1, 4),
  ]);
  const rates: number[] = [];
  class Rates extends tensorcell.TrainingCallback {
    override async onEpochEnd(): Promise<void> {
      rates.push((this.model.optimizer as unknown as { learningRate: number }).learningRate);
    }
  }
  const [x, y] = data(24, 0);
  const history = await model.fit(x, y, {
    batchSize: 8,
    epochs,
    shuffle: false,
    validationData: data(16, 9),
    callbacks: [...callbacks, new Rates()],
  });
  return {
    epochs: history.epoch,
    history: history.history as Record<string, number[]>,
    rates,
    weights: model.getWeights().flatMap((weight) => [...(weight.dataSync() as Float32Array)]),
  };
}

function near(
  actual: readonly number[],
  expected: readonly (number | null)[],
  what: string,
  tolerance = 2e-4,
): void {
  assert.equal(actual.length, expected.length, what);
  for (const [index, value] of expected.entries()) {
    const found = actual[index] as number;
    if (value === null)
      assert.ok(!Number.isFinite(found), `${what}[${index}] is ${found}, Keras has no number`);
    else {
      assert.ok(
        Math.abs(found - value) <= tolerance * Math.max(1, Math.abs(value)),
        `${what}[${index}]: ${found}, Keras: ${value}`,
      );
    }
  }
}

const cases: Record<string, () => [tensorcell.TrainingCallback[], { epochs?: number; rate?: number }?]> = {
  plain: () => [[]],
  earlyStopping: () => [[new tensorcell.EarlyStopping({ patience: 2 })]],
  earlyStoppingRestore: () => [[new tensorcell.EarlyStopping({ patience: 3, restoreBestWeights: true })]],
  earlyStoppingDelta: () => [[new tensorcell.EarlyStopping({ monitor: 'mae', minDelta: 0.01, patience: 1 })]],
  earlyStoppingBaseline: () => [
    [new tensorcell.EarlyStopping({ baseline: 0.01, patience: 4, startFromEpoch: 2 })],
  ],
  reduceOnPlateau: () => [
    [new tensorcell.ReduceLROnPlateau({ factor: 0.5, patience: 2, cooldown: 1, minLr: 0.03 })],
  ],
  scheduler: () => [
    [new tensorcell.LearningRateScheduler((epoch, rate) => (epoch % 2 === 1 ? rate * 0.9 : rate))],
    { epochs: 8 },
  ],
};

for (const [name, make] of Object.entries(cases)) {
  test(`${name}: the same epochs, metrics, learning rates and weights as Keras`, async () => {
    const expected = golden[name] as Reference;
    const actual = await train(...make());
    assert.deepEqual(actual.epochs, expected.epochs);
    near(actual.rates, expected.rates, 'learning rate', 1e-6);
    for (const [metric, series] of Object.entries(expected.history)) {
      if (KERAS_NAMES[metric] === undefined && metric !== 'learning_rate') continue;
      near(actual.history[metric] ?? [], series, metric);
    }
    near(actual.weights, expected.weights, 'weight');
  });
}

test('a schedule sets the rate of every step', async () => {
  const expected = golden['schedule'] as Reference;
  const schedule = tensorcell.cosineDecay({ initialLearningRate: 0.2, decaySteps: 20, alpha: 0.1 });
  const actual = await train([new tensorcell.LearningRateSchedule(schedule)], { epochs: 8 });
  near(actual.history['loss'] ?? [], expected.history['loss'] ?? [], 'loss');
  near(actual.weights, expected.weights, 'weight');
});

test('TerminateOnNaN stops where Keras stops', async () => {
  const actual = await train([new tensorcell.TerminateOnNaN()], { rate: 1e4 });
  assert.deepEqual(actual.epochs, (golden['terminateOnNaN'] as Reference).epochs);
  await assert.rejects(
    train([new tensorcell.TerminateOnNaN({ raiseError: true })], { rate: 1e4 }),
    /the loss of batch \d is Infinity: training has diverged/,
  );
});

test('every schedule is that of Keras', () => {
  const ours: Record<string, tensorcell.Schedule> = {
    cosine: tensorcell.cosineDecay({ initialLearningRate: 0.1, decaySteps: 10, alpha: 0.1 }),
    warmup: tensorcell.cosineDecay({
      initialLearningRate: 0,
      decaySteps: 10,
      warmupTarget: 0.2,
      warmupSteps: 5,
    }),
    restarts: tensorcell.cosineDecayRestarts({
      initialLearningRate: 0.1,
      firstDecaySteps: 4,
      mMul: 0.5,
      alpha: 0.05,
    }),
    restartsEven: tensorcell.cosineDecayRestarts({
      initialLearningRate: 0.1,
      firstDecaySteps: 4,
      tMul: 1,
      mMul: 0.9,
    }),
    exponential: tensorcell.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 5, decayRate: 0.5 }),
    staircase: tensorcell.exponentialDecay({
      initialLearningRate: 0.1,
      decaySteps: 5,
      decayRate: 0.5,
      staircase: true,
    }),
    inverse: tensorcell.inverseTimeDecay({ initialLearningRate: 0.1, decaySteps: 5, decayRate: 0.5 }),
    polynomial: tensorcell.polynomialDecay({ initialLearningRate: 0.1, decaySteps: 10, power: 2 }),
    piecewise: tensorcell.piecewiseConstantDecay([3, 7], [0.1, 0.05, 0.01]),
  };
  assert.deepEqual(Object.keys(ours), Object.keys(golden.schedules));
  for (const [name, schedule] of Object.entries(ours)) {
    const steps = Array.from({ length: 20 }, (_, step) => schedule(step));
    near(steps, golden.schedules[name] as number[], name, 1e-6);
  }
});

test('CSVLogger writes the same columns and rows', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-csv-'));
  try {
    const file = join(folder, 'log.csv');
    const cells = (text: string): string[][] =>
      text
        .split('\r\n')
        .map((line) =>
          line.split(/[,;]/).map((cell) => (/^\d+\./.test(cell) ? Number(cell).toFixed(4) : cell)),
        );
    await train([new tensorcell.CSVLogger(file)], { epochs: 2 });
    assert.deepEqual(cells(readFileSync(file, 'utf8')), cells(golden.csv));
    await train([new tensorcell.CSVLogger(file, { separator: ';', append: true })], { epochs: 1 });
    assert.deepEqual(cells(readFileSync(file, 'utf8')), cells(golden.csvAppend));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('ModelCheckpoint keeps the files that Keras keeps', async () => {
  for (const [name, options] of [
    ['checkpointEvery', {}],
    ['checkpointBest', { saveBestOnly: true }],
  ] as const) {
    const folder = mkdtempSync(join(tmpdir(), 'tensorcell-checkpoint-'));
    try {
      const path = join(folder, '{epoch:02d}-{val_loss:.3f}.keras');
      await train([new tensorcell.ModelCheckpoint(path, options)], { epochs: 12 });
      assert.deepEqual(readdirSync(folder).sort(), golden[name] as unknown as string[]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
});

test('a metric that is not there is said, and nothing stops', async () => {
  const said: string[] = [];
  class Saying extends tensorcell.EarlyStopping {
    protected override notify(text: string): void {
      said.push(text);
    }
  }
  const { epochs } = await train([new Saying({ monitor: 'val_f1' })], { epochs: 3 });
  assert.equal(epochs.length, 3);
  assert.deepEqual(said, ["Saying: no metric 'val_f1'; this training has val_loss, val_mae, loss, mae"]);
});
