import { join } from 'node:path';
import { EventFile, type EventValue } from '../../base/files/index.ts';
import { readLogs, TrainingCallback } from './callback.ts';
import type { Logs } from './callback.ts';

export interface TensorBoardOptions {
  /** `epoch`, `batch`, or a number of batches: how often metrics of steps are written. Default `epoch`. */
  updateFreq?: 'epoch' | 'batch' | number;
}

/**
 * Writes event files that TensorBoard opens, under `train` and `validation` as Keras does:
 * https://keras.io/api/callbacks/tensorboard/. Scalars only. Events for which the disk has no room are reported once and left out;
 * the training goes on.
 */
export class TensorBoard extends TrainingCallback {
  readonly #folder: string;
  readonly #every: number | undefined;
  readonly #writers = new Map<string, EventFile>();
  #step = 0;
  #reported = false;

  constructor(folder = 'logs', options: TensorBoardOptions = {}) {
    super();
    this.#folder = folder;
    const { updateFreq = 'epoch' } = options;
    this.#every = updateFreq === 'epoch' ? undefined : updateFreq === 'batch' ? 1 : updateFreq;
  }

  override async onTrainBegin(): Promise<void> {
    this.#step = 0;
    this.#reported = false;
    this.#writers.clear();
  }

  override get seesBatches(): boolean {
    return this.#every !== undefined;
  }

  override async onBatchEnd(_batch: number, logs?: Logs): Promise<void> {
    this.#step += 1;
    if (this.#every === undefined || this.#step % this.#every !== 0) return;
    const values = Object.entries(readLogs(logs)).map(([name, simple]) => ({ tag: `batch_${name}`, simple }));
    this.#writer('train').write(this.#step, values);
  }

  override async onEpochEnd(epoch: number, logs?: Logs): Promise<void> {
    const own: EventValue[] = [];
    const validation: EventValue[] = [];
    for (const [name, simple] of Object.entries(readLogs(logs))) {
      if (name.startsWith('val_')) validation.push({ tag: `epoch_${name.slice(4)}`, simple });
      else own.push({ tag: `epoch_${name}`, simple });
    }
    if (own.length > 0) this.#writer('train').write(epoch, own);
    if (validation.length > 0) this.#writer('validation').write(epoch, validation);
  }

  #report(text: string): void {
    if (!this.#reported) this.notify(`TensorBoard: ${text}`);
    this.#reported = true;
  }

  #writer(run: string): EventFile {
    const found =
      this.#writers.get(run) ?? new EventFile(join(this.#folder, run), (text) => this.#report(text));
    this.#writers.set(run, found);
    return found;
  }
}
