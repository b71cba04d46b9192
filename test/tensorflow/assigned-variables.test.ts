/** Variables that are assigned from outside between compiled steps: what they share, and whose memory they are. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Optimizer, Rank, Tensor, Variable } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { compile, loadTf } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';
import { assertClose } from './close-tensors.ts';

const tf = loadTf();
/** tfjs's enumeration, which it does not export. */
const QUIET = 0 as never;
const x = tf.tensor2d([1, 2, -1, 0.5, 0.25, -2, 3, 1, 0, 1, -1, -1, 2, 2, 0.5, 0], [8, 2]);
const y = tf.tensor2d([1, 0, 2, -1, 0.5, 1, -2, 3], [8, 1]);
const initial = [tf.tensor2d([0.5, -0.25], [2, 1]), tf.tensor1d([0.125])];

test("the optimizer's own state is assigned, trained and assigned again", async () => {
  const outcome = async (mode: 'on' | 'off') => {
    process.env['TENSORCELL_COMPILE'] = mode;
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    model.compile({ optimizer: tf.train.adam(0.1), loss: 'meanSquaredError' });
    model.setWeights(initial);
    const { optimizer } = model as unknown as { optimizer: Optimizer };
    for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
    const held = [];
    for (let round = 0; round < 2; round++) {
      const saved = (await optimizer.getWeights()).map(({ name, tensor }) => ({
        name,
        tensor: tensor.clone(),
      }));
      held.push(...saved);
      for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
      await optimizer.setWeights(saved);
      for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
    }
    const tensors = [...held.map(({ tensor }) => tensor), ...model.getWeights()];
    return tensors.map((tensor) => Array.from(tensor.dataSync()));
  };
  assertClose(await outcome('on'), await outcome('off'), 'adam');
});

test('weights that are taken and assigned while a training runs on another thread', async () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  const input = tf.input({ shape: [2] });
  const output = tf.layers.dense({ units: 1 }).apply(input) as typeof input;
  const model = tf.model({ inputs: input, outputs: output });
  model.compile({ optimizer: tf.train.sgd(1e-4), loss: 'meanSquaredError' });
  const ones = [tf.ones([4000, 2]), tf.ones([4000, 1])] as const;
  model.setWeights([tf.zeros([2, 1]), tf.zeros([1])]);
  const taken: { weights: Tensor[]; from: number }[] = [];
  let from = 0;
  const taking = setInterval(() => {
    if (!(model as unknown as { isTraining: boolean }).isTraining) return;
    taken.push({ weights: model.getWeights().map((weight) => weight.clone()), from });
    // Training goes towards a third, from below and from above in turn.
    from = from === 0 ? 5 : 0;
    model.setWeights([tf.tensor2d([from, from], [2, 1]), tf.tensor1d([from])]);
    if (taken.length === 6) {
      clearInterval(taking);
      model.stopTraining = true;
    }
  }, 30);
  await model.fit(...ones, { batchSize: 2, epochs: 200, verbose: QUIET });
  await model.fit(...ones, { batchSize: 2, epochs: 1, verbose: QUIET });
  assert.equal(taken.length, 6);
  for (const { weights, from: began } of taken) {
    const [a, b, bias] = weights.flatMap((weight) => Array.from(weight.dataSync())) as [
      number,
      number,
      number,
    ];
    assert.ok(Math.abs(a - b) < 1e-5 && Math.abs(a - bias) < 1e-5, `of different steps: ${a}, ${b}, ${bias}`);
    assert.ok(began === 0 ? a < 0.34 : a > 0.33, `${a} comes from another value than ${began}`);
  }
});

