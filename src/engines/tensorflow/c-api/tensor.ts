import { TensorflowError } from '../../errors.ts';
import { TF, dtypeName, elementOf, typedValues, type TensorValues } from '../../dtypes.ts';
import type { CApi, Pointer } from './functions.ts';
import type { Status } from './library.ts';
import { checkShape } from '../../shape.ts';

/** Dimensions as C's int64 list. The memory is used again by the next call: pass it on at once. */
const scratch = new Int32Array(2 * 256);

/** Writes integers as 64-bit ones where C can read them during the next call. */
export function int64List(values: ArrayLike<number>): Int32Array {
  const words = values.length <= 256 ? scratch : new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    words[2 * i] = value;
    words[2 * i + 1] = Math.floor(value / 4294967296);
  }
  return words;
}

function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

/** Bytes of one TF_TString (tensorflow/core/platform/ctstring_internal.h). */
const TSTRING = 24;
/** The longest string that lies inside its TF_TString. */
const SMALL = 22;

/**
 * Strings in TensorFlow's memory layout, all in one block: short ones in place, long ones behind the table as *offset*
 * strings. Those own no memory, so nothing leaks when TensorFlow frees the block, and it copies them deeply.
 */
export function packStrings(strings: readonly Uint8Array[]): Uint8Array {
  let size = strings.length * TSTRING;
  for (const text of strings) {
    // An offset string keeps its length in 30 bits, and its offset in 32.
    if (text.length >= 2 ** 30) {
      throw new RangeError(
        `a string of ${text.length} bytes is longer than a tensor can hold (2^30): split it`,
      );
    }
    if (text.length > SMALL) size += text.length;
  }
  if (size >= 2 ** 32) {
    throw new RangeError(
      `${strings.length} strings take ${size} bytes, more than one tensor can hold (2^32): split them`,
    );
  }
  const block = new Uint8Array(size);
  const view = new DataView(block.buffer);
  let end = strings.length * TSTRING;
  strings.forEach((text, i) => {
    const at = i * TSTRING;
    if (text.length <= SMALL) {
      block[at] = text.length << 2;
      block.set(text, at + 1);
      return;
    }
    // The low two bits say which kind of string it is: 2 is one at an offset from here.
    view.setUint32(at, text.length * 4 + 2, true);
    view.setUint32(at + 4, end - at, true);
    view.setUint32(at + 8, 1, true);
    block.set(text, end);
    end += text.length;
  });
  return block;
}

function unpackStrings(api: CApi, data: Pointer, count: number): Uint8Array[] {
  const table = new Uint8Array(count * TSTRING);
  if (count > 0) api.copyOut(table, data, table.length);
  const view = new DataView(table.buffer);
  return Array.from({ length: count }, (_, i) => {
    const at = i * TSTRING;
    const kind = (table[at] as number) & 3;
    if (kind === 0) return table.slice(at + 1, at + 1 + ((table[at] as number) >> 2));
    const size = kind === 2 ? view.getUint32(at, true) >>> 2 : Number(view.getBigUint64(at, true) >> 2n);
    const text = new Uint8Array(size);
    const start =
      kind === 2
        ? data + at + view.getUint32(at + 4, true)
        : Number(view.getBigUint64(at + (kind === 1 ? 16 : 8), true));
    if (size > 0) api.copyOut(text, start, size);
    return text;
  });
}

/**
 * A TF_Tensor that holds `values`.
 *
 * @param dtype a TF_DataType; strings are byte strings (or JavaScript strings, as UTF-8), everything else numbers.
 * @throws RangeError for a shape that TensorFlow does not hold, and when there are not as many values as it says.
 */
export function newTensor(
  api: CApi,
  shape: readonly number[],
  dtype: number,
  values: ArrayLike<number | bigint | boolean> | readonly (Uint8Array | string)[],
): Pointer {
  checkShape(shape, `a ${dtypeName(dtype)} tensor`);
  const size = sizeOf(shape);
  let bytes: NodeJS.ArrayBufferView;
  if (dtype === TF.STRING) {
    const strings = Array.from(values as ArrayLike<Uint8Array | string>, (text) =>
      typeof text === 'string' ? new TextEncoder().encode(text) : text,
    );
    if (strings.length !== size) throw wrongSize(shape, size, strings.length);
    bytes = packStrings(strings);
  } else {
    const array = typedValues(dtype, values as ArrayLike<number>);
    const parts = elementOf(dtype)?.parts ?? 1;
    if (array.length !== size * parts) throw wrongSize(shape, size, array.length / parts);
    bytes = array;
  }
  const tensor = api.TF_AllocateTensor(dtype, int64List(shape), shape.length, bytes.byteLength);
  if (tensor === 0) {
    throw new TensorflowError(
      'RESOURCE_EXHAUSTED',
      `no memory for a ${dtypeName(dtype)} tensor of shape [${shape.join(', ')}] (${bytes.byteLength} bytes)`,
    );
  }
  if (bytes.byteLength > 0) api.copyIn(api.TF_TensorData(tensor), bytes, bytes.byteLength);
  return tensor;
}

function wrongSize(shape: readonly number[], size: number, got: number): RangeError {
  return new RangeError(`a tensor of shape [${shape.join(', ')}] has ${size} values, not ${got}`);
}

/** An eager handle on a new tensor that holds `values`. */
export function newHandle(
  api: CApi,
  status: Status,
  shape: readonly number[],
  dtype: number,
  values: ArrayLike<number | bigint | boolean> | readonly (Uint8Array | string)[],
): Pointer {
  const tensor = newTensor(api, shape, dtype, values);
  const handle = api.TFE_NewTensorHandle(tensor, status.pointer);
  api.TF_DeleteTensor(tensor);
  status.check();
  return handle;
}

/** The values behind a TF_Tensor, copied. */
function tensorValues(api: CApi, tensor: Pointer, dtype: number, count: number): TensorValues {
  if (dtype === TF.STRING) return unpackStrings(api, api.TF_TensorData(tensor), count);
  const element = elementOf(dtype);
  if (element === undefined) {
    throw new TensorflowError('INVALID_ARGUMENT', `a ${dtypeName(dtype)} has no values that could be read`);
  }
  const bytes = api.TF_TensorByteSize(tensor);
  const array = new element.array((bytes / element.bytes) * element.parts);
  if (bytes > 0) api.copyOut(array, api.TF_TensorData(tensor), bytes);
  return array;
}

/** The values behind an eager handle, copied from whatever device they are on. Waits until they are computed. */
export function handleValues(api: CApi, status: Status, handle: Pointer): TensorValues {
  const dtype = api.TFE_TensorHandleDataType(handle);
  if (dtype === TF.RESOURCE || dtype === TF.VARIANT) return tensorValues(api, 0, dtype, 0);
  const count = dtype === TF.STRING ? api.TFE_TensorHandleNumElements(handle, status.pointer) : 0;
  const tensor = api.TFE_TensorHandleResolve(handle, status.pointer);
  status.check();
  try {
    return tensorValues(api, tensor, dtype, count);
  } finally {
    api.TF_DeleteTensor(tensor);
  }
}
