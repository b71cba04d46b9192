import type { Tensor } from '@tensorflow/tfjs';
import { theSystem, type Address } from '../memory/system.ts';
import type { Dtype } from '../arrays/dtype.ts';
import type { Mapping } from '../memory/mapping.ts';
import { tensorflowBackend } from './backend.ts';
import { int64List } from './c-api/tensor.ts';
import { TF } from './c-api/dtypes.ts';
import type { NodeBackend } from './tfjs/instance.ts';

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
 * A tensor with a copy of memory.
 *
 * @returns undefined where tfjs runs without TensorFlow.
 */
export function tensorFromMemory(
  address: Address,
  bytes: number,
  dtype: MemoryDtype,
  shape: readonly number[],
): Tensor | undefined {
  const backend = tensorflowBackend();
  if (backend === undefined) return undefined;
  const { api } = backend.binding.context;
  const made = api.TF_AllocateTensor(numbers[dtype], int64List(shape), shape.length, bytes);
  theSystem().copy(api.TF_TensorData(made), address, bytes);
  return adopt(backend, made);
}

/** TF_DataTypes that tfjs calls int32 although they are not. */
const wide = new Map<number, Dtype>([
  [TF.INT64, 'int64'],
  [TF.UINT8, 'uint8'],
]);

/** What a tensor's memory holds. @throws TypeError for text. */
export function storedDtype(tensor: Tensor): Dtype {
  if (!isMemoryDtype(tensor.dtype)) throw new TypeError(`a tensor of ${tensor.dtype} is not made of numbers`);
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
  if (backend === undefined || !backend.tensorMap.has(tensor.dataId)) {
    return use({ array: tensor.dataSync() as NodeJS.TypedArray });
  }
  const info = backend.tensorMap.get(tensor.dataId);
  if (info.values !== null) return use({ array: info.values as NodeJS.TypedArray });
  const { binding } = backend;
  const { api } = binding.context;
  const [id] = backend.getInputTensorIds([tensor]);
  const resolved = api.TFE_TensorHandleResolve(binding.handle(id as number), binding.status.pointer);
  binding.status.check();
  try {
    return use({ address: api.TF_TensorData(resolved) });
  } finally {
    api.TF_DeleteTensor(resolved);
  }
}
