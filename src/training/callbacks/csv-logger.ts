import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { AppendLog } from '../../base/files/index.ts';
import { readLogs, TrainingCallback } from './callback.ts';
import type { Logs } from './callback.ts';

/**
 * Writes a line an epoch to a file that spreadsheets open: https://keras.io/api/callbacks/csv_logger/. A line that the
 * disk has no room for is reported once and left out; the training goes on.
 */
export class CSVLogger extends TrainingCallback {
  readonly #log: AppendLog;
  readonly #separator: string;
  readonly #append: boolean;
  #keys: string[] | undefined;
  #header = true;

  constructor(file: string, options: { separator?: string; append?: boolean } = {}) {
    super();
    this.#log = new AppendLog(file, (text) => this.notify(`CSVLogger: ${text}`));
    this.#separator = options.separator ?? ',';
    this.#append = options.append ?? false;
  }

  override async onTrainBegin(): Promise<void> {
    this.#keys = undefined;
    const { file } = this.#log;
    const going = this.#append && existsSync(file);
    this.#header = !(going && statSync(file).size > 0);
    if (going) refuseReadOnly(file);
    else if (!this.#log.clear()) refuseReadOnly(file);
  }

  override async onEpochEnd(epoch: number, logs?: Logs): Promise<void> {
    const values = readLogs(logs);
    if (this.#keys === undefined) {
      const keys = Object.keys(values).sort();
      // As Keras does, so that a later training with validation fits the same columns.
      this.#keys = keys.some((key) => key.startsWith('val_'))
        ? keys
        : [...keys, ...keys.map((key) => `val_${key}`)];
    }
    // Without its header no line is written: the file stays one that can be read.
    if (this.#header && !this.#write(['epoch', ...this.#keys])) return;
    this.#header = false;
    this.#write([String(epoch), ...this.#keys.map((key) => String(values[key] ?? 'NA'))]);
  }

  #write(cells: readonly string[]): boolean {
    const quote = (cell: string): string =>
      cell.includes(this.#separator) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    // RFC 4180 and Python's csv module end lines so.
    return this.#log.append(`${cells.map(quote).join(this.#separator)}\r\n`);
  }
}

/** A path that can never be written is a mistake in the call, before anything was trained. @throws the system's error */
function refuseReadOnly(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    if (
      ['EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')
    ) {
      throw error;
    }
  }
}
