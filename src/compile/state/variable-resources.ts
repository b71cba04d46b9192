import type { Variable } from '@tensorflow/tfjs';
import type { Handle } from '../../engines/ops.ts';
import type { Engine } from '../../engines/engine.ts';
import { synchronizeLoop } from './running-loop.ts';
import { TensorflowError } from '../../engines/errors.ts';
import { LAZY, type NodeBackend, type TensorInfo, type Tf, type ValueResource } from '../../tfjs/instance.ts';

/**
 * A variable's value as a TensorFlow resource, which compiled steps update in place.
 *
 * tfjs knows a value by its `dataId`, and the backend has an entry for each. A resource is attached to at most one entry
 * and an entry to at most one resource: the resource then holds that value, and the entry may be *lazy*, which means that
 * the value lies nowhere else and is read from the resource on demand. A variable that was assigned eagerly has another
 * entry; the resource is set before the next compiled step.
 *
 * The entry outlives the assignment where something else has the old value (a clone, a kept weight). So before the
 * resource's value is replaced or freed, a lazy entry gets a tensor with the value: `detach`.
 */
export class VariableResource implements ValueResource {
  readonly #engine: Engine;
  readonly #dtype: number;
  readonly #shape: number[];
  /** The handle to free: kept apart, so that the engine can count it without keeping the resource alive. */
  readonly memory = { handle: 0 as Handle };
  /** The entry of the backend's tensor map whose value this resource holds; its `resource` is this one. */
  #entry: TensorInfo | undefined;

  constructor(engine: Engine, dtype: number, shape: number[]) {
    this.#engine = engine;
    this.#dtype = dtype;
    this.#shape = shape;
    const memory = this.memory;
    forgotten.register(this, {
      free: () => {
        engine.releaseValue(memory);
        if (memory.handle !== 0) engine.free(memory.handle);
      },
    });
  }

  /** The eager handle of the resource; 0 while there is none. */
  get handle(): Handle {
    return this.memory.handle;
  }

  get dtype(): number {
    return this.#dtype;
  }

  get shape(): readonly number[] {
    return this.#shape;
  }

  /** Creates the resource if needed; it is freed with its handle. */
  open(): Handle {
    if (this.handle !== 0) return this.handle;
    this.memory.handle = this.#engine.openVariable(this.#dtype, this.#shape);
    return this.handle;
  }

  /** From now on the resource holds the value of this entry, and of no other one. */
  attach(entry: TensorInfo): void {
    if (entry.resource === this) return;
    this.detach();
    entry.resource?.detach();
    // In this order: JavaScript may be terminated in between, and `entry.resource` is what counts.
    this.#entry = entry;
    entry.resource = this;
  }

  /** Ends the tie to an entry, which keeps its value as a tensor. */
  detach(): void {
    const entry = this.#entry;
    if (entry?.resource === this) {
      this.materialize(entry);
      entry.resource = undefined;
    }
    this.#entry = undefined;
  }

  /** Gives a lazy entry a tensor with the value. A later update in place leaves that tensor as it is. */
  materialize(entry: TensorInfo): void {
    if (entry.id !== LAZY) return;
    entry.id = this.#engine.adopt(this.read()).id;
    this.#engine.releaseValue(this.memory);
  }

