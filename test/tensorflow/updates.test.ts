/** Variables and compiled steps: where values lie, what is there after a failure, what goes when it is not used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Optimizer, Tensor, Variable } from '@tensorflow/tfjs';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { setAttribute } from '../../src/engines/tensorflow/attributes.ts';
import { ATTR, TF } from '../../src/engines/dtypes.ts';
import { cText } from '../../src/engines/tensorflow/c-api/library.ts';
import { newHandle } from '../../src/engines/tensorflow/c-api/tensor.ts';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { SharedFunctions } from '../../src/compile/execution/shared-functions.ts';
import { resourceOf } from '../../src/compile/state/variable-resources.ts';
import { compile, loadTf } from '../../src/api/tensorflow.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';
import { stepLoops } from '../../src/compile/execution/step-loop.ts';
import { nativeBinding } from './native-binding.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
// A slow machine would let XLA compile in the middle, and what XLA compiled is kept.
process.env['TENSORCELL_XLA'] = 'off';
const tf = loadTf();
const backend = tensorflowBackend() as NodeBackend;
const binding = nativeBinding();
const { api } = binding.context;
const values = (tensor: Tensor) => Array.from(tensor.dataSync());
const QUIET = 0 as never;

function dense(optimizer: Optimizer | string, units = 1, inputs = 2): LayersModel {
  const model = tf.sequential({ layers: [tf.layers.dense({ units, inputShape: [inputs] })] });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

const weightsOf = (model: LayersModel) => model.weights.map((weight) => weight.read() as unknown as Variable);

/** Address of the memory that TensorFlow keeps a variable's value in. */
function address(variable: Variable): unknown {
  const handle = resourceOf(backend, variable).read();
  const tensor = api.TFE_TensorHandleResolve(handle, binding.status.pointer);
  const at = api.TF_TensorData(tensor);
  api.TF_DeleteTensor(tensor);
  api.TFE_DeleteTensorHandle(handle);
  return at;
}

for (const [name, optimizer] of Object.entries({
  sgd: () => tf.train.sgd(0.01),
  momentum: () => tf.train.momentum(0.01, 0.9),
  adam: () => tf.train.adam(0.01),
  rmsprop: () => tf.train.rmsprop(0.01),
})) {
  test(`variables are updated in place: ${name}`, async () => {
    const model = dense(optimizer(), 64, 64);
    const x = tf.randomNormal([8, 64]);
    for (let i = 0; i < 3; i++) await model.trainOnBatch(x, x);
    const kernel = weightsOf(model)[0] as Variable;
    const before = [address(kernel), values(kernel)[0]];
    await model.trainOnBatch(x, x);
    // Reading shares the memory with a tensor, which is gone when the next step begins.
    assert.notEqual(values(kernel)[0], before[1]);
    await model.trainOnBatch(x, x);
    // On a busy machine a reader of the last step can still hold the value: then that one step copies. A value that is
    // never updated in place moves at every step, in each of the three attempts.
    const moves = async () => {
      const places = new Set<unknown>();
      for (let i = 0; i < 4; i++) {
        places.add(address(kernel));
        await model.trainOnBatch(x, x);
      }
      return places.size - 1;
    };
    const attempts = [await moves()];
    while (attempts.at(-1) !== 0 && attempts.length < 3) attempts.push(await moves());
    assert.equal(attempts.at(-1), 0, `the value moved: ${attempts.join(', ')} times in 3 steps`);
    model.dispose();
  });
}

test('a tensor that is taken from a weight while a training runs keeps the value of one whole step', async () => {
  const input = tf.input({ shape: [2] });
  const model = tf.model({
    inputs: input,
    outputs: tf.layers.dense({ units: 1 }).apply(input) as typeof input,
  });
  model.compile({ optimizer: tf.train.sgd(1e-4), loss: 'meanSquaredError' });
  const x = tf.ones([4000, 2]);
  const y = tf.ones([4000, 1]);
  const taken: { clones: Tensor[]; early: number[] | undefined }[] = [];
  const taking = setInterval(() => {
    if (!(model as unknown as { isTraining: boolean }).isTraining) return;
    const clones = weightsOf(model).map((weight) => weight.clone());
    // Some are read at once, some only when the training is long over.
    taken.push({ clones, early: taken.length % 2 === 0 ? clones.flatMap(values) : undefined });
    if (taken.length >= 8) model.stopTraining = true;
  }, 30);
  model.setWeights([tf.zeros([2, 1]), tf.zeros([1])]);
  await model.fit(x, y, { batchSize: 2, epochs: 100, verbose: QUIET });
  clearInterval(taking);
  await model.fit(x, y, { batchSize: 2, epochs: 2, verbose: QUIET });
  const seen = taken.map(({ clones, early }) => {
    const now = clones.flatMap(values);
    if (early !== undefined) assert.deepEqual(now, early, 'a value that was read has changed');
    const [a, b, bias] = now as [number, number, number];
    // All three begin at 0 and have the same gradient: they are equal after every whole step.
    assert.ok(Math.abs(a - b) <= 1e-6 && Math.abs(a - bias) <= 1e-6, `of different steps: ${now.join()}`);
    return a;
  });
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  assert.ok((seen[0] as number) < (seen.at(-1) as number), `no training between: ${seen.join()}`);
  const last = values(weightsOf(model)[0] as Variable)[0] as number;
  assert.ok(last > (seen.at(-1) as number), 'tensors followed the weight');
  model.dispose();
});

