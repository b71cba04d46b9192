import type { Tensor } from '@tensorflow/tfjs';
import type { OpAttribute } from '../../engines/ops.ts';
import type { Engine } from '../../engines/engine.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import { asError } from '../../engines/errors.ts';
import { EngineSession } from '../state/engine-session.ts';
import type { ConcreteFunction } from './concrete-function.ts';
import { FUNCTION, XLA_COMPILES } from '../../engines/ops.ts';
import { FunctionParts, SharedFunctions, type SharedFunction } from './shared-functions.ts';
import { XlaCompilation } from './xla-compilation.ts';
import { xlaSetting } from './xla-setting.ts';
import { countCompilation, debug, FASTER, mayCompile, median, XlaStep } from './xla-step.ts';

/** How many calls of each kind are measured, and for how many milliseconds at least. */
const CALLS = 9;
const MEASURED_MS = 30;
/** So many calls between two looks at the compilation: a look takes some microseconds. */
const LOOK_EVERY = 16;

interface Measured {
  times: number[];
  total: number;
}

/**
 * How single calls of a function run: as TensorFlow's graph, or as the program that XLA has compiled of it. Both are
 * measured with real calls, in turn, and the faster one goes on. Steps of the same content share the choice.
 */
export class CallAutotuner {
  readonly #graph: Measured = { times: [], total: 0 };
  readonly #xla: Measured = { times: [], total: 0 };
  #compilation: XlaCompilation | undefined;
  /** The function that has XLA's program called; undefined while there is none. */
  #wrapper: { name: string; remove: () => void } | undefined;
  #compiled: { shared: SharedFunction; content: string; engine: Engine } | undefined;
  #chosen: 'graph' | 'xla' | undefined;
  #calls = 0;
  #ready = false;
  /** Why XLA's program cannot be had, or was not taken. */
  reason: string | undefined;

  static of(step: ConcreteFunction): CallAutotuner {
    return callAutotuners.of(step, '', () => new CallAutotuner());
  }

  /** The selected way; undefined while it is open. */
  get chosen(): 'graph' | 'xla' | undefined {
    return this.#chosen;
  }

  /** How the compilation stands; `idle`: not begun. */
  get state(): 'idle' | 'running' | 'ready' | 'failed' {
    return this.#compilation?.state ?? 'idle';
  }

  /** False once XLA compiles: TensorFlow keeps the program until the process ends, so it is kept for later models. */
  get removable(): boolean {
    return this.#compilation === undefined;
  }

