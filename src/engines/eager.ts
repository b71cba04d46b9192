import type { TensorValues } from './dtypes.ts';
import type { OpAttribute } from './ops.ts';
import type { OpRecorder, TensorMetadata } from './op-recorder.ts';

/** Numbers that tfjs-node's kernels read by the names of its C++ addon: dtypes (TF_DataType) and kinds of attributes. */
export interface EagerConstants {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_COMPLEX64: number;
  readonly TF_STRING: number;
  readonly TF_RESOURCE: number;
  readonly TF_UINT8: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_ATTR_RESOURCE: number;
  /** The engine's version, for users. */
  readonly TF_Version: string;
}

/**
 * Eager ops: what tfjs-node's backend class calls in place of its C++ addon (its `tfjs_binding.d.ts`). The functions and
 * their names are the addon's, up to `getNumOfSavedModels`. A tensor is a number; its value stays until `deleteTensor`.
 */
export interface EagerBinding extends EagerConstants {
  isUsingGpuDevice(): boolean;
  /**
   * Runs one op, or records it while a graph is traced.
   *
   * @param name TensorFlow's name of the op. @param outputs how many tensors it makes at most.
   * @throws TensorflowError with the engine's message. @throws RangeError for a result of more axes than tensors may have
   */
  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[];
  /** Uploads values, or records a constant while a graph is traced. @param dtype a TF_DataType. */
  createTensor(shape: number[], dtype: number, values: ArrayLike<number> | readonly Uint8Array[]): number;
  /** Disposes of a tensor; while a graph is traced, the graph decides. */
  deleteTensor(id: number): void;
  /** Copies a value to JavaScript. @throws TensorflowError for a disposed tensor; Untraceable inside a graph */
  tensorDataSync(id: number): TensorValues;
  getNumOfTensors(): number;
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputs: number[], inputNames: string, outputNames: string): TensorMetadata[];
  getNumOfSavedModels(): number;

  // ---- beyond the addon
  /** Takes ops in place of the engine while a graph is traced. */
  readonly recorder: OpRecorder | undefined;
  /** Uploads values that never become part of a graph. */
  createEagerTensor(
    shape: number[],
    dtype: number,
    values: ArrayLike<number | bigint | boolean> | readonly Uint8Array[],
  ): number;
  /** How many values are held, by tensors and by variables. */
  valueCount(): number;
  /** Bytes of all values, without those of strings. */
  memoryBytes(): number;
  /** The largest that `memoryBytes` has been. */
  peakBytes(): number;
}
