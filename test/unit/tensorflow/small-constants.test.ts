import type { CApi } from '../../../src/engines/tensorflow/c-api/functions.ts';
import { TF } from '../../../src/engines/dtypes.ts';
import { SmallConstants } from '../../../src/engines/tensorflow/small-constants.ts';

function constants() {
  const freed: number[] = [];
  const api = { TFE_DeleteTensorHandle: (handle: number) => freed.push(handle) } as unknown as CApi;
  return { freed, all: new SmallConstants(api) };
}

test('values, shapes and types that differ have different keys', () => {
  const { all } = constants();
  const keys = [
    all.key([], TF.INT32, [1]),
    all.key([1], TF.INT32, [1]),
    all.key([], TF.FLOAT, [1]),
    all.key([], TF.FLOAT, [0]),
    all.key([], TF.FLOAT, [-0]),
    all.key([], TF.FLOAT, [NaN]),
    all.key([2], TF.INT32, [1, 2]),
    all.key([1], TF.INT32, [12]),
    all.key([0], TF.INT32, []),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys).not.toContain(undefined);
  expect(all.key([2], TF.INT32, new Int32Array([1, 2]))).toBe(keys[6]);
});

test('another number of values than the shape has is not shared: it would hide the mistake', () => {
  const { all } = constants();
  expect(all.key([2], TF.INT32, [12])).toBeUndefined();
  expect(all.key([], TF.FLOAT, [1, 2])).toBeUndefined();
  expect(all.key([4], TF.FLOAT, [1])).toBeUndefined();
});

test('what is large, of another type or of several axes is not shared', () => {
  const { all } = constants();
  expect(
    all.key(
      [9],
      TF.INT32,
      Array.from({ length: 9 }, () => 1),
    ),
  ).toBeUndefined();
  expect(all.key([1, 1], TF.INT32, [1])).toBeUndefined();
  expect(all.key([], TF.BOOL, [1])).toBeUndefined();
  expect(all.key([], TF.INT64, [1])).toBeUndefined();
  expect(all.key([], TF.FLOAT, [1n])).toBeUndefined();
});

test('a handle is shared, and outlives the tensors that had it', () => {
  const { all, freed } = constants();
  const key = all.key([], TF.FLOAT, [2]) as string;
  expect(all.take(key, 1)).toBeUndefined();
  all.add(key, 1, 100);
  expect(all.take(key, 2)).toBe(100);
  expect([all.leave(1), all.leave(2), all.leave(2), all.leave(3)]).toEqual([true, true, false, false]);
  expect(all.take(key, 4)).toBe(100);
  expect(freed).toEqual([]);
});

test('there is a bound: handles that nobody has are freed, the others by their last user', () => {
  const { all, freed } = constants();
  for (let i = 0; i < 512; i++) {
    all.add(all.key([], TF.INT32, [i]) as string, i, 1000 + i);
    if (i >= 2) all.leave(i);
  }
  expect(freed).toEqual([]);
  const key = all.key([], TF.INT32, [600]) as string;
  all.add(key, 600, 1600);
  expect(freed).toEqual(Array.from({ length: 510 }, (_, i) => 1002 + i));
  freed.length = 0;
  // 0 and 1 are in use still; a new tensor of the same value has a handle of its own.
  expect(all.take(all.key([], TF.INT32, [0]) as string, 700)).toBeUndefined();
  all.add(all.key([], TF.INT32, [0]) as string, 700, 1700);
  all.leave(0);
  expect(freed).toEqual([1000]);
  all.leave(700);
  all.leave(600);
  expect(freed).toEqual([1000]);
});
