/** Seeds of dropouts and initializers go through files of Keras; make-seeded.py made the reference. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadModel, progressMode, saveModel } from '../../src/training/index.ts';
import { unzip } from '../../src/training/model-files/zip.ts';
import { near } from './layer-cases.ts';

const tf = loadTf();
progressMode('quiet');
const here = join(import.meta.dirname, 'h5');
const golden = JSON.parse(readFileSync(join(here, 'seeded.golden.json'), 'utf8')) as {
  states: string[];
  output: number[];
};
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-seeds-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const wave = (shape: number[], shift: number): Tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(shift + 1.3 * i)),
    shape,
  );
const x = wave([4, 4, 3], 0);

function equal(model: Tf.LayersModel, expected: readonly number[]): void {
  const found = (model.predict(x) as Tf.Tensor).dataSync();
  assert.equal(found.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(near(found[i] as number, value, 1e-5), `${i}: ${found[i]}`);
}

interface Config {
  layers: { config: Record<string, unknown> & { name: string } }[];
}

test('the reference has seed generators with a state', () => {
  assert.equal(golden.states.length, 7, golden.states.join());
});

for (const ending of ['keras', 'h5']) {
  test(`a .${ending} file with seed generators predicts as in Keras, trains on, and keeps its seeds`, async () => {
    const model = await loadModel(join(here, `seeded.golden.${ending}`));
    equal(model, golden.output);
    const losses = new Set<unknown>();
    // The rate is 0 so that only what is dropped differs.
    model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
    for (let i = 0; i < 4; i++) losses.add(await model.trainOnBatch(x, wave([4, 2], 5)));
    assert.equal(losses.size, 4, 'each step draws anew');
    equal(model, golden.output);
    const path = join(folder, `again-${ending}.keras`);
    await saveModel(model, path);
    equal(await loadModel(path), golden.output);
    const text = unzip(readFileSync(path), path).get('config.json') as Buffer;
    const { config } = JSON.parse(text.toString('utf8')) as { config: Config };
    const layer = (name: string): Record<string, unknown> =>
      config.layers.find((one) => one.config.name === name)?.config as Record<string, unknown>;
    assert.equal(layer('units')['seed'], 7);
    assert.equal(layer('channels')['seed'], 6);
    const seedOf = (name: string): unknown =>
      (layer(name)['kernel_initializer'] as { config: { seed: unknown } }).config.seed;
    assert.equal(seedOf('lstm'), 1);
    assert.equal(seedOf('last'), 3);
  });
}
