import { setTimeout as pause } from 'node:timers/promises';
import { debuglog } from 'node:util';
import { asError } from '../errors.ts';
import type { CompiledStep } from './compiled-step.ts';
import { XlaCompilation } from './xla-compilation.ts';
import { xlaSetting } from './xla-setting.ts';

/** `NODE_DEBUG=tensorcell` shows what becomes of compilations. */
const debug = debuglog('tensorcell');

/** What a compilation is expected to take: 0.4 s for the smallest model, 1 s for 85 ops, 4.8 s for ResNet-20's 600. */
const COMPILE_MS = 300;
const COMPILE_MS_PER_OP = 8;
/** The part of a step's time that is hoped for: small models gain a third to a half. */
const EXPECTED_GAIN = 0.25;
/** No compilation begins where no more than this is expected to come. */
const SHORTEST_RUN_MS = 2000;

const KEY = 'step';

/** What XLA makes of a step, for everything that runs it. It is made when it is worth while, and lives as long as the step. */
export class XlaStep {
  /** Milliseconds that the step has run so far. */
  spent = 0;
  readonly #graph: CompiledStep;
  #compilation: XlaCompilation | undefined;
  #problem: string | undefined;

  /** That of a step. */
  static of(step: CompiledStep): XlaStep {
    let known = step.xla.get(KEY) as XlaStep | undefined;
    if (known === undefined) {
      known = new XlaStep(step);
      step.xla.set(KEY, known);
    }
    return known;
  }

  private constructor(step: CompiledStep) {
    this.#graph = step;
    if (step.precision !== 'float32') this.#problem = `XLA does not know ${step.precision}`;
    else if (step.retraceForXla === undefined) this.#judge(step);
  }

  #judge(step: CompiledStep): void {
    const obstacle = step.xlaObstacle;
    if (obstacle !== undefined) this.#problem = `XLA would not compute ${obstacle} as TensorFlow does`;
  }

  /** Why XLA's step cannot be had; undefined if nothing is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The step that XLA compiles: this very one, or the same traced once more. */
  get step(): CompiledStep {
    return this.#graph.forXla ?? this.#graph;
  }

  /** `idle`: not begun. */
  get state(): 'idle' | 'running' | 'ready' | 'failed' {
    if (this.#problem !== undefined) return 'failed';
    if (this.#compilation === undefined) return 'idle';
    const { state } = this.#compilation;
    if (state === 'failed') this.#fail(this.#compilation.problem as string);
    return state;
  }

  /** Whether it pays to begin. @param left milliseconds of training that are known to come. */
  isWorthIt(left: number): boolean {
    if (xlaSetting() === 'on') return true;
    // Who has trained for so long is expected to go on as long again.
    const expected = Math.max(left, this.spent);
    let operations = 0;
    for (const [kind, count] of this.#graph.histogram) if (kind !== 'Const') operations += count;
    return (
      expected > SHORTEST_RUN_MS && expected * EXPECTED_GAIN > COMPILE_MS + COMPILE_MS_PER_OP * operations
    );
  }

  /** Lets XLA compile, on another thread. Variables must not be in training at this moment. */
  begin(): void {
    try {
      this.#graph.forXla = this.#graph.retraceForXla?.();
      this.#judge(this.step);
      if (this.#problem === undefined) this.#compilation = new XlaCompilation(this.step);
    } catch (error) {
      this.#fail(asError(error).message);
    }
    debug('XLA compiles %s: %s', this.#graph.name, this.#problem ?? 'begun');
  }

  #fail(why: string): void {
    this.#problem = why;
    debug('XLA does not compile %s: %s', this.#graph.name, why);
    this.#free();
  }

  /** Waits for what was begun, unless `ended` says that nobody wants it any more. */
  async settled(ended: () => boolean): Promise<void> {
    while (this.state === 'running' && !ended()) await pause(5);
  }

  #free(): void {
    this.#compilation?.dispose();
    this.#compilation = undefined;
    this.#graph.forXla?.dispose();
    this.#graph.forXla = undefined;
  }

  dispose(): void {
    this.#problem ??= 'the step is gone';
    this.#free();
  }
}
