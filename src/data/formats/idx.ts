import { shapeProblem } from '../../base/arrays/dtype.ts';
import { DataFormatError } from './format-error.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

export type IdxValues = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

export interface IdxArray {
  shape: number[];
  values: IdxValues;
}

/** Type byte -> bytes a value, and the array that holds them. */
const TYPES: Record<number, { size: number; array: new (length: number) => IdxValues }> = {
  0x08: { size: 1, array: Uint8Array },
  0x09: { size: 1, array: Int8Array },
  0x0b: { size: 2, array: Int16Array },
  0x0c: { size: 4, array: Int32Array },
  0x0d: { size: 4, array: Float32Array },
  0x0e: { size: 8, array: Float64Array },
};

export interface IdxHeader {
  shape: number[];
  /** Bytes before the first value. */
  start: number;
  /** Bytes a value. */
  size: number;
  array: new (length: number) => IdxValues;
}

/**
 * Parses the header of an IDX file; `bytes` are its first 4 + 4 × axes or more.
 *
 * @throws DataFormatError for anything else.
 */
export function parseIdxHeader(bytes: Uint8Array, name = 'the file'): IdxHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = bytes.length >= 4 && view.getUint16(0) === 0 ? TYPES[view.getUint8(2)] : undefined;
  if (type === undefined) {
    throw new DataFormatError(`${name} is not an IDX file: it does not begin with two zero bytes and a type`);
  }
  const axes = view.getUint8(3);
  const start = 4 + 4 * axes;
  const shape = Array.from({ length: axes }, (_, axis) =>
    bytes.length < start ? 0 : view.getUint32(4 + 4 * axis),
  );
  const problem = bytes.length < start ? undefined : shapeProblem(shape);
  if (problem !== undefined) throw new DataFormatError(`${name} is damaged: ${problem}`);
  return { shape, start, ...type };
}

/**
 * The IDX format of the MNIST files: two zero bytes, the type of the values, the number of axes, the length of each
 * axis as a big-endian 32-bit number, then the values, big-endian. Bytes are not copied.
 * https://yann.lecun.org/exdb/mnist/
 *
 * @throws DataFormatError for anything else, and for a file that is cut short.
 */
export function parseIdx(bytes: Uint8Array, name = 'the file'): IdxArray {
  const type = parseIdxHeader(bytes, name);
  const { shape, start } = type;
  const count = elementCount(shape);
  if (bytes.length !== start + count * type.size) {
    throw new DataFormatError(
      `${name} should have ${start + count * type.size} bytes for shape [${shape.join(', ')}], but has ${bytes.length}: download it again`,
    );
  }
  const code = bytes[2] as number;
  return { shape, values: idxValues(bytes.subarray(start), code) };
}

/** Values of one type, by its code, out of their bytes; single bytes are not copied. */
export function idxValues(bytes: Uint8Array, code: number): IdxValues {
  const type = TYPES[code] as (typeof TYPES)[number];
  if (type.size === 1) {
    const Bytes = type.array === Int8Array ? Int8Array : Uint8Array;
    return new Bytes(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
  }
  // Reversed byte by byte: typed arrays have the machine's order, which is little-endian on all that we run on.
  const values = new type.array(bytes.length / type.size);
  const target = new Uint8Array(values.buffer);
  for (let at = 0; at < bytes.length; at += type.size) {
    for (let byte = 0; byte < type.size; byte++)
      target[at + byte] = bytes[at + type.size - 1 - byte] as number;
  }
  return values;
}
