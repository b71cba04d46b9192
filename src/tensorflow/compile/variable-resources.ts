import type { Variable } from '@tensorflow/tfjs';
import { ATTR } from '../c-api/dtypes.ts';
import type { Pointer } from '../c-api/functions.ts';
import { setAttribute } from '../attributes.ts';
import type { Binding } from '../binding.ts';
import { settleLoop } from './running-loop.ts';
import { LAZY, type NodeBackend, type TensorInfo, type Tf } from '../tfjs/instance.ts';

/**
 * A variable's value as a TensorFlow resource, which compiled steps update in place.
 *
 * tfjs knows a variable's value by its `dataId`. As long as that is `dataId` here, the resource holds the value, and the
 * backend's entry for it is *lazy*: whoever wants the tensor gets it by reading the resource. A variable that was
 * assigned op by op has another `dataId`; the resource is then set before the next compiled step.
 */
export class VariableResource {
  readonly #binding: Binding;
  readonly #dtype: number;
  readonly #shape: number[];
  /** What has to be freed: kept apart, so that the binding can count it without keeping the resource alive. */
  readonly memory = { handle: 0 as Pointer };
  /** The entry of the backend's tensor map that this resource stands for. */
  dataId: object | undefined;

  constructor(binding: Binding, dtype: number, shape: number[]) {
    this.#binding = binding;
    this.#dtype = dtype;
    this.#shape = shape;
    const memory = this.memory;
    const { api } = binding.context;
    forgotten.register(this, {
      free: () => {
        binding.letGo(memory);
        if (memory.handle !== 0) api.TFE_DeleteTensorHandle(memory.handle);
      },
    });
  }

  /** The eager handle of the resource; 0 while there is none. */
  get handle(): Pointer {
    return this.memory.handle;
  }

  get dtype(): number {
    return this.#dtype;
  }

  get shape(): readonly number[] {
    return this.#shape;
  }

