import type { Engine } from '../../engines/engine.ts';
import { debuglog } from 'node:util';
import { asError } from '../../engines/errors.ts';
import { EngineSession } from '../state/engine-session.ts';
import type { ConcreteFunction } from './concrete-function.ts';
import { isXlaRequested, xlaSetting } from './xla-setting.ts';
import { FunctionParts } from './shared-functions.ts';

/** `NODE_DEBUG=tensorcell` shows what becomes of compilations. */
export const debug = debuglog('tensorcell');

/** Expected time of a compilation: 0.6 s for the smallest model, 1.3 s for 85 ops, 5 s for ResNet-20's 600. */
const COMPILE_MS = 500;
const COMPILE_MS_PER_OP = 8;
/** The part of a step's time that is hoped for. Small steps are mostly calls of ops, which XLA does away with. */
const gainOf = (stepTime: number) => (stepTime < 0.5 ? 0.6 : stepTime < 2 ? 0.4 : 0.2);
/** No compilation begins where no more than this is expected to come. */
const SHORTEST_RUN_MS = 2000;

/** XLA's program is taken when it takes at most this part of the graph's time. */
export const FASTER = 0.9;
/**
 * So many programs are compiled without a request in one process: TensorFlow keeps each, about 100 MB, until the process ends, and
 * a search among a hundred forms of model would run out of memory. Models of the same form share their programs.
 */
const MOST_UNREQUESTED = 5;

/** Why nothing more is compiled; undefined where it may be. Asked when no trial of XLA is under way. */
export function mayCompile(engine: Engine): string | undefined {
  const { compileGate } = engine;
  if (compileGate.look() === 'shut') return compileGate.why;
  const { unrequestedCompilations } = EngineSession.of(engine);
  if (isXlaRequested() || unrequestedCompilations < MOST_UNREQUESTED) return undefined;
  return `${unrequestedCompilations} programs were compiled before, and their memory is kept`;
}

/** Counts a compilation that has begun. */
export function countCompilation(engine: Engine): void {
  if (!isXlaRequested()) EngineSession.of(engine).unrequestedCompilations++;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/**
 * XLA's facts about a step's function, for all loops over it. Steps of the same content share them,
 * and they live as long as the function.
 */
export class XlaStep {
  /** Milliseconds that loops over the function have run so far. */
  spent = 0;
  readonly #operations: number;
  #problem: string | undefined;

  /** That of a step. */
  static of(step: ConcreteFunction): XlaStep {
    return xlaSteps.of(step, '', () => new XlaStep(step));
  }

  private constructor(step: ConcreteFunction) {
    let operations = 0;
    for (const [kind, count] of step.histogram) if (kind !== 'Const') operations += count;
    this.#operations = operations;
    if (step.precision !== 'float32') this.#problem = `XLA does not know ${step.precision}`;
    else if (step.retraceForXla === undefined) this.#judge(step);
  }

  #judge(step: ConcreteFunction): void {
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
    // A training that took so long is expected to go on as long again.
    const expected = Math.max(left, this.spent);
    return (
      expected > SHORTEST_RUN_MS &&
      expected * gainOf(stepTime) > COMPILE_MS + COMPILE_MS_PER_OP * this.#operations
    );
  }

  /** The step that XLA compiles, this very one or the same traced once more; undefined if it cannot have it. */
  prepare(step: ConcreteFunction): ConcreteFunction | undefined {
    if (this.#problem !== undefined) return undefined;
    if (step.retraceForXla === undefined) return step;
    try {
      if (step.forXla?.failedGuard() !== undefined) {
        step.forXla.dispose();
        step.forXla = undefined;
      }
      step.forXla ??= step.retraceForXla();
      this.#judge(step.forXla);
    } catch (error) {
      this.#problem = asError(error).message;
    }
    return this.#problem === undefined ? step.forXla : undefined;
  }

  dispose(): void {
    this.#problem ??= 'the function no longer exists';
  }
}

/** XLA's knowledge of functions. */
const xlaSteps = new FunctionParts<XlaStep>();
