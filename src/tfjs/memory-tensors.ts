import type { Tensor } from '@tensorflow/tfjs';
import type { Address } from '../base/memory/system.ts';
import { dtypeBytes, elementCount, type Dtype } from '../base/arrays/dtype.ts';
import type { Mapping } from '../base/memory/mapping.ts';
import { tensorflowBackend } from './backend.ts';
import { checkShape } from '../engines/shape.ts';
import { TF } from '../engines/dtypes.ts';

/** dtypes that tfjs's tensors have and memory can hold, as TensorFlow numbers them. */
const numbers = { float32: TF.FLOAT, int32: TF.INT32, bool: TF.BOOL, complex64: TF.COMPLEX64 } as const;

export type MemoryDtype = keyof typeof numbers;

export function isMemoryDtype(dtype: string): dtype is MemoryDtype {
  return Object.hasOwn(numbers, dtype);
}

/**
 * A tensor whose memory is the mapping, without a copy; unmapped by TensorFlow when the tensor and all that shares its
 * memory are gone. On another device than the CPU the first use copies it there.
 *
 * @returns undefined where tfjs runs without TensorFlow; the mapping is the caller's then.
 */
export function tensorOverMapping(
  mapping: Mapping,
  dtype: MemoryDtype,
  shape: readonly number[],
): Tensor | undefined {
  const backend = tensorflowBackend();
  if (backend === undefined || mapping.length === 0) return undefined;
  checkMemory(dtype, shape, mapping.length);
  const { engine } = backend;
  const handle = engine.mappedValue(shape, numbers[dtype], mapping);
  return backend.createOutputTensor(engine.adopt(handle));
}

/**
 * A tensor whose memory `fill` writes: `bytes` bytes from the address on, which is never written behind.
 *
 * @returns undefined where tfjs runs without TensorFlow.
 * @throws what `fill` throws, RangeError for a shape that does not have these bytes.
 */
export function tensorFilledBy(
  fill: (address: Address) => void,
  bytes: number,
  dtype: MemoryDtype,
  shape: readonly number[],
): Tensor | undefined {
  const backend = tensorflowBackend();
  if (backend === undefined) return undefined;
  checkMemory(dtype, shape, bytes);
  const { engine } = backend;
  const handle = engine.filledValue(shape, numbers[dtype], bytes, fill);
  return backend.createOutputTensor(engine.adopt(handle));
}

/** @throws RangeError where native code would read or write beyond memory */
function checkMemory(dtype: Dtype, shape: readonly number[], bytes: number): void {
  checkShape(shape, `a ${dtype} tensor`);
  const expected = elementCount(shape) * dtypeBytes(dtype);
  if (expected !== bytes) {
    throw new RangeError(
      `a ${dtype} tensor of shape [${shape.join(', ')}] takes ${expected} bytes, but its memory has ${bytes}`,
    );
  }
}

/** TF_DataTypes that tfjs calls int32 although they are not. */
const wide = new Map<number, Dtype>([
  [TF.INT64, 'int64'],
  [TF.UINT8, 'uint8'],
]);

/** The values of a tensor's memory. @throws TypeError for text. */
export function storedDtype(tensor: Tensor): Dtype {
  if (!isMemoryDtype(tensor.dtype)) throw new TypeError(`a tensor of ${tensor.dtype} does not hold numbers`);
  const backend = tensorflowBackend();
  if (backend === undefined || !backend.tensorMap.has(tensor.dataId)) return tensor.dtype;
  return wide.get(backend.tensorMap.get(tensor.dataId).dtype) ?? tensor.dtype;
}

/** A tensor's memory while `use` runs: with TensorFlow without a copy, once it is computed and on the CPU. */
export function withTensorMemory<T>(
  tensor: Tensor,
  use: (memory: { address: Address } | { array: NodeJS.TypedArray }) => T,
): T {
  const backend = tensorflowBackend();
  const dtype = storedDtype(tensor);
  const useArray = (array: NodeJS.TypedArray): T => {
    checkMemory(dtype, tensor.shape, array.byteLength);
    return use({ array });
  };
  if (backend === undefined || !backend.tensorMap.has(tensor.dataId)) {
    return useArray(tensor.dataSync() as NodeJS.TypedArray);
  }
  const info = backend.tensorMap.get(tensor.dataId);
  if (info.values !== null) return useArray(info.values as NodeJS.TypedArray);
  const { engine } = backend;
  const [id] = backend.getInputTensorIds([tensor]);
  return engine.withMemory(engine.handle(id as number), (address, bytes) => {
    // A tensor's shape is a property that any code may change.
    checkMemory(dtype, tensor.shape, bytes);
    return use({ address });
  });
}
