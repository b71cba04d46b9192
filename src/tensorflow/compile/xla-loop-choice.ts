import { setTimeout as pause } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs';
import { asError } from '../errors.ts';
import type { CompiledStep } from './compiled-step.ts';
import { StepLoop, type LoopShape } from './step-loop.ts';
import { XlaCompilation } from './xla-compilation.ts';
import { isXlaAsked, xlaSetting } from './xla-setting.ts';
import { debug, XlaStep } from './xla-step.ts';

/** A loop with the step that it runs. */
export interface RunnableLoop {
  loop: StepLoop;
  step: CompiledStep;
}

/** XLA's loop is taken when it takes at most this part of the graph's time. */
const FASTER = 0.9;
/** How often each is measured, unless calls are so short that this says little. */
const FEWEST_CALLS = 3;
const MOST_CALLS = 9;
const MEASURED_MS = 150;
/**
 * So many loops are compiled unasked in one process: TensorFlow keeps each, about 100 MB, until the process ends, and who
 * looks for the best of a hundred models would run out of memory.
 */
const MOST_UNASKED = 5;

/** Loops that were compiled unasked. */
let unasked = 0;

interface Measured extends RunnableLoop {
  /** Milliseconds of a step, for each call. */
  times: number[];
  /** Milliseconds of all those calls. */
  total: number;
}

/**
 * Which loop over a step runs next: TensorFlow's, or one that XLA has compiled. Both train the same variables; so they are
 * measured with real steps, in turn, and the faster one goes on. XLA compiles where that is expected to pay, while
 * TensorFlow's loop trains.
 */
export class XlaLoopChoice {
  readonly #graph: Measured;
  readonly #shape: LoopShape;
  #xla: Measured | undefined;
  #compilation: XlaCompilation | undefined;
  #chosen: Measured | undefined;
  /** Why XLA's loop cannot be had, or was not taken. */
  reason: string | undefined;

  constructor(graph: RunnableLoop, shape: LoopShape) {
    this.#graph = { ...graph, times: [], total: 0 };
    this.#shape = shape;
  }

  /** What was chosen; undefined while that is open. */
  get chosen(): 'graph' | 'xla' | undefined {
    if (this.#chosen === undefined) return undefined;
    return this.#chosen === this.#graph ? 'graph' : 'xla';
  }

  /** How the compilation stands; `idle`: not begun. */
  get state(): 'idle' | 'running' | 'ready' | 'failed' {
    return this.#compilation?.state ?? 'idle';
  }

  /**
   * The loop for the next call.
   *
   * @param data what the loops were made for. @param left how many steps are known to come. @param ended whether the
   * training was told to stop.
   */
  async next(data: readonly Tensor[], left: number, ended: () => boolean): Promise<RunnableLoop> {
    const graph = this.#graph;
    const setting = xlaSetting();
    if (setting === 'off') return graph;
    if (this.#xla?.step.stale() !== undefined) this.#settle(graph, 'it is stale');
    if (this.#chosen !== undefined) return this.#chosen;
    const known = XlaStep.of(graph.step);
    if (known.problem !== undefined) return this.#settle(graph, known.problem);
    if (this.#compilation === undefined) {
      const stepTime = graph.loop.stepTime ?? 0;
      if (!known.isWorthIt(left * stepTime, stepTime)) return graph;
      if (!isXlaAsked() && unasked >= MOST_UNASKED) {
        return this.#settle(graph, `${unasked} loops were compiled before, and their memory is kept`);
      }
      this.#begin(known, data);
      if (!isXlaAsked() && this.#compilation !== undefined) unasked++;
    }
    if (setting === 'on') while (this.state === 'running' && !ended()) await pause(5);
    if (this.#chosen !== undefined) return this.#chosen;
    const { state } = this;
    if (state === 'failed') return this.#settle(graph, this.#compilation?.problem ?? '');
    if (state !== 'ready' || this.#xla === undefined) return graph;
    if (setting === 'on') return this.#settle(this.#xla, 'it was asked for');
    return this.#xla.times.length <= graph.times.length ? this.#xla : graph;
  }

  /** Lets XLA compile. Variables are not in training at this moment. */
  #begin(known: XlaStep, data: readonly Tensor[]): void {
    const graph = this.#graph;
    const step = known.prepare();
    if (step === undefined) {
      this.#settle(graph, known.problem ?? '');
      return;
    }
    debug('%s: XLA compiles', graph.step.name);
    try {
      const loop = new StepLoop(step, data, { ...this.#shape, xla: true });
      this.#xla = { step, loop, times: [], total: 0 };
      this.#compilation = new XlaCompilation(step, loop, data);
    } catch (error) {
      this.#settle(graph, asError(error).message);
    }
  }

  #settle(chosen: Measured, why: string): Measured {
    debug('%s: %s goes on: %s', this.#graph.step.name, chosen === this.#graph ? 'the graph' : 'XLA', why);
    this.#chosen = chosen;
    this.reason = why;
    if (chosen === this.#graph) {
      this.#xla?.loop.dispose();
      this.#xla = undefined;
    }
    return chosen;
  }

  /** Tells of a call. @param ms how long it took. */
  ran({ loop }: RunnableLoop, ms: number): void {
    XlaStep.of(this.#graph.step).spent += ms;
    const graph = this.#graph;
    const xla = this.#xla;
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
    this.#settle(theirs <= FASTER * ours ? xla : graph, why);
  }

  dispose(): void {
    this.#compilation?.dispose();
    this.#xla?.loop.dispose();
    this.#xla = undefined;
    this.#chosen = this.#graph;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
