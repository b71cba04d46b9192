import type { Tensor } from '@tensorflow/tfjs';
import { setAttribute } from '../../engines/tensorflow/attributes.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { CApi, Pointer } from '../../engines/tensorflow/c-api/functions.ts';
import { cText, Status } from '../../engines/tensorflow/c-api/library.ts';
import { handleValues, newHandle } from '../../engines/tensorflow/c-api/tensor.ts';
import { asError } from '../../engines/errors.ts';
import type { CompiledStep } from './compiled-step.ts';
import type { GraphInput } from '../tracing/graph-inputs.ts';
import { onCpu } from '../../engines/tensorflow/on-cpu.ts';
import type { StepLoop } from './step-loop.ts';
import { VariableResource } from '../state/variable-resources.ts';
import { XLA_COMPILES } from './xla-setting.ts';

/** Why a compilation is of no use although XLA succeeded. */
export const RECOMPILES = 'XLA compiles it again for other numbers';

/** Compilations under way. */
const running = new Set<XlaCompilation>();

let leaves = false;

/** A process that ends in the usual way takes down what the compiler's thread still uses, and crashes. */
function leaveAtOnce(api: CApi): void {
  if (leaves) return;
  leaves = true;
  process.on('exit', (code) => {
    if ([...running].some(({ state }) => state === 'running')) api.exitAtOnce(code);
  });
}

/**
 * The compilation of a loop of steps by XLA, on a thread of TensorFlow's. XLA compiles what is called for the first time,
 * and a call of a step trains: this one trains copies of the variables, which nobody sees. Steps that run meanwhile share the
 * copies' memory until they write to it. TensorFlow keeps what XLA has made by the function's name and the shapes: later
 * calls find it.
 *
 * The thread is an executor of TensorFlow's own, not one of Node's: a compilation that takes for ever holds up neither the
 * end of the process nor anybody's asynchronous call.
 */
export class XlaCompilation {
  /** Why there is no result; undefined unless it failed. */
  problem: string | undefined;
  /** Milliseconds that it took, at the precision of the looks that were taken. */
  took: number | undefined;
  readonly #step: CompiledStep;
  readonly #name: string;
  readonly #types: readonly number[];
  readonly #executor: Pointer;
  readonly #status: Status;
  /** Asks how the executor is: it refuses everything once an op has failed. */
  readonly #probe: Pointer;
  /** How many of the two calls are done. */
  readonly #done: VariableResource;
  readonly #copies: VariableResource[] = [];
  readonly #results: Pointer[] = [];
  readonly #began = performance.now();
  #first: number | undefined;
  #over = false;

