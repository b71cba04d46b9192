import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rank, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();
type Pad = number | [[number, number], [number, number], [number, number], [number, number]];
type Padded = (x: Tensor4D, pad: Pad) => Tensor;

const filter = tf.randomNormal<Rank.R4>([3, 2, 2, 3], 0, 1, 'float32', 4);
const ops: Record<string, Padded> = {
  maxPool: (x, pad) => tf.maxPool(x, [3, 2], [2, 1], pad),
  avgPool: (x, pad) => tf.avgPool(x, [3, 2], [2, 1], pad),
  'maxPool with rounding up': (x, pad) => tf.maxPool(x, 3, 2, pad, 'ceil'),
  'avgPool with rounding up': (x, pad) => tf.avgPool(x, 3, 2, pad, 'ceil'),
  conv2d: (x, pad) => tf.conv2d(x, filter, [2, 1], pad),
  depthwiseConv2d: (x, pad) => tf.depthwiseConv2d(x, filter, 2, pad),
};
const pads: Record<string, Pad> = {
  'in a number': 1,
  'of its own on each side': [
    [0, 0],
    [1, 2],
    [0, 1],
    [0, 0],
  ],
};

for (const [name, run] of Object.entries(ops)) {
  for (const [kind, pad] of Object.entries(pads)) {
    if (name.includes('rounding') && typeof pad !== 'number') continue;
    test(`${name} with a padding ${kind}: values as in JavaScript, gradients as by differences`, () => {
      const values = Float32Array.from({ length: 2 * 6 * 5 * 2 }, (_, i) => ((i * 37) % 61) / 20);
      const forward = (backend: string) => {
        void tf.setBackend(backend);
        try {
          return tf.tidy(() => Array.from(run(tf.tensor(values, [2, 6, 5, 2]), pad).dataSync()));
        } finally {
          void tf.setBackend('tensorflow');
        }
      };
      const expected = forward('cpu');
      const actual = forward('tensorflow');
      assert.equal(actual.length, expected.length);
      actual.forEach((value, i) => {
        assert.ok(
          Math.abs(value - (expected[i] as number)) < 1e-5,
          `value ${i}: ${value}, not ${expected[i]}`,
        );
      });
      const weights = tf.randomNormal([expected.length], 0, 1, 'float32', 5);
      const score = (x: Tensor) => tf.sum(tf.mul(tf.reshape(run(x as Tensor4D, pad), [-1]), weights));
      const slopes = tf
        .grad(score)(tf.tensor(values, [2, 6, 5, 2]))
        .dataSync();
      const at = (i: number, by: number) => {
        const moved = values.slice();
        moved[i] = (moved[i] as number) + by;
        return score(tf.tensor(moved, [2, 6, 5, 2])).dataSync()[0] as number;
      };
      // Values are 0.05 apart: no step changes which one is the largest.
      for (let i = 0; i < values.length; i += 7) {
        const slope = (at(i, 0.01) - at(i, -0.01)) / 0.02;
        const found = slopes[i] as number;
        assert.ok(
          Math.abs(slope - found) < 2e-3 * Math.max(1, Math.abs(slope)),
          `${i}: ${found}, not ${slope}`,
        );
      }
    });
  }
}
