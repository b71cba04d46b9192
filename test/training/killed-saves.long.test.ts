// Fifty processes, each killed in the middle of a save: the last good file is always there.
import * as tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import * as tensorcell from '../../src/training/index.ts';

const KILLS = 50;

tf.env().set('IS_TEST', true);
tensorcell.installTraining(tf);

test('fifty kills in the middle of a save', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-killed-'));
  // Beside the packages, so that it finds them.
  const bundle = fileURLToPath(new URL('../../.cache/save-for-ever-killed.mjs', import.meta.url));
  try {
    buildSync({
      entryPoints: [fileURLToPath(new URL('save-forever.ts', import.meta.url))],
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: bundle,
      logLevel: 'error',
    });
    const file = join(folder, 'killed.keras');
    for (let round = 0; round < KILLS; round++) {
      const child = fork(bundle, [file]);
      const saved = await new Promise<number>((resolve) => {
        let count = 0;
        child.on('message', () => {
          count += 1;
          // One whole save, then a kill at some moment of those that follow: the moments of all rounds differ.
          if (count === 1) setTimeout(() => child.kill('SIGKILL'), (30 * round) / KILLS);
        });
        child.on('exit', () => {
          resolve(count);
        });
      });
      assert.ok(saved >= 1);
      const model = await tensorcell.loadModel(file);
      const [first] = (model.predict(tf.ones([1, 3])) as tf.Tensor).dataSync();
      assert.ok(Number.isFinite(first), `round ${round}`);
      model.dispose();
    }
    // What a kill leaves is cleared away by the next save that is not killed.
    const model = await tensorcell.loadModel(file);
    await tensorcell.saveModel(model, file);
    assert.deepEqual(readdirSync(folder), ['killed.keras']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(bundle, { force: true });
  }
});
