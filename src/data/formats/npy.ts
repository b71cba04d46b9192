import { toFloat32 } from '../../base/arrays/convert.ts';
import {
  arrayOver,
  dtypeBytes,
  elementCount,
  shapeProblem,
  type Dtype,
  type NumberArray,
} from '../../base/arrays/dtype.ts';
import { tagArray } from '../../base/arrays/tagged.ts';
import { DataFormatError } from './format-error.ts';

/** Values of a `.npy` file as the typed array that is closest to their type. */
export type NpyValues = NumberArray;

export interface NpyHeader {
  shape: number[];
  /** Type of the values as NumPy writes it: `<f4`, `|u1`, `|b1`, … */
  type: string;
  /** The first axis runs fastest (`order='F'`). */
  fortran: boolean;
  /** Bytes before the first value. */
  start: number;
  /** Bytes a value. */
  size: number;
}

/** NumPy's kinds of numbers, by the letter and the bytes that stand behind the byte order. */
const KINDS: Readonly<Record<string, Dtype>> = {
  b1: 'bool',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  u8: 'uint64',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/**
 * The header of NumPy's own format, versions 1 to 3.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * @param bytes the beginning of the file; 64 KB hold every header that NumPy itself writes.
 * @throws DataFormatError for anything else, and for values that are no numbers (text, records, Python objects).
 */
export function parseNpyHeader(bytes: Uint8Array, name = 'the file'): NpyHeader {
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) {
    throw new DataFormatError(`${name} is not a .npy file: it does not begin with \\x93NUMPY`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = (bytes[6] ?? 1) >= 2;
  const first = long ? 12 : 10;
  if (bytes.length < first) throw new DataFormatError(`${name} was cut short: its header is not complete`);
  const start = first + (long ? view.getUint32(8, true) : view.getUint16(8, true));
  if (bytes.length < start) throw new DataFormatError(`${name} was cut short: its header is not complete`);
  const text = new TextDecoder('latin1').decode(bytes.subarray(first, start));
  const type = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (shape === undefined) throw new DataFormatError(`${name}: its header names no shape: ${text.trim()}`);
  const dtype = type === undefined ? undefined : KINDS[type.slice(1)];
  if (type === undefined || dtype === undefined) {
    throw new DataFormatError(
      `${name} holds ${type ?? 'records'}, not numbers: save it as numbers, with array.astype('float32') in Python`,
    );
  }
  const sizes = shape
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const problem = shapeProblem(sizes);
  if (problem !== undefined) {
    throw new DataFormatError(
      `${name} is damaged: its header has the shape (${shape.slice(0, 80).trim()}): ${problem}`,
    );
  }
  return {
    shape: sizes,
    type,
    fortran: /'fortran_order':\s*True/.test(text),
    start,
    size: dtypeBytes(dtype),
  };
}

export interface NpyArray {
  shape: number[];
  type: string;
  values: NpyValues;
}

/**
 * An array as NumPy's `save` wrote it, rows first whatever the order in the file. 16-bit floats become 32-bit ones.
 *
 * @throws DataFormatError for anything else, and for a file that is cut short.
 */
export function parseNpy(bytes: Uint8Array, name = 'the file'): NpyArray {
  const header = parseNpyHeader(bytes, name);
  const count = elementCount(header.shape);
  const length = count * header.size;
  if (bytes.length < header.start + length) {
    throw new DataFormatError(
      `${name} should have ${header.start + length} bytes for shape [${header.shape.join(', ')}], but has ${bytes.length}: it was cut short`,
    );
  }
  const values = npyValues(bytes.subarray(header.start, header.start + length), header.type);
  return {
    shape: header.shape,
    type: header.type,
    values: header.fortran && header.shape.length > 1 ? rowsFirst(values, header.shape) : values,
  };
}

/** Values of one type (`<f4`) out of their bytes, which are copied. */
export function npyValues(bytes: Uint8Array, type: string): NpyValues {
  const dtype = KINDS[type.slice(1)] as Dtype;
  const size = dtypeBytes(dtype);
  const copy = new Uint8Array(bytes);
  if (type.startsWith('>') && size > 1) {
    for (let at = 0; at < copy.length; at += size) copy.subarray(at, at + size).reverse();
  }
  const values = arrayOver(dtype, copy.buffer);
  return dtype === 'float16' ? toFloat32(tagArray(values, dtype)) : values;
}

function rowsFirst(values: NpyValues, shape: readonly number[]): NpyValues {
  const result = values.slice();
  const index = shape.map(() => 0);
  let stride = 1;
  const strides = shape.map((length) => {
    const own = stride;
    stride *= length;
    return own;
  });
  for (let at = 0; at < values.length; at++) {
    let from = 0;
    for (let axis = 0; axis < shape.length; axis++)
      from += (index[axis] as number) * (strides[axis] as number);
    result[at] = values[from] as never;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
    }
  }
  return result;
}

/**
 * Values as the ones of a tensor: whole numbers of up to 32 bits (and wider ones that fit) are int32, truth values
 * bool, all others float32.
 */
export function tensorValues(
  values: NpyValues,
  type: string,
): { dtype: 'float32' | 'int32' | 'bool'; values: Float32Array | Int32Array | Uint8Array } {
  if (type.endsWith('b1')) return { dtype: 'bool', values: Uint8Array.from(values as Uint8Array) };
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    const numbers = Array.from(values as BigInt64Array, Number);
    const fit = numbers.every((value) => value === (value | 0));
    return fit
      ? { dtype: 'int32', values: Int32Array.from(numbers) }
      : { dtype: 'float32', values: Float32Array.from(numbers) };
  }
  if (values instanceof Float32Array) return { dtype: 'float32', values };
  if (values instanceof Float64Array) return { dtype: 'float32', values: Float32Array.from(values) };
  if (values instanceof Uint32Array && values.some((value) => value > 0x7fff_ffff)) {
    return { dtype: 'float32', values: Float32Array.from(values) };
  }
  return { dtype: 'int32', values: Int32Array.from(values as Uint8Array) };
}
