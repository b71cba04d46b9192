import { toFloat32, toInt32 } from '../../../src/base/arrays/convert.ts';
import type { Dtype } from '../../../src/base/arrays/dtype.ts';
import { arrayTag, tagArray } from '../../../src/base/arrays/tagged.ts';

function floats(dtype: Dtype, bits: number[]): number[] {
  const array = dtype === 'float16' || dtype === 'bfloat16' ? Uint16Array.from(bits) : Uint8Array.from(bits);
  return [...toFloat32(tagArray<Uint8Array | Uint16Array>(array, dtype))];
}

test('float16: normal, subnormal, both zeros, infinities, NaN', () => {
  expect(floats('float16', [0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x8000, 0x7c00, 0xfc00, 0x7e00])).toEqual(
    [1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, -0, Infinity, -Infinity, NaN],
  );
});

test('bfloat16 is the upper half of a float32', () => {
  expect(floats('bfloat16', [0x3f80, 0xbfc0, 0x0001, 0x7f80, 0x7fc0])).toEqual([
    1,
    -1.5,
    Math.fround(2 ** -133),
    Infinity,
    NaN,
  ]);
});

test('8-bit floats: values of the tables in their papers', () => {
  expect(floats('float8_e4m3fn', [0x38, 0x7e, 0x01, 0xb8, 0x7f, 0x08])).toEqual([
    1,
    448,
    2 ** -9,
    -1,
    NaN,
    2 ** -6,
  ]);
  expect(floats('float8_e5m2', [0x3c, 0x7b, 0x01, 0x7c, 0x7d])).toEqual([1, 57344, 2 ** -16, Infinity, NaN]);
  expect(floats('float8_e4m3fnuz', [0x40, 0x7f, 0x80, 0x01])).toEqual([1, 240, NaN, 2 ** -10]);
  expect(floats('float8_e5m2fnuz', [0x40, 0x7f, 0x80, 0x01])).toEqual([1, 57344, NaN, 2 ** -17]);
  expect(floats('float8_e8m0fnu', [127, 128, 126, 255])).toEqual([1, 2, 0.5, NaN]);
});

test('4-bit floats lie two in a byte, the first in the low half', () => {
  const packed = tagArray(Uint8Array.of(0x10, 0x32, 0x54, 0x76, 0x98), 'float4_e2m1fn', [10]);
  expect([...toFloat32(packed)]).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5]);
  expect(() => toFloat32(tagArray(new Uint8Array(3), 'float6_e2m3fn', [4]))).toThrow(
    /read its bytes instead/,
  );
});

test('many values are converted as few are', () => {
  const many = tagArray(
    Uint16Array.from({ length: 70_000 }, (_, i) => i & 0xffff),
    'float16',
  );
  const few = floats('float16', [0x1234, 0xabcd]);
  expect([toFloat32(many)[0x1234], toFloat32(many)[0xabcd]]).toEqual(few);
});

test('int32 takes whole numbers that fit, and names the first that does not', () => {
  expect([...toInt32(BigInt64Array.of(1n, -5n))]).toEqual([1, -5]);
  expect([...toInt32(Float64Array.of(3, -4))]).toEqual([3, -4]);
  expect(() => toInt32(Float64Array.of(1, 0.5))).toThrow('value 1, 0.5, does not fit into int32');
  expect(() => toInt32(BigInt64Array.of(2n ** 31n))).toThrow('value 0, 2147483648, does not fit into int32');
  expect(() => toInt32(Float32Array.of(NaN))).toThrow('value 0, NaN, does not fit');
});

test('a typed array without a tag is what its class says', () => {
  expect(arrayTag(new Uint8ClampedArray(3))).toEqual({ dtype: 'uint8', shape: [3] });
  expect(arrayTag(new BigUint64Array(2))).toEqual({ dtype: 'uint64', shape: [2] });
  expect(arrayTag(tagArray(new Float64Array(4), 'complex128', [2]))).toEqual({
    dtype: 'complex128',
    shape: [2],
  });
  expect(() => tagArray(new Float32Array(3), 'float32', [2, 2])).toThrow(
    'float32 of shape [2, 2] takes 16 bytes; the array has 12',
  );
});
