// SavedModels that Python's TensorFlow wrote (keras/saved_models.py), run for inference.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadModel, saveModel } from '../../src/training/index.ts';

const folder = fileURLToPath(new URL('keras/saved-models/', import.meta.url));
const answers = JSON.parse(readFileSync(join(folder, 'answers.golden.json'), 'utf8')) as {
  dense: { inputs: [number[][]]; outputs: { scores: number[][] } };
  several: {
    inputs: [number[][], number[]];
    outputs: { scaled: number[][]; largest: number[] };
  };
};
const tf = loadTf();

function near(actual: Tensor, expected: readonly (number | number[])[]): void {
  const values = [...actual.dataSync()];
  const wanted = expected.flat();
  assert.equal(values.length, wanted.length);
  for (const [at, value] of wanted.entries())
    assert.ok(Math.abs((values[at] as number) - value) <= 1e-6, `${at}: ${values[at]}, not ${value}`);
}

test('one input and one output', async () => {
  const model = await loadModel(join(folder, 'dense'));
  assert.deepEqual(
    [model.inputs.map(({ name, shape }) => [name, shape]), model.outputs.map(({ shape }) => shape)],
    [[['features', [null, 3]]], [[null, 2]]],
  );
  const x = tf.tensor2d(answers.dense.inputs[0]);
  const before = tf.memory().numTensors;
  const made = model.predict(x) as Tensor;
  near(made, answers.dense.outputs.scores);
  // More rows than a batch of tfjs has.
  const many = model.predict(tf.tile(x, [20, 1])) as Tensor;
  assert.deepEqual(many.shape, [100, 2]);
  near(many.slice([95, 0]), answers.dense.outputs.scores);
  tf.dispose([made, many]);
  assert.ok(tf.memory().numTensors - before <= 2);
  model.dispose();
});

test('several inputs and outputs, in the order of their names', async () => {
  const model = await loadModel(join(folder, 'several'));
  assert.deepEqual(
    model.inputs.map(({ name, dtype }) => [name, dtype]),
    [
      ['factors', 'int32'],
      ['numbers', 'float32'],
    ],
  );
  const [numbers, factors] = answers.several.inputs;
  const [largest, scaled] = model.predict([tf.tensor1d(factors, 'int32'), tf.tensor2d(numbers)]) as [
    Tensor,
    Tensor,
  ];
  near(scaled, answers.several.outputs.scaled);
  near(largest, answers.several.outputs.largest);
  assert.equal(largest.dtype, 'int32');
});

test('it is part of another model, and is not saved again', async () => {
  const base = await loadModel(join(folder, 'dense'));
  const head = tf.layers.dense({ units: 1, kernelInitializer: 'ones' }).apply(base.outputs[0]!);
  const model = tf.model({ inputs: base.inputs, outputs: head as ReturnType<typeof tf.input> });
  near(
    model.predict(tf.tensor2d(answers.dense.inputs[0])) as Tensor,
    answers.dense.inputs[0].map(() => 1),
  );
  for (const path of ['no.keras', 'no']) {
    await assert.rejects(saveModel(base, join(folder, path)), {
      code: 'TENSORCELL_MODEL_UNSUPPORTED',
      message: 'layer savedmodel is a SavedModel, which is read for inference only: copy its folder instead',
    });
  }
});

test('damage is reported', async () => {
  const broken = mkdtempSync(join(tmpdir(), 'tensorcell-saved-model-'));
  try {
    writeFileSync(join(broken, 'saved_model.pb'), 'hello');
    await assert.rejects(loadModel(broken), { code: 'TENSORCELL_MODEL_FORMAT' });
    const whole = readFileSync(join(folder, 'dense', 'saved_model.pb'));
    writeFileSync(
      join(broken, 'saved_model.pb'),
      Buffer.from(whole.toString('latin1').replaceAll('serving_default', 'serving_another'), 'latin1'),
    );
    await assert.rejects(loadModel(broken), /has no signature 'serving_default', only .*serving_another/);
    // The signature is there, the variables are not.
    writeFileSync(join(broken, 'saved_model.pb'), whole);
    const empty = await loadModel(broken);
    assert.throws(() => empty.predict(tf.zeros([1, 3])), { name: 'TensorflowError' });
  } finally {
    rmSync(broken, { recursive: true, force: true });
  }
});
