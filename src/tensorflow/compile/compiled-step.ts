import type { Tensor } from '@tensorflow/tfjs';
import type { Pointer } from '../c-api/functions.ts';
import type { Binding } from '../binding.ts';
import { cText, Status } from '../c-api/library.ts';
import { newHandle } from '../c-api/tensor.ts';
import type { NodeBackend } from '../tfjs/instance.ts';
import { settleLoop } from './running-loop.ts';
import { saysWhatIsDone } from './failed-updates.ts';
import type { FiniteWatch } from './finite-watch.ts';
import type { GraphInput } from './graph-inputs.ts';
import type { Trace } from './trace.ts';
import type { GraphOutput } from '../c-api/functions.ts';
import { callConfig, type Precision } from './precision.ts';
import { prepareVariable } from './variable-resources.ts';
import { xlaObstacle } from './xla-kernels.ts';

let names = 0;

/** A variable of the step is gone, or JavaScript state that the graph was made from has changed. */
export type Stale = { stale: string };

/** What TensorFlow holds for a step; freed when the step is disposed or forgotten. */
interface Held {
  free(): void;
}

const forgotten = new FinalizationRegistry<Held>((held) => {
  held.free();
});

/**
 * A traced function as TensorFlow runs it. With the attribute `config_proto` the eager runtime lets grappler optimize it,
 * as in Python; without it a function that is run by its name gets none.
 */
export class CompiledStep {
  readonly name: string;
  /** How many operations of each kind the graph had before TensorFlow optimized it. */
  readonly histogram: ReadonlyMap<string, number>;
  readonly randomOps: number;
  /** Who knows where a step first was not finite; only for training steps. */
  readonly watch: FiniteWatch | undefined;
  /** The ConfigProto that calls of the function bring along. */
  readonly config: Uint8Array;
  /** A kind of operation because of which XLA must not, or cannot, compile the step. */
  readonly xlaObstacle: string | undefined;
  /** Traces the step once more, for XLA; undefined where that would give the same graph. */
  retraceForXla: (() => CompiledStep) | undefined;
  /** That trace, once there is one. */
  forXla: CompiledStep | undefined;
  /** In what products and convolutions are computed. */
  readonly precision: Precision;
  readonly #trace: Trace;
  readonly #inputs: GraphInput[];
  readonly #variables: Extract<GraphInput, { kind: 'resource' }>[];
  readonly #outputs: number;
  /** TF_DataTypes of the outputs. */
  readonly outputTypes: readonly number[];
  /** The function, for graphs that call it. */
  readonly #function: Pointer;
  readonly #loops = new Map<string, { dispose(): void }>();
  readonly #xla = new Map<string, { dispose(): void }>();
  /** The last value of each number, with a tensor that holds it. */
  readonly #numbers: { value: number; handle: Pointer }[];
  readonly #held: Held;

