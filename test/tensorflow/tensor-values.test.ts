import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { loadTf } from '../../src/api/tensorflow.ts';
import type { Loose } from './gradients/case.ts';

const tf = loadTf() as Loose;

/** Values that no tensor can have, and the element that the error names. */
const refused: [string, unknown, RegExp][] = [
  ['a short row', [[1, 2], [3]], /arr\[1\] should have 2 elements, but has 1 elements.*pad the short ones/],
  ['a long row', [[1], [2, 3]], /arr\[1\] should have 1 elements, but has 2/],
  [
    'a short row deep inside',
    [
      [[1], [2]],
      [[3], [4, 5]],
    ],
    /arr\[1\]\[1\] should have 1 elements, but has 2/,
  ],
  ['a missing row', [[[1], [2]], [[3]]], /arr\[1\] should have 2 elements, but has 1/],
  ['a number among rows', [[1], 2], /arr\[1\] is a primitive/],
  ['a row among numbers', [1, [2]], /arr\[1\] should be a primitive/],
  [
    'typed rows of different lengths',
    [new Float32Array(2), new Float32Array(3)],
    /arr\[1\] should have 2 elements/,
  ],
  ['rows of texts', [['a', 'b'], ['c']], /arr\[1\] should have 2 elements/],
  ['undefined', [1, undefined], /arr\[1\] is undefined/],
  ['null', [[1, null]], /arr\[0\]\[1\] is null/],
  // eslint-disable-next-line no-sparse-arrays
  ['a hole', [1, , 3], /arr\[1\] is undefined/],
  ['an object', [1, {}], /arr\[1\] is an object \(Object\)/],
  ['tensors', [tf.scalar(1), tf.scalar(2)], /arr\[0\] is an object \(Tensor\).*tf\.stack/],
];
for (const [what, values, message] of refused) {
  test(`${what} is no element of a tensor, and the error names the place`, () => {
    assert.throws(() => tf.tensor(values), message);
    const op = () => (what === 'rows of texts' ? tf.concat([values]) : tf.add(values, 1));
    assert.throws(op, message, 'also where an op takes an array');
  });
}

test('regular arrays, typed rows, truth values and texts make tensors', () => {
  assert.deepEqual(
    tf
      .tensor([
        [1, 2],
        [3, 4],
      ])
      .arraySync(),
    [
      [1, 2],
      [3, 4],
    ],
  );
  assert.deepEqual(tf.tensor([new Int32Array([1, 2]), new Int32Array([3, 4])]).shape, [2, 2]);
  assert.deepEqual(tf.tensor([[true], [false]]).arraySync(), [[1], [0]]);
  assert.deepEqual(tf.tensor([['a'], ['b']]).arraySync(), [['a'], ['b']]);
  assert.deepEqual(tf.tensor([[], []]).shape, [2, 0]);
  assert.deepEqual(tf.tensor([1, NaN, -Infinity]).arraySync(), [1, NaN, -Infinity]);
});

const a = tf.tensor2d([
  [1, 2],
  [3, 4],
]);
const variable = tf.variable(tf.scalar(2));

test('operators on tensors throw an error that names the methods', () => {
  const wrong: (() => unknown)[] = [
    () => a * 2,
    () => a + a,
    () => a + 1,
    () => 1 - a,
    () => -a,
    () => +a,
    () => a / a,
    () => a ** 2,
    () => a < a,
    () => a >= 1,
    // eslint-disable-next-line eqeqeq
    () => a == 1,
    () => Math.max(a, 1),
    () => variable * 2,
  ];
  for (const operation of wrong) {
    assert.throws(operation, { name: 'TypeError', message: /a\.add\(b\).*a\.mul\(b\)/ }, String(operation));
  }
  assert.throws(() => tf.input({ shape: [2] }) + 1, /tf\.layers\.add\(\)/);
});

test('brackets on tensors explain how to reach a part', () => {
  for (const index of [0, 1, 42, -1]) {
    assert.throws(() => a[index], { name: 'TypeError', message: /gather.*slice.*array\(\)/ }, `[${index}]`);
    assert.throws(() => (a[index] = 1), /tensorScatterUpdate/, `[${index}] = 1`);
  }
});

test('texts, comparisons of identity and views of tensors are as before', async () => {
  assert.match(`${a}`, /^Tensor\n/);
  assert.equal(String(a), a.toString());
  assert.equal([a, a].join('|').split('|').length, 2);
  assert.equal(a === a, true);
  // eslint-disable-next-line eqeqeq
  assert.equal(a == null, false);
  assert.equal(await Promise.resolve(a), a);
  assert.match(inspect(a, { showHidden: true }), /shape: \[ 2, 2/);
  assert.ok(!inspect(a).includes("'0'"));
  assert.deepEqual(
    Object.keys(a).filter((key) => /^-?\d+$/.test(key)),
    [],
  );
  const listed: string[] = [];
  for (const key in a) listed.push(key);
  assert.deepEqual(
    listed.filter((key) => /^-?\d+$/.test(key)),
    [],
  );
  assert.deepEqual(Array.from(a), []);
  assert.equal(Object.hasOwn(a, 0), false);
  const { shape, dtype } = structuredClone({ ...a, dataId: undefined });
  assert.deepEqual({ shape, dtype }, { shape: [2, 2], dtype: 'float32' });
  assert.notDeepStrictEqual(a, tf.tensor2d([[1, 2]]));
  assert.equal(typeof JSON.stringify(a), 'string');
});
