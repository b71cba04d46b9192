import { createHash } from 'node:crypto';
import type { Tensor } from '@tensorflow/tfjs';
import type { Handle } from '../../engines/ops.ts';
import type { Engine } from '../../engines/engine.ts';
import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { EngineSession } from '../state/engine-session.ts';
import { synchronizeLoop } from '../state/running-loop.ts';
import { saysWhatIsDone } from './failed-updates.ts';
import type { FiniteWatch } from '../lowering/finite-watch.ts';
import type { AfterRun, Capture, Guard } from '../tracing/captures.ts';
import type { TracedLines } from '../tracing/traced-lines.ts';
import type { Trace } from '../tracing/trace.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import { layerOfScope } from '../../engines/scope-names.ts';
import { callConfig, type Precision } from '../lowering/precision.ts';
import { SharedFunctions, type SharedFunction } from './shared-functions.ts';
import { prepareVariable } from '../state/variable-resources.ts';
import { xlaObstacle } from './xla-kernels.ts';

/** Native objects of a step; freed when the step is disposed or collected. */
interface Retained {
  free(): void;
}

/** Parts of one model's step. */
export interface StepParts {
  readonly tf: Tf;
  readonly backend: NodeBackend;
  readonly inputs: Capture[];
  readonly guards: readonly Guard[];
  readonly lines: TracedLines;
  readonly afterRun: AfterRun[];
  readonly watch: FiniteWatch | undefined;
}

/** The function of a step. */
export interface StepFunction {
  readonly content: string;
  readonly shared: SharedFunction;
  readonly scopes: readonly string[];
}

const forgotten = new FinalizationRegistry<Retained>((retained) => {
  retained.free();
});

/**
 * A traced function as TensorFlow runs it, with the variables, numbers and tensors that it takes. The function itself is
 * shared with all steps of the same content (`shared-functions.ts`).
 *
 * With the attribute `config_proto` the eager runtime lets grappler optimize it, as in Python; without it a function that
 * is run by its name gets none.
 */
export class ConcreteFunction {
  /** Finds where a step first was not finite; only for training steps. */
  readonly watch: FiniteWatch | undefined;
  /** The ConfigProto that calls of the function bring along. */
  readonly config: Uint8Array;
  /** Traces the step once more, for XLA; undefined where that would give the same graph. */
  retraceForXla: (() => ConcreteFunction) | undefined;
  /** That trace, once there is one. */
  forXla: ConcreteFunction | undefined;
  /** In what products and convolutions are computed. */
  readonly precision: Precision;
  readonly #parts: StepParts;
  readonly #inputs: readonly Capture[];
  readonly #variables: Extract<Capture, { kind: 'resource' }>[];
  /** The function, which other steps may use too. */
  readonly shared: SharedFunction;
  /** The key of the function in the shared functions. */
  readonly content: string;
  /** Scopes of its operations in the names of this step's model. */
  readonly scopes: readonly string[];
  /** Layers of the shared function by the names that they have in this step's model, where those differ. */
  readonly #layers: ReadonlyMap<string, string>;
  /** The last value of each number, with a tensor that holds it. */
  readonly #numbers: { value: number; handle: Handle }[];
  readonly #retained: Retained;

  /** The step of a trace, which ends with it. */
  static ofTrace(
    trace: Trace,
    outputs: readonly GraphOutput[],
    precision: Precision,
    watch: FiniteWatch | undefined,
  ): ConcreteFunction {
    const made = share(trace, outputs, precision);
    const { tf, backend, guards, lines, afterRun } = trace;
    const inputs = trace.inputs.map(({ input }) => input);
    const step = new ConcreteFunction(
      { tf, backend, inputs, guards, lines, afterRun, watch },
      made,
      precision,
    );
    trace.dispose(true);
    return step;
  }