  constructor(trace: Trace, outputs: readonly GraphOutput[], precision: Precision = 'float32') {
    const { api } = trace.graph;
    this.name = `tensorcell_step_${names++}`;
    this.config = callConfig(precision);
    this.precision = precision;
    this.#trace = trace;
    this.#inputs = trace.inputs.map(({ input }) => input);
    this.#variables = this.#inputs.filter((input) => input.kind === 'resource');
    this.#outputs = outputs.length;
    this.outputTypes = outputs.map((output) => trace.graph.dtype(output));
    this.#numbers = this.#inputs.map(() => ({ value: NaN, handle: 0 }));
    this.randomOps = trace.randomOps;
    this.watch = trace.watch;
    this.histogram = trace.graph.histogram;
    this.xlaObstacle = xlaObstacle(trace.graphs);
    const inputs = trace.inputs.map(({ output }) => output);
    const made = trace.graph.toFunction(this.name, inputs, outputs);
    const { binding } = trace.backend;
    api.TFE_ContextAddFunction(binding.context.pointer, made, binding.status.pointer);
    this.#function = made;
    binding.status.check();
    trace.dispose(true);
    const functions = [...trace.functions, { name: this.name, pointer: made }];
    this.#held = hold(binding, functions, this.#inputs, this.#numbers, [this.#xla, this.#loops], this.watch);
    forgotten.register(this, this.#held);
  }

  /** Says what has changed since the trace, if it makes the graph wrong. */
  stale(): string | undefined {
    const changed = this.#trace.guards.find((guard) => guard.read() !== guard.expected);
    if (changed !== undefined) return changed.what;
    for (const input of this.#inputs) {
      if (input.kind !== 'resource') continue;
      const variable = input.variable.deref();
      if (variable === undefined || variable.isDisposed) return 'a variable was disposed';
    }
    return undefined;
  }

  /**
   * Runs the step once.
   *
   * @throws TensorflowError when an op fails. Unless it says otherwise no variable has changed then: updates come last.
   */
  run(args: readonly Tensor[]): Tensor[] {
    const { backend } = this.#trace;
    const { binding } = backend;
    const { api } = binding.context;
    const handles = this.handles((index) => {
      const [id] = backend.getInputTensorIds([args[index] as Tensor]);
      return binding.handle(id as number);
    });
    const op = binding.startOp(this.name);
    api.TFE_OpSetAttrString(op, cText('config_proto'), this.config, this.config.length);
    for (const handle of handles) api.TFE_OpAddInput(op, handle, binding.status.pointer);
    let results: Pointer[];
    try {
      results = binding.run(this.name, this.#outputs);
    } catch (error) {
      throw this.explain(error);
    }
    const tensors = results.map((handle) => backend.createOutputTensor(binding.adopt(handle)));
    this.ran(1);
    return tensors;
  }

  /** An error of a run, with the op, the layer and the user's line that it comes from. */
  explain(error: unknown): unknown {
    return saysWhatIsDone(this.#trace.lines.explain(error));
  }

  /** What the step's function takes, in order. */
  get inputs(): readonly GraphInput[] {
    return this.#inputs;
  }

  get function(): Pointer {
    return this.#function;
  }

  get backend(): NodeBackend {
    return this.#trace.backend;
  }

  /** Loops over this step, which live as long as it does. */
  get loops(): Map<string, { dispose(): void }> {
    return this.#loops;
  }

  /** What has to do with XLA's compiling it; lives as long too. */
  get xla(): Map<string, { dispose(): void }> {
    return this.#xla;
  }

  /** Done in JavaScript after so many runs. */
  ran(times: number): void {
    for (let i = 0; i < times; i++) for (const after of this.#trace.afterRun) after();
  }

  /** Handles of everything that a run takes, as it is now; `argument` gives those of the arguments. */
  handles(argument: (index: number) => Pointer): Pointer[] {
    const { backend, tf } = this.#trace;
    const { binding } = backend;
    // First all variables: preparing one frees the tensor of its value, which may be an argument, too.
    for (const { variable, resource, updated } of this.#variables) {
      const prepared = variable.deref();
      if (prepared === undefined) throw new Error('a variable of a compiled step is gone');
      prepareVariable(tf, backend, prepared, resource, updated);
    }
    const handles: Pointer[] = [];
    for (const [i, input] of this.#inputs.entries()) {
      switch (input.kind) {
        case 'argument':
          handles.push(argument(input.index));
          break;
        case 'resource':
          handles.push(input.resource.handle);
          break;
        case 'tensor': {
          const [id] = backend.getInputTensorIds([input.current()]);
          handles.push(binding.handle(id as number));
          break;
        }
        case 'number': {
          handles.push(this.#number(i, input.current(), input.dtype));
          break;
        }
        case 'constant':
          handles.push(input.handle);
      }
    }
    return handles;
  }

  #number(i: number, value: number, dtype: number): Pointer {
    const cached = this.#numbers[i] as { value: number; handle: Pointer };
    if (cached.handle !== 0 && Object.is(cached.value, value)) return cached.handle;
    const { binding } = this.#trace.backend;
    if (cached.handle !== 0) binding.context.api.TFE_DeleteTensorHandle(cached.handle);
    cached.handle = 0;
    cached.handle = newHandle(binding.context.api, binding.status, [], dtype, [value]);
    cached.value = value;
    return cached.handle;
  }

  /** Removes the function from TensorFlow. */
  dispose(): void {
    this.#held.free();
  }
}

function hold(
  binding: Binding,
  functions: readonly { name: string; pointer: Pointer }[],
  inputs: readonly GraphInput[],
  numbers: readonly { handle: Pointer }[],
  loops: readonly ReadonlyMap<string, { dispose(): void }>[],
  watch: FiniteWatch | undefined,
): Held {
  const { api, pointer } = binding.context;
  const constants = inputs.flatMap((input) => (input.kind === 'constant' ? [input.handle] : []));
  let freed = false;
  return {
    free() {
      if (freed) return;
      freed = true;
      settleLoop();
      for (const map of loops) for (const loop of map.values()) loop.dispose();
      const status = new Status(api);
      for (const { name, pointer: made } of functions) {
        api.TFE_ContextRemoveFunction(pointer, cText(name), status.pointer);
        api.TF_DeleteFunction(made);
      }
      api.TF_DeleteStatus(status.pointer);
      watch?.dispose();
      for (const { handle } of numbers) if (handle !== 0) api.TFE_DeleteTensorHandle(handle);
      for (const handle of constants) api.TFE_DeleteTensorHandle(handle);
    },
  };
}