  /** Creates the resource if needed; it is freed with its handle. */
  open(): Pointer {
    if (this.handle !== 0) return this.handle;
    const binding = this.#binding;
    const { api } = binding.context;
    const op = binding.startOp('VarHandleOp');
    const set = (name: string, type: number, value: unknown) =>
      setAttribute(api, op, binding.status, { name, type, value });
    set('dtype', ATTR.TYPE, this.#dtype);
    set('shape', ATTR.SHAPE, this.#shape);
    set('container', ATTR.STRING, '');
    // Python's own name for resources that live as long as their handle (context.anonymous_name()).
    set('shared_name', ATTR.STRING, 'cd2c89b7-88b7-44c8-ad83-06c2a9158347');
    this.memory.handle = binding.run('VarHandleOp', 1)[0] as Pointer;
    return this.handle;
  }

  /** Sets the value from an eager tensor. */
  assign(tensor: Pointer): void {
    settleLoop();
    this.set(tensor);
  }

  /** The same without a look at whether training steps run on another thread. */
  set(tensor: Pointer): void {
    const resource = this.open();
    const binding = this.#binding;
    const { api } = binding.context;
    const op = binding.startOp('AssignVariableOp');
    api.TFE_OpAddInput(op, resource, binding.status.pointer);
    api.TFE_OpAddInput(op, tensor, binding.status.pointer);
    setAttribute(api, op, binding.status, { name: 'dtype', type: ATTR.TYPE, value: this.#dtype });
    binding.run('AssignVariableOp', 0);
  }

  /** An eager tensor with the value; a later update in place leaves it as it is. */
  read(): Pointer {
    settleLoop();
    return this.peek();
  }

  /** The same without a look at whether training steps run on another thread. @param handle another one of the resource. */
  peek(handle = this.handle): Pointer {
    const binding = this.#binding;
    const { api } = binding.context;
    const op = binding.startOp('ReadVariableOp');
    api.TFE_OpAddInput(op, handle, binding.status.pointer);
    setAttribute(api, op, binding.status, { name: 'dtype', type: ATTR.TYPE, value: this.#dtype });
    return binding.run('ReadVariableOp', 1)[0] as Pointer;
  }

  /** Frees the resource's memory. The variable's value must be elsewhere by then. */
  close(): void {
    if (this.handle === 0) return;
    settleLoop();
    const { handle } = this;
    this.#binding.letGo(this.memory);
    this.memory.handle = 0;
    this.dataId = undefined;
    this.#binding.context.api.TFE_DeleteTensorHandle(handle);
  }
}

const resources = new WeakMap<Variable, VariableResource>();

/** Frees the memory of variables that nobody disposed. */
const forgotten = new FinalizationRegistry<{ free: () => void }>(({ free }) => {
  free();
});

/** The resource of a variable; made when first asked for. */
export function resourceOf(backend: NodeBackend, variable: Variable): VariableResource {
  let resource = resources.get(variable);
  if (resource === undefined) {
    const info = backend.tensorMap.get(variable.dataId);
    resource = new VariableResource(backend.binding, info.dtype, variable.shape);
    resources.set(variable, resource);
  }
  return resource;
}

/** Makes the resource hold the variable's value. */
function bringIn(backend: NodeBackend, variable: Variable, resource: VariableResource): void {
  const info = backend.tensorMap.get(variable.dataId);
  const [id] = backend.getInputTensorIds([variable]);
  resource.assign(backend.binding.handle(id as number));
  // In this order: JavaScript may be terminated between any two of these.
  info.resource = resource;
  resource.dataId = variable.dataId;
}

/**
 * Before a compiled step: the variable's resource holds its value. If the step updates it, nothing else shares the
 * value's memory afterwards, so that TensorFlow updates in place instead of copying.
 */
export function prepareVariable(
  tf: Tf,
  backend: NodeBackend,
  variable: Variable,
  resource: VariableResource,
  updated: boolean,
): void {
  settleLoop();
  if (resource.dataId !== variable.dataId || resource.handle === 0) bringIn(backend, variable, resource);
  if (!updated) return;
  const info = backend.tensorMap.get(variable.dataId);
  if (info.refCount > 1) {
    // Somebody holds this very value (a clone): they keep it as a tensor, and the variable gets an entry of its own.
    backend.getInputTensorIds([variable]);
    info.resource = undefined;
    resource.dataId = giveOwnEntry(tf, backend, variable, { ...info, id: LAZY, refCount: 1, resource });
    backend.binding.hold(resource.memory, resource.shape, resource.dtype, info.id);
    return;
  }
  if (info.id >= 0) {
    const { id } = info;
    backend.binding.hold(resource.memory, resource.shape, resource.dtype, id);
    info.id = LAZY;
    backend.binding.release(id);
  }
}

/** Puts a variable's value under a `dataId` that nobody else has; gives it. */
function giveOwnEntry(tf: Tf, backend: NodeBackend, variable: Variable, own: TensorInfo): object {
  const dataId = {};
  backend.tensorMap.set(dataId, own);
  const value = tf
    .engine()
    .makeTensorFromTensorInfo({ dataId, shape: variable.shape, dtype: variable.dtype });
  variable.assign(value);
  value.dispose();
  return dataId;
}

/**
 * Makes sure that no other tensor has the variable's `dataId`, by which a trace tells what is the variable and what
 * only has the same value now.
 */
export function detachVariable(tf: Tf, backend: NodeBackend, variable: Variable): void {
  const info = backend.tensorMap.get(variable.dataId);
  if (info.refCount <= 1) return;
  const { binding } = backend;
  const [id] = backend.getInputTensorIds([variable]);
  const copy = binding.context.api.TFE_TensorHandleCopySharingTensor(
    binding.handle(id as number),
    binding.status.pointer,
  );
  binding.status.check();
  info.resource = undefined;
  giveOwnEntry(tf, backend, variable, {
    shape: info.shape,
    dtype: info.dtype,
    id: binding.adopt(copy).id,
    values: null,
    refCount: 1,
  });
}
