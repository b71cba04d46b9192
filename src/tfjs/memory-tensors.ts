import type { Tensor } from '@tensorflow/tfjs';
import { theSystem, type Address } from '../base/memory/system.ts';
import { dtypeBytes, elementCount, type Dtype } from '../base/arrays/dtype.ts';
import type { Mapping } from '../base/memory/mapping.ts';
import { tensorflowBackend } from './backend.ts';
import { checkShape } from '../engines/shape.ts';
import { int64List } from '../engines/tensorflow/c-api/tensor.ts';
import { TF } from '../engines/dtypes.ts';
import type { NodeBackend } from './instance.ts';

/** dtypes that tfjs's tensors have and memory can hold, as TensorFlow numbers them. */
const numbers = { float32: TF.FLOAT, int32: TF.INT32, bool: TF.BOOL, complex64: TF.COMPLEX64 } as const;

export type MemoryDtype = keyof typeof numbers;

export function isMemoryDtype(dtype: string): dtype is MemoryDtype {
  return Object.hasOwn(numbers, dtype);
}

/** The backend's tensor for a TF_Tensor, which is deleted. */
function adopt(backend: NodeBackend, made: number): Tensor {
  const { binding } = backend;
  const { api } = binding.context;
  const handle = api.TFE_NewTensorHandle(made, binding.status.pointer);
  api.TF_DeleteTensor(made);
  binding.status.check();
  return backend.createOutputTensor(binding.adopt(handle));
}

/**
 * A tensor whose memory is the mapping, without a copy; unmapped by TensorFlow when the tensor and all that shares its
 * memory are gone. On another device than the processor the first use copies it there.
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
  const { api } = backend.binding.context;
  const made = api.TF_NewTensor(
    numbers[dtype],
    int64List(shape),
    shape.length,
    mapping.address,
    mapping.length,
    theSystem().munmapAddress,
    0,
  );
  mapping.disown();
  return adopt(backend, made);
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
  const { api } = backend.binding.context;
  const made = api.TF_AllocateTensor(numbers[dtype], int64List(shape), shape.length, bytes);
  if (made === 0) throw new RangeError(`no memory for a ${dtype} tensor of ${bytes} bytes`);
  try {
    if (bytes > 0) fill(api.TF_TensorData(made));
  } catch (error) {
    api.TF_DeleteTensor(made);
    throw error;
  }
  return adopt(backend, made);
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

/** What a tensor's memory holds. @throws TypeError for text. */
export function storedDtype(tensor: Tensor): Dtype {
  if (!isMemoryDtype(tensor.dtype)) throw new TypeError(`a tensor of ${tensor.dtype} does not hold numbers`);
  const backend = tensorflowBackend();
  if (backend === undefined || !backend.tensorMap.has(tensor.dataId)) return tensor.dtype;
  return wide.get(backend.tensorMap.get(tensor.dataId).dtype) ?? tensor.dtype;
}

/** A tensor's memory while `use` runs: with TensorFlow without a copy, once it is computed and on the processor. */
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
  const { binding } = backend;
  const { api } = binding.context;
  const [id] = backend.getInputTensorIds([tensor]);
  const resolved = api.TFE_TensorHandleResolve(binding.handle(id as number), binding.status.pointer);
  binding.status.check();
  try {
    // A tensor's shape is a property that any code may change.
    checkMemory(dtype, tensor.shape, api.TF_TensorByteSize(resolved));
    return use({ address: api.TF_TensorData(resolved) });
  } finally {
    api.TF_DeleteTensor(resolved);
  }
}
