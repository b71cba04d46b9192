/**
 * Dynamic loss scaling. float16 itself needs a GPU; what scales, unscales and skips is the same in float32, and factors
 * that are powers of two change no digit.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Optimizer, Rank, Tensor, Variable } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { LossScale } from '../../src/compile/lowering/loss-scale.ts';
import { lossScaleOf, trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { trainerOf } from '../../src/compile/loops/trainer.ts';
import { FunctionCache } from '../../src/compile/execution/function-cache.ts';
import { loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';

const tf = loadTf();
const { binding } = tensorflowBackend() as NodeBackend;
const values = (tensor: Tensor) => Array.from(tensor.dataSync());
const x = tf.randomNormal([16, 4], 0, 1, 'float32', 2);
const y = tf.randomNormal([16, 2], 0, 1, 'float32', 3);

function build(scaled: boolean, optimizer: Optimizer): LayersModel {
  setRandomSeed(8);
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 8, activation: 'tanh', inputShape: [4] }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 2 }),
    ],
  });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  if (scaled) trainerOf((model as unknown as { model: object }).model).precision = 'float16';
  return model;
}

const weights = (model: LayersModel) => model.getWeights().map(values);
const state = (model: LayersModel) => {
  const { scale, goodSteps } = lossScaleOf(model) as NonNullable<ReturnType<typeof lossScaleOf>>;
  return [values(scale)[0], values(goodSteps)[0]];
};

const optimizers: Record<string, () => Optimizer> = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.1, 0.9),
  adam: () => tf.train.adam(0.01),
  rmsprop: () => tf.train.rmsprop(0.01),
  adagrad: () => tf.train.adagrad(0.1),
};

for (const [name, make] of Object.entries(optimizers)) {
  test(`a scaled loss trains as an unscaled one: ${name}`, async () => {
    const plain = build(false, make());
    const scaled = build(true, make());
    const losses: number[][] = [];
    for (const model of [plain, scaled]) {
      const seen: number[] = [];
      for (let i = 0; i < 6; i++) seen.push((await model.trainOnBatch(x, y)) as number);
      losses.push(seen);
    }
    const close = (actual: number[], wanted: number[], what: string) =>
      actual.forEach((value, i) =>
        assert.ok(
          Math.abs(value - (wanted[i] as number)) <= 1e-5 * Math.max(1, Math.abs(wanted[i] as number)),
          `${what} ${i}: ${value}, not ${String(wanted[i])}`,
        ),
      );
    close(losses[1] as number[], losses[0] as number[], 'loss');
    weights(scaled).forEach((weight, i) => close(weight, weights(plain)[i] as number[], `weight ${i}`));
    assert.equal(trainingSteps(scaled)?.steps().length, 1);
    assert.deepEqual(state(scaled), [32768, 6]);
    for (const model of [plain, scaled]) model.dispose();
  });
}

test('a step whose gradients are not finite changes nothing and halves the factor; the next ones go on', async () => {
  const model = build(true, tf.train.adam(0.01));
  for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
  assert.deepEqual(state(model), [32768, 3]);
  lossScaleOf(model)?.scale.assign(tf.scalar(3e38));
  const before = weights(model);
  const slots = (await model.optimizer.getWeights()).map(({ tensor }) => values(tensor));
  const loss = await model.trainOnBatch(tf.mul(x, 100), tf.mul(y, 100));
  assert.ok(Number.isFinite(loss), 'the loss is told as it is');
  assert.deepEqual(weights(model), before);
  const after = (await model.optimizer.getWeights()).map(({ tensor }) => values(tensor));
  // The count of steps alone goes on.
  assert.deepEqual(after.slice(1), slots.slice(1));
  const [scale, good] = state(model);
  assert.ok(Math.abs((scale as number) / 1.5e38 - 1) < 1e-6, String(scale));
  assert.equal(good, 0);
  lossScaleOf(model)?.scale.assign(tf.scalar(1024));
  await model.trainOnBatch(x, y);
  assert.notDeepEqual(weights(model), before);
  assert.deepEqual(state(model), [1024, 1]);
  model.dispose();
});

test('after 2,000 good steps the factor is doubled, also among many steps of one call', async () => {
  const model = build(true, tf.train.sgd(0.01));
  for (let i = 0; i < 2; i++) await model.trainOnBatch(x, y);
  lossScaleOf(model)?.goodSteps.assign(tf.scalar(1990));
  const data = [tf.tile(x, [20, 1]), tf.tile(y, [20, 1])] as const;
  await model.fit(...data, { batchSize: 16, shuffle: false, verbose: 0 as never });
  assert.deepEqual(state(model), [65536, 10]);
  lossScaleOf(model)?.scale.assign(tf.scalar(1.5));
  model.setWeights(model.getWeights().map((weight) => tf.fill(weight.shape, 1e30)));
  await model.trainOnBatch(x, y);
  assert.deepEqual(state(model), [1, 0]);
  model.dispose();
});

test('a model that is disposed takes its factor along', async () => {
  const count = () => [binding.valueCount(), tf.memory().numTensors];
  const once = async () => {
    const model = build(true, tf.train.sgd(0.01));
    for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
    model.optimizer.dispose();
    model.dispose();
  };
  await once();
  const before = count();
  for (let i = 0; i < 3; i++) await once();
  assert.deepEqual(count(), before);
});

/** A function's graphs as `tensorcell.compile` makes them for float16, in float32. */
function scaledCache(): { cache: FunctionCache; lossScale: LossScale; said: string[] } {
  const said: string[] = [];
  const lossScale = new LossScale(tf);
  const cache = new FunctionCache(tf, tensorflowBackend() as NodeBackend, {
    what: 'the step',
    notify: (line) => said.push(line),
    lossScale,
  });
  return { cache, lossScale, said };
}

