import { readLog, TrainingCallback } from './callback.ts';
import type { Logs } from './callback.ts';

/**
 * Ends the training when the loss becomes NaN or infinite: https://keras.io/api/callbacks/terminate_on_nan/. It reads
 * the loss after every batch.
 */
export class TerminateOnNaN extends TrainingCallback {
  readonly #raiseError: boolean;

  constructor(options: { raiseError?: boolean } = {}) {
    super();
    this.#raiseError = options.raiseError ?? false;
  }

  override async onBatchEnd(batch: number, logs?: Logs): Promise<void> {
    const loss = logs?.['loss'];
    if (loss === undefined) return;
    const value = readLog(loss);
    if (Number.isFinite(value)) return;
    if (this.#raiseError)
      throw new RangeError(`the loss of batch ${batch} is ${value}: training has diverged`);
    this.notify(`Batch ${batch}: Invalid loss, terminating training`);
    this.model.stopTraining = true;
  }
}
