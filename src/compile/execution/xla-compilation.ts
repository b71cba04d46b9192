import type { Tensor } from '@tensorflow/tfjs';
import { TF } from '../../engines/dtypes.ts';
import type { BackgroundCompilation } from '../../engines/engine.ts';
import { asError } from '../../engines/errors.ts';
import type { Handle } from '../../engines/ops.ts';
import { VariableResource } from '../state/variable-resources.ts';
import type { Capture } from '../tracing/captures.ts';
import type { ConcreteFunction } from './concrete-function.ts';
import type { StepLoop } from './step-loop.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** Why a compilation is of no use although XLA succeeded. */
export const RECOMPILES = 'XLA compiles it again for other numbers';

/**
 * The compilation of a loop of steps by XLA, on a thread of TensorFlow's. XLA compiles what is called for the first time,
 * and a call of a step trains: this one trains copies of the variables, which no other code sees. Steps that run meanwhile share the
 * copies' memory until they write to it. TensorFlow keeps what XLA has made by the function's name and the shapes: later
 * calls find it.
 */
export class XlaCompilation {
  /** Why there is no result; undefined unless it failed. */
  problem: string | undefined;
  /** Milliseconds that it took, at the precision of the looks that were taken. */
  took: number | undefined;
  readonly #step: ConcreteFunction;
  readonly #calls: BackgroundCompilation;
  readonly #copies: VariableResource[] = [];
  readonly #began = performance.now();
  #first: number | undefined;
  #over = false;

  /**
   * Begins. Variables must not be in training at this moment.
   *
   * @param loop over the step; without one XLA compiles the step by itself. @param data what the loop was made for.
   */
  constructor(step: ConcreteFunction, loop?: StepLoop, data: readonly Tensor[] = []) {
    this.#step = step;
    const { backend } = step;
    const { engine } = backend;
    const made: Handle[] = [];
    const number = (value: number, dtype: number) => {
      const handle = engine.value([], dtype, [value]);
      made.push(handle);
      return handle;
    };
    const zeros = (shape: readonly number[], dtype: number) => {
      const size = elementCount(shape);
      const handle = engine.value(shape, dtype, new Uint8Array(size));
      made.push(handle);
      return handle;
    };
    // The second call differs in every number: if that were compiled anew, so would each real one.
    const given: { handle: Handle; other?: Handle }[] = [];
    const own = (input: Capture, handle: Handle) => {
      if (input.kind === 'number') {
        const value = input.current();
        const next = input.dtype === TF.FLOAT ? value * 0.999 + 1e-6 : value + 1;
        return { handle, other: number(next, input.dtype) };
      }
      return {
        handle: engine.dtypeOf(handle) === TF.RESOURCE ? this.#copy(input, handle) : handle,
      };
    };
    if (loop?.innerName === undefined) {
      const arguments_ = new Map(
        step.inputs.flatMap((input) =>
          input.kind === 'argument' ? [[input.index, zeros(input.shape, input.dtype)] as const] : [],
        ),
      );
      const handles = step.handles((index) => arguments_.get(index) as Handle);
      given.push(...handles.map((handle, i) => own(step.inputs[i] as Capture, handle)));
    } else {
      // From step 0 to step 1, of batches from 0 on.
      for (const value of [0, 1, 0]) {
        given.push({ handle: number(value, TF.INT32), other: number(value + 1, TF.INT32) });
      }
      if (loop.shuffled) given.push({ handle: zeros([(data[0] as Tensor).shape[0]], TF.INT32) });
      const kept = step.inputs.filter(({ kind }) => kind !== 'argument');
      // Before the data's: preparing a variable frees the tensor of its value, which may be data, too.
      const handles = step.handles(() => 0).filter((handle) => handle !== 0);
      for (const id of backend.getInputTensorIds([...data])) given.push({ handle: engine.handle(id) });
      given.push(...handles.map((handle, i) => own(kept[i] as Capture, handle)));
    }
    const inputs = given.map(({ handle }) => handle);
    const others = given.map(({ handle, other }) => other ?? handle);
    const outputTypes = loop?.innerName === undefined ? step.outputTypes : loop.innerTypes;
    try {
      this.#calls = engine.compileAhead(loop?.innerName ?? step.name, [inputs, others], outputTypes);
    } finally {
      for (const handle of made) engine.free(handle);
    }
  }

  /** A new resource with the value that the step's has now. */
  #copy(input: Capture, handle: Handle): Handle {
    const resource =
      input.kind === 'resource' ? input.resource : input.kind === 'constant' ? input.resource : undefined;
    if (resource === undefined) throw new Error('a resource of unknown kind');
    const { engine } = this.#step.backend;
    const copy = () => {
      const read = resource.peek(handle);
      try {
        const made = new VariableResource(engine, resource.dtype, [...resource.shape]);
        this.#copies.push(made);
        made.set(read);
        return made.handle;
      } finally {
        engine.free(read);
      }
    };
    // Inputs other than the user's variables lie in the CPU's memory.
    return input.kind === 'constant' ? engine.onCpu(copy) : copy();
  }

  /** Checks how it stands; some microseconds. */
  get state(): 'running' | 'ready' | 'failed' {
    if (this.problem !== undefined) return 'failed';
    if (this.#over) return 'ready';
    let done: number;
    try {
      done = this.#calls.look();
    } catch (error) {
      this.problem = asError(error).message;
      this.#end();
      return 'failed';
    }
    const now = performance.now();
    if (done > 0) this.#first ??= now;
    if (done < 2) return 'running';
    const compiled = this.#first as number;
    this.took = compiled - this.#began;
    if (now - compiled > Math.max(200, this.took / 2)) this.problem = RECOMPILES;
    this.#end();
    return this.problem === undefined ? 'ready' : 'failed';
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#calls.close();
    for (const copy of this.#copies) copy.close();
  }

  /** Gives up the result. XLA finishes its work, and the memory of the work is freed then. */
  dispose(): void {
    if (this.#over || this.state !== 'running') return;
    const timer = setInterval(() => {
      if (this.state !== 'running') clearInterval(timer);
    }, 500);
    timer.unref();
  }
}
