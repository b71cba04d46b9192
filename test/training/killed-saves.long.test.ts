// Fifty processes, each killed in the middle of a save: the last good file is always there.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tensorcell from '../../src/training/index.ts';
import { killWhileSaving } from './killed-saver.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

const KILLS = 50;

tf.env().set('IS_TEST', true);
tensorcell.installTraining(tf);

test('fifty kills in the middle of a save', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-killed-'));
  try {
    const file = join(folder, 'killed.keras');
    // One whole save, then a kill at some moment of those that follow: the moments of all rounds differ.
    await killWhileSaving(file, { rounds: KILLS, saves: 1, delay: (round) => (30 * round) / KILLS });
    // The remains of a kill are cleared away by the next save that is not killed.
    const model = await tensorcell.loadModel(file);
    await tensorcell.saveModel(model, file);
    assert.deepEqual(readdirSync(folder), ['killed.keras']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
