import type { Tensor } from '@tensorflow/tfjs';
import { TF } from '../../engines/dtypes.ts';
import type { Pointer } from '../../engines/tensorflow/c-api/functions.ts';
import { cText, Status } from '../../engines/tensorflow/c-api/library.ts';
import { handleValues, newHandle } from '../../engines/tensorflow/c-api/tensor.ts';
import type { NodeBackend } from '../../tfjs/instance.ts';
import type { CompiledStep } from './compiled-step.ts';
import { LoopFunctions, type LoopNames, type LoopShape } from './loop-functions.ts';
import { NativeCall } from '../../engines/tensorflow/graph/native-call.ts';
import { onCpu } from '../../engines/tensorflow/on-cpu.ts';
import { enterLoop, leaveLoop, type RunningLoop } from '../state/running-loop.ts';
import { FunctionParts } from './shared-functions.ts';
import { VariableResource } from '../state/variable-resources.ts';

/** What the steps of one call gave. */
export interface LoopResult {
  /** How many steps were done: fewer than asked for when the loop was told to stop. */
  steps: number;
  /** For each output of the step, the sum over the steps. */
  sums: number[];
  /** For each output, the value of the last step. */
  last: number[];
}

/**
 * Several training steps in one call: a loop inside a graph, whose body cuts a batch out of the whole data and calls the
 * compiled step. The loop looks at a flag before each step, so that it can be told to end from outside; TensorFlow's own
 * cancellation could end it in the middle of a step.
 */
export class StepLoop {
  /** Milliseconds of a step, measured; undefined before the second call. */
  stepTime: number | undefined;
  readonly #backend: NodeBackend;
  readonly #names: LoopNames;
  /** The loop of some steps, if XLA compiles one. */
  readonly #inner: LoopNames | undefined;
  /** TF_DataTypes of what the inner loop gives. */
  readonly innerTypes: readonly number[];
  readonly #shape: LoopShape;
  readonly #flag: VariableResource;
  readonly #numbers: { run: Pointer; stop: Pointer };
  #calls = 0;
  #running: RunningLoop | undefined;

  constructor(step: CompiledStep, data: readonly Tensor[], shape: LoopShape) {
    const { backend } = step;
    const { binding } = backend;
    const { api } = binding.context;
    this.#backend = backend;
    this.#shape = shape;
    // Kept is what they are called, not what they were made from: the loop outlives data and steps.
    const functions = new LoopFunctions(step, data, shape);
    functions.add();
    this.#names = functions.names;
    this.#inner = functions.inner;
    this.innerTypes = functions.innerTypes;
    this.#numbers = {
      run: newHandle(api, binding.status, [], TF.BOOL, [false]),
      stop: newHandle(api, binding.status, [], TF.BOOL, [true]),
    };
    // The flag is looked at by the loop itself, which the processor runs.
    this.#flag = onCpu(binding, () => {
      const flag = new VariableResource(binding, TF.BOOL, []);
      flag.open();
      return flag;
    });
  }

  /** How often it was called. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether it takes batches in the order of indices. */
  get shuffled(): boolean {
    return this.#shape.shuffled;
  }

  /** The loop that XLA compiles; undefined where it compiles single steps. */
  get innerName(): string | undefined {
    return this.#inner?.whole;
  }

  /** Ends the loop after its running step. */
  stop(): void {
    this.#running?.stop();
  }

  /**
   * Runs `count` steps, beginning with batch `first`. Short calls run on this thread, all others on another one.
   *
   * @param order indices of the samples, int32, where the loop was made for that.
   * @throws TensorflowError when a step fails; the steps before it are done then.
   */
  async run(
    step: CompiledStep,
    data: readonly Tensor[],
    order: Tensor | undefined,
    first: number,
    count: number,
  ): Promise<LoopResult> {
    const { binding } = this.#backend;
    const { api } = binding.context;
    const of = (tensors: readonly Tensor[]) =>
      this.#backend.getInputTensorIds(tensors).map((id) => binding.handle(id));
    const own = step.handles(() => 0).filter((handle) => handle !== 0);
    onCpu(binding, () => this.#flag.assign(this.#numbers.run));
    const size = Math.max(1, Math.floor(INNER_MS / (this.stepTime ?? INNER_MS)));
    const made = [count, first, size].map((value) => newHandle(api, binding.status, [], TF.INT32, [value]));
    const outputs = 1 + 2 * this.#shape.outputs;
    let call: NativeCall;
    try {
      call = new NativeCall(
        binding,
        this.#names.whole,
        step.config,
        [
          made[0] as Pointer,
          this.#flag.handle,
          ...(this.#inner === undefined ? [] : [made[2] as Pointer]),
          made[1] as Pointer,
          ...of(order === undefined ? [] : [order]),
          ...of(data),
          ...own,
        ],
        outputs,
      );
    } finally {
      for (const handle of made) api.TFE_DeleteTensorHandle(handle);
    }
    const began = performance.now();
    const short = this.stepTime !== undefined && this.stepTime * count < SHORT_MS;
    let results: Pointer[];
    if (short) {
      try {
        results = call.now();
      } catch (error) {
        throw step.explain(error);
      }
    } else {
      let over = false;
      const running: RunningLoop = {
        stop: () => onCpu(binding, () => this.#flag.set(this.#numbers.stop)),
        over: () => over || call.over(),
      };
      this.#running = running;
      enterLoop(running);
      try {
        results = await call.aside();
      } catch (error) {
        throw step.explain(error);
      } finally {
        over = true;
        leaveLoop(running);
        // Another model of the same form may run this loop by now.
        if (this.#running === running) this.#running = undefined;
      }
    }
    try {
      const reads = performance.now();
      const values = results.map((handle) => handleValues(api, binding.status, handle)[0] as number);
      binding.observer?.call('download', 'from TensorFlow', reads, performance.now(), 4 * values.length);
      const steps = values[0] as number;
      // The first call prepares the function.
      if (this.#calls++ > 0 && steps > 0) this.stepTime = (performance.now() - began) / steps;
      step.ran(steps);
      return {
        steps,
        sums: values.slice(1, 1 + this.#shape.outputs),
        last: values.slice(1 + this.#shape.outputs),
      };
    } finally {
      for (const handle of results) api.TFE_DeleteTensorHandle(handle);
    }
  }

  dispose(): void {
    const { api, pointer } = this.#backend.binding.context;
    const status = new Status(api);
    for (const name of [this.#names, this.#inner].flatMap((names) =>
      names === undefined ? [] : [names.body, names.condition, names.whole],
    )) {
      api.TFE_ContextRemoveFunction(pointer, cText(name), status.pointer);
    }
    api.TF_DeleteStatus(status.pointer);
    for (const handle of Object.values(this.#numbers)) api.TFE_DeleteTensorHandle(handle);
    this.#flag.close();
  }
}

/** Calls that take less than this are not worth a thread. */
const SHORT_MS = 1;
/** A call of the inner loop takes about this long: nothing stops it. */
const INNER_MS = 8;

/** Loops over the functions of steps; they live as long as the functions. */
export const stepLoops = new FunctionParts<StepLoop>();
