/** The number formats of interop: NumPy's, PyTorch's and safetensors' names where they agree. */
export const DTYPES = [
  'bool',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'uint64',
  'int64',
  'float8_e4m3fn',
  'float8_e5m2',
  'float8_e8m0fnu',
  'float8_e4m3fnuz',
  'float8_e5m2fnuz',
  'float4_e2m1fn',
  'float6_e2m3fn',
  'float6_e3m2fn',
  'float16',
  'bfloat16',
  'float32',
  'float64',
  'complex64',
  'complex128',
] as const;

export type Dtype = (typeof DTYPES)[number];

/** Every typed array that values of some dtype lie in. */
export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

type NumberArrayClass = new (buffer: ArrayBuffer, offset?: number, length?: number) => NumberArray;

interface Format {
  /** Bytes of one element. */
  readonly bytes: number;
  /** The array that holds its elements; formats that JavaScript has no array of are kept as their bits. */
  readonly array: NumberArrayClass;
}

const formats: Record<Dtype, Format> = {
  bool: { bytes: 1, array: Uint8Array },
  uint8: { bytes: 1, array: Uint8Array },
  int8: { bytes: 1, array: Int8Array },
  uint16: { bytes: 2, array: Uint16Array },
  int16: { bytes: 2, array: Int16Array },
  uint32: { bytes: 4, array: Uint32Array },
  int32: { bytes: 4, array: Int32Array },
  uint64: { bytes: 8, array: BigUint64Array },
  int64: { bytes: 8, array: BigInt64Array },
  float8_e4m3fn: { bytes: 1, array: Uint8Array },
  float8_e5m2: { bytes: 1, array: Uint8Array },
  float8_e8m0fnu: { bytes: 1, array: Uint8Array },
  float8_e4m3fnuz: { bytes: 1, array: Uint8Array },
  float8_e5m2fnuz: { bytes: 1, array: Uint8Array },
  // Several elements share a byte: only as the packed bytes.
  float4_e2m1fn: { bytes: 0.5, array: Uint8Array },
  float6_e2m3fn: { bytes: 0.75, array: Uint8Array },
  float6_e3m2fn: { bytes: 0.75, array: Uint8Array },
  float16: { bytes: 2, array: Uint16Array },
  bfloat16: { bytes: 2, array: Uint16Array },
  float32: { bytes: 4, array: Float32Array },
  float64: { bytes: 8, array: Float64Array },
  // Pairs of real and imaginary parts.
  complex64: { bytes: 8, array: Float32Array },
  complex128: { bytes: 16, array: Float64Array },
};

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(formats, name);
}

/** Bytes of one element; less than 1 where several share a byte. */
export function dtypeBytes(dtype: Dtype): number {
  return formats[dtype].bytes;
}

/** Elements of an array of this shape; 1 for a scalar's `[]`. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const length of shape) count *= length;
  return count;
}

/** The typed array that lies over `bytes`, which must be aligned for it. */
export function arrayOver(dtype: Dtype, bytes: ArrayBuffer): NumberArray {
  return new formats[dtype].array(bytes);
}

/** The dtype of a typed array without a tag. @throws TypeError for a clamped or unknown array. */
export function dtypeOf(array: NodeJS.TypedArray): Dtype {
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return 'uint8';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Uint16Array) return 'uint16';
  if (array instanceof Int16Array) return 'int16';
  if (array instanceof Uint32Array) return 'uint32';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof BigUint64Array) return 'uint64';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  // Float16Array, where Node has it: its bits are the same.
  const other: NodeJS.ArrayBufferView = array;
  const name = Object.prototype.toString.call(other).slice(8, -1);
  if (name === 'Float16Array') return 'float16';
  throw new TypeError(`dtype ${name} cannot be converted: pass another typed array`);
}

/** The most axes that a tensor has in TensorFlow; NumPy allows 64. */
const MOST_AXES = 254;

/**
 * Why a shape out of a file cannot be one; undefined for a good one. The number of its elements is counted without its
 * zeros: native code counts from the left, and would overflow.
 */
export function shapeProblem(shape: readonly number[]): string | undefined {
  if (shape.length > MOST_AXES) return `it has ${shape.length} axes, and tensors have at most ${MOST_AXES}`;
  const wrong = shape.find((length) => !Number.isSafeInteger(length) || length < 0);
  if (wrong !== undefined) return `${wrong} is not a valid axis length`;
  const count = shape.reduce((product, length) => product * (length || 1), 1);
  return Number.isSafeInteger(count) ? undefined : 'it has more elements than can be counted';
}
