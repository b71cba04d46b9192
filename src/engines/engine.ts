import type { Mapping } from '../base/memory/mapping.ts';
import type { Address } from '../base/memory/system.ts';
import type { TensorValues } from './dtypes.ts';
import type { EagerBinding } from './eager.ts';
import type { GraphOutput, Handle, OpAttribute } from './ops.ts';
import type { BindingObserver, OpRecorder, TensorMetadata } from './op-recorder.ts';

/** Is told of the operations of a graph as they are added. */
export interface OperationObserver {
  /** @param name unique in its graph, without scope. */
  note(name: string, type: string): void;
}

/** An operation of a graph and what it was made of. */
export interface MadeOperation {
  type: string;
  inputs: readonly GraphOutput[];
  attributes: readonly OpAttribute[];
}

/** A graph under construction. Shapes are known for everything that is put in. */
export interface GraphBuilder {
  /** Begins the names of the operations that are added now; ends with a slash unless it is empty. */
  scope: string;
  /** Told of each operation that is about to be added. */
  observer: OperationObserver | undefined;
  /** The operations in order and without names, for comparing two graphs; undefined where nothing compares. */
  notes: string[] | undefined;
  /** How many operations of each kind there are. */
  readonly histogram: ReadonlyMap<string, number>;
  readonly made: ReadonlyMap<Handle, MadeOperation>;
  /** An input; `shape` undefined for a resource. */
  placeholder(dtype: number, shape: readonly number[] | undefined): GraphOutput;
  /** A constant; equal small ones are shared. */
  constant(
    shape: readonly number[],
    dtype: number,
    values: ArrayLike<number | bigint> | Uint8Array[],
  ): GraphOutput;
  /**
   * Adds an operation; inputs are flat, as for eager ops.
   *
   * @throws TensorflowError when the op does not take these inputs. @throws Untraceable for ops that no graph may have
   */
  operation(
    type: string,
    inputs: readonly GraphOutput[],
    attributes?: readonly OpAttribute[],
    control?: readonly Handle[],
  ): Handle;
  /** The inputs of an operation that is about to be added, as the engine's optimizer needs them. */
  prepareInputs(type: string, inputs: readonly GraphOutput[]): readonly GraphOutput[];
  /** Lets the graph call a function. @param name for errors */
  addFunction(made: Handle, name?: string): void;
  dtype(output: GraphOutput): number;
  /** The inferred shape; undefined unless all of it is known. */
  shape(output: GraphOutput): number[] | undefined;
  /** Sets a shape that cannot be inferred. */
  setShape(output: GraphOutput, shape: readonly number[]): void;
  /** Makes a function of the whole graph. */
  toFunction(name: string, inputs: readonly GraphOutput[], outputs: readonly GraphOutput[]): Handle;
  dispose(): void;
}

/** A function of an engine with the name that graphs call it by. */
export interface NamedFunction {
  name: string;
  pointer: Handle;
}

/** Digests of functions by their content: equal for functions that compute the same, whatever their names are. */
export interface FunctionDigests {
  /** Scopes of operations such as `dense_1.layer`, in the order of their first appearance. */
  readonly scopes: readonly string[];
  /** The digest of a function; functions that it calls come before it. */
  digest(name: string, pointer: Handle): string;
}

/** One call of a function, prepared to run on this thread or on another one. */
export interface FunctionCall {
  /** Whether the engine has returned. */
  over(): boolean;
  /** Runs the call on this thread; the handles belong to the caller. */
  now(): Handle[];
  /** Runs the call on a background thread; the handles belong to the caller. */
  async(): Promise<Handle[]>;
}

/** A function that XLA compiles on a background thread: it is called, so that the engine keeps the program. */
export interface BackgroundCompilation {
  /** How many of the calls are done. @throws TensorflowError when one has failed */
  look(): number;
  /** Frees the results; only when nothing runs any more. */
  close(): void;
}

/** Whether this process may compile with XLA; found out in a child process where a compilation could end this one. */
export interface CompileGate {
  look(): 'open' | 'trying' | 'shut';
  /** Why it is shut. */
  readonly why: string | undefined;
}

/**
 * The border between the library and what computes. Everything above `engines` knows this file, the dtypes and the errors,
 * and no engine: ops are named as TensorFlow's, dtypes are TF_DataType numbers, and values are handles.
 */
