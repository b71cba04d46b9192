import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readLogs, TrainingCallback } from './callback.ts';
import type { Logs } from './callback.ts';

/** Writes a line an epoch to a file that spreadsheets open: https://keras.io/api/callbacks/csv_logger/ */
export class CSVLogger extends TrainingCallback {
  readonly #file: string;
  readonly #separator: string;
  readonly #append: boolean;
  #keys: string[] | undefined;
  #header = true;

  constructor(file: string, options: { separator?: string; append?: boolean } = {}) {
    super();
    this.#file = file;
    this.#separator = options.separator ?? ',';
    this.#append = options.append ?? false;
  }

  override async onTrainBegin(): Promise<void> {
    this.#keys = undefined;
    const going = this.#append && existsSync(this.#file);
    this.#header = !(going && readFileSync(this.#file, 'utf8') !== '');
    if (!going) writeFileSync(this.#file, '');
  }

  override async onEpochEnd(epoch: number, logs?: Logs): Promise<void> {
    const values = readLogs(logs);
    if (this.#keys === undefined) {
      const keys = Object.keys(values).sort();
      // As Keras does, so that a later training with validation fits the same columns.
      this.#keys = keys.some((key) => key.startsWith('val_'))
        ? keys
        : [...keys, ...keys.map((key) => `val_${key}`)];
      if (this.#header) this.#write(['epoch', ...this.#keys]);
    }
    this.#write([String(epoch), ...this.#keys.map((key) => String(values[key] ?? 'NA'))]);
  }

  #write(cells: readonly string[]): void {
    const quote = (cell: string): string =>
      cell.includes(this.#separator) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    // RFC 4180 and Python's csv module end lines so.
    appendFileSync(this.#file, `${cells.map(quote).join(this.#separator)}\r\n`);
  }
}
