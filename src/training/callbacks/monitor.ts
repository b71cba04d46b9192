import { readLogs, TrainingCallback } from './callback.ts';
import type { Logs } from './callback.ts';

export type MonitorMode = 'auto' | 'min' | 'max';

/** Metrics of which more is better; of all others less is. tfjs calls accuracy `acc`. */
const RISING = /acc|auc|precision|recall|f1|f_beta|iou|r2|true_|cosine_?similarity/i;

/** Keras's names for what tfjs shortens. */
const ALIASES: Record<string, string> = { accuracy: 'acc', val_accuracy: 'val_acc' };

/** The common part of callbacks that watch one metric: https://keras.io/api/callbacks/ */
export abstract class MonitorCallback extends TrainingCallback {
  readonly monitor: string;
  readonly mode: 'min' | 'max';
  readonly minDelta: number;
  #warned = false;

  constructor(monitor: string, mode: MonitorMode, minDelta: number) {
    super();
    this.monitor = monitor;
    this.mode = mode === 'auto' ? (RISING.test(monitor) ? 'max' : 'min') : mode;
    this.minDelta = Math.abs(minDelta);
  }

  /** Keras's rule: better by more than `minDelta`; anything is better than nothing. */
  protected isImprovement(value: number, reference: number | undefined): boolean {
    if (reference === undefined) return true;
    return this.mode === 'min' ? value + this.minDelta < reference : value - this.minDelta > reference;
  }

  /** The metric's value, or undefined, which is said once, where the training has none of this name. */
  protected monitored(logs: Logs | undefined): number | undefined {
    const values = readLogs(logs);
    const value = values[this.monitor] ?? values[ALIASES[this.monitor] ?? this.monitor];
    if (value === undefined && !this.#warned) {
      this.#warned = true;
      this.notify(
        `${this.constructor.name}: no metric '${this.monitor}'; this training has ${Object.keys(values).join(', ')}`,
      );
    }
    return value;
  }
}
