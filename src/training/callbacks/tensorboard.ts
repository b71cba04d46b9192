import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppendLog } from '../../files/index.ts';
import { crc32c } from '../crc32c.ts';
import { readLogs, TrainingCallback } from './callback.ts';
import type { Logs } from './callback.ts';

export interface TensorBoardOptions {
  /** `epoch`, `batch`, or a number of batches: how often metrics of steps are written. Default `epoch`. */
  updateFreq?: 'epoch' | 'batch' | number;
}

/**
 * Writes event files that TensorBoard opens, under `train` and `validation` as Keras does:
 * https://keras.io/api/callbacks/tensorboard/. Scalars only. What the disk has no room for is reported once and left out;
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

  override get watchesBatches(): boolean {
    return this.#every !== undefined;
  }

  override async onBatchEnd(_batch: number, logs?: Logs): Promise<void> {
    this.#step += 1;
    if (this.#every === undefined || this.#step % this.#every !== 0) return;
    const values = Object.entries(readLogs(logs)).map(([name, value]) => [`batch_${name}`, value] as const);
    this.#writer('train').write(this.#step, values);
  }

  override async onEpochEnd(epoch: number, logs?: Logs): Promise<void> {
    const own: [string, number][] = [];
    const validation: [string, number][] = [];
    for (const [name, value] of Object.entries(readLogs(logs))) {
      if (name.startsWith('val_')) validation.push([`epoch_${name.slice(4)}`, value]);
      else own.push([`epoch_${name}`, value]);
    }
    if (own.length > 0) this.#writer('train').write(epoch, own);
    if (validation.length > 0) this.#writer('validation').write(epoch, validation);
  }

  #report(text: string): void {
    if (!this.#reported) this.say(`TensorBoard: ${text}`);
    this.#reported = true;
  }

  #writer(run: string): EventFile {
    const found =
      this.#writers.get(run) ?? new EventFile(join(this.#folder, run), (text) => this.#report(text));
    this.#writers.set(run, found);
    return found;
  }
}

/**
 * A file of TensorFlow's event records: length, its checksum, the event, its checksum.
 * https://github.com/tensorflow/tensorboard (event.proto, record_writer)
 */
export class EventFile {
  readonly file: string;
  readonly #log: AppendLog;
  #begun = false;

  constructor(folder: string, report: (text: string) => void) {
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    this.file = join(
      folder,
      `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${(serial += 1)}.v2`,
    );
    this.#log = new AppendLog(this.file, report);
    this.#begin();
  }

  /** Readers refuse a file without its first event. */
  #begin(): boolean {
    this.#begun ||= this.#append([
      ...double(1, Date.now() / 1000),
      ...bytes(3, Buffer.from('brain.Event:2')),
    ]);
    return this.#begun;
  }

  write(step: number, values: readonly (readonly [name: string, value: number])[]): void {
    if (!this.#begin()) return;
    const summary = values.flatMap(([name, value]) => [
      ...bytes(1, Buffer.from([...bytes(1, Buffer.from(name)), ...float(2, value)])),
    ]);
    this.#append([...double(1, Date.now() / 1000), ...varint(2, step), ...bytes(5, Buffer.from(summary))]);
  }

  #append(event: readonly number[]): boolean {
    const data = Buffer.from(event);
    const record = Buffer.alloc(16 + data.length);
    record.writeBigUInt64LE(BigInt(data.length), 0);
    record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
    data.copy(record, 12);
    record.writeUInt32LE(masked(data), 12 + data.length);
    return this.#log.append(record);
  }
}

let serial = 0;

/** TensorFlow rotates checksums, so that data that holds checksums has good ones itself. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa2_82_ea_d8) >>> 0;
}

function plainVarint(value: number): number[] {
  const result: number[] = [];
  let rest = value;
  while (rest > 127) {
    result.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...result, rest];
}

function varint(field: number, value: number): number[] {
  return [field * 8, ...plainVarint(value)];
}

function bytes(field: number, value: Uint8Array): number[] {
  return [field * 8 + 2, ...plainVarint(value.length), ...value];
}

function double(field: number, value: number): number[] {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleLE(value);
  return [field * 8 + 1, ...buffer];
}

function float(field: number, value: number): number[] {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return [field * 8 + 5, ...buffer];
}
