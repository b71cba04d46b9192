/**
 * TensorBoard's event files: records of an `Event` (event.proto) with their length and checksums (record_writer).
 * https://github.com/tensorflow/tensorboard
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
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
    this.#begun ||= this.#append(double(1, Date.now() / 1000), bytes(3, Buffer.from('brain.Event:2')));
    return this.#begun;
  }

  /** @param step an integer of 64 bits. */
  write(step: number, values: readonly EventValue[]): void {
    if (!this.#begin()) return;
    const summary = Buffer.concat(values.map((value) => bytes(1, summaryValue(value))));
    this.#append(double(1, Date.now() / 1000), varint(2, step), bytes(5, summary));
  }

  #append(...event: readonly Buffer[]): boolean {
    const data = Buffer.concat(event);
    const record = Buffer.alloc(16 + data.length);
    record.writeBigUInt64LE(BigInt(data.length), 0);
    record.writeUInt32LE(masked(record.subarray(0, 8)), 8);
    data.copy(record, 12);
    record.writeUInt32LE(masked(data), 12 + data.length);
    return this.#log.append(record);
  }
}

let serial = 0;

/** `Summary.Value` (summary.proto). */
function summaryValue(value: EventValue): Buffer {
  const tag = bytes(1, Buffer.from(value.tag));
  if ('simple' in value) return Buffer.concat([tag, float(2, value.simple)]);
  return Buffer.concat([tag, bytes(8, tensor(value.shape, value.values)), bytes(9, value.metadata)]);
}

/** `TensorProto` (tensor.proto) of DT_DOUBLE. */
function tensor(shape: readonly number[], values: Float64Array): Buffer {
  const dimensions = Buffer.concat(shape.map((size) => bytes(2, varint(1, size))));
  const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat([varint(1, DOUBLE), bytes(2, dimensions), bytes(4, content)]);
}

const DOUBLE = 2;

/** TensorFlow rotates checksums, so that data that holds checksums has good ones itself. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa2_82_ea_d8) >>> 0;
}

/** Negative numbers have 64 bits, as int64 in a protocol buffer. */
function plainVarint(value: number): Buffer {
  const result: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    result.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...result, Number(rest)]);
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([field * 8]), plainVarint(value)]);
}

function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([field * 8 + 2]), plainVarint(value.length), value]);
}

function double(field: number, value: number): Buffer {
  const buffer = Buffer.alloc(9, field * 8 + 1);
  buffer.writeDoubleLE(value, 1);
  return buffer;
}

function float(field: number, value: number): Buffer {
  const buffer = Buffer.alloc(5, field * 8 + 5);
  buffer.writeFloatLE(value, 1);
  return buffer;
}
