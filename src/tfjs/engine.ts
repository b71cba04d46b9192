import type { NamedAttrMap, Tensor, Variable } from '@tensorflow/tfjs';
import type { Tf } from './instance.ts';

/** A kernel on the tape of a gradient under way (tfjs-core/src/tape.ts). */
export interface TapeNode {
  kernelName: string;
  inputs: Record<string, Tensor>;
  outputs: Tensor[];
  /** Tensors that the kernel keeps for the backward pass. */
  saved?: Tensor[];
  gradient?: (dys: Tensor[]) => Record<string, () => Tensor>;
}

/** A scope of `tf.tidy`, with the tensors that were made in it. */
export interface TensorScope {
  track: { id: number; kept: boolean; isDisposed: boolean; dispose(): void }[];
}

/** The engine's state (`EngineState` in tfjs-core/src/engine.ts), as far as this library reads or changes it. */
export interface TfEngineState {
  registeredVariables: Record<string, Variable>;
  /** How many gradients are under way, one in the other. */
  gradientDepth: number;
  /** How many kernels are under way: those within a kernel are not recorded. */
  kernelDepth: number;
  activeTape: TapeNode[] | null | undefined;
  activeScope: TensorScope | null;
  scopeStack: TensorScope[];
  numDataMovesStack: number[];
  profiling: boolean;
}

/** Something that the engine tracks: a tensor, with its id and size. */
export interface TrackedTensor {
  id: number;
  dataId: object;
  dtype: string;
  size: number;
}

/** tfjs's engine with the parts that its own types hide. The one door to them. */
export interface TfEngine {
  readonly state: TfEngineState;
  runKernel(name: string, inputs: Record<string, Tensor>, attributes?: NamedAttrMap): unknown;
  runKernelFunc(parameters: {
    forwardFunc: () => Tensor[];
    backwardsFunc: (dys: Tensor | Tensor[]) => Record<string, () => Tensor>;
    inputs: Record<string, Tensor>;
  }): Tensor[];
  gradients(
    f: () => Tensor,
    xs: Tensor[],
    dy?: Tensor,
    allowNoGradients?: boolean,
  ): { value: Tensor; grads: (Tensor | undefined)[] };
  /** Records a kernel on the tape. */
  addTapeNode(...all: unknown[]): void;
  track<T extends TrackedTensor>(tensor: T): T;
  keep<T extends TrackedTensor>(tensor: T): T;
  disposeTensor(tensor: TrackedTensor): void;
}

/** The engine of a copy of tfjs. */
export function engineOf(tf: Tf): TfEngine {
  return tf.engine() as unknown as TfEngine;
}
