/** Keras itself goes on with a model with seeds that was written here, which has no state of seed generators. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadModel, progressMode, saveModel } from '../../src/training/index.ts';
import { near } from './layer-cases.ts';

const python =
  process.env['TENSORCELL_KERAS_PYTHON'] ??
  fileURLToPath(new URL('../../.cache/keras/bin/python', import.meta.url));

const SCRIPT = `
import json, sys
import keras, numpy as np
def values(shape, shift):
    return np.sin(shift + 1.3 * np.arange(np.prod(shape))).reshape(shape).astype("float32")
model = keras.saving.load_model(sys.argv[1])
output = np.ravel(model(values((4, 4, 3), 0), training=False)).tolist()
losses = [float(model.train_on_batch(values((4, 4, 3), 0), values((4, 2), 5))) for _ in range(3)]
model.save(sys.argv[2])
after = np.ravel(model(values((4, 4, 3), 0), training=False)).tolist()
print(json.dumps({"output": output, "losses": losses, "after": after}))
`;

test('Keras loads it, trains on, and what it saves then loads here', async (t) => {
  if (!existsSync(python)) {
    t.skip('no Python with Keras: name one in TENSORCELL_KERAS_PYTHON, or make .cache/keras');
    return;
  }
  const tf = loadTf();
  progressMode('quiet');
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-seeds-'));
  const [written, back] = [join(folder, 'ours.keras'), join(folder, 'theirs.keras')];
  try {
    const h5 = join(import.meta.dirname, 'h5');
    await saveModel(await loadModel(join(h5, 'seeded.golden.keras')), written);
    const found = JSON.parse(
      execFileSync(python, ['-c', SCRIPT, written, back], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
      }),
    ) as { output: number[]; losses: number[]; after: number[] };
    const golden = JSON.parse(readFileSync(join(h5, 'seeded.golden.json'), 'utf8')) as { output: number[] };
    const equal = (one: ArrayLike<number>, other: number[]): void => {
      assert.ok(
        other.every((value, i) => near(one[i] as number, value, 1e-5)),
        `${Array.from(one).join()}, not ${other.join()}`,
      );
    };
    equal(found.output, golden.output);
    assert.equal(new Set(found.losses).size, 3, 'Keras draws anew in each step');
    const x = tf.tensor(
      Float32Array.from({ length: 48 }, (_, i) => Math.sin(1.3 * i)),
      [4, 4, 3],
    );
    const again = await loadModel(back);
    equal((again.predict(x) as ReturnType<typeof tf.ones>).dataSync(), found.after);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
