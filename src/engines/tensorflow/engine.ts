import type { Mapping } from '../../base/memory/mapping.ts';
import { theSystem, type Address } from '../../base/memory/system.ts';
import { dtypeName, type TensorValues } from '../dtypes.ts';
import type { EagerBinding } from '../eager.ts';
import type {
  BackgroundCompilation,
  CompileGate,
  Engine,
  FunctionCall,
  FunctionDigests,
  GraphBuilder,
  NamedFunction,
} from '../engine.ts';
import type { Handle, OpAttribute } from '../ops.ts';
import type { BindingObserver, OpRecorder, TensorMetadata } from '../op-recorder.ts';
import type { Binding } from './binding.ts';
import type { Pointer } from './c-api/functions.ts';
import { cText, Status } from './c-api/library.ts';
import { handleValues, int64List, newHandle } from './c-api/tensor.ts';
import { FunctionContent } from './graph/function-content.ts';
import { Graph } from './graph/graph.ts';
import { NativeCall } from './graph/native-call.ts';
import { onCpu } from './on-cpu.ts';
import { assignVariable, openVariable, readVariable } from './variables.ts';
import { XlaCalls } from './xla/background-compilation.ts';
import { xlaGate } from './xla/gate.ts';

/** TensorFlow behind the engine's border, over the binding that tfjs's kernels use. */
export class TensorflowEngine implements Engine {
  readonly #binding: Binding;

  constructor(binding: Binding) {
    this.#binding = binding;
  }

  get eager(): EagerBinding {
    return this.#binding;
  }

  get onGpu(): boolean {
    return this.#binding.isUsingGpuDevice();
  }

  get device(): string | undefined {
    return this.#binding.device;
  }

  set device(device: string | undefined) {
    this.#binding.device = device;
  }

  get recorder(): OpRecorder | undefined {
    return this.#binding.recorder;
  }

  set recorder(recorder: OpRecorder | undefined) {
    this.#binding.recorder = recorder;
  }

  get observer(): BindingObserver | undefined {
    return this.#binding.observer;
  }

