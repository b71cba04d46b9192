import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SymbolicTensor } from '@tensorflow/tfjs';
import { multiHeadAttention, type MultiHeadAttentionArgs } from '../../src/training/layers/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { bits } from './training-cases.ts';

const tf = loadTf();
const [LENGTH, POSITIONS, WIDTH] = [4, 5, 6];
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const floats = (shape: number[], salt: number) =>
  tf.tensor(
    Array.from(bits(product(shape), salt), (h) => Math.fround(h / 2 ** 31 - 1)),
    shape,
  );
const args = (more: Partial<MultiHeadAttentionArgs>): MultiHeadAttentionArgs => ({
  numHeads: 2,
  keyDim: 3,
  valueDim: 2,
  ...more,
});

test('masks that do not fit are refused with their shapes', () => {
  const input = (shape: number[]) => tf.input({ shape });
  const apply = (mask: number[], more = {}) =>
    multiHeadAttention(args({ attentionMask: true, name: 'seen', ...more })).apply([
      input([LENGTH, WIDTH]),
      input([POSITIONS, WIDTH]),
      input(mask),
    ]) as SymbolicTensor;
  assert.deepEqual(apply([LENGTH, POSITIONS]).shape, [null, LENGTH, WIDTH]);
  assert.throws(() => apply([POSITIONS, LENGTH]), {
    name: 'RangeError',
    message: 'seen: its attention mask has shape [?, 5, 4]; give [4, 5], [?, 4, 5] or [?, 2, 4, 5]',
  });
  assert.throws(() => apply([3, LENGTH, POSITIONS]), /its attention mask has shape \[\?, 3, 4, 5\]/);
  const four = Array.from({ length: 4 }, () => input([LENGTH, WIDTH]));
  assert.throws(
    () => multiHeadAttention(args({ name: 'four' })).apply(four),
    /four: 4 inputs, but it takes query, value and key/,
  );
});

test('a model trains with an attention mask in addition to padding, compiled as eagerly', async () => {
  const train = async (mode: 'on' | 'off') => {
    process.env['TENSORCELL_COMPILE'] = mode;
    const ids = tf.input({ shape: [LENGTH] });
    const mask = tf.input({ shape: [LENGTH, LENGTH] });
    const embedded = tf.layers
      .embedding({ inputDim: 6, outputDim: WIDTH, maskZero: true, embeddingsInitializer: 'ones' })
      .apply(ids);
    const attended = multiHeadAttention(args({ attentionMask: true, kernelInitializer: 'ones' })).apply([
      embedded as SymbolicTensor,
      mask,
    ]);
    const pooled = tf.layers.globalAveragePooling1d().apply(attended) as SymbolicTensor;
    const model = tf.model({ inputs: [ids, mask], outputs: pooled });
    model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError' });
    const x = [
      tf.tensor2d([
        [1, 2, 0, 0],
        [3, 4, 5, 0],
        [1, 0, 0, 0],
      ]),
      tf.tensor(
        Array.from(bits(48, 4), (h) => h % 2),
        [3, 4, 4],
      ),
    ];
    const y = floats([3, WIDTH], 8);
    const losses: number[] = [];
    for (let i = 0; i < 5; i++) losses.push((await model.trainOnBatch(x, y)) as number);
    return losses;
  };
  const [eager, compiled] = [await train('off'), await train('on')];
  eager.forEach((loss, i) =>
    assert.ok(Math.abs(loss - (compiled[i] as number)) <= 1e-5 * loss, `${i}: ${loss}, ${compiled[i]}`),
  );
  assert.ok((eager.at(-1) as number) < (eager[0] as number));
});
