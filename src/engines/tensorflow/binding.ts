import type { EagerBinding } from '../eager.ts';
import type { OpAttribute } from '../ops.ts';
import { setAttribute } from './attributes.ts';
import { ATTR, TF, type TensorValues } from '../dtypes.ts';
import { contextDevices, type Context } from './c-api/context.ts';
import type { Pointer } from './c-api/functions.ts';
import { Status, cText } from './c-api/library.ts';
import { MOST_AXES, TALL } from '../shape.ts';
import { handleValues, newHandle } from './c-api/tensor.ts';
import { TensorflowError } from '../errors.ts';
import { MemoryLedger, type TensorRecord } from './memory-ledger.ts';
import type { BindingObserver, OpRecorder, TensorMetadata } from '../op-recorder.ts';
import { SavedModels } from './saved-models.ts';
import { SmallConstants } from './small-constants.ts';

/** Ops whose result has the axes of all inputs, or one more than one input; all others keep or lose axes. */
const GROWING = new Set([
  'Gather',
  'GatherV2',
  'GatherNd',
  'ScatterNd',
  'OneHot',
  'ExpandDims',
  'Where',
  'Unique',
]);
/** Ops that put inputs next to each other along a new axis. */
const JOINING = new Set(['Pack', 'ParallelConcat', 'TensorListStack', 'TensorListFromTensor']);

/** dtypes that tfjs calls int32 although they are not. */
const WIDE = new Set<number>([TF.INT64, TF.UINT8]);

/**
 * The binding that tfjs-node's backend class expects of its C++ addon (its `tfjs_binding.d.ts`), over TensorFlow's
 * eager C API. Tensors are known by a number; the handle behind it is freed by `deleteTensor` only.
 *
 * A cell that is interrupted leaves any of these functions after any native call. Nothing breaks then: an op under way
 * is reset by the next one, and at worst one handle is not counted.
 */
export class Binding implements EagerBinding {
  readonly TF_FLOAT = TF.FLOAT;
  readonly TF_INT32 = TF.INT32;
  readonly TF_INT64 = TF.INT64;
  readonly TF_BOOL = TF.BOOL;
  readonly TF_COMPLEX64 = TF.COMPLEX64;
  readonly TF_STRING = TF.STRING;
  readonly TF_RESOURCE = TF.RESOURCE;
  readonly TF_UINT8 = TF.UINT8;
  readonly TF_ATTR_STRING = ATTR.STRING;
  readonly TF_ATTR_INT = ATTR.INT;
  readonly TF_ATTR_FLOAT = ATTR.FLOAT;
  readonly TF_ATTR_BOOL = ATTR.BOOL;
  readonly TF_ATTR_TYPE = ATTR.TYPE;
  readonly TF_ATTR_SHAPE = ATTR.SHAPE;
  readonly TF_ATTR_RESOURCE = ATTR.RESOURCE;
  readonly TF_Version: string;

  readonly context: Context;
  readonly status: Status;
  /** Where ops go while a graph is traced. */
  recorder: OpRecorder | undefined;
  /** Device that every op is placed on; undefined lets TensorFlow choose. */
  device: string | undefined;
  /** Sees all calls. */
  observer: BindingObserver | undefined;

  readonly #handles = new Map<number, Pointer>();
  readonly #ledger = new MemoryLedger();
  /** Tensors whose dtype tfjs has no name for. */
  readonly #wide = new Map<number, number>();
  /** Ranks of tensors with so many axes that an op's result may have more than TensorFlow holds. */
  readonly #tall = new Map<number, number>();
  readonly #savedModels: SavedModels<TensorMetadata>;
  readonly #constants: SmallConstants;
  /** Ops that TensorFlow has said that it knows. */
  readonly #known = new Set<string>();
  #nextId = 0;
  /** An op that is used again and again; 0 before the first. */
  #op: Pointer = 0;
  /** True while an op is under way, and after an interrupt that left it there. */
  #underWay = false;
  /** The executor of this thread's ops while `onExecutor` has put another one in its place; also after an interrupt. */
  #ownExecutor: Pointer = 0;
  readonly #outputs = new Uint32Array(2 * 256);
  readonly #outputCount = new Int32Array(1);

