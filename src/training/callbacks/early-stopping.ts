import type * as Tf from '@tensorflow/tfjs';
import type { Logs } from './callback.ts';
import { MonitorCallback } from './monitor.ts';
import type { MonitorMode } from './monitor.ts';

export interface EarlyStoppingOptions {
  /** Default `val_loss`. */
  monitor?: string;
  /** Smaller changes are no improvement. Default 0. */
  minDelta?: number;
  /** Epochs without improvement after which training stops. Default 0. */
  patience?: number;
  /** 1: say when it stops and what it restores. */
  verbose?: 0 | 1;
  mode?: MonitorMode;
  /** The metric has to get better than this, too. */
  baseline?: number;
  /** At the end, take the weights of the best epoch instead of those of the last. */
  restoreBestWeights?: boolean;
  /** Epochs before this one do not count. Default 0. */
  startFromEpoch?: number;
}

/** Ends a training that gets no better: https://keras.io/api/callbacks/early_stopping/ */
export class EarlyStopping extends MonitorCallback {
  /** The epoch after which training was stopped, from 0; 0 when it was not. */
  stoppedEpoch = 0;
  bestEpoch = 0;
  best: number | undefined;
  readonly #options: EarlyStoppingOptions;
  #wait = 0;
  #weights: Tf.Tensor[] | undefined;

  constructor(options: EarlyStoppingOptions = {}) {
    super(options.monitor ?? 'val_loss', options.mode ?? 'auto', options.minDelta ?? 0);
    this.#options = options;
  }

  override async onTrainBegin(): Promise<void> {
    this.#wait = 0;
    this.stoppedEpoch = 0;
    this.best = undefined;
    this.bestEpoch = 0;
    this.#forget();
  }

  override async onEpochEnd(epoch: number, logs?: Logs): Promise<void> {
    const { baseline, patience = 0, startFromEpoch = 0, restoreBestWeights = false } = this.#options;
    const current = this.monitored(logs);
    if (current === undefined || epoch < startFromEpoch) return;
    if (restoreBestWeights && this.#weights === undefined) this.#remember(epoch);
    this.#wait += 1;
    if (this.isImprovement(current, this.best)) {
      this.best = current;
      this.bestEpoch = epoch;
      if (restoreBestWeights) this.#remember(epoch);
      if (baseline === undefined || this.isImprovement(current, baseline)) this.#wait = 0;
      return;
    }
    if (this.#wait >= patience && epoch > 0) {
      this.stoppedEpoch = epoch;
      this.model.stopTraining = true;
    }
  }

  override async onTrainEnd(): Promise<void> {
    const verbose = this.#options.verbose === 1;
    if (this.stoppedEpoch > 0 && verbose) this.notify(`Epoch ${this.stoppedEpoch + 1}: early stopping`);
    if (this.#weights === undefined) return;
    if (verbose)
      this.notify(`Restoring model weights from the end of the best epoch: ${this.bestEpoch + 1}.`);
    this.model.setWeights(this.#weights);
    this.#forget();
  }

  #remember(epoch: number): void {
    this.#forget();
    this.bestEpoch = epoch;
    // Clones share their data until training replaces it.
    this.#weights = this.model.getWeights().map((weight) => weight.clone());
  }

  #forget(): void {
    for (const weight of this.#weights ?? []) weight.dispose();
    this.#weights = undefined;
  }
}
