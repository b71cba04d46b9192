/** Single ops equal TensorFlow, eagerly and compiled, over dtypes, ranks, empty tensors and arguments; operations/goldens.py made the
 * reference. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, loadTf } from '../../src/api/tensorflow.ts';
import type { Loose } from './gradients/case.ts';

interface Stored {
  dtype: string;
  shape: number[];
  values: (number | string)[];
}
interface Case {
  op: string;
  inputs: Stored[];
  arguments: unknown[];
  outputs: Stored[];
}

const tf = loadTf() as Loose;
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, 'operations', 'results.golden.json'), 'utf8'),
) as Case[];

function made({ dtype, shape, values }: Stored): Loose {
  const numbers = values.map(Number);
  if (dtype !== 'complex64') return tf.tensor(numbers, shape, dtype);
  const part = (which: number) =>
    tf.tensor(
      numbers.filter((_, i) => i % 2 === which),
      shape,
    );
  return tf.complex(part(0), part(1));
}

/** The tensors of a result in the order of TensorFlow's. */
function listed(result: Loose): Loose[] {
  if (result instanceof tf.Tensor) return [result];
  return Object.values(result as object);
}

function check(name: string, outputs: readonly Loose[], expected: readonly Stored[]): void {
  assert.equal(outputs.length, expected.length, name);
  for (const [at, { dtype, shape, values }] of expected.entries()) {
    const output = outputs[at];
    assert.deepEqual([output.dtype, output.shape], [dtype, shape], `${name}, result ${at}`);
    const found = Array.from(output.dataSync() as Float32Array, Number);
    const largest = Math.max(1, ...values.map((one) => Math.abs(Number(one))).filter(Number.isFinite));
    for (const [i, stored] of values.entries()) {
      const wanted = Number(stored);
      const same = Object.is(wanted, found[i]) || wanted === found[i];
      const near = Math.abs((found[i] as number) - wanted) <= 1e-5 * largest;
      assert.ok(
        same || (near && dtype !== 'bool'),
        `${name}, result ${at}, ${i}: ${found[i]}, not ${wanted}`,
      );
    }
  }
}

/** `linalg.qr` of `tf`. */
function called(op: string): (...all: unknown[]) => Loose {
  const path = op.split('.');
  const last = path.pop() as string;
  const group = path.reduce((object: Loose, part) => object[part], tf);
  return (...all) => group[last](...all);
}

const described = ({ op, inputs, arguments: rest }: Case) =>
  `${op}(${[...inputs.map(({ dtype, shape }) => `${dtype} [${shape.join()}]`), ...rest.map((one) => JSON.stringify(one))].join(', ')})`;

for (const op of new Set(cases.map((one) => one.op))) {
  const own = cases.filter((one) => one.op === op);
  test(`${op}: ${own.length} calls give TensorFlow's results, eagerly and compiled`, async () => {
    for (const one of own) {
      const run = called(op);
      const rest = one.arguments.map((value) => (value === 'Infinity' ? Infinity : (value ?? undefined)));
      const inputs = one.inputs.map(made);
      check(described(one), listed(await run(...inputs, ...rest)), one.outputs);
      // A function that gives a promise is not compiled.
      if (op.endsWith('Async')) continue;
      const compiled = compile((...all: Loose[]) => listed(run(...all, ...rest)), { say: () => undefined });
      // The first call runs eagerly, the second is traced and run, the third runs.
      for (let turn = 0; turn < 3; turn++)
        check(`${described(one)}, call ${turn}`, compiled(...inputs), one.outputs);
      compiled.dispose();
      tf.dispose(inputs);
    }
  });
}

/** Calls without a meaning are refused: the error names the dtype or the number, and a remedy. */
const REFUSED: [string, () => unknown, RegExp][] = [
  ...['add', 'sub', 'mul', 'squaredDifference'].map((op): [string, () => unknown, RegExp] => [
    `${op} of truth values`,
    () => tf[op](tf.tensor1d([true, false]), tf.tensor1d([true, true])),
    /takes no tensors of dtype bool; TensorFlow has it for float32, int32.*cast first, as in x\.cast\('float32'\), or combine truth values with tf\.logicalAnd/,
  ]),
  ...['div', 'floorDiv', 'mod', 'pow'].map((op): [string, () => unknown, RegExp] => [
    `${op} of truth values`,
    () => tf[op](tf.tensor1d([true, false]), tf.tensor1d([true, true])),
    /takes no tensors of dtype bool.*cast first/,
  ]),
  ['erf of complex numbers', () => tf.erf(tf.complex([1], [2])), /float32/],
  [
    'a step of half a whole number',
    () => tf.range(-2, 1, 0.5, 'int32'),
    /whole numbers, and its step is 0\.5/,
  ],
  ['a start of half a whole number', () => tf.range(0.5, 3, 1, 'int32'), /its start is 0\.5/],
  ['a range without end', () => tf.range(0, Infinity), /its stop is Infinity/],
  ['a range of NaN', () => tf.range(Number.NaN, 3), /its start is NaN/],
  ['rfft of nothing', () => tf.spectral.rfft(tf.ones([2, 0])), /rfft takes a tensor .* the shape is \[2,0\]/],
  [
    'irfft of nothing',
    () => tf.spectral.irfft(tf.complex(tf.ones([0]), tf.ones([0]))),
    /irfft takes a tensor .* the shape is \[0\]/,
  ],
  [
    'neg of truth values',
    () => tf.neg(tf.tensor1d([true])),
    /Neg takes no tensors of dtype bool.*cast first/,
  ],
  ['a depth below 0', () => tf.oneHot(tf.tensor1d([0], 'int32'), -1), /depth must be >= 0, but it is -1/],
  [
    'a block of one place',
    () => tf.depthToSpace(tf.ones([1, 2, 2, 4]), 1),
    /blockSize should be a whole number > 1.*was: 1/,
  ],
  [
    'a block of two and a half',
    () => tf.depthToSpace(tf.ones([1, 2, 2, 25]), 2.5),
    /blockSize should be a whole number > 1.*was: 2\.5/,
  ],
];
for (const [name, call, message] of REFUSED) {
  test(`refused: ${name}`, () => {
    assert.throws(call, message);
  });
}

test('a range without a step goes down where stop is below start', () => {
  assert.deepEqual([...tf.range(3, 0).dataSync()], [3, 2, 1]);
  assert.deepEqual([...tf.range(3, 0, undefined, 'int32').dataSync()], [3, 2, 1]);
});

test('gradients go through a whole number that becomes a float', () => {
  const x = tf.tensor1d([1, 2], 'int32');
  const slope = tf.grad((a: Loose) => tf.sinh(a).sum())(x);
  assert.deepEqual(slope.dtype, 'float32');
  for (const [i, value] of [Math.cosh(1), Math.cosh(2)].entries())
    assert.ok(Math.abs(slope.dataSync()[i] - value) < 1e-5);
  assert.deepEqual(
    [
      ...tf
        .grad((a: Loose) => tf.floor(a).cast('float32').sum())(x)
        .dataSync(),
    ],
    [0, 0],
  );
});
