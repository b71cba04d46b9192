/** Model files from Keras to here and back; keras/models.py made the reference. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  installTraining,
  loadModel,
  loadWeights,
  progressMode,
  saveModel,
  saveWeights,
} from '../../src/training/index.ts';
import { killWhileSaving } from './killed-saver.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

tf.env().set('IS_TEST', true);
installTraining(tf);
progressMode('quiet');

const here = fileURLToPath(new URL('keras/', import.meta.url));
const python = fileURLToPath(new URL('../../.cache/keras/bin/python', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-models-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Reference {
  shape: number[];
  outputs: number;
  predictions: number[];
  afterOneMoreStep: number[];
}
const golden = JSON.parse(readFileSync(join(here, 'models.golden.json'), 'utf8')) as Record<
  string,
  Reference
>;

function inputs({ shape, outputs }: Reference): [Tf.Tensor, Tf.Tensor] {
  const size = shape.reduce((product, length) => product * length, 1);
  const x = tf.tensor(
    Float32Array.from({ length: 16 * size }, (_, index) => Math.sin(0.7 * index)),
    [16, ...shape],
  );
  const y = tf.buffer([16, outputs]);
  for (let row = 0; row < 16; row++) y.set(outputs > 1 ? 1 : 1 - (row % 2), row, row % outputs);
  return [x, y.toTensor()];
}

function answers(model: Tf.LayersModel, reference: Reference): number[] {
  return [...((model.predict(inputs(reference)[0]) as Tf.Tensor).dataSync() as Float32Array)];
}

async function step(model: Tf.LayersModel, reference: Reference): Promise<number[]> {
  const [x, y] = inputs(reference);
  await model.fit(x, y, { batchSize: 16, epochs: 1, shuffle: false });
  return answers(model, reference);
}

function near(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [index, value] of expected.entries()) {
    assert.ok(
      Math.abs((actual[index] as number) - value) <= tolerance,
      `${index}: ${actual[index]}, not ${value}`,
    );
  }
}

for (const [name, reference] of Object.entries(golden)) {
  test(`${name}: Keras's file gives Keras's answers, and trains on as in Keras`, async () => {
    const model = await loadModel(join(here, `${name}.golden.keras`));
    near(answers(model, reference), reference.predictions, 1e-5);
    near(await step(model, reference), reference.afterOneMoreStep, 1e-4);
  });

  test(`${name}: our file gives the same answers here and in Keras`, async (t) => {
    const model = await loadModel(join(here, `${name}.golden.keras`));
    const file = join(folder, `${name}.keras`);
    await saveModel(model, file);
    const again = await loadModel(file);
    near(answers(again, reference), reference.predictions, 1e-5);
    near(await step(again, reference), reference.afterOneMoreStep, 1e-4);
    if (!existsSync(python)) {
      t.diagnostic('Keras itself was not asked: make an environment with tensorflow in .cache/keras');
      return;
    }
    const args = [join(here, 'answer.py'), file, JSON.stringify(reference.shape), String(reference.outputs)];
    const output = execFileSync(python, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const answer = JSON.parse(/^ANSWER(.*)$/m.exec(output)?.[1] ?? '') as Reference & { iterations: number };
    near(answer.predictions, reference.predictions, 1e-5);
    near(answer.afterOneMoreStep, reference.afterOneMoreStep, 1e-4);
    assert.equal(answer.iterations, 4);
  });

  test(`${name}: a folder of tfjs keeps weights and optimizer too`, async () => {
    const model = await loadModel(join(here, `${name}.golden.keras`));
    await saveModel(model, join(folder, name));
    const again = await loadModel(join(folder, name));
    near(answers(again, reference), reference.predictions, 1e-5);
  });
}

function small(name = 'small'): Tf.Sequential {
  const model = tf.sequential({
    name,
    layers: [
      tf.layers.dense({ inputShape: [3], units: 4, activation: 'relu' }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  return model;
}

test('only weights', async () => {
  const from = small();
  await from.fit(tf.ones([4, 3]), tf.ones([4, 1]), { epochs: 2 });
  await saveWeights(from, join(folder, 'only.weights.h5'));
  const to = small();
  await loadWeights(to, join(folder, 'only.weights.h5'));
  const x = tf.randomNormal([5, 3]);
  assert.deepEqual((to.predict(x) as Tf.Tensor).arraySync(), (from.predict(x) as Tf.Tensor).arraySync());
  const wider = tf.sequential({ layers: [tf.layers.dense({ inputShape: [3], units: 5, name: 'wide' })] });
  await assert.rejects(loadWeights(wider, join(folder, 'only.weights.h5')), {
    code: 'TENSORCELL_MODEL_FORMAT',
    message: /layer wide has a weight of shape \[3, 4\], the model one of \[3, 5\]/,
  });
});

test('a model that cannot be converted is refused by name', async () => {
  await assert.rejects(loadModel(join(here, 'refused.golden.keras')), {
    code: 'TENSORCELL_MODEL_UNSUPPORTED',
    message:
      'layer spectral of class SpectralNormalization cannot be converted between tfjs and Keras: its weight changes with each step of training',
  });
  const recurrent = tf.sequential({
    layers: [tf.layers.lstm({ inputShape: [2, 2], units: 1, name: 'memory' })],
  });
  await assert.rejects(saveModel(recurrent, join(folder, 'no.keras')), {
    message:
      /^layer memory: hard_sigmoid is another function in Keras 3 than in tfjs; build it with recurrentActivation: 'sigmoid'/,
  });
  assert.equal(existsSync(join(folder, 'no.keras')), false);
});

test('damaged files are told from others', async () => {
  const file = join(folder, 'damaged.keras');
  await saveModel(small(), file);
  const whole = readFileSync(file);
  const damaged = Buffer.from(whole);
  damaged[whole.indexOf('"class_name"') + 3] = 0;
  writeFileSync(file, damaged);
  await assert.rejects(loadModel(file), { message: /config\.json is damaged \(its checksum is wrong\)/ });
  writeFileSync(file, whole.subarray(0, whole.length / 2));
  await assert.rejects(loadModel(file), { message: /is not a ZIP archive, or was cut short/ });
  writeFileSync(file, 'hello');
  await assert.rejects(loadModel(file), { code: 'TENSORCELL_MODEL_FORMAT' });
  await assert.rejects(loadModel(folder), { message: /has no model\.json/ });
});

test('a process that is killed while it saves leaves the last good file', async () => {
  const file = join(folder, 'killed.keras');
  await saveModel(small(), file);
  // Ten saves, then a kill at some moment of the next one.
  await killWhileSaving(file, { rounds: 4, saves: 10, delay: () => Math.random() * 30 });
  await saveModel(small(), file);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('.killed')),
    [],
  );
});
