import { debuglog } from 'node:util';
import { asError } from '../errors.ts';
import type { CompiledStep } from './compiled-step.ts';
import { xlaSetting } from './xla-setting.ts';

/** `NODE_DEBUG=tensorcell` shows what becomes of compilations. */
export const debug = debuglog('tensorcell');

/** What a compilation is expected to take: 0.6 s for the smallest model, 1.3 s for 85 ops, 5 s for ResNet-20's 600. */
const COMPILE_MS = 500;
const COMPILE_MS_PER_OP = 8;
/** The part of a step's time that is hoped for. Small steps are mostly calls of ops, which XLA does away with. */
const gainOf = (stepTime: number) => (stepTime < 0.5 ? 0.6 : stepTime < 2 ? 0.4 : 0.2);
/** No compilation begins where no more than this is expected to come. */
const SHORTEST_RUN_MS = 2000;

const KEY = 'step';

/** A step as XLA may have it, for all loops over it. Lives as long as the step. */
export class XlaStep {
  /** Milliseconds that the step has run so far. */
  spent = 0;
  readonly #graph: CompiledStep;
  #prepared = false;
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

  /** Why XLA cannot have it; undefined if nothing is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Whether it pays to compile a loop.
   *
   * @param left milliseconds of training that are known to come. @param stepTime milliseconds of a step.
   */
  isWorthIt(left: number, stepTime: number): boolean {
    if (xlaSetting() === 'on') return true;
    // Who has trained for so long is expected to go on as long again.
    const expected = Math.max(left, this.spent);
    let operations = 0;
    for (const [kind, count] of this.#graph.histogram) if (kind !== 'Const') operations += count;
    return (
      expected > SHORTEST_RUN_MS && expected * gainOf(stepTime) > COMPILE_MS + COMPILE_MS_PER_OP * operations
    );
  }

  /** The step that XLA compiles, this very one or the same traced once more; undefined if it cannot have it. */
  prepare(): CompiledStep | undefined {
    if (!this.#prepared && this.#problem === undefined) {
      this.#prepared = true;
      try {
        this.#graph.forXla = this.#graph.retraceForXla?.();
        this.#judge(this.#graph.forXla ?? this.#graph);
      } catch (error) {
        this.#problem = asError(error).message;
      }
    }
    return this.#problem === undefined ? (this.#graph.forXla ?? this.#graph) : undefined;
  }

  dispose(): void {
    this.#problem ??= 'the step is gone';
    this.#graph.forXla?.dispose();
    this.#graph.forXla = undefined;
  }
}