test('functions: minimize, and gradients of two batches that are clipped, added up and applied', () => {
  const start = tf.randomNormal<Rank.R2>([4, 2], 0, 1, 'float32', 5);
  const recipes: ((weight: Variable, optimizer: Optimizer) => (scale: Tensor) => Tensor)[] = [
    (weight, optimizer) => (scale) =>
      optimizer.minimize(
        () => tf.mul(scale, tf.losses.meanSquaredError(y, tf.matMul(x, weight as never))).asScalar(),
        true,
        [weight],
      ) as Tensor,
    (weight, optimizer) => (scale) => {
      const halves = [0, 8].map((from) =>
        tf.variableGrads(
          () =>
            tf
              .mul(
                scale,
                tf.losses.meanSquaredError(y.slice(from, 8), tf.matMul(x.slice(from, 8), weight as never)),
              )
              .asScalar(),
          [weight],
        ),
      );
      const gradients = Object.fromEntries(
        Object.keys(halves[0]?.grads ?? {}).map((name) => [
          name,
          tf.clipByValue(tf.addN(halves.map(({ grads }) => grads[name] as Tensor)), -0.5, 0.5),
        ]),
      );
      optimizer.applyGradients(gradients);
      return tf.addN(halves.map(({ value }) => value));
    },
  ];
  for (const recipe of recipes) {
    const run = (scaled: boolean) => {
      const weight = tf.variable(start);
      const step = recipe(weight, tf.train.momentum(0.1, 0.9));
      const { cache, lossScale, said } = scaledCache();
      const call = (scale: number) => {
        const factor = tf.scalar(scale);
        return values(scaled ? cache.call([factor], step) : step(factor))[0] as number;
      };
      const losses = [1, 1, 1, 1].map(call);
      const before = values(weight);
      // With a factor that is too large nothing happens but that it gets smaller.
      const state = () => [values(lossScale.scale)[0], values(lossScale.goodSteps)[0]];
      if (scaled) {
        assert.deepEqual(said, []);
        assert.deepEqual(state(), [32768, 3]);
        lossScale.scale.assign(tf.scalar(2 ** 100));
        assert.ok(Number.isFinite(call(1e30)));
        assert.deepEqual(values(weight), before);
        assert.deepEqual(state(), [2 ** 99, 0]);
      }
      cache.dispose();
      lossScale.dispose();
      return { losses, before };
    };
    const expected = run(false);
    const actual = run(true);
    for (const [what, wanted] of Object.entries(expected)) {
      actual[what as 'losses'].forEach((value, i) =>
        assert.ok(
          Math.abs(value - (wanted[i] as number)) <= 1e-5,
          `${what} ${i}: ${value}, not ${wanted[i]}`,
        ),
      );
    }
  }
});
