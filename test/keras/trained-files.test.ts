/** Files of trained models go on training as in Keras; make-h5-training.py made them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type * as Tf from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { restoreState } from '../../src/training/model-files/keras-optimizers.ts';
import { installTraining, loadModel, progressMode, saveModel } from '../../src/training/index.ts';

const tf = loadTf();
installTraining(tf);
progressMode('quiet');

const here = join(import.meta.dirname, 'h5');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-trained-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const answers = JSON.parse(readFileSync(join(here, 'trained.golden.json'), 'utf8')) as Record<
  string,
  number[]
>;

const x = tf.tensor2d(
  Float32Array.from({ length: 24 }, (_, i) => Math.sin(0.7 * i)),
  [8, 3],
);
const y = tf.tensor2d(
  Float32Array.from({ length: 8 }, (_, i) => Math.cos(0.3 * i)),
  [8, 1],
);

/** The text that is written to standard error meanwhile. */
async function notes<T>(action: () => Promise<T>): Promise<[T, string]> {
  const write = process.stderr.write.bind(process.stderr);
  let text = '';
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += String(chunk);
    return true;
  };
  try {
    return [await action(), text];
  } finally {
    process.stderr.write = write;
  }
}

/** Predictions after two more steps. */
async function trainedOn(model: Tf.LayersModel): Promise<number[]> {
  await model.fit(x, y, { batchSize: 8, epochs: 2, shuffle: false });
  return [...(model.predict(x) as Tf.Tensor).dataSync()];
}

function near(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs((actual[i] as number) - value) <= 2e-5, `${i}: ${actual[i]}, not ${value}`);
}

for (const packed of readdirSync(here).filter((name) => name.startsWith('trained-'))) {
  const name = packed.replace(/\.gz$/, '');
  const path = join(folder, name);
  const unpack = () => {
    writeFileSync(path, gunzipSync(readFileSync(join(here, packed))));
  };
  const answer = answers[name.replace(/^trained-|\.golden\..*$/g, '')] as number[];
  if (/legacy-rmsprop(-centred)?\.golden/.test(name)) {
    test(`${name}: an epsilon that stands elsewhere is announced`, async () => {
      unpack();
      const [model, said] = await notes(() => loadModel(path));
      assert.match(said, /adds epsilon to the root, tfjs's below it: steps differ a little from Keras's\n$/);
      assert.equal(model.optimizer.getClassName(), 'RMSProp');
    });
    continue;
  }
  test(`${name}: two more steps give Keras's predictions, also from our own file`, async () => {
    unpack();
    const [model, said] = await notes(() => loadModel(path));
    assert.equal(said, '');
    const own = join(folder, `own-${name}.keras`);
    await saveModel(model, own);
    near(await trainedOn(model), answer);
    const [again, saidAgain] = await notes(() => loadModel(own));
    assert.equal(saidAgain, '');
    near(await trainedOn(again), answer);
  });
}

test('an optimizer state of other weights is announced, and training goes on without it', async () => {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 2, inputShape: [3] }), tf.layers.dense({ units: 1 })],
  });
  model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
  const slot = (shape: number[], name?: string) => ({
    shape,
    values: new Float32Array(shape.reduce((size, n) => size * n, 1)),
    ...(name === undefined ? {} : { name }),
  });
  const shapes = [[3, 2], [2], [2, 1], [1]];
  const state = (slots: ReturnType<typeof slot>[]) => ({ iterations: 3, learningRate: 0.01, slots });
  const restored = async (slots: ReturnType<typeof slot>[]) =>
    restoreState(tf, model, model.optimizer, state(slots));
  const both = shapes.flatMap((shape) => [slot(shape), slot(shape)]);
  assert.equal(await restored(both), undefined);
  assert.match(
    String(await restored(both.slice(2))),
    /has 6 parts instead of 8; training goes on without it/,
  );
  assert.match(
    String(await restored([...both.slice(2), ...both.slice(0, 2)])),
    /has a part of shape \[2\] for the weight .*kernel of shape \[3, 2\]; training goes on without it/,
  );
  const wrong = [slot([3, 2], 'adam/a_bias_momentum'), ...both.slice(1)];
  assert.match(String(await restored(wrong)), /has adam\/a_bias_momentum of shape/);
});

test('losses and metrics of several outputs are converted in both directions', async () => {
  const path = join(folder, 'several.keras');
  const input = tf.input({ shape: [3] });
  const outputs = ['a', 'b'].map((name) =>
    tf.layers.dense({ name, units: 1 }).apply(input),
  ) as Tf.SymbolicTensor[];
  for (const loss of [
    ['meanSquaredError', 'meanAbsoluteError'],
    { a: 'meanSquaredError', b: 'meanAbsoluteError' },
    'meanSquaredError',
  ]) {
    const model = tf.model({ inputs: input, outputs });
    model.compile({ optimizer: tf.train.adam(0.01), loss, metrics: ['mae'] });
    const { history } = await model.fit(x, [y, y], { batchSize: 8, epochs: 1 });
    const [, written] = await notes(() => saveModel(model, path));
    const [again, said] = await notes(() => loadModel(path));
    assert.deepEqual([written, said], ['', '']);
    const expected = await model.fit(x, [y, y], { batchSize: 8, epochs: 1 });
    const found = await again.fit(x, [y, y], { batchSize: 8, epochs: 1 });
    assert.deepEqual(Object.keys(found.history), Object.keys(history));
    near(Object.values(found.history).flat() as number[], Object.values(expected.history).flat() as number[]);
  }
});

test('parts of the training that a .keras file cannot hold are announced', async () => {
  const path = join(folder, 'unsaved.keras');
  const build = (optimizer: Tf.Optimizer, more: object) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [3] })] });
    model.compile({ optimizer, loss: 'meanSquaredError', ...more });
    return model;
  };
  const cases: [Tf.LayersModel, RegExp][] = [
    [build(tf.train.adadelta(0.1), {}), /the optimizer Adadelta computes differently in Keras/],
    [
      build(tf.train.adam(0.1), { loss: (a: Tf.Tensor, b: Tf.Tensor) => tf.losses.meanSquaredError(a, b) }),
      /its loss is a function, which Keras does not know by name/,
    ],
    [
      build(tf.train.adam(0.1), { metrics: [(a: Tf.Tensor, b: Tf.Tensor) => tf.mean(tf.sub(a, b))] }),
      /one of its metrics is a function, which Keras does not know by name/,
    ],
  ];
  for (const [model, expected] of cases) {
    const [, said] = await notes(() => saveModel(model, path));
    assert.match(said, /saved without its optimizer, .*; compile the model after loading\n$/);
    assert.match(said, expected);
    assert.equal(((await loadModel(path)) as { optimizer?: unknown }).optimizer, undefined);
  }
});
