/** Weights with constraints, compiled: each optimizer's own op updates them, and the constraint follows in the graph. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Optimizer, Tensor } from '@tensorflow/tfjs';
import { lossScaleOf, trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { trainerOf } from '../../src/compile/loops/trainer.ts';
import { close, notices, tf } from './user-code-trials.ts';

const { constraints, layers, train } = tf;

const optimizers: Record<string, () => Optimizer> = {
  sgd: () => train.sgd(0.3),
  momentum: () => train.momentum(0.1, 0.9),
  rmsprop: () => train.rmsprop(0.05, 0.9, 0.5, 1e-3),
  adam: () => train.adam(0.1, 0.9, 0.999, 1e-3),
  adagrad: () => train.adagrad(0.2),
  adadelta: () => train.adadelta(1, 0.9, 1e-3),
  adamax: () => train.adamax(0.1, 0.9, 0.999, 1e-3),
};
/** Those whose step TensorFlow has an op for: a new learning rate is a new input of the same graph. */
const FUSED = new Set(['sgd', 'momentum', 'rmsprop', 'adam']);

const all = {
  maxNorm: () => constraints.maxNorm({ maxValue: 0.5, axis: 0 }),
  unitNorm: () => constraints.unitNorm({ axis: 0 }),
  nonNeg: () => constraints.nonNeg(),
  minMaxNorm: () => constraints.minMaxNorm({ minValue: 0.3, maxValue: 0.6, rate: 0.5, axis: 0 }),
};

function numbers(shape: number[], salt: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + salt)),
    shape,
  );
}

function build(optimizer: Optimizer, constraint: keyof typeof all): LayersModel {
  const model = tf.sequential({
    layers: [
      layers.dense({ units: 4, inputShape: [3], activation: 'tanh', kernelConstraint: all[constraint]() }),
      layers.dense({ units: 2, kernelConstraint: all[constraint](), biasConstraint: constraints.nonNeg() }),
    ],
  });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  model.setWeights(model.getWeights().map(({ shape }, i) => numbers(shape, i)));
  return model;
}

async function run(
  mode: 'on' | 'off',
  optimizer: Optimizer,
  constraint: keyof typeof all,
): Promise<{ numbers: number[]; traces: number; last: unknown }> {
  process.env['TENSORCELL_COMPILE'] = mode;
  const model = build(optimizer, constraint);
  const x = numbers([8, 3], 1);
  const y = numbers([8, 2], 2);
  try {
    const found: number[] = [];
    for (let step = 0; step < 6; step++) {
      if (step === 3)
        (optimizer as unknown as { setLearningRate?(rate: number): void }).setLearningRate?.(0.05);
      if (step === 3 && 'learningRate' in optimizer) Object.assign(optimizer, { learningRate: 0.05 });
      found.push(...[await model.trainOnBatch(x, y)].flat().map(Number));
    }
    const { traces, latest } = trainingSteps(model) ?? { traces: 0, latest: undefined };
    const { history } = await model.fit(x, y, {
      batchSize: 2,
      epochs: 3,
      shuffle: false,
      verbose: 0 as never,
    });
    found.push(...Object.values(history).flat().map(Number));
    for (const weight of model.getWeights()) found.push(...weight.dataSync());
    return { numbers: found, traces, last: latest };
  } finally {
    tf.dispose([x, y]);
    model.dispose();
    process.env['TENSORCELL_COMPILE'] = 'on';
  }
}

for (const [name, make] of Object.entries(optimizers)) {
  test(`constraints after ${name}: compiled as eagerly, and at a new learning rate`, async () => {
    notices.length = 0;
    // Without an op that updates it a step is composed, and so is its constraint: one kind stands for all.
    const kinds = Object.keys(all) as (keyof typeof all)[];
    for (const constraint of FUSED.has(name) ? kinds : kinds.slice(0, 1)) {
      const eager = await run('off', make(), constraint);
      const compiled = await run('on', make(), constraint);
      close(compiled.numbers, eager.numbers, `${name} ${constraint}`);
      assert.ok(compiled.last !== undefined, 'no graph ran');
      if (FUSED.has(name)) assert.equal(compiled.traces, 1, 'a new learning rate made a new graph');
    }
    assert.deepEqual(notices, []);
  });
}

test('a step that loss scaling leaves out leaves constrained weights as they are', async () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  const model = build(train.sgd(0.1), 'minMaxNorm');
  // float16 itself needs a GPU; what scales and skips is the same in float32.
  trainerOf((model as unknown as { model: object }).model).precision = 'float16';
  const x = numbers([8, 3], 1);
  const y = numbers([8, 2], 2);
  // A loss times the factor of the fourth step is not finite.
  const large = tf.mul(y, 1000);
  const weights = () => model.getWeights().map((weight) => Array.from(weight.dataSync()));
  const before: number[][][] = [];
  for (let step = 0; step < 5; step++) {
    before.push(weights());
    if (step === 3) lossScaleOf(model)?.scale.assign(tf.scalar(3e38));
    await model.trainOnBatch(x, step === 3 ? large : y);
  }
  assert.ok(trainingSteps(model)?.latest !== undefined);
  // This constraint goes half of the way each time that it is applied.
  assert.notDeepEqual(before[3], before[2]);
  assert.deepEqual(before[4], before[3]);
  tf.dispose([x, y, large]);
  model.dispose();
});

test('a constraint that gives another shape is an error, compiled as eagerly', async () => {
  const Constraint = Object.getPrototypeOf(
    constraints.nonNeg().constructor,
  ) as typeof tf.serialization.Serializable;
  class Shorter extends Constraint {
    static className = 'Shorter';
    apply(x: Tensor): Tensor {
      return tf.slice(x, [0, 0], [1, -1]);
    }
    getConfig() {
      return {};
    }
  }
  const messages: string[] = [];
  for (const mode of ['off', 'on'] as const) {
    process.env['TENSORCELL_COMPILE'] = mode;
    const model = tf.sequential({
      layers: [layers.dense({ units: 2, inputShape: [3], kernelConstraint: new Shorter() })],
    });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const [x, y] = [tf.ones([4, 3]), tf.ones([4, 2])];
    for (let step = 0; step < 2; step++) {
      await model.trainOnBatch(x, y).catch((error: unknown) => messages.push((error as Error).message));
    }
    tf.dispose([x, y]);
  }
  assert.equal(messages.length, 4);
  assert.equal(new Set(messages).size, 1, messages.join('\n'));
});
