/**
 * TensorBoard's event files: records of an `Event` (event.proto) with their length and checksums (record_writer).
 * https://github.com/tensorflow/tensorboard
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ProtoWriter } from '../protobuf/writer.ts';
import { AppendLog } from './append.ts';
import { crc32c } from './checksums.ts';

/** One value of a summary. */
export type EventValue =
  | { tag: string; simple: number }
  /** A tensor of float64, with the bytes of its `SummaryMetadata`. */
  | { tag: string; shape: readonly number[]; values: Float64Array; metadata: Uint8Array };

/** A log: an event that the disk does not take is left out whole, which is reported once; the next ones are written. */
export class EventFile {
  readonly file: string;
  readonly #log: AppendLog;
  #begun = false;

  constructor(folder: string, report: (text: string) => void, suffix = '.v2') {
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    this.file = join(
      folder,
      `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${(serial += 1)}${suffix}`,
    );
    this.#log = new AppendLog(this.file, report);
    this.#begin();
  }

  /** Readers refuse a file without its first event. */
  #begin(): boolean {
    this.#begun ||= this.#append(new ProtoWriter().double(1, Date.now() / 1000).bytes(3, 'brain.Event:2'));
    return this.#begun;
  }

  /** @param step an integer of 64 bits. */
  write(step: number, values: readonly EventValue[]): void {
    if (!this.#begin()) return;
    const summary = new ProtoWriter();
    for (const value of values) summary.bytes(1, summaryValue(value));
    this.#append(
      new ProtoWriter()
        .double(1, Date.now() / 1000)
        .int(2, step)
        .bytes(5, summary),
    );
  }

  #append(event: ProtoWriter): boolean {
    const data = event.finish();
    const record = Buffer.alloc(16 + data.length);
    record.writeBigUInt64LE(BigInt(data.length), 0);
    record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
    record.set(data, 12);
    record.writeUInt32LE(masked(data), 12 + data.length);
    return this.#log.append(record);
  }
}

let serial = 0;

/** `Summary.Value` (summary.proto). */
function summaryValue(value: EventValue): ProtoWriter {
  const writer = new ProtoWriter().bytes(1, value.tag);
  if ('simple' in value) return writer.float(2, value.simple);
  return writer.bytes(8, tensor(value.shape, value.values)).bytes(9, value.metadata);
}

/** `TensorProto` (tensor.proto) of DT_DOUBLE. */
function tensor(shape: readonly number[], values: Float64Array): ProtoWriter {
  const dimensions = new ProtoWriter();
  for (const size of shape) dimensions.bytes(2, new ProtoWriter().int(1, size));
  const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return new ProtoWriter().int(1, DOUBLE).bytes(2, dimensions).bytes(4, content);
}

const DOUBLE = 2;

/** TensorFlow rotates checksums, so that data that holds checksums has good ones itself. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa2_82_ea_d8) >>> 0;
}