  constructor(context: Context) {
    this.context = context;
    this.status = new Status(context.api);
    this.TF_Version = context.api.TF_Version();
    this.#savedModels = new SavedModels(this);
    this.#constants = new SmallConstants(context.api);
  }

  isUsingGpuDevice(): boolean {
    return contextDevices(this.context).some((device) => device.type === 'GPU');
  }

  getNumOfTensors(): number {
    return this.#handles.size;
  }

  /** Takes over an eager handle; gives its id. */
  adopt(handle: Pointer): TensorMetadata {
    const { api } = this.context;
    const rank = api.TFE_TensorHandleNumDims(handle, this.status.pointer);
    const shape: number[] = [];
    for (let i = 0; i < rank; i++) shape.push(api.TFE_TensorHandleDim(handle, i, this.status.pointer));
    const dtype = api.TFE_TensorHandleDataType(handle);
    const id = this.#nextId++;
    this.#handles.set(id, handle);
    if (rank >= TALL) this.#tall.set(id, rank);
    this.#ledger.add(id, shape, dtype);
    if (WIDE.has(dtype)) this.#wide.set(id, dtype);
    return { id, shape, dtype };
  }

  /** A number for a tensor that has no handle, such as one inside a graph. */
  newId(): number {
    return this.#nextId++;
  }

  handle(id: number): Pointer {
    const handle = this.#handles.get(id);
    if (handle === undefined) {
      throw new TensorflowError(
        'INVALID_ARGUMENT',
        `tensor ${id} was disposed or belongs to another backend`,
      );
    }
    return handle;
  }

  hasHandle(id: number): boolean {
    return this.#handles.has(id);
  }

  createTensor(shape: number[], dtype: number, values: ArrayLike<number> | readonly Uint8Array[]): number {
    if (this.recorder) return this.recorder.createTensor(shape, dtype, values as ArrayLike<number>);
    return this.createEagerTensor(shape, dtype, values);
  }

