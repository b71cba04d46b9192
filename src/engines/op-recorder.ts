import type { OpAttribute } from './ops.ts';
import type { TensorValues } from './dtypes.ts';

/** A tensor that an op made, as tfjs-node's backend learns about it. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** Takes ops in place of TensorFlow: a graph that is being traced does. */
export interface OpRecorder {
  /** The number of the tensor that stands for a variable's value in the graph; undefined for other tensors. */
  idOf(dataId: object): number | undefined;
  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[];
  createTensor(shape: number[], dtype: number, values: ArrayLike<number>): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): TensorValues;
}

/** Sees every call into TensorFlow that takes time, while a profile is taken. Times are those of `performance.now()`. */
export interface BindingObserver {
  /** @param kind `async`: on another thread. @param bytes that were copied; 0 for ops. */
  call(
    kind: 'execute' | 'async' | 'upload' | 'download',
    name: string,
    begin: number,
    end: number,
    bytes: number,
  ): void;
  /**
   * A function of a graph is about to run.
   *
   * @param scopes of its operations, such as `dense_1.layer`.
   * @param names of layers in the model that runs it, where the function was made for another one.
   */
  layers?(scopes: readonly string[], names: ReadonlyMap<string, string>): void;
}