  onCpu<T>(action: () => T): T {
    return onCpu(this.#binding, action);
  }

  newId(): number {
    return this.#binding.newId();
  }

  adopt(handle: Handle): TensorMetadata {
    return this.#binding.adopt(handle);
  }

  handle(id: number): Handle {
    return this.#binding.handle(id);
  }

  releaseTensor(id: number): void {
    this.#binding.release(id);
  }

  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[] {
    return this.#binding.executeOp(name, attributes, inputs, outputs);
  }

  createTensor(shape: number[], dtype: number, values: readonly number[]): number {
    return this.#binding.createTensor(shape, dtype, values);
  }

  createEagerTensor(shape: number[], dtype: number, values: ArrayLike<number>): number {
    return this.#binding.createEagerTensor(shape, dtype, values);
  }

  retainValue(owner: object, shape: readonly number[], dtype: number, id: number): void {
    this.#binding.retainValue(owner, shape, dtype, id);
  }

  releaseValue(owner: object): void {
    this.#binding.releaseValue(owner);
  }

  value(
    shape: readonly number[],
    dtype: number,
    values: ArrayLike<number | bigint | boolean> | readonly Uint8Array[],
  ): Handle {
    return newHandle(this.#binding.context.api, this.#binding.status, shape, dtype, values);
  }

  read(handle: Handle): TensorValues {
    return handleValues(this.#binding.context.api, this.#binding.status, handle);
  }

  mappedValue(shape: readonly number[], dtype: number, mapping: Mapping): Handle {
    const { address, length } = mapping;
    const unmap = theSystem().munmapAddress;
    const { api } = this.#binding.context;
    const made = api.TF_NewTensor(dtype, int64List(shape), shape.length, address, length, unmap, 0);
    mapping.disown();
    return this.#handleOf(made);
  }

  filledValue(
    shape: readonly number[],
    dtype: number,
    bytes: number,
    fill: (address: Address) => void,
  ): Handle {
    const { api } = this.#binding.context;
    const made = api.TF_AllocateTensor(dtype, int64List(shape), shape.length, bytes);
    if (made === 0) throw new RangeError(`no memory for a ${dtypeName(dtype)} tensor of ${bytes} bytes`);
    try {
      if (bytes > 0) fill(api.TF_TensorData(made));
    } catch (error) {
      api.TF_DeleteTensor(made);
      throw error;
    }
    return this.#handleOf(made);
  }

  /** A handle of a TF_Tensor, which is deleted. */
  #handleOf(made: Pointer): Handle {
    const { context, status } = this.#binding;
    const handle = context.api.TFE_NewTensorHandle(made, status.pointer);
    context.api.TF_DeleteTensor(made);
    status.check();
    return handle;
  }

  withMemory<T>(handle: Handle, use: (address: Address, bytes: number) => T): T {
    const { context, status } = this.#binding;
    const { api } = context;
    const resolved = api.TFE_TensorHandleResolve(handle, status.pointer);
    status.check();
    try {
      return use(api.TF_TensorData(resolved), api.TF_TensorByteSize(resolved));
    } finally {
      api.TF_DeleteTensor(resolved);
    }
  }

  share(handle: Handle): Handle {
    const { context, status } = this.#binding;
    const copy = context.api.TFE_TensorHandleCopySharingTensor(handle, status.pointer);
    status.check();
    return copy;
  }

  free(handle: Handle): void {
    this.#binding.context.api.TFE_DeleteTensorHandle(handle);
  }

  dtypeOf(handle: Handle): number {
    return this.#binding.context.api.TFE_TensorHandleDataType(handle);
  }

  shapeOf(handle: Handle): number[] {
    const { context, status } = this.#binding;
    const rank = context.api.TFE_TensorHandleNumDims(handle, status.pointer);
    return Array.from({ length: rank }, (_, i) => context.api.TFE_TensorHandleDim(handle, i, status.pointer));
  }

  openVariable(dtype: number, shape: readonly number[]): Handle {
    return openVariable(this.#binding, dtype, shape);
  }

  assignVariable(variable: Handle, value: Handle, dtype: number): void {
    assignVariable(this.#binding, variable, value, dtype);
  }

  readVariable(variable: Handle, dtype: number): Handle {
    return readVariable(this.#binding, variable, dtype);
  }

  newGraph(first = 0): GraphBuilder {
    return new Graph(this.#binding.context.api, first);
  }

  digests(): FunctionDigests {
    return new FunctionContent(this.#binding.context.api, this.#binding.status);
  }

  addFunction({ name, pointer }: NamedFunction): void {
    const { context, status } = this.#binding;
    context.api.TFE_ContextAddFunction(context.pointer, pointer, status.pointer);
    status.check(name);
  }

  removeFunctions(functions: readonly NamedFunction[]): void {
    this.forgetFunctions(functions.map(({ name }) => name));
    for (const { pointer } of functions) this.freeFunction(pointer);
  }

  forgetFunctions(names: readonly string[]): void {
    const { api, pointer } = this.#binding.context;
    const status = new Status(api);
    for (const name of names) api.TFE_ContextRemoveFunction(pointer, cText(name), status.pointer);
    api.TF_DeleteStatus(status.pointer);
  }

  freeFunction(made: Handle): void {
    this.#binding.context.api.TF_DeleteFunction(made);
  }

  run(name: string, config: Uint8Array, inputs: readonly Handle[], outputs: number): Handle[] {
    const binding = this.#binding;
    const { api } = binding.context;
    const op = binding.startOp(name);
    api.TFE_OpSetAttrString(op, cText('config_proto'), config, config.length);
    for (const input of inputs) api.TFE_OpAddInput(op, input, binding.status.pointer);
    return binding.run(name, outputs);
  }

  prepare(name: string, config: Uint8Array, inputs: readonly Handle[], outputs: number): FunctionCall {
    return new NativeCall(this.#binding, name, config, inputs, outputs);
  }

  get compileGate(): CompileGate {
    return xlaGate();
  }

  compileAhead(
    name: string,
    calls: readonly (readonly Handle[])[],
    outputTypes: readonly number[],
  ): BackgroundCompilation {
    return new XlaCalls(this.#binding, name, calls, outputTypes);
  }
}
