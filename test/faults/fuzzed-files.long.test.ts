/** Files with random damage, at every reader: an answer or an error that names the file, and the process lives on. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readCsv, readIdx, readNpy, readNpz } from '../../src/data/index.ts';
import { load, save } from '../../src/interop/safetensors/index.ts';
import { damaged, randoms } from './random-damage.ts';
import { installTraining, loadModel, loadWeights, saveModel, saveWeights } from '../../src/training/index.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

tf.env().set('IS_TEST', true);
installTraining(tf);
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-fuzzed-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const ROUNDS = Number(process.env['TENSORCELL_FUZZ'] ?? 300);
const SEED = Number(process.env['TENSORCELL_FUZZ_SEED'] ?? 0);
const arrays = fileURLToPath(new URL('../data/goldens/arrays.npz', import.meta.url));

function model(): Tf.LayersModel {
  return tf.sequential({
    layers: [tf.layers.dense({ units: 4, inputShape: [3] }), tf.layers.dense({ units: 1 })],
  });
}

const READERS: Record<string, { make: (path: string) => unknown; read: (path: string) => unknown }> = {
  'a.keras': {
    make: async (path) => saveModel(model(), path),
    read: async (path) => (await loadModel(path)).dispose(),
  },
  'a.weights.h5': {
    make: async (path) => saveWeights(model(), path),
    read: async (path) => loadWeights(model(), path),
  },
  'tfjs/model.json': {
    make: async (path) => saveModel(model(), path),
    read: async (path) => (await loadModel(path)).dispose(),
  },
  'a.npz': { make: (path) => writeFileSync(path, readFileSync(arrays)), read: (path) => readNpz(path) },
  'a.npy': {
    make: (path) =>
      writeFileSync(
        path,
        `\x93NUMPY\x01\x00v\x00${`{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }`.padEnd(117)}\n${'abcd'.repeat(6)}`,
        'latin1',
      ),
    read: (path) => readNpy(path),
  },
  'a.idx': {
    make: (path) => writeFileSync(path, Buffer.from([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4])),
    read: (path) => readIdx(path),
  },
  'a.safetensors': {
    make: (path) => save(path, { a: Float32Array.of(1, 2, 3), b: Int32Array.of(1) }),
    read: (path) => load(path),
  },
  'a.csv': { make: (path) => writeFileSync(path, 'a,b\n1,"2\n3"\n4,x\n'), read: (path) => readCsv(path) },
};

for (const [name, { make, read }] of Object.entries(READERS)) {
  test(`${name} with random damage, ${ROUNDS} times (seed ${SEED})`, async () => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    await make(path);
    const bytes = readFileSync(path);
    const random = randoms(SEED + name.length);
    for (let round = 0; round < ROUNDS; round++) {
      writeFileSync(path, damaged(bytes, random));
      try {
        tf.engine().startScope();
        await read(path);
      } catch (error) {
        assert.ok(error instanceof Error, `round ${round}`);
        assert.ok(error.message.includes(path), `round ${round}: ${error.stack}`);
      } finally {
        tf.engine().endScope();
      }
    }
    writeFileSync(path, bytes);
    await read(path);
  });
}
