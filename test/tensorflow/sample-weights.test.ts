import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelFitArgs } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { stepLoops } from '../../src/compile/execution/step-loop.ts';

const tf = loadTf();
const SAMPLES = 60;
const BATCH = 4;
const RATE = 0.05;

/** Numbers in -1 to 1. */
const numbers = (count: number, salt: number) =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(12.9898 * (i + 1) + 78.233 * salt)));

const x = numbers(3 * SAMPLES, 1);
const labels = Array.from({ length: SAMPLES }, (_, i) => i % 3 === 0);
const y = labels.map((label) => (label ? 1 : 0));
const weights = Array.from({ length: SAMPLES }, (_, i) => [0, 1, 2.5, 0.5][i % 4] as number);

/** Gradient descent on a weighted mean square, in JavaScript's own numbers: what Keras' fit computes. */
function expected(
  factor: (sample: number) => number,
  epochs: number,
): { kernel: number[]; losses: number[] } {
  const kernel = [0.5, -0.5, 0.25];
  const losses: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    let sum = 0;
    for (let begin = 0; begin < SAMPLES; begin += BATCH) {
      const gradient = [0, 0, 0];
      for (let sample = begin; sample < begin + BATCH; sample++) {
        const row = x.slice(3 * sample, 3 * sample + 3);
        const off =
          row.reduce((total, value, i) => total + value * (kernel[i] as number), 0) - (y[sample] as number);
        sum += (factor(sample) * off * off) / SAMPLES;
        row.forEach((value, i) => ((gradient[i] as number) += (2 * factor(sample) * off * value) / BATCH));
      }
      gradient.forEach((value, i) => ((kernel[i] as number) -= RATE * value));
    }
    losses.push(sum);
  }
  return { kernel, losses };
}

async function train(args: Partial<ModelFitArgs>, mode: 'on' | 'off') {
  process.env['TENSORCELL_COMPILE'] = mode;
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, useBias: false, inputShape: [3] })] });
  model.setWeights([tf.tensor2d([0.5, -0.5, 0.25], [3, 1])]);
  model.compile({ optimizer: tf.train.sgd(RATE), loss: 'meanSquaredError' });
  const inputs = tf.tensor2d(x, [SAMPLES, 3]);
  const targets = tf.tensor2d(y, [SAMPLES, 1]);
  const { history } = await model.fit(inputs, targets, {
    batchSize: BATCH,
    epochs: 3,
    shuffle: false,
    verbose: 0 as never,
    ...args,
  });
  const kernel = Array.from(model.getWeights()[0]?.dataSync() ?? []);
  const loops = (trainingSteps(model)?.steps() ?? []).reduce(
    (sum, step) => sum + stepLoops.all(step).size,
    0,
  );
  model.dispose();
  tf.dispose([inputs, targets]);
  return { kernel, losses: history['loss'] as number[], loops };
}

function assertClose(actual: number[], wanted: number[], what: string): void {
  assert.equal(actual.length, wanted.length, what);
  actual.forEach((value, i) => {
    const distance = Math.abs(value - (wanted[i] as number));
    assert.ok(
      distance <= 1e-5 * Math.max(1, Math.abs(wanted[i] as number)),
      `${what} ${i}: ${value}, not ${wanted[i]}`,
    );
  });
}

const byClass = { 0: 0.5, 1: 3 };
const cases: Record<string, { args: () => Partial<ModelFitArgs>; factor: (sample: number) => number }> = {
  'of each sample': {
    args: () => ({ sampleWeight: tf.tensor1d(weights) }),
    factor: (sample) => weights[sample] as number,
  },
  'of each class': { args: () => ({ classWeight: byClass }), factor: (sample) => (labels[sample] ? 3 : 0.5) },
  'of both, which multiply': {
    args: () => ({ classWeight: byClass, sampleWeight: tf.tensor1d(weights) }),
    factor: (sample) => (labels[sample] ? 3 : 0.5) * (weights[sample] as number),
  },
  'of each sample, in a column': {
    args: () => ({ sampleWeight: tf.tensor2d(weights, [SAMPLES, 1]) }),
    factor: (sample) => weights[sample] as number,
  },
};

for (const [name, { args, factor }] of Object.entries(cases)) {
  for (const mode of ['off', 'on'] as const) {
    test(`weights ${name} count in the loss, ${mode === 'on' ? 'compiled' : 'eager'}`, async () => {
      const start = tf.memory().numTensors;
      await train({}, mode);
      // The optimizer's rate, and weights that the model was given.
      const usual = tf.memory().numTensors - start;
      const given = args();
      const before = tf.memory().numTensors;
      const actual = await train(given, mode);
      const wanted = expected(factor, 3);
      assertClose(actual.kernel, wanted.kernel, 'weight');
      assertClose(actual.losses, wanted.losses, 'loss');
      assert.equal(actual.loops, mode === 'on' ? 1 : 0);
      assert.equal(given.sampleWeight?.isDisposed ?? false, false, 'the weights belong to who made them');
      assert.equal(tf.memory().numTensors - before, usual, 'nothing else is left');
    });
  }
}

test('each output has separate weights, also where a sample has many losses', async () => {
  const run = async (mode: 'on' | 'off', sampleWeight: unknown) => {
    process.env['TENSORCELL_COMPILE'] = mode;
    const input = tf.input({ shape: [2, 3] });
    const dense = () => tf.layers.dense({ units: 2, kernelInitializer: 'ones' });
    const outputs = [dense().apply(input), dense().apply(input)] as never;
    const model = tf.model({ inputs: input, outputs });
    model.compile({ optimizer: tf.train.sgd(RATE), loss: 'meanSquaredError' });
    const all = tf.tensor3d(numbers(6 * 24, 3), [24, 2, 3]);
    const wanted = [4, 5].map((salt) => tf.tensor3d(numbers(4 * 24, salt), [24, 2, 2]));
    await model.fit(all, wanted, {
      batchSize: 2,
      shuffle: false,
      epochs: 2,
      verbose: 0 as never,
      sampleWeight: sampleWeight as never,
    });
    return model.getWeights().map((weight) => Array.from(weight.dataSync()));
  };
  const ones = () => tf.ones([24]);
  const plain = await run('off', undefined);
  const zero = await run('off', [tf.zeros([24]), ones()]);
  assert.deepEqual(zero[0], [1, 1, 1, 1, 1, 1]);
  assertClose(zero[2] as number[], plain[2] as number[], 'the other output');
  const some = () => [tf.tensor1d(weights.slice(0, 24)), ones()];
  const compiled = await run('on', some());
  const opByOp = await run('off', some());
  assert.notDeepEqual(opByOp[0], plain[0]);
  compiled.forEach((weight, i) => assertClose(weight, opByOp[i] as number[], `weight ${i}`));
});

test('weights that do not fit the samples are refused', async () => {
  await assert.rejects(train({ sampleWeight: tf.ones([7]) }, 'on'), {
    message: 'sampleWeight has shape [7] for 60 samples: give a tensor of shape [60]',
  });
});