  /** The same, never in a graph. */
  createEagerTensor(
    shape: number[],
    dtype: number,
    values: ArrayLike<number | bigint | boolean> | readonly Uint8Array[],
  ): number {
    const begin = this.observer === undefined ? 0 : performance.now();
    const id = this.#nextId++;
    const key = this.#constants.key(shape, dtype, values);
    let handle = key === undefined ? undefined : this.#constants.take(key, id);
    if (handle === undefined) {
      handle = newHandle(this.context.api, this.status, shape, dtype, values);
      if (key !== undefined) this.#constants.add(key, id, handle);
    }
    this.#handles.set(id, handle);
    if (shape.length >= TALL) this.#tall.set(id, shape.length);
    this.#ledger.add(id, shape, dtype);
    if (WIDE.has(dtype)) this.#wide.set(id, dtype);
    this.observer?.call('upload', 'to TensorFlow', begin, performance.now(), this.#ledger.bytesOf(id));
    return id;
  }

  deleteTensor(id: number): void {
    if (this.recorder) return this.recorder.deleteTensor(id);
    this.release(id);
  }

  /** Frees a handle, also while a graph is traced. */
  release(id: number): void {
    const handle = this.#handles.get(id);
    if (handle === undefined) return;
    this.#handles.delete(id);
    this.#ledger.remove(id);
    if (this.#wide.size > 0) this.#wide.delete(id);
    if (this.#tall.size > 0) this.#tall.delete(id);
    if (!this.#constants.leave(id)) this.context.api.TFE_DeleteTensorHandle(handle);
  }

  tensorDataSync(id: number): TensorValues {
    if (this.recorder) return this.recorder.tensorDataSync(id);
    const { observer } = this;
    if (observer === undefined) return handleValues(this.context.api, this.status, this.handle(id));
    const begin = performance.now();
    const values = handleValues(this.context.api, this.status, this.handle(id));
    observer.call('download', 'from TensorFlow', begin, performance.now(), this.#ledger.bytesOf(id));
    return values;
  }

  /**
   * Runs one op.
   *
   * @throws TensorflowError with TensorFlow's own message.
   */
  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[] {
    if (this.#tall.size > 0) this.#refuseTaller(name, inputs);
    if (this.recorder) return this.recorder.executeOp(name, attributes, inputs, outputs);
    const made: number[] = [];
    if (this.#wide.size > 0 && inputs.some((id) => this.#wide.has(id))) {
      [attributes, inputs] = this.#narrow(name, attributes, inputs, made);
    }
    try {
      this.#start(name);
      const { api } = this.context;
      const { status } = this;
      const op = this.#op;
      for (const id of inputs) api.TFE_OpAddInput(op, this.handle(id), status.pointer);
      for (const attribute of attributes) setAttribute(api, op, status, attribute);
      const handles = this.run(name, outputs);
      if (handles.length === 1) return [this.adopt(handles[0] as Pointer)];
      return handles.map((handle) => this.adopt(handle));
    } finally {
      for (const id of made) this.release(id);
    }
  }

  /**
   * TensorFlow ends the process when an op would give a tensor of more axes than it holds. Ops give at most the axes of
   * their inputs together, and one more.
   *
   * @throws RangeError
   */
  #refuseTaller(name: string, inputs: readonly number[]): void {
    const ranks = inputs.map((id) => this.#tall.get(id) ?? 0);
    const most = Math.max(0, ...ranks);
    const grown = GROWING.has(name) ? ranks.reduce((sum, rank) => sum + rank, 1) : most;
    if (JOINING.has(name) ? most + 1 > MOST_AXES : grown > MOST_AXES) {
      throw new RangeError(
        `${name} of a tensor of ${most} axes may give more than ${MOST_AXES} axes, which TensorFlow does not support: reshape it to fewer`,
      );
    }
  }

  /** Prepares the shared op for a new use: making and deleting one each time costs 0.5 µs. */
  #start(name: string): void {
    const { api, pointer } = this.context;
    if (this.#underWay) this.status.clear();
    if (this.#ownExecutor !== 0) this.#backToOwnExecutor();
    this.#underWay = true;
    if (this.#op === 0) this.#op = api.TFE_NewOp(pointer, cText(name), this.status.pointer);
    else api.TFE_OpReset(this.#op, cText(name), 0, this.status.pointer);
    // Compiled functions come and go; what TensorFlow was built with stays.
    if (!this.#known.has(name)) {
      this.status.check(name);
      if (!name.startsWith('tensorcell_')) this.#known.add(name);
    }
    if (this.device !== undefined) {
      api.TFE_OpSetDevice(this.#op, cText(this.device), this.status.pointer);
      this.status.check(name);
    }
  }

  /** Ops that `action` makes (not with `startOp`) will run on another executor, and so on a thread of TensorFlow's. */
  onExecutor<T>(executor: Pointer, action: () => T): T {
    const { api, pointer } = this.context;
    this.#ownExecutor = api.TFE_ContextGetExecutorForThread(pointer);
    api.TFE_ContextSetExecutorForThread(pointer, executor);
    try {
      return action();
    } finally {
      this.#backToOwnExecutor();
    }
  }

  #backToOwnExecutor(): void {
    const { api, pointer } = this.context;
    api.TFE_ContextSetExecutorForThread(pointer, this.#ownExecutor);
    // TensorFlow gave a reference, which this code has to delete.
    api.TFE_DeleteExecutor(this.#ownExecutor);
    this.#ownExecutor = 0;
  }

  /** An op ready for inputs and attributes; `run` executes it. Nothing else may be executed in between. */
  startOp(name: string): Pointer {
    this.#start(name);
    return this.#op;
  }

  /** Executes the op that `startOp` gave; the handles belong to the caller. */
  run(name: string, outputs: number): Pointer[] {
    const { api } = this.context;
    const words = outputs <= 256 ? this.#outputs : new Uint32Array(2 * outputs);
    this.#outputCount[0] = outputs;
    const { observer } = this;
    if (observer === undefined) api.TFE_Execute(this.#op, words, this.#outputCount, this.status.pointer);
    else {
      const begin = performance.now();
      api.TFE_Execute(this.#op, words, this.#outputCount, this.status.pointer);
      observer.call('execute', name, begin, performance.now(), 0);
    }
    this.status.check(name);
    this.#underWay = false;
    const handles: Pointer[] = [];
    const count = this.#outputCount[0];
    for (let i = 0; i < count; i++) {
      handles.push((words[2 * i + 1] as number) * 4294967296 + (words[2 * i] as number));
    }
    return handles;
  }

  /** tfjs takes 64-bit and 8-bit integers for int32: kernels get them as that; only a cast sees what they are. */
  #narrow(
    name: string,
    attributes: OpAttribute[],
    inputs: number[],
    made: number[],
  ): [OpAttribute[], number[]] {
    if (name === 'Cast') {
      const from = this.#wide.get(inputs[0] as number);
      return [attributes.map((a) => (a.name === 'SrcT' ? { ...a, value: from } : a)), inputs];
    }
    if (!attributes.some((a) => a.type === ATTR.TYPE && a.value === TF.INT32)) return [attributes, inputs];
    const narrowed = inputs.map((id) => {
      const from = this.#wide.get(id);
      if (from === undefined) return id;
      const [cast] = this.executeOp(
        'Cast',
        [
          { name: 'SrcT', type: ATTR.TYPE, value: from },
          { name: 'DstT', type: ATTR.TYPE, value: TF.INT32 },
        ],
        [id],
        1,
      );
      made.push((cast as TensorMetadata).id);
      return (cast as TensorMetadata).id;
    });
    return [attributes, narrowed];
  }

  loadSavedModel(folder: string, tags: string): number {
    return this.#savedModels.load(folder, tags);
  }

  deleteSavedModel(id: number): void {
    this.#savedModels.delete(id);
  }

  runSavedModel(id: number, inputs: number[], inputNames: string, outputNames: string): TensorMetadata[] {
    return this.#savedModels.run(id, inputs, inputNames, outputNames);
  }

  getNumOfSavedModels(): number {
    return this.#savedModels.count;
  }

  /**
   * A resource is from now on the only one to hold a value that had the handle `id` (negative: none). It counts until
   * `releaseValue`.
   */
  retainValue(owner: object, shape: readonly number[], dtype: number, id: number): void {
    this.#ledger.retainValue(owner, shape, dtype, id);
  }

  /** The resource is gone, or a handle shares its memory and counts instead. */
  releaseValue(owner: object): void {
    this.#ledger.releaseValue(owner);
  }

  /** How many values are held, by handles and by resources. */
  valueCount(): number {
    return this.#handles.size + this.#ledger.held;
  }

  /** From now on tensors belong to this execution. Called at a cell's start, so that ops need not ask. */
  mark(execution: number): void {
    this.#ledger.mark(execution, this.#nextId);
  }

  /** Every tensor that TensorFlow holds for us; `since` is when its cell began (milliseconds since 1970). */
  tensors(): TensorRecord[] {
    const { api } = this.context;
    const records = this.#ledger.records(this.#handles, (handle) => {
      const rank = Math.max(0, api.TFE_TensorHandleNumDims(handle, this.status.pointer));
      const shape = Array.from({ length: rank }, (_, i) =>
        api.TFE_TensorHandleDim(handle, i, this.status.pointer),
      );
      return { shape, dtype: api.TFE_TensorHandleDataType(handle) };
    });
    this.status.clear();
    return records;
  }

  /** Bytes of all values, without those of strings. */
  memoryBytes(): number {
    return this.#ledger.bytes;
  }

  /** The largest that `memoryBytes` has been. */
  peakBytes(): number {
    return this.#ledger.peak;
  }
}