export interface Engine {
  /** Eager ops, as tfjs's backend calls them. */
  readonly eager: EagerBinding;
  /** Whether ops run on a GPU. */
  readonly onGpu: boolean;
  /** Device that every op is placed on; undefined lets the engine choose. */
  device: string | undefined;
  /** Takes ops in place of the engine while a graph is traced. */
  recorder: OpRecorder | undefined;
  /** Sees the calls while a profile is taken. */
  readonly observer: BindingObserver | undefined;
  /** Runs `action` with ops placed on the CPU. */
  onCpu<T>(action: () => T): T;

  // ---- tensors by the numbers that tfjs's backend knows them by
  /** A number for a tensor that has no handle, such as one inside a graph. */
  newId(): number;
  /** Takes over a handle; gives its number. */
  adopt(handle: Handle): TensorMetadata;
  /** The handle of a tensor. @throws TensorflowError when there is no such tensor */
  handle(id: number): Handle;
  /** Frees the handle of a tensor, also while a graph is traced. */
  releaseTensor(id: number): void;
  /** Runs one op, or records it. @throws TensorflowError */
  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[];
  createTensor(shape: number[], dtype: number, values: readonly number[]): number;
  /** A tensor that never becomes part of a graph. */
  createEagerTensor(shape: number[], dtype: number, values: ArrayLike<number>): number;
  /** A resource is from now on the only one to hold a value that had the handle `id` (negative: none). */
  retainValue(owner: object, shape: readonly number[], dtype: number, id: number): void;
  /** The resource is gone, or a handle shares its memory and counts instead. */
  releaseValue(owner: object): void;

  // ---- values by their handles; the caller frees what it gets
  value(
    shape: readonly number[],
    dtype: number,
    values: ArrayLike<number | bigint | boolean> | readonly Uint8Array[],
  ): Handle;
  /** Copies a value to JavaScript. */
  read(handle: Handle): TensorValues;
  /**
   * A value whose memory is the mapping, without a copy. The engine takes the mapping over, and unmaps it when the value
   * and all that shares its memory are gone.
   *
   * @param shape has as many elements as the mapping holds; the caller has checked it.
   */
  mappedValue(shape: readonly number[], dtype: number, mapping: Mapping): Handle;
  /**
   * A value whose memory `fill` writes, from the address on; not called for a value without bytes.
   *
   * @param bytes as many as the shape needs; the caller has checked it.
   * @throws RangeError where there is no memory; what `fill` throws.
   */
  filledValue(
    shape: readonly number[],
    dtype: number,
    bytes: number,
    fill: (address: Address) => void,
  ): Handle;
  /** Lends a value's memory to `use`, once it is computed and on the CPU. */
  withMemory<T>(handle: Handle, use: (address: Address, bytes: number) => T): T;
  /** Another handle of the same memory. */
  share(handle: Handle): Handle;
  free(handle: Handle): void;
  dtypeOf(handle: Handle): number;
  shapeOf(handle: Handle): number[];

  // ---- variables: resources that functions update in place
  /** A resource, freed with its handle. */
  openVariable(dtype: number, shape: readonly number[]): Handle;
  assignVariable(variable: Handle, value: Handle, dtype: number): void;
  /** A value that later updates in place leave as it is. */
  readVariable(variable: Handle, dtype: number): Handle;

  // ---- graphs and functions
  /** @param first the number in the name of the first operation. */
  newGraph(first?: number): GraphBuilder;
  digests(): FunctionDigests;
  /** Makes functions callable by their names. @throws TensorflowError */
  addFunction(made: NamedFunction): void;
  /** Removes functions and frees them. */
  removeFunctions(functions: readonly NamedFunction[]): void;
  /** Removes functions that were freed before. */
  forgetFunctions(names: readonly string[]): void;
  /** Frees a function; where it was added, it stays callable. */
  freeFunction(made: Handle): void;
  /**
   * Runs a function once.
   *
   * @param config the ConfigProto of the call: how TensorFlow optimizes the function.
   */
  run(name: string, config: Uint8Array, inputs: readonly Handle[], outputs: number): Handle[];
  /** Prepares a call that may run on a background thread. */
  prepare(name: string, config: Uint8Array, inputs: readonly Handle[], outputs: number): FunctionCall;

  // ---- XLA
  readonly compileGate: CompileGate;
  /** Has XLA compile a function by calls with these inputs, one after the other. */
  compileAhead(
    name: string,
    calls: readonly (readonly Handle[])[],
    outputTypes: readonly number[],
  ): BackgroundCompilation;
}
