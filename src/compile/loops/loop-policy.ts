import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EpochReports } from './epoch-reports.ts';
import type { StepTimes } from './trainer.ts';

/** Below this many steps a loop is not worth being made. */
export const FEWEST_STEPS = 12;
/** A step that takes longer runs on another thread even where callbacks see every batch. */
const LONG_STEP_MS = 10;
/** One step alone may have had to wait for other work on the machine. */
const TIMED_STEPS = 3;
/** After this long the event loop gets its turn. */
const TURN_MS = 30;

/** Decides for `fit` and `fitDataset` whether a step runs alone or in a call of several, from what is measured. */
export class LoopPolicy implements StepTimes {
  stepTime = Infinity;
  timed = 0;
  readonly #reports: EpochReports;
  #last = performance.now();

  constructor(reports: EpochReports) {
    this.#reports = reports;
  }

  /** Whether the next step runs on this thread: a short step that a callback sees gains nothing on another one. */
  get runsHere(): boolean {
    const { seesBatches, stepsPerExecution } = this.#reports;
    const long = this.timed >= TIMED_STEPS && this.stepTime > LONG_STEP_MS;
    return seesBatches && stepsPerExecution === undefined && !long;
  }

  /** Notes that a step ran alone. @param ms how long it took, without a trace. */
  ran(ms: number): void {
    this.stepTime = Math.min(this.stepTime, ms);
    this.timed++;
  }

  /** Gives the event loop its turn when it has waited for long. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#last < TURN_MS) return;
    await nextTurn();
    this.#last = performance.now();
  }
}
