/** Training loops of users: everything between gradients and weights, compiled as eagerly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NamedTensorMap, Optimizer, Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { compile, loadTf, setRandomSeed } from '../../src/api/tensorflow.ts';
import { everyOptimizer } from './every-optimizer.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();
const values = (tensor: Tensor) => Array.from(tensor.dataSync());

function assertClose(actual: number[], expected: number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const wanted = expected[i] as number;
    const distance = Math.abs(value - wanted) / Math.max(1, Math.abs(wanted));
    assert.ok(distance <= 1e-5, `${what} ${i}: ${value}, not ${wanted}`);
  });
}

/** Two layers and a loss. */
function network(): { variables: Variable[]; loss: (x: Tensor, y: Tensor) => Scalar } {
  const make = (shape: number[], seed: number) =>
    tf.variable(tf.tidy(() => tf.randomNormal(shape, 0, 0.6, 'float32', seed)));
  const variables = [make([5, 6], 1), make([6], 2), make([6, 2], 3), make([2], 4)];
  const [a, b, c, d] = variables as [Variable, Variable, Variable, Variable];
  return {
    variables,
    loss: (x, y) => {
      const hidden = tf.dropout(tf.relu(tf.add(tf.matMul(x as never, a as never), b)), 0.2);
      return tf.losses.meanSquaredError(y, tf.add(tf.matMul(hidden as never, c as never), d)).mul(20);
    },
  };
}

const optimizers = everyOptimizer(0.002);

type Change = (gradients: NamedTensorMap) => NamedTensorMap;

const each =
  (change: (gradient: Tensor) => Tensor): Change =>
  (gradients) =>
    Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, change(gradient)]));

/** As Keras' clipvalue, clipnorm and global_clipnorm (keras/src/optimizers/base_optimizer.py). */
const clips: Record<string, Change> = {
  'by value': each((gradient) => tf.clipByValue(gradient, -0.1, 0.1)),
  'by norm': each((gradient) => gradient.mul(tf.minimum(1, tf.div(0.2, tf.norm(gradient))))),
  'by the norm of all': (gradients) => {
    const squares = Object.values(gradients).map((gradient) => gradient.square().sum());
    const norm = tf.sqrt(tf.addN(squares));
    return each((gradient) => gradient.mul(tf.div(0.5, tf.maximum(norm, 0.5))))(gradients);
  },
};

/** Ten steps with `wrap` around the step; losses and what the weights are then. */
function train(
  makeOptimizer: () => Optimizer,
  change: Change,
  wrap: <F extends (...args: never[]) => unknown>(step: F) => F & { traces?: number },
): { losses: number[]; weights: number[]; traces: number | undefined } {
  setRandomSeed(9);
  const { variables, loss } = network();
  const optimizer = makeOptimizer();
  const step = wrap((x: Tensor, y: Tensor) =>
    tf.tidy(() => {
      const { value, grads } = optimizer.computeGradients(() => loss(x, y), variables);
      optimizer.applyGradients(change(grads));
      return value;
    }),
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    const x = tf.randomNormal([4, 5], 0, 1, 'float32', 50 + i);
    const y = tf.randomNormal([4, 2], 0, 1, 'float32', 70 + i);
    losses.push(...values((step as (a: Tensor, b: Tensor) => Tensor)(x, y)));
  }
  return { losses, weights: variables.flatMap((variable) => values(variable)), traces: step.traces };
}

for (const [clip, change] of Object.entries(clips)) {
  test(`gradients that are clipped ${clip}: ten compiled steps equal ten eager ones, with every optimizer`, () => {
    const free = train(
      optimizers['sgd'] as () => Optimizer,
      (all) => all,
      (step) => step,
    );
    for (const [name, optimizer] of Object.entries(optimizers)) {
      const expected = train(optimizer, change, (step) => step);
      const actual = train(optimizer, change, (step) => compile(step as never) as never);
      assert.equal(actual.traces, 1, name);
      assertClose(actual.losses, expected.losses, `${name}, loss`);
      assertClose(actual.weights, expected.weights, `${name}, weight`);
      if (name === 'sgd') assert.notDeepEqual(expected.weights, free.weights, 'nothing was clipped');
    }
  });
}

/** Gradients add up in variables; every third step they are applied. */
function accumulate(compiled: boolean): { losses: number[]; weights: number[]; traces: number } {
  setRandomSeed(9);
  const { variables, loss } = network();
  const optimizer = tf.train.adam(0.01);
  const sums = Object.fromEntries(
    variables.map((variable) => [variable.name, tf.variable(tf.zerosLike(variable), false)]),
  );
  const step = (x: Tensor, y: Tensor, apply: boolean) =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => loss(x, y), variables);
      const means: Record<string, Variable> = {};
      for (const [name, sum] of Object.entries(sums)) {
        const total = sum.add(grads[name] as Tensor);
        means[name] = total.div<Variable>(3);
        sum.assign(apply ? tf.zerosLike(total) : total);
      }
      if (apply) optimizer.applyGradients(means);
      return value;
    });
  const run = compiled ? compile(step) : step;
  const losses: number[] = [];
  for (let i = 0; i < 18; i++) {
    const x = tf.randomNormal([4, 5], 0, 1, 'float32', 50 + i);
    const y = tf.randomNormal([4, 2], 0, 1, 'float32', 70 + i);
    losses.push(...values(run(x, y, i % 3 === 2)));
  }
  const weights = [...variables, ...Object.values(sums)].flatMap((variable) => values(variable));
  return { losses, weights, traces: (run as { traces?: number }).traces ?? 0 };
}

test('gradients that are accumulated over three steps: compiled as eagerly', () => {
  const expected = accumulate(false);
  const actual = accumulate(true);
  // One graph that only adds up, and one that applies too.
  assert.equal(actual.traces, 2);
  assertClose(actual.losses, expected.losses, 'loss');
  assertClose(actual.weights, expected.weights, 'weight');
});

test('a moving average of the weights, and a weight that another one follows, in the same step', () => {
  const run = (compiled: boolean): number[] => {
    setRandomSeed(9);
    const { variables, loss } = network();
    const averages = variables.map((variable) => tf.variable(variable.clone(), false));
    const optimizer = tf.train.sgd(0.002);
    const step = (x: Tensor, y: Tensor) =>
      tf.tidy(() => {
        const cost = optimizer.minimize(() => loss(x, y), true, variables) as Scalar;
        // These read what the optimizer has just written.
        for (const [i, average] of averages.entries()) {
          average.assign(average.mul(0.9).add((variables[i] as Variable).mul(0.1)));
        }
        return cost;
      });
    const made = compiled ? compile(step) : step;
    const seen: number[] = [];
    for (let i = 0; i < 10; i++) {
      const x = tf.randomNormal([4, 5], 0, 1, 'float32', 50 + i);
      const y = tf.randomNormal([4, 2], 0, 1, 'float32', 70 + i);
      seen.push(...values(made(x, y)));
    }
    if (compiled) assert.equal((made as { traces?: number }).traces, 1);
    return [...seen, ...[...variables, ...averages].flatMap((variable) => values(variable))];
  };
  assertClose(run(true), run(false), 'loss or weight');
});
