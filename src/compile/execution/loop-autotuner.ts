import { setTimeout as pause } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs';
import { asError } from '../../engines/errors.ts';
import type { ConcreteFunction } from './concrete-function.ts';
import { FunctionParts, SharedFunctions, type SharedFunction } from './shared-functions.ts';
import type { LoopShape } from './loop-functions.ts';
import { StepLoop } from './step-loop.ts';
import { XlaCompilation } from './xla-compilation.ts';
import { xlaSetting } from './xla-setting.ts';
import { countCompilation, debug, FASTER, mayCompile, median, XlaStep } from './xla-step.ts';

/** A loop with the step that it runs. */
export interface RunnableLoop {
  loop: StepLoop;
  step: ConcreteFunction;
}

/** How often each is measured, unless calls are so short that this says little. */
const FEWEST_CALLS = 3;
const MOST_CALLS = 9;
const MEASURED_MS = 150;

interface Measured {
  loop: StepLoop;
  /** Milliseconds of a step, for each call. */
  times: number[];
  /** Milliseconds of all those calls. */
  total: number;
}

/**
 * Which loop over a function runs next: TensorFlow's, or one that XLA has compiled. Both train the same variables; so they
 * are measured with real steps, in turn, and the faster one goes on. XLA compiles where that is expected to pay, while
 * TensorFlow's loop trains. Steps of the same content share the choice, with what was measured and compiled.
 */
export class LoopAutotuner {
  readonly #graph: Measured;
  readonly #shape: LoopShape;
  #xla: Measured | undefined;
  /** The function over which XLA's loop runs. */
  #compiled: SharedFunction | undefined;
  #content = '';
  #backend: ConcreteFunction['backend'] | undefined;
  #compilation: XlaCompilation | undefined;
  #chosen: Measured | undefined;
  /** Whether XLA's loop can be had, although the graph's was taken: it measured slower. */
  #slower = false;
  /** Why XLA's loop cannot be had, or was not taken. */
  reason: string | undefined;

  constructor(loop: StepLoop, shape: LoopShape) {
    this.#graph = { loop, times: [], total: 0 };
    this.#shape = shape;
  }

  /** The autotuner of a loop over a step's function; made on first use. */
  static of(step: ConcreteFunction, key: string, loop: StepLoop, shape: LoopShape): LoopAutotuner {
    return loopAutotuners.of(step, key, () => new LoopAutotuner(loop, shape));
  }

