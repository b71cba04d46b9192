import { saveModel, saveWeights } from '../model-files/index.ts';
import { readLogs } from './callback.ts';
import type { Logs } from './callback.ts';
import { MonitorCallback } from './monitor.ts';
import type { MonitorMode } from './monitor.ts';

export interface ModelCheckpointOptions {
  /** Default `val_loss`. */
  monitor?: string;
  verbose?: 0 | 1;
  /** Save only when the metric is the best so far. */
  saveBestOnly?: boolean;
  /** Save weights without the model; the name has to end with `.weights.h5`. */
  saveWeightsOnly?: boolean;
  mode?: MonitorMode;
  /** `epoch`, or a number of batches. Default `epoch`. */
  saveFreq?: 'epoch' | number;
  /** The metric has to be better than this from the start. */
  initialValueThreshold?: number;
}

/**
 * Saves the model while it trains: https://keras.io/api/callbacks/model_checkpoint/. The name may have fields as in
 * Keras: `'models/{epoch:02d}-{val_loss:.2f}.keras'`. It ends with `.keras`, with `.weights.h5` for weights only, or
 * names a folder of tfjs.
 */
export class ModelCheckpoint extends MonitorCallback {
  /** The path that was saved last; named where a training fails. */
  lastSaved: string | undefined;
  readonly #path: string;
  readonly #options: ModelCheckpointOptions;
  #best: number | undefined;
  #epoch = 0;
  #batches = 0;

  constructor(path: string, options: ModelCheckpointOptions = {}) {
    super(options.monitor ?? 'val_loss', options.mode ?? 'auto', 0);
    const { saveFreq = 'epoch', saveWeightsOnly = false } = options;
    if (saveFreq !== 'epoch' && !(Number.isInteger(saveFreq) && saveFreq > 0)) {
      throw new RangeError(`saveFreq is ${saveFreq}: give 'epoch' or a number of batches`);
    }
    if (saveWeightsOnly && !path.endsWith('.weights.h5')) {
      throw new RangeError(`with saveWeightsOnly the name must end with .weights.h5; it is ${path}`);
    }
    this.#path = path;
    this.#options = options;
    this.#best = options.initialValueThreshold;
  }

  override async onEpochBegin(epoch: number): Promise<void> {
    this.#epoch = epoch;
  }

  override get seesBatches(): boolean {
    return (this.#options.saveFreq ?? 'epoch') !== 'epoch';
  }

  override async onBatchEnd(batch: number, logs?: Logs): Promise<void> {
    const { saveFreq = 'epoch' } = this.#options;
    if (saveFreq === 'epoch') return;
    this.#batches += 1;
    if (this.#batches < saveFreq) return;
    this.#batches = 0;
    await this.#save(this.#epoch, batch, logs);
  }

  override async onEpochEnd(epoch: number, logs?: Logs): Promise<void> {
    if ((this.#options.saveFreq ?? 'epoch') === 'epoch') await this.#save(epoch, undefined, logs);
  }

  async #save(epoch: number, batch: number | undefined, logs: Logs | undefined): Promise<void> {
    const values = readLogs(logs);
    const path = fillIn(this.#path, {
      ...values,
      epoch: epoch + 1,
      ...(batch === undefined ? {} : { batch: batch + 1 }),
    });
    const before = this.#best;
    if (!this.#shouldSave(epoch, values, path)) return;
    try {
      if (this.#options.saveWeightsOnly === true) await saveWeights(this.model, path);
      else await saveModel(this.model, path);
    } catch (error) {
      // Weights that are not on the disk cannot be the best that a user can return to.
      this.#best = before;
      throw error;
    }
    this.lastSaved = path;
  }

  #shouldSave(epoch: number, values: Record<string, number>, path: string): boolean {
    const verbose = this.#options.verbose === 1;
    if (this.#options.saveBestOnly !== true) {
      if (verbose) this.notify(`Epoch ${epoch + 1}: saving model to ${path}`);
      return true;
    }
    const current = this.monitored(values);
    // As in Keras: better too often than not at all.
    if (current === undefined) return true;
    const before = this.#best === undefined ? 'None' : this.#best.toFixed(5);
    if (!this.isImprovement(current, this.#best)) {
      if (verbose) this.notify(`Epoch ${epoch + 1}: ${this.monitor} did not improve from ${before}`);
      return false;
    }
    if (verbose) {
      this.notify(
        `Epoch ${epoch + 1}: ${this.monitor} improved from ${before} to ${current.toFixed(5)}, saving model to ${path}`,
      );
    }
    this.#best = current;
    return true;
  }
}

/** Python's format fields, as far as numbers need them: `{epoch}`, `{epoch:02d}`, `{val_loss:.3f}`, `{loss:.2e}`. */
export function fillIn(pattern: string, values: Readonly<Record<string, number>>): string {
  return pattern.replaceAll(/\{(\w+)(?::(0?)(\d*)(?:\.(\d+))?([dfe]?))?\}/g, (_field, ...groups) => {
    const [name, zero, width, digits, kind] = groups as [string, ...(string | undefined)[]];
    const value = values[name];
    if (value === undefined) {
      throw new RangeError(
        `${pattern} has a field ${name}; this training has ${Object.keys(values).join(', ')}`,
      );
    }
    let text: string;
    if (kind === 'e') text = value.toExponential(Number(digits ?? 6)).replace(/e([+-])(\d)$/, 'e$10$2');
    else if (kind === 'f' || digits !== undefined) text = value.toFixed(Number(digits ?? 6));
    else text = String(value);
    return text.padStart(Number(width ?? 0), zero === '0' ? '0' : ' ');
  });
}
