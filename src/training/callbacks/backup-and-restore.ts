import type * as Tf from '@tensorflow/tfjs';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readRegular, writeWhole } from '../../base/files/index.ts';
import { malformed, parseModelJson } from '../model-files/errors.ts';
import { loadTrainingState, saveWeights } from '../model-files/index.ts';
import { ownerOf } from '../owner.ts';
import { TrainingCallback } from './callback.ts';
import type { FitStart } from './callback.ts';

export interface BackupAndRestoreOptions {
  /** `epoch`, or a number of batches. Default `epoch`. */
  saveFreq?: 'epoch' | number;
  /** Remove the backup when the training has ended by itself. Default true. */
  deleteCheckpoint?: boolean;
}

/**
 * Keeps what a training needs to go on after a crash, and goes on from there when the same `fit` is called again:
 * https://keras.io/api/callbacks/backup_and_restore/. Weights, the optimizer's state and the epoch are restored; an
 * epoch that was not finished is done again.
 */
export class BackupAndRestore extends TrainingCallback {
  /** Where a backup lies, once there is one; named where a training fails. */
  lastSaved: string | undefined;
  readonly #folder: string;
  readonly #options: BackupAndRestoreOptions;
  #epoch = 0;
  #batches = 0;

  constructor(folder: string, options: BackupAndRestoreOptions = {}) {
    super();
    if (folder === '') throw new RangeError('BackupAndRestore needs the name of a folder');
    this.#folder = folder;
    this.#options = options;
  }

  override async beforeFit(model: Tf.LayersModel): Promise<FitStart | undefined> {
    const notes = join(this.#folder, 'training_metadata.json');
    if (!existsSync(notes)) return undefined;
    const { epoch, weights } = readNotes(notes);
    await loadTrainingState(model, join(this.#folder, weights));
    this.notify(`BackupAndRestore: continuing with epoch ${epoch + 1}`);
    return { initialEpoch: epoch };
  }

  override async onEpochBegin(epoch: number): Promise<void> {
    this.#epoch = epoch;
  }

  override async onEpochEnd(epoch: number): Promise<void> {
    this.#epoch = epoch + 1;
    if ((this.#options.saveFreq ?? 'epoch') === 'epoch') await this.#save();
  }

  override get seesBatches(): boolean {
    return (this.#options.saveFreq ?? 'epoch') !== 'epoch';
  }

  override async onBatchEnd(): Promise<void> {
    const { saveFreq = 'epoch' } = this.#options;
    if (saveFreq === 'epoch') return;
    this.#batches += 1;
    if (this.#batches < saveFreq) return;
    this.#batches = 0;
    await this.#save();
  }

  override async onTrainEnd(): Promise<void> {
    // A training that was interrupted did not end by itself, and may be gone on with.
    if (this.#options.deleteCheckpoint === false || this.interrupted) return;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #save(): Promise<void> {
    // Two names in turn: the one that the notes tell of is never touched.
    const notes = join(this.#folder, 'training_metadata.json');
    const before = existsSync(notes) ? readNotes(notes).weights : '';
    const weights = before === 'a.weights.h5' ? 'b.weights.h5' : 'a.weights.h5';
    await saveWeights(ownerOf(this.model), join(this.#folder, weights));
    writeWhole(notes, JSON.stringify({ epoch: this.#epoch, weights }));
    this.lastSaved = this.#folder;
  }
}

/** The description in a backup. @throws ModelFileError for anything that no backup holds */
function readNotes(file: string): { epoch: number; weights: string } {
  const { epoch, weights } = parseModelJson(readRegular(file), file);
  if (!Number.isSafeInteger(epoch) || (epoch as number) < 0 || !/^[ab]\.weights\.h5$/.test(String(weights))) {
    throw malformed(
      `${file} is damaged: epoch ${JSON.stringify(epoch)}, weights ${JSON.stringify(weights)}; remove its folder to start again`,
    );
  }
  return { epoch: epoch as number, weights: weights as string };
}