  /** The selected loop; undefined while it is open. */
  get chosen(): 'graph' | 'xla' | undefined {
    if (this.#chosen === undefined) return undefined;
    return this.#chosen === this.#graph ? 'graph' : 'xla';
  }

  /** How the compilation stands; `idle`: not begun. */
  get state(): 'idle' | 'running' | 'ready' | 'failed' {
    return this.#compilation?.state ?? 'idle';
  }

  /** False once XLA compiles: TensorFlow keeps the program until the process ends, so it is kept for later models. */
  get removable(): boolean {
    return this.#compilation === undefined;
  }

  /**
   * The loop for the next call.
   *
   * @param step that runs. @param data what the loops were made for. @param left how many steps are known to come.
   * @param ended whether the training was told to stop.
   */
  async next(
    step: ConcreteFunction,
    data: readonly Tensor[],
    left: number,
    ended: () => boolean,
  ): Promise<RunnableLoop> {
    const graph: RunnableLoop = { loop: this.#graph.loop, step };
    const setting = xlaSetting();
    if (setting === 'off') return graph;
    if (setting === 'on' && this.#slower) this.#reopen();
    if (this.#chosen === this.#graph) return graph;
    const known = XlaStep.of(step);
    if (this.#compilation === undefined) {
      if (known.problem !== undefined) return this.#settleGraph(graph, known.problem);
      const stepTime = graph.loop.stepTime ?? 0;
      if (!known.isWorthIt(left * stepTime, stepTime)) return graph;
      // On a GPU a child process compiles first.
      if (setting === 'on')
        while (step.backend.engine.compileGate.look() === 'trying' && !ended()) await pause(20);
      if (step.backend.engine.compileGate.look() === 'trying') return graph;
      const bound = mayCompile(step.backend.engine);
      if (bound !== undefined) return this.#settleGraph(graph, bound);
      this.#begin(known, step, data);
      if (this.#compilation !== undefined) countCompilation(step.backend.engine);
    }
    if (setting === 'on') while (this.state === 'running' && !ended()) await pause(5);
    if (this.#chosen === this.#graph) return graph;
    const { state } = this;
    if (state === 'failed') return this.#settleGraph(graph, this.#compilation?.problem ?? '');
    if (state !== 'ready' || this.#xla === undefined) return graph;
    // Another model's step: it takes part with its own variables, if its trace for XLA is the same.
    const prepared = known.prepare(step);
    if (prepared === undefined || prepared.shared !== this.#compiled) return graph;
    const xla: RunnableLoop = { loop: this.#xla.loop, step: prepared };
    if (this.#chosen === this.#xla) return xla;
    if (setting === 'on') {
      this.#settle(this.#xla, 'it was requested');
      return xla;
    }
    return this.#xla.times.length <= this.#graph.times.length ? xla : graph;
  }

  /** Lets XLA compile. Variables are not in training at this moment. */
  #begin(known: XlaStep, step: ConcreteFunction, data: readonly Tensor[]): void {
    const prepared = known.prepare(step);
    if (prepared === undefined) {
      this.#settle(this.#graph, known.problem ?? '');
      return;
    }
    debug('%s: XLA compiles', step.name);
    try {
      const loop = new StepLoop(prepared, data, { ...this.#shape, xla: true });
      this.#xla = { loop, times: [], total: 0 };
      this.#retain(prepared);
      this.#compilation = new XlaCompilation(prepared, loop, data);
    } catch (error) {
      this.#settle(this.#graph, asError(error).message);
    }
  }

  /** Keeps the function that XLA compiles, whatever becomes of the step that it was traced for. */
  #retain(prepared: ConcreteFunction): void {
    this.#backend = prepared.backend;
    this.#compiled = prepared.shared;
    this.#content = prepared.content;
    SharedFunctions.of(this.#backend.engine).retain(this.#content, () => prepared.shared);
  }

  #release(): void {
    if (this.#compiled === undefined || this.#backend === undefined) return;
    SharedFunctions.of(this.#backend.engine).release(this.#content, this.#compiled);
    this.#compiled = undefined;
  }

  #settleGraph(graph: RunnableLoop, why: string): RunnableLoop {
    this.#settle(this.#graph, why);
    return graph;
  }

  #settle(chosen: Measured, why: string): void {
    debug('%s goes on: %s', chosen === this.#graph ? 'the graph' : 'XLA', why);
    this.#chosen = chosen;
    this.reason = why;
    if (chosen === this.#xla || this.#slower) return;
    this.#xla?.loop.dispose();
    this.#xla = undefined;
    this.#release();
  }

  /** XLA's loop was measured and not taken; now the user requests it. */
  #reopen(): void {
    this.#slower = false;
    this.#chosen = undefined;
  }

  /** Tells of a call. @param ms how long it took. */
  ran({ loop, step }: RunnableLoop, ms: number): void {
    const graph = this.#graph;
    const xla = this.#xla;
    this.#spent(step, loop, ms);
    if (xla === undefined || this.#chosen !== undefined || this.state !== 'ready') return;
    const measured = loop === xla.loop ? xla : graph;
    // A loop's first call prepares it, and its second one does a step at a time, for want of a measure.
    if (loop.stepTime === undefined || (measured === xla && loop.calls < 3)) return;
    measured.times.push(loop.stepTime);
    measured.total += ms;
    const enough = ({ times, total }: Measured) =>
      times.length >= MOST_CALLS || (times.length >= FEWEST_CALLS && total >= MEASURED_MS);
    if (!enough(graph) || !enough(xla)) return;
    const [ours, theirs] = [median(graph.times), median(xla.times)];
    const why = `${theirs.toFixed(4)} ms with XLA, ${ours.toFixed(4)} without`;
    this.#slower = theirs > FASTER * ours;
    this.#settle(this.#slower ? graph : xla, why);
  }

  /** Only the graph's time counts: it says whether XLA would pay. */
  #spent(step: ConcreteFunction, loop: StepLoop, ms: number): void {
    if (loop === this.#graph.loop) XlaStep.of(step).spent += ms;
  }

  dispose(): void {
    this.#compilation?.dispose();
    this.#xla?.loop.dispose();
    this.#xla = undefined;
    this.#chosen = this.#graph;
    this.#release();
  }
}

/** The choices for loops over functions, by the kind of the loop. */
export const loopAutotuners = new FunctionParts<LoopAutotuner>();