  /** Runs a step once. */
  run(step: ConcreteFunction, args: readonly Tensor[]): Tensor[] {
    if (this.#chosen === 'graph') return step.run(args);
    const known = XlaStep.of(step);
    const prepared = this.#next(step, known);
    const began = performance.now();
    const results = prepared === undefined ? step.run(args) : prepared.run(args, this.#wrapper?.name);
    if (this.#chosen === undefined) this.#ran(known, prepared !== undefined, performance.now() - began);
    return results;
  }

  /** The step that runs by XLA in this call; undefined where the graph runs. */
  #next(step: ConcreteFunction, known: XlaStep): ConcreteFunction | undefined {
    const calls = this.#calls++;
    if (!this.#ready) {
      if (calls % LOOK_EVERY !== 0) return undefined;
      if (this.#compilation === undefined) this.#begin(step, known, calls);
      if (this.#compilation === undefined) return undefined;
      const { state } = this.#compilation;
      if (state === 'failed') this.#settle('graph', this.#compilation.problem ?? '');
      this.#ready = state === 'ready';
      if (!this.#ready) return undefined;
      if (xlaSetting() === 'on') this.#settle('xla', 'it was requested');
    }
    if (this.#chosen === undefined && this.#xla.times.length > this.#graph.times.length) return undefined;
    const prepared = known.prepare(step);
    // Another model's step: it takes part with its own variables, if its trace for XLA is the same.
    return prepared?.shared === this.#compiled?.shared ? prepared : undefined;
  }

  /** Lets XLA compile, where that is expected to pay. */
  #begin(step: ConcreteFunction, known: XlaStep, calls: number): void {
    if (known.problem !== undefined) {
      this.#settle('graph', known.problem);
      return;
    }
    if (calls === 0 || !known.isWorthIt(0, known.spent / calls)) return;
    if (step.backend.engine.compileGate.look() === 'trying') return;
    const bound = mayCompile(step.backend.engine);
    if (bound !== undefined) {
      this.#settle('graph', bound);
      return;
    }
    const prepared = known.prepare(step);
    if (prepared === undefined) {
      this.#settle('graph', known.problem ?? '');
      return;
    }
    debug('%s: XLA compiles single calls', step.name);
    try {
      const { engine } = step.backend;
      this.#wrapper = wrapper(prepared);
      this.#compiled = { shared: prepared.shared, content: prepared.content, engine };
      SharedFunctions.of(engine).retain(prepared.content, () => prepared.shared);
      this.#compilation = new XlaCompilation(prepared);
      countCompilation(engine);
    } catch (error) {
      this.#settle('graph', asError(error).message);
    }
  }

  #ran(known: XlaStep, byXla: boolean, ms: number): void {
    if (!byXla) known.spent += ms;
    if (!this.#ready) return;
    const measured = byXla ? this.#xla : this.#graph;
    measured.times.push(ms);
    measured.total += ms;
    const all = [this.#graph, this.#xla];
    if (all.some(({ times, total }) => times.length < CALLS || total < MEASURED_MS)) return;
    // The first call by XLA prepares the function around the program.
    const [ours, theirs] = all.map(({ times }) => median(times)) as [number, number];
    const why = `${theirs.toFixed(4)} ms with XLA, ${ours.toFixed(4)} without`;
    this.#settle(theirs <= FASTER * ours ? 'xla' : 'graph', why);
  }

  #settle(chosen: 'graph' | 'xla', why: string): void {
    debug('single calls: %s goes on: %s', chosen === 'graph' ? 'the graph' : 'XLA', why);
    this.#chosen = chosen;
    this.reason = why;
    if (chosen === 'graph') this.#free();
  }

  #free(): void {
    this.#wrapper?.remove();
    this.#wrapper = undefined;
    if (this.#compiled === undefined) return;
    const { shared, content, engine } = this.#compiled;
    this.#compiled = undefined;
    SharedFunctions.of(engine).release(content, shared);
  }

  dispose(): void {
    this.#compilation?.dispose();
    this.#chosen = 'graph';
    this.#free();
  }
}

/** A function that takes what a step takes, and calls the step's function as XLA has compiled it. */
function wrapper(step: ConcreteFunction): { name: string; remove: () => void } {
  const { engine } = step.backend;
  const graph = engine.newGraph();
  const name = EngineSession.of(engine).functionName('xla');
  try {
    graph.addFunction(step.function, step.name);
    const inputs = step.inputs.map((input) =>
      input.kind === 'resource' || input.dtype === TF.RESOURCE
        ? graph.placeholder(TF.RESOURCE, undefined)
        : graph.placeholder(input.dtype, input.kind === 'number' ? [] : input.shape),
    );
    const type = (attribute: string, value: number[]): OpAttribute => ({
      name: attribute,
      type: ATTR.TYPE,
      value,
    });
    const call = graph.operation('StatefulPartitionedCall', inputs, [
      type(
        'Tin',
        inputs.map((input) => graph.dtype(input)),
      ),
      type('Tout', [...step.outputTypes]),
      { name: 'f', type: FUNCTION, value: step.name },
      { name: XLA_COMPILES, type: ATTR.BOOL, value: true },
    ]);
    const made = graph.toFunction(
      name,
      inputs,
      step.outputTypes.map((_, index) => ({ oper: call, index })),
    );
    engine.addFunction({ name, pointer: made });
    return {
      name,
      remove: () => {
        engine.removeFunctions([{ name, pointer: made }]);
      },
    };
  } finally {
    graph.dispose();
  }
}

/** Runs a step once, by XLA where that is faster. */
export function runByXla(step: ConcreteFunction, args: readonly Tensor[]): Tensor[] {
  const setting = xlaSetting();
  if (setting === 'off') return step.run(args);
  return CallAutotuner.of(step).run(step, args);
}

/** The choices for single calls of functions. */
export const callAutotuners = new FunctionParts<CallAutotuner>();
