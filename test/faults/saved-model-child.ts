/**
 * Loads and runs SavedModels with random damage, one after the other; says before each which one it is:
 * saved-models.test.ts reads it. Arguments: the folder to work in, the first round, and the round to stop before.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Tf from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadModel } from '../../src/training/index.ts';
import { damaged, randoms } from './random-damage.ts';

const [folder = '', first, end] = process.argv.slice(2);
const tf = loadTf();
const original = fileURLToPath(new URL('../training/keras/saved-models/', import.meta.url));
const MODELS: Record<string, () => Tf.Tensor[]> = {
  dense: () => [tf.ones([2, 3])],
  several: () => [tf.tensor1d([1, 2], 'int32'), tf.ones([2, 2])],
};

for (let round = Number(first); round < Number(end); round++) {
  const random = randoms(round + 1);
  const name = Object.keys(MODELS)[random(2)]!;
  const path = join(folder, name);
  cpSync(join(original, name), path, { recursive: true });
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /saved_model\.pb$|variables\.(index|data.*)$/.test(file),
  );
  // The graph has most of what can be wrong.
  const file = random(3) > 0 ? 'saved_model.pb' : files[random(files.length)]!;
  const bytes = readFileSync(join(path, file));
  // Small damage more often than large: it comes further.
  let hurt = damaged(bytes, random);
  if (random(2) === 0) {
    hurt = Buffer.from(bytes);
    const at = random(hurt.length);
    hurt[at] = hurt[at]! ^ (1 << random(8));
  }
  writeFileSync(join(path, file), hurt);
  process.stdout.write(`${JSON.stringify({ begin: String(round), file: `${name}/${file}` })}\n`);
  let answer: { error: string } | { value: string };
  tf.engine().startScope();
  try {
    const model = await loadModel(path);
    const made = [model.predict(MODELS[name]!())].flat();
    answer = { value: made.map((one) => String(one.dataSync().length)).join() };
    model.dispose();
  } catch (error) {
    answer = {
      error: error instanceof Error ? `${error.name}: ${error.message}` : `not an Error: ${String(error)}`,
    };
  }
  tf.engine().endScope();
  process.stdout.write(`${JSON.stringify({ end: String(round), ...answer })}\n`);
}
process.stdout.write(`${JSON.stringify({ alive: [...tf.ones([2]).add(1).dataSync()] })}\n`);
process.exit(0);
