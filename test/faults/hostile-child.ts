/** Runs hostile calls on TensorFlow one after the other; says before each which one it is: hostile.test.ts reads it. */
import { loadTf } from '../../src/api/tensorflow.ts';
import { HOSTILE } from './hostile-calls.ts';

const tf = loadTf();
const names = process.argv.slice(2);
for (const [name, call] of Object.entries(HOSTILE)) {
  if (names.length > 0 && !names.includes(name)) continue;
  process.stdout.write(`${JSON.stringify({ begin: name })}\n`);
  let result: { error: string } | { value: string };
  try {
    const value: unknown = await call(tf);
    if (value instanceof tf.Tensor) await value.data();
    result = {
      value: value instanceof tf.Tensor ? `[${value.shape.slice(0, 4).join(', ')}]` : String(value),
    };
  } catch (error) {
    result = {
      error: error instanceof Error ? `${error.name}: ${error.message}` : `not an Error: ${String(error)}`,
    };
  }
  process.stdout.write(`${JSON.stringify({ end: name, ...result })}\n`);
}
// The process still computes.
process.stdout.write(`${JSON.stringify({ alive: [...tf.ones([2]).add(1).dataSync()] })}\n`);
process.exit(0);
