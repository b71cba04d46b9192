/** TF_DataType (tensorflow/c/tf_datatype.h). */
export const TF = {
  FLOAT: 1,
  DOUBLE: 2,
  INT32: 3,
  UINT8: 4,
  INT16: 5,
  INT8: 6,
  STRING: 7,
  COMPLEX64: 8,
  INT64: 9,
  BOOL: 10,
  BFLOAT16: 14,
  UINT16: 17,
  COMPLEX128: 18,
  HALF: 19,
  RESOURCE: 20,
  VARIANT: 21,
  UINT32: 22,
  UINT64: 23,
} as const;

/** TF_AttrType as tfjs-node's binding counts it. */
export const ATTR = { STRING: 0, INT: 1, FLOAT: 2, BOOL: 3, TYPE: 4, SHAPE: 5, RESOURCE: 8 } as const;

export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Values as the binding hands them to tfjs: numbers, or one byte string per element. */
export type TensorValues = NumericArray | Uint8Array[];

interface Element {
  name: string;
  bytes: number;
  array: new (length: number) => NumericArray;
  /** Array elements per tensor element: complex numbers are pairs. */
  parts: number;
}

const elements = new Map<number, Element>([
  [TF.FLOAT, { name: 'float32', bytes: 4, array: Float32Array, parts: 1 }],
  [TF.DOUBLE, { name: 'float64', bytes: 8, array: Float64Array, parts: 1 }],
  [TF.INT32, { name: 'int32', bytes: 4, array: Int32Array, parts: 1 }],
  [TF.UINT8, { name: 'uint8', bytes: 1, array: Uint8Array, parts: 1 }],
  [TF.INT16, { name: 'int16', bytes: 2, array: Int16Array, parts: 1 }],
  [TF.INT8, { name: 'int8', bytes: 1, array: Int8Array, parts: 1 }],
  [TF.COMPLEX64, { name: 'complex64', bytes: 8, array: Float32Array, parts: 2 }],
  [TF.INT64, { name: 'int64', bytes: 8, array: BigInt64Array, parts: 1 }],
  [TF.BOOL, { name: 'bool', bytes: 1, array: Uint8Array, parts: 1 }],
  // JavaScript has no arrays of 16-bit floats (before Float16Array): their bits.
  [TF.BFLOAT16, { name: 'bfloat16', bytes: 2, array: Uint16Array, parts: 1 }],
  [TF.UINT16, { name: 'uint16', bytes: 2, array: Uint16Array, parts: 1 }],
  [TF.COMPLEX128, { name: 'complex128', bytes: 16, array: Float64Array, parts: 2 }],
  [TF.HALF, { name: 'float16', bytes: 2, array: Uint16Array, parts: 1 }],
  [TF.UINT32, { name: 'uint32', bytes: 4, array: Uint32Array, parts: 1 }],
  [TF.UINT64, { name: 'uint64', bytes: 8, array: BigUint64Array, parts: 1 }],
]);

/** How elements of a dtype lie in memory; undefined for strings, resources and variants. */
export function elementOf(dtype: number): Element | undefined {
  return elements.get(dtype);
}

/** Bytes of a tensor; undefined for strings, resources and variants, whose elements have no fixed size. */
export function tensorBytes(shape: readonly number[], dtype: number): number | undefined {
  const element = elements.get(dtype);
  return element === undefined ? undefined : shape.reduce((bytes, size) => bytes * size, element.bytes);
}

export function dtypeName(dtype: number): string {
  if (dtype === TF.STRING) return 'string';
  if (dtype === TF.RESOURCE) return 'resource';
  if (dtype === TF.VARIANT) return 'variant';
  return elements.get(dtype)?.name ?? `dtype ${dtype}`;
}

/** Any list of numbers, booleans or bigints as the typed array that TensorFlow's memory is copied from. */
export function typedValues(dtype: number, values: ArrayLike<number | bigint | boolean>): NumericArray {
  const element = elements.get(dtype);
  if (element === undefined) throw new TypeError(`a tensor of ${dtypeName(dtype)} does not hold numbers`);
  if (values instanceof element.array) return values;
  if (element.array === BigInt64Array || element.array === BigUint64Array) {
    // tfjs-node hands 64-bit integers over as pairs of 32-bit words, low word first.
    if (values instanceof Int32Array && values.length % 2 === 0) {
      return new BigInt64Array(values.slice().buffer);
    }
    const big = new BigInt64Array(values.length);
    for (let i = 0; i < big.length; i++) big[i] = BigInt(values[i] as number | bigint | boolean);
    return big;
  }
  const array = new element.array(values.length) as Float32Array;
  for (let i = 0; i < array.length; i++) array[i] = Number(values[i]);
  return array;
}