  /** The entry was disposed: nothing needs its value. @param free whether the resource's memory goes, too. */
  abandon(entry: TensorInfo, free: boolean): void {
    if (this.#entry !== entry) return;
    this.#entry = undefined;
    if (free) this.close();
  }

  /** Sets the value from an eager tensor. The entry that had the old value keeps it. */
  assign(tensor: Handle): void {
    synchronizeLoop();
    this.set(tensor);
  }

  /** The same without a look at whether training steps run on another thread. */
  set(tensor: Handle): void {
    this.detach();
    this.#engine.assignVariable(this.open(), tensor, this.#dtype);
  }

  /** An eager tensor with the value; a later update in place leaves it as it is. */
  read(): Handle {
    synchronizeLoop();
    return this.peek();
  }

  /** The same without a look at whether training steps run on another thread. @param handle another one of the resource. */
  peek(handle = this.handle): Handle {
    // TensorFlow would follow the null pointer.
    if (handle === 0)
      throw new TensorflowError('INTERNAL', 'the memory of a variable is read after it was freed');
    return this.#engine.readVariable(handle, this.#dtype);
  }

  /** Frees the resource's memory. An entry that has its value here keeps it as a tensor. */
  close(): void {
    if (this.handle === 0) return;
    synchronizeLoop();
    this.detach();
    const { handle } = this;
    this.#engine.releaseValue(this.memory);
    this.memory.handle = 0;
    this.#engine.free(handle);
  }
}

const resources = new WeakMap<Variable, VariableResource>();

/** Frees the memory of variables that were never disposed. */
const forgotten = new FinalizationRegistry<{ free: () => void }>(({ free }) => {
  free();
});

/** The resource of a variable; made on first use. */
export function resourceOf(backend: NodeBackend, variable: Variable): VariableResource {
  let resource = resources.get(variable);
  if (resource === undefined) {
    const info = backend.tensorMap.get(variable.dataId);
    resource = new VariableResource(backend.engine, info.dtype, variable.shape);
    resources.set(variable, resource);
  }
  return resource;
}

/** Makes the resource hold the variable's value. */
function bringIn(tf: Tf, backend: NodeBackend, variable: Variable, resource: VariableResource): void {
  // Another variable has this very value in its resource: each gets an entry, or they would take it from one another.
  if (backend.tensorMap.get(variable.dataId).resource !== undefined) detachVariable(tf, backend, variable);
  const [id] = backend.getInputTensorIds([variable]);
  resource.assign(backend.engine.handle(id as number));
  resource.attach(backend.tensorMap.get(variable.dataId));
}

/**
 * Before a compiled step: the variable's resource holds its value. If the step updates it, nothing else shares the
 * value's memory afterwards, so that TensorFlow updates in place instead of copying. Takes handles of tensors away: look
 * up those that the step takes only when all its variables are prepared.
 */
export function prepareVariable(
  tf: Tf,
  backend: NodeBackend,
  variable: Variable,
  resource: VariableResource,
  updated: boolean,
): void {
  synchronizeLoop();
  let info = backend.tensorMap.get(variable.dataId);
  if (info.resource !== resource || resource.handle === 0) {
    bringIn(tf, backend, variable, resource);
    info = backend.tensorMap.get(variable.dataId);
  }
  if (!updated) return;
  if (info.refCount > 1) {
    // Another tensor has this very value (a clone): it keeps that as a tensor, and the variable gets a separate entry.
    const own: TensorInfo = { ...info, id: LAZY, refCount: 1, resource: undefined };
    resource.attach(own);
    giveOwnEntry(tf, backend, variable, own);
    backend.engine.retainValue(resource.memory, resource.shape, resource.dtype, info.id);
    return;
  }
  if (info.id >= 0) {
    const { id } = info;
    backend.engine.retainValue(resource.memory, resource.shape, resource.dtype, id);
    info.id = LAZY;
    backend.engine.releaseTensor(id);
  }
}

/** Puts a variable's value under a `dataId` that nothing else has. */
function giveOwnEntry(tf: Tf, backend: NodeBackend, variable: Variable, own: TensorInfo): void {
  const dataId = {};
  backend.tensorMap.set(dataId, own);
  const value = tf
    .engine()
    .makeTensorFromTensorInfo({ dataId, shape: variable.shape, dtype: variable.dtype });
  variable.assign(value);
  value.dispose();
}

/**
 * Makes sure that no other tensor has the variable's `dataId`, by which a trace tells what is the variable and what
 * only has the same value now.
 */
export function detachVariable(tf: Tf, backend: NodeBackend, variable: Variable): void {
  const info = backend.tensorMap.get(variable.dataId);
  if (info.refCount <= 1) return;
  const { engine } = backend;
  const [id] = backend.getInputTensorIds([variable]);
  const copy = engine.share(engine.handle(id as number));
  giveOwnEntry(tf, backend, variable, {
    shape: info.shape,
    dtype: info.dtype,
    id: engine.adopt(copy).id,
    values: null,
    refCount: 1,
  });
}
