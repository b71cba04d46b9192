import {
  arrayOver,
  dtypeBytes,
  dtypeOf,
  elementCount,
  isDtype,
  type Dtype,
  type NumberArray,
} from './dtype.ts';

/**
 * A typed array that says what it holds: `dtype` and `shape` are its own properties. Numbers that tfjs has no tensor
 * for arrive as this. Of float16, bfloat16 and the 8-bit floats it holds the bits; complex numbers are pairs.
 */
export type TaggedArray<T extends NumberArray = NumberArray> = T & {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
};

/**
 * Tags `array`, and gives it back.
 *
 * @throws RangeError when it does not have as many values as `shape` says.
 */
export function tagArray<T extends NumberArray>(
  array: T,
  dtype: Dtype,
  shape: readonly number[] = [array.byteLength / dtypeBytes(dtype)],
): TaggedArray<T> {
  const expected = elementCount(shape) * dtypeBytes(dtype);
  if (array.byteLength !== expected) {
    throw new RangeError(
      `${dtype} of shape [${shape.join(', ')}] takes ${expected} bytes; the array has ${array.byteLength}`,
    );
  }
  Object.defineProperties(array, {
    dtype: { value: dtype, enumerable: false, configurable: true },
    shape: { value: Object.freeze([...shape]), enumerable: false, configurable: true },
  });
  return array as TaggedArray<T>;
}

/** A tagged array over bytes that no other code uses. */
export function taggedOver(dtype: Dtype, shape: readonly number[], bytes: ArrayBuffer): TaggedArray {
  return tagArray(arrayOver(dtype, bytes), dtype, shape);
}

/** The tag of a typed array, or the dtype of its class with one dimension. */
export function arrayTag(array: NodeJS.TypedArray): { dtype: Dtype; shape: readonly number[] } {
  const { dtype, shape } = array as Partial<TaggedArray>;
  if (typeof dtype === 'string' && isDtype(dtype) && Array.isArray(shape)) return { dtype, shape };
  return { dtype: dtypeOf(array), shape: [array.length] };
}
