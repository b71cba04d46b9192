import { ATTR, TF } from '../../dtypes.ts';
import type { BackgroundCompilation } from '../../engine.ts';
import { asError } from '../../errors.ts';
import { XLA_COMPILES, type Handle } from '../../ops.ts';
import { setAttribute } from '../attributes.ts';
import type { Binding } from '../binding.ts';
import type { CApi } from '../c-api/functions.ts';
import { cText, Status } from '../c-api/library.ts';
import { handleValues, newHandle } from '../c-api/tensor.ts';
import { onCpu } from '../on-cpu.ts';
import { assignVariable, openVariable, readVariable } from '../variables.ts';

/** Compilations under way. */
const running = new Set<XlaCalls>();

let leaves = false;

/** A process that ends in the usual way takes down what the compiler's thread still uses, and crashes. */
function leaveAtOnce(api: CApi): void {
  if (leaves) return;
  leaves = true;
  process.on('exit', (code) => {
    if ([...running].some((calls) => calls.isUnderWay())) api.exitAtOnce(code);
  });
}

/**
 * Calls of a function that XLA compiles, on an executor of TensorFlow's. The thread is not one of Node's: a compilation that
 * takes for ever holds up neither the end of the process nor any asynchronous call.
 */
export class XlaCalls implements BackgroundCompilation {
  readonly #binding: Binding;
  readonly #name: string;
  readonly #outputTypes: readonly number[];
  readonly #executor: Handle;
  readonly #status: Status;
  /** Tells how the executor is: it refuses everything once an op has failed. */
  readonly #probe: Handle;
  /** How many of the calls are done. */
  readonly #done: Handle;
  readonly #results: Handle[] = [];
  readonly #count: number;
  /** Why a call could not begin. */
  #failure: Error | undefined;

  /** Begins. @throws TensorflowError */
  constructor(
    binding: Binding,
    name: string,
    calls: readonly (readonly Handle[])[],
    outputTypes: readonly number[],
  ) {
    this.#binding = binding;
    this.#name = name;
    this.#outputTypes = outputTypes;
    this.#count = calls.length;
    const { api } = binding.context;
    this.#status = new Status(api);
    this.#executor = api.TFE_NewExecutor(1, 1, 0);
    const numbers = [0, ...calls.map((_, i) => i + 1)].map((count) =>
      newHandle(api, binding.status, [], TF.INT32, [count]),
    );
    this.#done = onCpu(binding, () => {
      const done = openVariable(binding, TF.INT32, []);
      assignVariable(binding, done, numbers[0] as Handle, TF.INT32);
      return done;
    });
    const ops = calls.map((inputs) => this.#call(inputs));
    const notes = ops.map((_, i) => this.#note(numbers[i + 1] as Handle));
    this.#probe = this.#op('NoOp');
    leaveAtOnce(api);
    running.add(this);
    try {
      for (const [i, op] of ops.entries()) {
        this.#results.push(...this.#execute(op, outputTypes.length));
        this.#execute(notes[i] as Handle, 0);
      }
    } catch (error) {
      this.#failure = asError(error);
    } finally {
      for (const op of [...ops, ...notes]) api.TFE_DeleteOp(op);
      for (const handle of numbers) api.TFE_DeleteTensorHandle(handle);
    }
  }

  /** An op that will run on the executor. */
  #op(name: string): Handle {
    const { api, pointer } = this.#binding.context;
    const op = this.#binding.onExecutor(this.#executor, () =>
      api.TFE_NewOp(pointer, cText(name), this.#status.pointer),
    );
    this.#status.check(name);
    return op;
  }

  #call(inputs: readonly Handle[]): Handle {
    const { device } = this.#binding;
    const { api } = this.#binding.context;
    const op = this.#op('StatefulPartitionedCall');
    const { pointer } = this.#status;
    if (device !== undefined) api.TFE_OpSetDevice(op, cText(device), pointer);
    const list = (name: string, value: number[]) => {
      setAttribute(api, op, this.#status, { name, type: ATTR.TYPE, value });
    };
    list(
      'Tin',
      inputs.map((handle) => api.TFE_TensorHandleDataType(handle)),
    );
    list('Tout', [...this.#outputTypes]);
    const name = this.#name;
    api.TFE_OpSetAttrFunctionName(op, cText('f'), cText(name), Buffer.byteLength(name));
    api.TFE_OpSetAttrBool(op, cText(XLA_COMPILES), 1);
    for (const input of inputs) api.TFE_OpAddInput(op, input, pointer);
    this.#status.check(name);
    return op;
  }

  /** Notes how many calls are done. */
  #note(count: Handle): Handle {
    const { api } = this.#binding.context;
    const op = this.#op('AssignVariableOp');
    api.TFE_OpSetDevice(op, cText('/device:CPU:0'), this.#status.pointer);
    api.TFE_OpAddInput(op, this.#done, this.#status.pointer);
    api.TFE_OpAddInput(op, count, this.#status.pointer);
    setAttribute(api, op, this.#status, { name: 'dtype', type: ATTR.TYPE, value: TF.INT32 });
    return op;
  }

  #execute(op: Handle, outputs: number): Handle[] {
    const { api } = this.#binding.context;
    const words = new BigInt64Array(Math.max(1, outputs));
    const count = new Int32Array([outputs]);
    api.TFE_Execute(op, words, count, this.#status.pointer);
    this.#status.check(this.#name);
    return Array.from(words.subarray(0, outputs), Number);
  }

  isUnderWay(): boolean {
    try {
      return this.look() < this.#count;
    } catch {
      return false;
    }
  }

  /** Some microseconds. */
  look(): number {
    if (this.#failure !== undefined) throw this.#failure;
    const binding = this.#binding;
    const { api } = binding.context;
    const done = onCpu(binding, () => {
      const handle = readVariable(binding, this.#done, TF.INT32);
      try {
        return handleValues(api, binding.status, handle)[0] as number;
      } finally {
        api.TFE_DeleteTensorHandle(handle);
      }
    });
    if (done < this.#count) this.#execute(this.#probe, 0);
    return done;
  }

  close(): void {
    if (!running.delete(this)) return;
    const { api } = this.#binding.context;
    for (const handle of this.#results) api.TFE_DeleteTensorHandle(handle);
    api.TFE_DeleteTensorHandle(this.#done);
    api.TFE_DeleteOp(this.#probe);
    // Waits for what is under way: nothing is now.
    api.TFE_DeleteExecutor(this.#executor);
    api.TF_DeleteStatus(this.#status.pointer);
  }
}
