import { debuglog } from 'node:util';
import type { CompiledStep } from './compiled-step.ts';
import type { StepLoop } from './step-loop.ts';
import { xlaSetting } from './xla-setting.ts';
import { XlaStep } from './xla-step.ts';

const debug = debuglog('tensorcell');

/** A loop with the step that it runs. */
export interface RunnableLoop {
  loop: StepLoop;
  step: CompiledStep;
}

/** XLA's step is taken when it takes at most this part of the graph's time. */
const FASTER = 0.9;
/** How often each is measured, unless calls are so short that this says little. */
const FEWEST_CALLS = 3;
const MOST_CALLS = 9;
const MEASURED_MS = 150;

interface Measured extends RunnableLoop {
  /** Milliseconds of a step, for each call. */
  times: number[];
  /** Milliseconds of all those calls. */
  total: number;
}

/**
 * Which loop over a step runs next: that over TensorFlow's graph, or one over what XLA has made of the step. Both train
 * the same variables; so they are measured with real steps, in turn, and the faster one goes on.
 */
export class XlaLoopChoice {
  readonly #graph: Measured;
  readonly #make: (step: CompiledStep) => StepLoop;
  #xla: Measured | undefined;
  #chosen: Measured | undefined;

  /** @param make makes a loop over XLA's step. */
  constructor(graph: RunnableLoop, make: (step: CompiledStep) => StepLoop) {
    this.#graph = { ...graph, times: [], total: 0 };
    this.#make = make;
  }

  /** What was chosen; undefined while that is open. */
  get chosen(): 'graph' | 'xla' | undefined {
    if (this.#chosen === undefined) return undefined;
    return this.#chosen === this.#graph ? 'graph' : 'xla';
  }

  /**
   * The loop for the next call.
   *
   * @param left how many steps are known to come. @param ended whether the training was told to stop.
   */
  async next(left: number, ended: () => boolean): Promise<RunnableLoop> {
    const graph = this.#graph;
    const setting = xlaSetting();
    if (setting === 'off') return graph;
    const xla = XlaStep.of(graph.step);
    const step = xla.step;
    if (this.#xla !== undefined && step.stale() !== undefined) {
      this.#settle(graph, 'it is stale');
    }
    if (this.#chosen !== undefined) return this.#chosen;
    if (xla.state === 'idle' && xla.isWorthIt(left * (graph.loop.stepTime ?? 0))) xla.begin();
    if (setting === 'on') await xla.settled(ended);
    if (xla.state === 'failed') return this.#settle(graph, xla.problem as string);
    if (xla.state !== 'ready') return graph;
    this.#xla ??= { step: xla.step, loop: this.#make(xla.step), times: [], total: 0 };
    if (setting === 'on') return this.#settle(this.#xla, 'it was asked for');
    return this.#xla.times.length <= graph.times.length ? this.#xla : graph;
  }

  #settle(chosen: Measured, why: string): Measured {
    if (this.#chosen !== chosen)
      debug(
        '%s: %s goes on, for %s',
        this.#graph.step.name,
        chosen === this.#graph ? 'the graph' : 'XLA',
        why,
      );
    this.#chosen = chosen;
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
    if (xla === undefined || this.#chosen !== undefined) return;
    const measured = loop === xla.loop ? xla : graph;
    // A loop's first call prepares it.
    if (loop.stepTime === undefined) return;
    measured.times.push(loop.stepTime);
    measured.total += ms;
    const enough = ({ times, total }: Measured) =>
      times.length >= MOST_CALLS || (times.length >= FEWEST_CALLS && total >= MEASURED_MS);
    if (!enough(graph) || !enough(xla)) return;
    const [ours, theirs] = [median(graph.times), median(xla.times)];
    const why = `${theirs.toFixed(3)} ms with XLA, ${ours.toFixed(3)} without`;
    this.#settle(theirs <= FASTER * ours ? xla : graph, why);
  }

  dispose(): void {
    this.#xla?.loop.dispose();
    this.#xla = undefined;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
