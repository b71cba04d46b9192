/** Files with an optimizer that tfjs lacks, and with weights of 16 bits; make-h5-others.py made them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type * as Tf from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { installTraining, loadModel, loadWeights, progressMode } from '../../src/training/index.ts';

const tf = loadTf();
installTraining(tf);
progressMode('quiet');

const here = join(import.meta.dirname, 'h5');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-others-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const answers = JSON.parse(readFileSync(join(here, 'others.golden.json'), 'utf8')) as Record<
  string,
  { before: number[]; after?: number[] }
>;
const x = tf.tensor2d(
  Float32Array.from({ length: 24 }, (_, i) => Math.sin(0.7 * i)),
  [8, 3],
);
const y = tf.tensor2d(
  Float32Array.from({ length: 8 }, (_, i) => Math.cos(0.3 * i)),
  [8, 1],
);

function unpacked(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, gunzipSync(readFileSync(join(here, `${name}.gz`))));
  return path;
}

/** A model, and what was written to standard error while it was loaded. */
async function loaded(path: string): Promise<{ model: Tf.LayersModel; text: string }> {
  const write = process.stderr.write.bind(process.stderr);
  let text = '';
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += String(chunk);
    return true;
  };
  try {
    return { model: await loadModel(path), text };
  } finally {
    process.stderr.write = write;
  }
}

function near(model: Tf.LayersModel, expected: readonly number[]): void {
  const actual = (model.predict(x) as Tf.Tensor).dataSync();
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs((actual[i] as number) - value) <= 2e-5, `${i}: ${actual[i]}, not ${value}`);
}

/** The message about each optimizer, by a part of the file's name. */
const LOST: Record<string, RegExp> = {
  nadam: /no optimizer Nadam/,
  adamw: /optimizer AdamW has weight_decay 0\.004/,
  lion: /no optimizer Lion/,
};
const files = readdirSync(here).filter((name) => name.startsWith('other-'));

for (const [optimizer, message] of Object.entries(LOST)) {
  const own = files.filter((name) => name.includes(`-${optimizer}.golden`));
  assert.ok(own.length > 0, optimizer);
  for (const packed of own) {
    test(`${packed}: the model is there, not compiled, and a message names the optimizer`, async () => {
      const name = packed.replace(/\.gz$/, '');
      const { model, text } = await loaded(unpacked(name));
      assert.match(text, message);
      near(model, (answers[name.replace(/^other-|\.golden.*$/g, '')] as { before: number[] }).before);
      await assert.rejects(async () => model.fit(x, y), /compile/);
    });
  }
}

for (const ending of ['keras', 'h5']) {
  test(`AdamW without weight decay is Adam, with its state: .${ending}`, async () => {
    const { model, text } = await loaded(unpacked(`other-keras3-adamw-plain.golden.${ending}`));
    assert.equal(text, '');
    await model.fit(x, y, { batchSize: 8, epochs: 2, shuffle: false });
    near(model, answers['keras3-adamw-plain']?.after ?? []);
  });
}

test('weights that are float16 in a file become float32', async () => {
  const { before } = answers['float16'] as { before: number[] };
  const { model } = await loaded(unpacked('other-float16.golden.h5'));
  near(model, before);
  const other = tf.sequential({
    layers: [
      tf.layers.dense({ name: 'a', inputShape: [3], units: 4, activation: 'tanh' }),
      tf.layers.dense({ name: 'b', units: 1 }),
    ],
  });
  await loadWeights(other, unpacked('other-float16.golden.weights.h5'));
  near(other, before);
});

test('a layer that computes in float16 is refused, and named', async () => {
  await assert.rejects(loadModel(unpacked('other-policy.golden.h5')), {
    message: /layer a.*float16/,
  });
});