/** Random numbers that are the same for both modes. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** Variables that share values with one another in every order, and steps that update some and read others. */
function fuzzed(): (seed: number) => number[][] {
  const variables = [1, 2, 3].map((value) => tf.variable<Rank>(tf.tensor1d([value, value])));
  const updating = variables.map((variable, i) =>
    compile(() => {
      variable.assign(variable.mul(0.5).add(variables[(i + 1) % 3]!));
      return variable.sum();
    }),
  );
  const reading = variables.map((variable) => compile(() => variable.mul(2)));
  const swapping = compile(() => {
    const first = variables[0]!.clone();
    variables[0]!.assign(variables[1]!);
    variables[1]!.assign(first);
    return first.add(0);
  });
  const given = compile((variable: Variable, by: Variable) => {
    variable.assign(variable.sub(by.mul(0.25)));
    return variable.sum().add(by.sum());
  });
  return (seed) => {
    const next = random(seed);
    variables.forEach((variable, i) => {
      const value = tf.tensor1d([i + 1, i + 1]);
      variable.assign(value);
      value.dispose();
    });
    const held: Tensor[] = [];
    const one = () => variables[next(3)]!;
    const actions: (() => void)[] = [
      () => held.push(one().clone()),
      () => held.push(one().reshape([2])),
      () => held.push(tf.variable(one(), false)),
      () => {
        const values = held.filter(({ rank }) => rank === 1);
        if (values.length > 0) one().assign(values[next(values.length)]!);
      },
      () => one().assign(one()),
      () => held.length > 0 && held.splice(next(held.length), 1)[0]!.dispose(),
      () => {
        const target = held.find((tensor) => tensor instanceof tf.Variable) as Variable | undefined;
        target?.assign(one());
      },
      () => tf.dispose(updating[next(3)]!()),
      () => held.push(updating[next(3)]!()),
      () => held.push(reading[next(3)]!()),
      () => held.push(swapping()),
      () => held.push(given(variables[0]!, variables[next(3)]!)),
    ];
    for (let i = 0; i < 40; i++) actions[next(actions.length)]!();
    const values = [...variables, ...held].map((tensor) => Array.from(tensor.dataSync()));
    tf.dispose(held);
    return values;
  };
}

test('random sequences of sharing, assigning, disposing and updating are as eagerly', () => {
  process.env['TENSORCELL_COMPILE'] = 'off';
  const eagerly = fuzzed();
  const expected = Array.from({ length: 120 }, (_, i) => eagerly(1 + 7919 * i));
  process.env['TENSORCELL_COMPILE'] = 'on';
  const compiled = fuzzed();
  const { binding } = tensorflowBackend() as NodeBackend;
  const counts: number[] = [];
  expected.forEach((values, i) => {
    assertClose(compiled(1 + 7919 * i), values, `sequence ${i}`);
    counts.push(binding.valueCount());
  });
  // The first sequences trace, which leaves something for good; and at the end of one variables may share a value.
  const late = counts.slice(60);
  assert.ok(Math.max(...late) - Math.min(...late) <= 2, `values that were left behind: ${late.join(', ')}`);
});

test('a variable as an argument of a compiled function is the variable, which may be assigned within', () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  const outcome = (mode: 'on' | 'off') => {
    process.env['TENSORCELL_COMPILE'] = mode;
    // Large, so that freed memory is given back and noticed.
    const variable = tf.variable(tf.ones([100_000]));
    const step = compile((given: Variable) => {
      variable.assign(given.mul(2));
      given.assign(given.add(1));
      return [given.max(), variable.min()];
    });
    const results = [1, 2, 3, 4].flatMap(() => step(variable));
    const values = [...results, variable.mean()].map((tensor) => Array.from(tensor.dataSync()));
    const same = compile((given: Variable) => given);
    for (let i = 0; i < 3; i++) assert.equal(same(variable), variable);
    assert.equal(step.traces, mode === 'on' ? 1 : 0);
    return values;
  };
  assertClose(outcome('on'), outcome('off'), 'results');
});

test('a compiled function without a result leaves no tensor behind', () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  const variable = tf.variable(tf.ones([2]));
  const step = compile(() => {
    tf.tidy(() => variable.assign(variable.mul(2)));
  });
  for (let i = 0; i < 2; i++) step();
  const before = tf.memory().numTensors;
  for (let i = 0; i < 3; i++) step();
  assert.equal(tf.memory().numTensors, before);
  assert.deepEqual(Array.from(variable.dataSync()), [32, 32]);
});

test('a variable keeps its value when it is assigned itself, and when a disposed tensor is refused', () => {
  const variable = tf.variable(tf.tensor1d([1, 2]));
  variable.assign(variable);
  const gone = tf.tensor1d([3, 4]);
  gone.dispose();
  assert.throws(() => variable.assign(gone), /cannot be assigned a tensor that was disposed/);
  assert.deepEqual(Array.from(variable.dataSync()), [1, 2]);
});

if (process.env['MALLOC_PERTURB_'] === undefined) {
  test('all of this once more with freed memory overwritten', async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    // glibc fills what is freed with these bytes (mallopt(3), M_PERTURB): a handle that is used after that is noticed.
    const child = spawn(process.execPath, [process.argv[1] as string], {
      env: { ...env, MALLOC_PERTURB_: '165' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const end = (await once(child, 'close')) as [number | null, string | null];
    assert.deepEqual(end, [0, null], output);
  });
}
