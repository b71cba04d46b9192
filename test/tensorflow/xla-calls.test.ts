/** XLA's programs of single calls, for models built again, and for many short trainings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { LayersModel, Scalar, Tensor } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import type { SharedFunction } from '../../src/compile/execution/shared-functions.ts';
import { callAutotuners, type CallAutotuner } from '../../src/compile/execution/call-autotuner.ts';
import { loopAutotuners, type LoopAutotuner } from '../../src/compile/execution/loop-autotuner.ts';
import { compile, loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();

function numbers(shape: number[], salt: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + salt)),
    shape,
  );
}

function build(): LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 8, inputShape: [5], activation: 'tanh' }),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 2 }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
  tf.tidy(() => model.setWeights(model.getWeights().map(({ shape }, i) => numbers(shape, i).abs().add(0.1))));
  return model;
}

/** Every choice among the functions of a model's training. */
function choices(model: LayersModel): (CallAutotuner | LoopAutotuner)[] {
  const steps = trainingSteps(model)?.steps() ?? [];
  return steps.flatMap(({ shared }) => choicesOf(shared));
}

function choicesOf(shared: SharedFunction): (CallAutotuner | LoopAutotuner)[] {
  return [...callAutotuners.all({ shared }).values(), ...loopAutotuners.all({ shared }).values()];
}

async function compiled(all: () => { state: string }[]): Promise<void> {
  while (all().some(({ state }) => state === 'running')) await pause(20);
}

function assertClose(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const wanted = expected[i] as number;
    assert.ok(
      Math.abs(value - wanted) <= 2e-5 * Math.max(1, Math.abs(wanted)),
      `${what} ${i}: ${value}, not ${wanted}`,
    );
  });
}

async function withXla<T>(setting: string, action: () => Promise<T>): Promise<T> {
  process.env['TENSORCELL_XLA'] = setting;
  setRandomSeed(3);
  try {
    return await action();
  } finally {
    delete process.env['TENSORCELL_XLA'];
  }
}

test('trainOnBatch trains by XLA as without, and a model built again takes its program at once', async () => {
  const x = numbers([6, 5], 1);
  const y = numbers([6, 2], 2);
  const run = (setting: string) =>
    withXla(setting, async () => {
      const model = build();
      const losses: number[] = [];
      const step = async () => losses.push((await model.trainOnBatch(x, y)) as number);
      for (let k = 0; k < 20; k++) await step();
      const before = choices(model).map(({ state }) => state);
      await compiled(() => choices(model));
      for (let k = 0; k < 40; k++) await step();
      losses.push(...model.getWeights().flatMap((weight) => Array.from(weight.dataSync())));
      const chosen = choices(model).map((choice) => choice.chosen);
      model.dispose();
      return { losses, chosen, before };
    });
  const off = await run('off');
  assert.deepEqual(off.chosen, []);
  const first = await run('on');
  assert.deepEqual(first.chosen, ['xla']);
  assertClose(first.losses, off.losses, 'first');
  const second = await run('on');
  assert.deepEqual(second.before, ['ready'], 'XLA compiles it again');
  assert.deepEqual(second.chosen, ['xla']);
  assertClose(second.losses, off.losses, 'second');
  tf.dispose([x, y]);
});

test('a compiled function with an optimizer runs by XLA as without', async () => {
  const x = numbers([6, 5], 1);
  const run = (setting: string) =>
    withXla(setting, async () => {
      const weight = tf.variable(numbers([5, 3], 4));
      const optimizer = tf.train.momentum(0.01, 0.9);
      const step = compile((input: Tensor) => {
        const loss = optimizer.minimize(
          () => tf.mean<Scalar>(tf.square(tf.matMul(input as never, weight as never))),
          true,
        ) as Scalar;
        return { loss, noise: tf.randomUniform([2]) };
      });
      const results: number[] = [];
      const call = () => {
        const { loss, noise } = step(x);
        results.push(...loss.dataSync(), ...noise.dataSync());
        tf.dispose([loss, noise]);
      };
      for (let k = 0; k < 20; k++) call();
      await pause(setting === 'on' ? 3000 : 0);
      for (let k = 0; k < 60; k++) call();
      results.push(...weight.dataSync());
      step.dispose();
      weight.dispose();
      return results;
    });
  assertClose(await run('on'), await run('off'), 'result');
  x.dispose();
});

test('many short trainings count as one long training, also where each is too short for a loop', async () => {
  const x = numbers([32, 5], 1);
  const y = numbers([32, 2], 2);
  const run = (setting: string) =>
    withXla(setting, async () => {
      const model = build();
      const losses: number[] = [];
      for (let k = 0; k < 6; k++) {
        const { history } = await model.fit(x, y, {
          batchSize: 8,
          epochs: 1,
          shuffle: false,
          verbose: 0 as never,
        });
        losses.push(history['loss']?.[0] as number);
      }
      const weights = model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
      const chosen = choices(model).map((choice) => choice.chosen);
      model.dispose();
      return { losses: [...losses, ...weights], chosen };
    });
  const off = await run('off');
  const on = await run('on');
  assert.deepEqual(on.chosen, ['xla'], 'each training of 4 steps stays on the graph');
  assertClose(on.losses, off.losses, 'short trainings');
  tf.dispose([x, y]);
});
