/** Keras itself loads what is written here, for every case. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadTf } from '../../src/api/tensorflow.ts';
import { ModelFileError, progressMode, saveModel } from '../../src/training/index.ts';
import { loadCase, readGoldens } from './layer-cases.ts';

const python =
  process.env['TENSORCELL_KERAS_PYTHON'] ??
  fileURLToPath(new URL('../../.cache/keras/bin/python', import.meta.url));

test('Keras computes from our files what it computes from its own', async (t) => {
  if (!existsSync(python)) {
    t.skip('no Python with Keras: name one in TENSORCELL_KERAS_PYTHON, or make .cache/keras');
    return;
  }
  const tf = loadTf();
  progressMode('quiet');
  const { cases } = readGoldens(import.meta.dirname);
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-written-'));
  // A pattern of names, to try some of the cases.
  const chosen = new RegExp(process.env['TENSORCELL_CASES'] ?? '');
  try {
    let written = 0;
    for (const [index, layerCase] of cases.entries()) {
      if (!chosen.test(layerCase.name)) continue;
      tf.engine().startScope();
      try {
        await saveModel(loadCase(tf, layerCase), join(folder, `${index}.keras`));
        written++;
      } catch (error) {
        // The other test covers refused cases.
        if (!(error instanceof ModelFileError)) throw error;
      } finally {
        tf.engine().endScope();
      }
    }
    const output = execFileSync(python, [join(import.meta.dirname, 'check_written.py'), folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 2 ** 28,
    });
    assert.deepEqual(
      output.split('\n').filter((line) => line.startsWith('DIFFERS')),
      [],
    );
    assert.equal(/^CHECKED (\d+)$/m.exec(output)?.[1], String(written));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
