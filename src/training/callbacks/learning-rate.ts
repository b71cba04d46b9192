import { learningRate, setLearningRate } from '../optimizer.ts';
import type { Schedule } from '../schedules.ts';
import type { Logs } from './callback.ts';
import { TrainingCallback } from './callback.ts';
import { MonitorCallback } from './monitor.ts';
import type { MonitorMode } from './monitor.ts';

export interface ReduceLROnPlateauOptions {
  /** Default `val_loss`. */
  monitor?: string;
  /** The new rate is the old one times this. Default 0.1. */
  factor?: number;
  /** Epochs without improvement after which the rate falls. Default 10. */
  patience?: number;
  verbose?: 0 | 1;
  mode?: MonitorMode;
  /** Smaller changes are no improvement. Default 0.0001. */
  minDelta?: number;
  /** Epochs after a reduction that do not count. Default 0. */
  cooldown?: number;
  /** The rate never falls below it. Default 0. */
  minLr?: number;
}

/** Lowers the learning rate when a metric gets no better: https://keras.io/api/callbacks/reduce_lr_on_plateau/ */
export class ReduceLROnPlateau extends MonitorCallback {
  readonly #options: ReduceLROnPlateauOptions;
  #best: number | undefined;
  #wait = 0;
  #cooldown = 0;

  constructor(options: ReduceLROnPlateauOptions = {}) {
    super(options.monitor ?? 'val_loss', options.mode ?? 'auto', options.minDelta ?? 1e-4);
    if ((options.factor ?? 0.1) >= 1) {
      throw new RangeError(
        `ReduceLROnPlateau with factor ${String(options.factor)} would never reduce: give less than 1`,
      );
    }
    this.#options = options;
  }

  override async onTrainBegin(): Promise<void> {
    this.#best = undefined;
    this.#wait = 0;
    this.#cooldown = 0;
  }

  override async onEpochEnd(epoch: number, logs: Logs = {}): Promise<void> {
    const { factor = 0.1, patience = 10, cooldown = 0, minLr = 0 } = this.#options;
    const rate = learningRate(this.model);
    logs['learning_rate'] = rate;
    const current = this.monitored(logs);
    if (current === undefined) return;
    if (this.#cooldown > 0) {
      this.#cooldown -= 1;
      this.#wait = 0;
    }
    if (this.isImprovement(current, this.#best)) {
      this.#best = current;
      this.#wait = 0;
      return;
    }
    if (this.#cooldown > 0) return;
    this.#wait += 1;
    // Keras keeps the rate as a float32, and compares it with such a number.
    if (this.#wait < patience || rate <= Math.fround(minLr)) return;
    const reduced = Math.max(rate * factor, minLr);
    setLearningRate(this.model, reduced);
    this.#cooldown = cooldown;
    this.#wait = 0;
    if (this.#options.verbose === 1) {
      this.notify(`Epoch ${epoch + 1}: ReduceLROnPlateau reducing learning rate to ${reduced}.`);
    }
  }
}

/** Sets the learning rate at the start of every epoch: https://keras.io/api/callbacks/learning_rate_scheduler/ */
export class LearningRateScheduler extends TrainingCallback {
  readonly #schedule: (epoch: number, rate: number) => number;
  readonly #verbose: boolean;

  /** @param schedule epoch (from 0) and present rate -> rate. */
  constructor(schedule: (epoch: number, rate: number) => number, options: { verbose?: 0 | 1 } = {}) {
    super();
    this.#schedule = schedule;
    this.#verbose = options.verbose === 1;
  }

  override async onEpochBegin(epoch: number): Promise<void> {
    const rate = this.#schedule(epoch, learningRate(this.model));
    if (typeof rate !== 'number') {
      throw new TypeError(`the schedule of LearningRateScheduler returned ${String(rate)}: return a number`);
    }
    setLearningRate(this.model, rate);
    if (this.#verbose)
      this.notify(`Epoch ${epoch + 1}: LearningRateScheduler setting learning rate to ${rate}.`);
  }

  override async onEpochEnd(_epoch: number, logs: Logs = {}): Promise<void> {
    logs['learning_rate'] = learningRate(this.model);
  }
}

/**
 * Sets the learning rate before every step, as a schedule given to a Keras optimizer does:
 * `callbacks: new LearningRateSchedule(cosineDecay({ initialLearningRate: 0.1, decaySteps: 1000 }))`. It counts steps
 * over all trainings it is used in.
 */
export class LearningRateSchedule extends TrainingCallback {
  step: number;
  readonly #schedule: Schedule;

  constructor(schedule: Schedule, options: { firstStep?: number } = {}) {
    super();
    this.#schedule = schedule;
    this.step = options.firstStep ?? 0;
  }

  override async onBatchBegin(): Promise<void> {
    setLearningRate(this.model, this.#schedule(this.step));
    this.step += 1;
  }

  override async onEpochEnd(_epoch: number, logs: Logs = {}): Promise<void> {
    logs['learning_rate'] = learningRate(this.model);
  }
}