/** Makes the next step fail in an update: the optimizer's slot for the bias gets another shape. */
function spoil(model: LayersModel): void {
  const { accumulations } = model.optimizer as unknown as { accumulations: { variable: Variable }[] };
  const wrong = newHandle(api, binding.status, [3], TF.FLOAT, [0, 0, 0]);
  // Behind the back of the resource, which would bring in the right value again.
  const op = binding.startOp('AssignVariableOp');
  const { handle } = resourceOf(backend, accumulations.at(-1)?.variable as Variable);
  for (const input of [handle, wrong]) api.TFE_OpAddInput(op, input, binding.status.pointer);
  setAttribute(api, op, binding.status, { name: 'dtype', type: ATTR.TYPE, value: TF.FLOAT });
  binding.run('AssignVariableOp', 0);
  api.TFE_DeleteTensorHandle(wrong);
}

const DONE =
  /ResourceApply\w+ in optimizer: .*updates come last: some variables may be those of this step already/s;

test('a step that fails among its updates reports that: trainOnBatch', async () => {
  const model = dense(tf.train.momentum(0.1, 0.9));
  const [x, y] = [tf.ones([4, 2]), tf.ones([4, 1])];
  for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
  spoil(model);
  await assert.rejects(model.trainOnBatch(x, y), DONE);
  model.dispose();
});

for (const way of ['one step a call', 'many steps a call'] as const) {
  test(`a step that fails among its updates reports that, and names the last checkpoint: fit, ${way}`, async () => {
    const model = dense(tf.train.momentum(0.1, 0.9));
    const [x, y] = [tf.ones([400, 2]), tf.ones([400, 1])];
    let batches = 0;
    const saving = Object.assign(
      new tf.CustomCallback(
        way === 'one step a call'
          ? { onBatchEnd: () => void (++batches === 20 && spoil(model)) }
          : { onEpochBegin: (epoch) => void (epoch === 1 && spoil(model)) },
      ),
      { lastSaved: 'models/7' },
    );
    await assert.rejects(
      model.fit(x, y, { batchSize: 10, epochs: 3, verbose: QUIET, callbacks: saving }),
      (error: Error) => {
        assert.match(error.message, DONE);
        assert.match(error.message, /counted from 0; the last checkpoint is models\/7\)$/);
        assert.doesNotMatch(error.message, /those of the steps before it;/);
        return true;
      },
    );
    model.dispose();
  });
}

test('a step that fails elsewhere has changed nothing, and says that: fit, one step a call', async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.embedding({ inputDim: 7, outputDim: 3, inputLength: 1 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const x = tf.tensor2d(
    Array.from({ length: 100 }, (_, i) => (i === 75 ? 99 : i % 7)),
    [100, 1],
  );
  let before: number[] = [];
  await assert.rejects(
    model.fit(x, tf.ones([100, 1]), {
      batchSize: 10,
      shuffle: false,
      verbose: QUIET,
      callbacks: Object.assign(
        new tf.CustomCallback({ onBatchEnd: () => void (before = model.getWeights().flatMap(values)) }),
        { lastSaved: 'models/7' },
      ),
    }),
    /indices.* = 99 is not in \[0, 7\) \(in batch 7, counted from 0; the weights are those of the steps before it; the last checkpoint is models\/7\)$/s,
  );
  assert.deepEqual(model.getWeights().flatMap(values), before);
  model.dispose();
});

/** Functions that TensorFlow knows, of those that are named like this with numbers that count up. */
const known = (prefix: string, suffix = '') =>
  Array.from({ length: 300 }, (_, i) => `${prefix}${i}${suffix}`).filter(
    (name) => api.TFE_ContextHasFunction(binding.context.pointer, cText(name)) !== 0,
  );
/** Functions that TensorFlow knows of steps that are in use: those that are kept for the next model are removed first. */
const steps = () => {
  SharedFunctions.of(backend.engine).clear();
  return known('tensorcell_step_').length;
};
const loops = () => known('tensorcell_loop_', '_body').length;

test('of functions that no step uses TensorFlow keeps 32 at most', () => {
  const before = steps();
  for (let n = 100; n < 150; n++) {
    const fn = compile((x: Tensor) => x.mul(n));
    for (let i = 0; i < 3; i++) fn(tf.scalar(2));
    fn.dispose();
    assert.ok(known('tensorcell_step_').length - before <= 32, 'more functions are kept');
  }
  assert.equal(known('tensorcell_step_').length - before, 32);
  assert.equal(steps(), before);
});

test('no more graphs are used than the bound, and those that are not used any more can be removed from TensorFlow', async () => {
  const said: string[] = [];
  const fn = compile((x: Tensor, n: number) => x.mul(n), { limit: 3, say: (line) => said.push(line) });
  const others = steps();
  for (let n = 0; n < 8; n++) {
    for (let i = 0; i < 3; i++) assert.deepEqual(values(fn(tf.scalar(2), n)), [2 * n]);
    assert.ok(steps() - others <= 3, `${steps() - others} graphs are kept`);
  }
  assert.equal(steps() - others, 3);
  assert.match(said.join('\n'), /was traced 3 times: .* Pass numbers that change as tensors\.$/);
  fn.dispose();
  assert.equal(steps(), others);

  // A model: what an optimizer that was replaced, a layer that was frozen, and the model itself leave.
  const model = dense('adam');
  const [x, y] = [tf.ones([200, 2]), tf.ones([200, 1])];
  const fit = () => model.fit(x, y, { batchSize: 10, epochs: 2, verbose: QUIET });
  await fit();
  assert.equal(steps() - others, 1);
  assert.deepEqual(
    trainingSteps(model)
      ?.steps()
      .map((step) => stepLoops.all(step).size),
    [1],
  );
  model.compile({ optimizer: 'sgd', loss: 'meanAbsoluteError' });
  await fit();
  assert.equal(steps() - others, 1);
  assert.equal(loops(), 1);
  model.dispose();
  assert.equal(steps(), others);
  assert.equal(loops(), 0);
});
