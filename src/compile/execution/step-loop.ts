import type { Tensor } from '@tensorflow/tfjs';
import { TF } from '../../engines/dtypes.ts';
import type { FunctionCall } from '../../engines/engine.ts';
import type { Handle } from '../../engines/ops.ts';
import type { NodeBackend } from '../../tfjs/instance.ts';
import type { ConcreteFunction } from './concrete-function.ts';
import { LoopFunctions, type LoopNames, type LoopShape } from './loop-functions.ts';
import { registerLoop, unregisterLoop, type RunningLoop } from '../state/running-loop.ts';
import { FunctionParts } from './shared-functions.ts';
import { VariableResource } from '../state/variable-resources.ts';

/** Results of the steps of one call. */
export interface LoopResult {
  /** How many steps were done: fewer than requested when the loop was told to stop. */
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
  readonly #numbers: { run: Handle; stop: Handle };
  #calls = 0;
  #running: RunningLoop | undefined;

  constructor(step: ConcreteFunction, data: readonly Tensor[], shape: LoopShape) {
    const { backend } = step;
    const { engine } = backend;
    this.#backend = backend;
    this.#shape = shape;
    // Kept is what they are called, not what they were made from: the loop outlives data and steps.
    const functions = new LoopFunctions(step, data, shape);
    functions.add();
    this.#names = functions.names;
    this.#inner = functions.inner;
    this.innerTypes = functions.innerTypes;
    this.#numbers = {
      run: engine.value([], TF.BOOL, [false]),
      stop: engine.value([], TF.BOOL, [true]),
    };
    // The loop itself reads the flag, on the CPU.
    this.#flag = engine.onCpu(() => {
      const flag = new VariableResource(engine, TF.BOOL, []);
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
    step: ConcreteFunction,
    data: readonly Tensor[],
    order: Tensor | undefined,
    first: number,
    count: number,
  ): Promise<LoopResult> {
    const { engine } = this.#backend;
    const of = (tensors: readonly Tensor[]) =>
      this.#backend.getInputTensorIds(tensors).map((id) => engine.handle(id));
    const own = step.handles(() => 0).filter((handle) => handle !== 0);
    engine.onCpu(() => this.#flag.assign(this.#numbers.run));
    const size = Math.max(1, Math.floor(INNER_MS / (this.stepTime ?? INNER_MS)));
    const made = [count, first, size].map((value) => engine.value([], TF.INT32, [value]));
    const outputs = 1 + 2 * this.#shape.outputs;
    let call: FunctionCall;
    try {
      call = engine.prepare(
        this.#names.whole,
        step.config,
        [
          made[0] as Handle,
          this.#flag.handle,
          ...(this.#inner === undefined ? [] : [made[2] as Handle]),
          made[1] as Handle,
          ...of(order === undefined ? [] : [order]),
          ...of(data),
          ...own,
        ],
        outputs,
      );
    } finally {
      for (const handle of made) engine.free(handle);
    }
    const began = performance.now();
    const short = this.stepTime !== undefined && this.stepTime * count < SHORT_MS;
    let results: Handle[];
    if (short) {
      try {
        results = call.now();
      } catch (error) {
        throw step.explain(error);
      }
    } else {
      let over = false;
      const running: RunningLoop = {
        stop: () => engine.onCpu(() => this.#flag.set(this.#numbers.stop)),
        over: () => over || call.over(),
      };
      this.#running = running;
      registerLoop(running);
      try {
        results = await call.async();
      } catch (error) {
        throw step.explain(error);
      } finally {
        over = true;
        unregisterLoop(running);
        // Another model of the same form may run this loop by now.
        if (this.#running === running) this.#running = undefined;
      }
    }
    try {
      const reads = performance.now();
      const values = results.map((handle) => engine.read(handle)[0] as number);
      engine.observer?.call('download', 'from TensorFlow', reads, performance.now(), 4 * values.length);
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
      for (const handle of results) engine.free(handle);
    }
  }

  dispose(): void {
    const { engine } = this.#backend;
    engine.forgetFunctions(
      [this.#names, this.#inner].flatMap((names) =>
        names === undefined ? [] : [names.body, names.condition, names.whole],
      ),
    );
    for (const handle of Object.values(this.#numbers)) engine.free(handle);
    this.#flag.close();
  }
}

/** Calls that take less than this are not worth a thread. */
const SHORT_MS = 1;
/** A call of the inner loop takes about this long: nothing stops it. */
const INNER_MS = 8;

/** Loops over the functions of steps; they live as long as the functions. */
export const stepLoops = new FunctionParts<StepLoop>();