  /** @param made the function, retained for this step. */
  constructor(parts: StepParts, made: StepFunction, precision: Precision = 'float32') {
    this.config = callConfig(precision);
    this.precision = precision;
    this.#parts = parts;
    this.#inputs = parts.inputs;
    this.#variables = this.#inputs.filter((input) => input.kind === 'resource');
    this.#numbers = this.#inputs.map(() => ({ value: NaN, handle: 0 }));
    this.watch = parts.watch;
    const { content, shared, scopes } = made;
    this.shared = shared;
    this.content = content;
    this.scopes = scopes;
    this.#layers = renamed(shared.scopes, scopes);
    const { engine } = parts.backend;
    this.#retained = retained(engine, this.#inputs, this.#numbers, this.watch, content, shared);
    forgotten.register(this, this.#retained);
  }

  /** The function's name. */
  get name(): string {
    return this.shared.name;
  }

  /** How many operations of each kind the graph had before TensorFlow optimized it. */
  get histogram(): ReadonlyMap<string, number> {
    return this.shared.histogram;
  }

  /** How many numbers of the random stream a run draws. */
  get randomOps(): number {
    return this.shared.randomOps;
  }

  /** A kind of operation because of which XLA must not, or cannot, compile the step. */
  get xlaObstacle(): string | undefined {
    return this.shared.xlaObstacle;
  }

  /** TF_DataTypes of the outputs. */
  get outputTypes(): readonly number[] {
    return this.shared.outputTypes;
  }

  /** Says what has changed since the trace, if it makes the graph wrong. */
  failedGuard(): string | undefined {
    const changed = this.#parts.guards.find((guard) => guard.read() !== guard.expected);
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
   * @param name of another function that takes the same and calls this step's.
   * @throws TensorflowError when an op fails. Unless it says otherwise no variable has changed then: updates come last.
   */
  run(args: readonly Tensor[], name = this.name): Tensor[] {
    const { backend } = this.#parts;
    const { engine } = backend;
    const handles = this.handles((index) => {
      const [id] = backend.getInputTensorIds([args[index] as Tensor]);
      return engine.handle(id as number);
    });
    let results: Handle[];
    try {
      results = engine.run(name, this.config, handles, this.outputTypes.length);
    } catch (error) {
      throw this.explain(error);
    }
    const tensors = results.map((handle) => backend.createOutputTensor(engine.adopt(handle)));
    this.ran(1);
    return tensors;
  }

  /** An error of a run, with the op, the layer and the user's line that it comes from. */
  explain(error: unknown): unknown {
    return saysWhatIsDone(this.#parts.lines.explain(error, (layer) => this.#layers.get(layer) ?? layer));
  }

  /** The parts of this step alone. */
  get parts(): StepParts {
    return this.#parts;
  }

  /** The inputs of the step's function, in order. */
  get inputs(): readonly Capture[] {
    return this.#inputs;
  }

  /** The function, for graphs that call it. */
  get function(): Handle {
    return this.shared.pointer;
  }

  get backend(): NodeBackend {
    return this.#parts.backend;
  }

  /** Done in JavaScript after so many runs. */
  ran(times: number): void {
    for (let i = 0; i < times; i++) {
      for (const after of this.#parts.afterRun) {
        if ('run' in after) after.run();
        else {
          const owner = after.source.owner.deref();
          if (owner !== undefined) after.source.read(owner);
        }
      }
    }
  }

  /** Handles of everything that a run takes, as it is now; `argument` gives those of the arguments. */
  handles(argument: (index: number) => Handle): Handle[] {
    const { backend, tf } = this.#parts;
    const { engine } = backend;
    // First all variables: preparing one frees the tensor of its value, which may be an argument, too.
    for (const { variable, resource, updated } of this.#variables) {
      const prepared = variable.deref();
      if (prepared === undefined) throw new Error('a variable of a compiled step no longer exists');
      prepareVariable(tf, backend, prepared, resource, updated);
    }
    const handles: Handle[] = [];
    engine.observer?.layers?.(this.shared.scopes, this.#layers);
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
          handles.push(engine.handle(id as number));
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

  #number(i: number, value: number, dtype: number): Handle {
    const cached = this.#numbers[i] as { value: number; handle: Handle };
    if (cached.handle !== 0 && Object.is(cached.value, value)) return cached.handle;
    const { engine } = this.#parts.backend;
    if (cached.handle !== 0) engine.free(cached.handle);
    cached.handle = 0;
    cached.handle = engine.value([], dtype, [value]);
    cached.value = value;
    return cached.handle;
  }

  /** Frees what is this step's only; its function is kept for a while, for steps of the same content. */
  dispose(): void {
    this.forXla?.dispose();
    this.forXla = undefined;
    this.#retained.free();
  }
}

/** Makes the function of a trace, or takes the one that has its content. */
function share(trace: Trace, outputs: readonly GraphOutput[], precision: Precision): StepFunction {
  const { engine } = trace.backend;
  const name = EngineSession.of(engine).functionName('step');
  const made = trace.graph.toFunction(
    name,
    trace.inputs.map(({ output }) => output),
    outputs,
  );
  const functions = [...trace.functions, { name, pointer: made }];
  const content = engine.digests();
  const hash = createHash('sha256');
  // A function is optimized for a device and a precision, and its loops count arguments and random numbers.
  hash.update(JSON.stringify([engine.device ?? '', precision, trace.randomOps, trace.inputs.map(kindOf)]));
  for (const one of functions) hash.update(content.digest(one.name, one.pointer));
  const key = hash.digest('base64');
  let isNew = false;
  const shared = SharedFunctions.of(engine).retain(key, () => {
    isNew = true;
    engine.addFunction({ name, pointer: made });
    return {
      name,
      functions,
      pointer: made,
      outputTypes: outputs.map((output) => trace.graph.dtype(output)),
      histogram: trace.graph.histogram,
      randomOps: trace.randomOps,
      xlaObstacle: xlaObstacle(trace.graphs),
      scopes: content.scopes,
    };
  });
  if (!isNew) engine.removeFunctions(functions);
  return { content: key, shared, scopes: content.scopes };
}

/** The kind of an input apart from its dtype and shape, as callers of a function need it. */
function kindOf({ input }: Trace['inputs'][number]): (string | number | boolean)[] {
  switch (input.kind) {
    case 'argument':
      return [input.kind, input.index, input.dtype, ...input.shape];
    case 'number':
      return [input.kind, input.dtype, input.random === true];
    case 'resource':
      return [input.kind, input.resource.dtype, ...input.resource.shape];
    default:
      return [input.kind, input.dtype, ...input.shape];
  }
}

/** For layers of one function their names in another of the same content, where they differ. */
function renamed(from: readonly string[], to: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [i, scope] of from.entries()) {
    const [before, after] = [scope, to[i] ?? scope].map(layerOfScope);
    if (before !== undefined && after !== undefined && before !== after) names.set(before, after);
  }
  return names;
}

function retained(
  engine: Engine,
  inputs: readonly Capture[],
  numbers: readonly { handle: Handle }[],
  watch: FiniteWatch | undefined,
  content: string,
  shared: SharedFunction,
): Retained {
  const constants = inputs.flatMap((input) => (input.kind === 'constant' ? [input.handle] : []));
  let freed = false;
  return {
    free() {
      if (freed) return;
      freed = true;
      synchronizeLoop();
      watch?.dispose();
      for (const { handle } of numbers) if (handle !== 0) engine.free(handle);
      for (const handle of constants) engine.free(handle);
      SharedFunctions.of(engine).release(content, shared);
    },
  };
}