  /**
   * Begins. Variables must not be in training at this moment.
   *
   * @param loop over the step; without one XLA compiles the step by itself. @param data what the loop was made for.
   */
  constructor(step: CompiledStep, loop?: StepLoop, data: readonly Tensor[] = []) {
    this.#step = step;
    const { backend } = step;
    const { binding } = backend;
    const { api } = binding.context;
    this.#status = new Status(api);
    this.#executor = api.TFE_NewExecutor(1, 1, 0);
    const made: Pointer[] = [];
    const number = (value: number, dtype: number) => {
      const handle = newHandle(api, binding.status, [], dtype, [value]);
      made.push(handle);
      return handle;
    };
    const zeros = (shape: readonly number[], dtype: number) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const handle = newHandle(api, binding.status, shape, dtype, new Uint8Array(size));
      made.push(handle);
      return handle;
    };
    // The second call differs in every number: if that were compiled anew, so would each real one.
    const given: { handle: Pointer; other?: Pointer }[] = [];
    const own = (input: GraphInput, handle: Pointer) => {
      if (input.kind === 'number') {
        const value = input.current();
        const next = input.dtype === TF.FLOAT ? value * 0.999 + 1e-6 : value + 1;
        return { handle, other: number(next, input.dtype) };
      }
      return {
        handle: api.TFE_TensorHandleDataType(handle) === TF.RESOURCE ? this.#copy(input, handle) : handle,
      };
    };
    if (loop?.innerName === undefined) {
      const arguments_ = new Map(
        step.inputs.flatMap((input) =>
          input.kind === 'argument' ? [[input.index, zeros(input.shape, input.dtype)] as const] : [],
        ),
      );
      const handles = step.handles((index) => arguments_.get(index) as Pointer);
      given.push(...handles.map((handle, i) => own(step.inputs[i] as GraphInput, handle)));
    } else {
      // From step 0 to step 1, of batches from 0 on.
      for (const value of [0, 1, 0]) {
        given.push({ handle: number(value, TF.INT32), other: number(value + 1, TF.INT32) });
      }
      if (loop.shuffled) given.push({ handle: zeros([(data[0] as Tensor).shape[0]], TF.INT32) });
      const kept = step.inputs.filter(({ kind }) => kind !== 'argument');
      // Before the data's: preparing a variable frees the tensor of its value, which may be data, too.
      const handles = step.handles(() => 0).filter((handle) => handle !== 0);
      for (const id of backend.getInputTensorIds([...data])) given.push({ handle: binding.handle(id) });
      given.push(...handles.map((handle, i) => own(kept[i] as GraphInput, handle)));
    }
    const inputs = given.map(({ handle }) => handle);
    const others = given.map(({ handle, other }) => other ?? handle);
    const types = inputs.map((handle) => api.TFE_TensorHandleDataType(handle));
    this.#name = loop?.innerName ?? step.name;
    this.#types = loop?.innerName === undefined ? step.outputTypes : loop.innerTypes;
    this.#done = onCpu(binding, () => {
      const done = new VariableResource(binding, TF.INT32, []);
      done.set(number(0, TF.INT32));
      return done;
    });
    const calls = [inputs, others].map((handles) => this.#call(handles, types));
    const notes = [1, 2].map((count) => this.#note(number(count, TF.INT32)));
    this.#probe = this.#op('NoOp');
    leaveAtOnce(api);
    running.add(this);
    try {
      for (const [i, call] of calls.entries()) {
        this.#results.push(...this.#execute(call, this.#types.length));
        this.#execute(notes[i] as Pointer, 0);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      for (const op of [...calls, ...notes]) api.TFE_DeleteOp(op);
      for (const handle of made) api.TFE_DeleteTensorHandle(handle);
    }
  }

  /** An op that will run on the executor. */
  #op(name: string): Pointer {
    const { binding } = this.#step.backend;
    const { api, pointer } = binding.context;
    const op = binding.onExecutor(this.#executor, () =>
      api.TFE_NewOp(pointer, cText(name), this.#status.pointer),
    );
    this.#status.check(name);
    return op;
  }

  #call(inputs: readonly Pointer[], types: number[]): Pointer {
    const { binding } = this.#step.backend;
    const { api } = binding.context;
    const op = this.#op('StatefulPartitionedCall');
    const { pointer } = this.#status;
    if (binding.device !== undefined) api.TFE_OpSetDevice(op, cText(binding.device), pointer);
    const list = (name: string, value: number[]) => {
      setAttribute(api, op, this.#status, { name, type: ATTR.TYPE, value });
    };
    list('Tin', types);
    list('Tout', [...this.#types]);
    const name = this.#name;
    api.TFE_OpSetAttrFunctionName(op, cText('f'), cText(name), Buffer.byteLength(name));
    api.TFE_OpSetAttrBool(op, cText(XLA_COMPILES), 1);
    for (const input of inputs) api.TFE_OpAddInput(op, input, pointer);
    this.#status.check(name);
    return op;
  }

  /** Notes how many calls are done. */
  #note(count: Pointer): Pointer {
    const { api } = this.#step.backend.binding.context;
    const op = this.#op('AssignVariableOp');
    api.TFE_OpSetDevice(op, cText('/device:CPU:0'), this.#status.pointer);
    api.TFE_OpAddInput(op, this.#done.handle, this.#status.pointer);
    api.TFE_OpAddInput(op, count, this.#status.pointer);
    setAttribute(api, op, this.#status, { name: 'dtype', type: ATTR.TYPE, value: TF.INT32 });
    return op;
  }

  #execute(op: Pointer, outputs: number): Pointer[] {
    const { api } = this.#step.backend.binding.context;
    const words = new BigInt64Array(Math.max(1, outputs));
    const count = new Int32Array([outputs]);
    api.TFE_Execute(op, words, count, this.#status.pointer);
    this.#status.check(this.#name);
    return Array.from(words.subarray(0, outputs), Number);
  }

  /** A resource of its own with the value that the step's has now. */
  #copy(input: GraphInput, handle: Pointer): Pointer {
    const resource =
      input.kind === 'resource' ? input.resource : input.kind === 'constant' ? input.resource : undefined;
    if (resource === undefined) throw new Error('a resource of unknown kind');
    const { binding } = this.#step.backend;
    const copy = () => {
      const read = resource.peek(handle);
      try {
        const made = new VariableResource(binding, resource.dtype, [...resource.shape]);
        this.#copies.push(made);
        made.set(read);
        return made.handle;
      } finally {
        binding.context.api.TFE_DeleteTensorHandle(read);
      }
    };
    // What is no variable of the user's lies where the processor sees it.
    return input.kind === 'constant' ? onCpu(binding, copy) : copy();
  }

  #fail(error: unknown): void {
    this.problem = asError(error).message;
    this.#end();
  }

  /** Looks how it stands; some microseconds. */
  get state(): 'running' | 'ready' | 'failed' {
    if (this.problem !== undefined) return 'failed';
    if (this.#over) return 'ready';
    const { binding } = this.#step.backend;
    const { api } = binding.context;
    const done = onCpu(binding, () => {
      const handle = this.#done.peek();
      try {
        return handleValues(api, binding.status, handle)[0] as number;
      } finally {
        api.TFE_DeleteTensorHandle(handle);
      }
    });
    const now = performance.now();
    if (done > 0) this.#first ??= now;
    if (done === 2) {
      const compiled = this.#first as number;
      this.took = compiled - this.#began;
      if (now - compiled > Math.max(200, this.took / 2)) this.problem = RECOMPILES;
      this.#end();
      return this.problem === undefined ? 'ready' : 'failed';
    }
    try {
      this.#execute(this.#probe, 0);
    } catch (error) {
      this.#fail(error);
      return 'failed';
    }
    return 'running';
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    running.delete(this);
    const { api } = this.#step.backend.binding.context;
    for (const handle of this.#results) api.TFE_DeleteTensorHandle(handle);
    for (const copy of this.#copies) copy.close();
    this.#done.close();
    api.TFE_DeleteOp(this.#probe);
    // Waits for what is under way: nothing is now.
    api.TFE_DeleteExecutor(this.#executor);
    api.TF_DeleteStatus(this.#status.pointer);
  }

  /** Nobody wants the result any more. What XLA is doing it does to its end, and what it needs is freed then. */
  dispose(): void {
    if (this.#over || this.state !== 'running') return;
    const timer = setInterval(() => {
      if (this.state !== 'running') clearInterval(timer);
    }, 500);
    timer.unref();
  }
}
