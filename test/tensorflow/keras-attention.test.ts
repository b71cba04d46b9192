import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { multiHeadAttention, type MultiHeadAttentionArgs } from '../../src/training/layers/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { bits } from './training-cases.ts';

interface Case {
  inputs: string[];
  masks: string[];
  attention: '[B,T,S]' | '[B,H,T,S]' | '[T,S]' | null;
  causal: boolean;
  expected: number[];
}

/** Keras 3's results: `keras/attention.py` writes them. */
const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'keras', 'attention.golden.json'), 'utf8'),
) as {
  cases: Case[];
};

const tf = loadTf();
const [BATCH, LENGTH, POSITIONS, WIDTH] = [3, 4, 5, 6];
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const floats = (shape: number[], salt: number) =>
  tf.tensor(
    Array.from(bits(product(shape), salt), (h) => Math.fround(h / 2 ** 31 - 1)),
    shape,
  );

/** Sample n has n hidden steps. */
const padding = (steps: number, side: 'left' | 'right') =>
  tf.tensor2d(
    Array.from({ length: BATCH }, (_, sample) =>
      Array.from({ length: steps }, (__, at) => Number(side === 'left' ? at >= sample : at < steps - sample)),
    ),
  );

const args = (more: Partial<MultiHeadAttentionArgs>): MultiHeadAttentionArgs => ({
  numHeads: 2,
  keyDim: 3,
  valueDim: 2,
  ...more,
});

function attend({ inputs, masks, attention, causal }: Case): Tensor {
  const positions = inputs.length > 1 ? POSITIONS : LENGTH;
  const layer = multiHeadAttention(args({ useCausalMask: causal, attentionMask: attention !== null }));
  const given = [
    floats([BATCH, LENGTH, WIDTH], 1),
    floats([BATCH, POSITIONS, WIDTH], 2),
    floats([BATCH, POSITIONS, WIDTH], 3),
  ];
  const hidden = {
    query: padding(LENGTH, 'right'),
    value: padding(positions, 'left'),
    key: padding(positions, 'right'),
  };
  const tensors = given.slice(0, inputs.length);
  const all: (Tensor | null)[] = inputs.map((one) => (masks.includes(one) ? hidden[one as 'key'] : null));
  if (attention !== null) {
    const shape = {
      '[B,T,S]': [BATCH, LENGTH, positions],
      '[B,H,T,S]': [BATCH, 2, LENGTH, positions],
      '[T,S]': [LENGTH, positions],
    }[attention];
    tensors.push(
      tf.tensor(
        Array.from(bits(product(shape), 4), (h) => Number(h % 3 > 0)),
        shape,
      ),
    );
    all.push(null);
  }
  const input = tensors.length === 1 ? (tensors[0] as Tensor) : tensors;
  layer.build(Array.isArray(input) ? input.map(({ shape }) => shape) : input.shape);
  layer.built = true;
  layer.setWeights(layer.weights.map(({ shape }, i) => floats(shape as number[], 10 + i)));
  return layer.call(input, { mask: all.length === 1 ? all[0] : all }) as Tensor;
}

for (const one of cases) {
  const name = [
    one.inputs.join(),
    one.masks.join() || 'no masks',
    one.attention ?? 'none',
    one.causal ? 'causal' : '',
  ];
  test(`attention as Keras: ${name.join(' | ')}`, () => {
    const actual = Array.from(attend(one).dataSync());
    assert.equal(actual.length, one.expected.length);
    actual.forEach((value, i) => {
      const wanted = one.expected[i] as number;
      assert.ok(
        Math.abs(value - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)),
        `${i}: ${value}, not ${wanted}`,
      );
    });
  });
}
