// Reads TensorBoard's event files: TFRecords of `Event` (tensorflow/core/util/event.proto) with their checksums.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '../../src/base/files/checksums.ts';

/** One value that was written for a step. */
export interface Summary {
  step: number;
  tag: string;
  /** The value that `WriteScalarSummary` writes. */
  simple?: number;
  tensor?: { dtype: number; shape: number[]; values: number[] };
  /** The bytes of `SummaryMetadata` in hexadecimal. */
  metadata?: string;
}

type Field = { number: number; bytes: Buffer; value: bigint };

/** The fields of a protocol buffer; fixed numbers are left as bytes. */
function fields(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    const kind = key & 7;
    assert.ok([0, 1, 2, 5].includes(kind), `wire type ${kind}`);
    const value = kind === 0 || kind === 2 ? varint() : 0n;
    const length = kind === 2 ? Number(value) : kind === 1 ? 8 : kind === 5 ? 4 : 0;
    found.push({ number: key >>> 3, bytes: message.subarray(at, at + length), value });
    at += length;
  }
  return found;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa2_82_ea_d8) >>> 0;
}

function* records(file: Buffer): Generator<Buffer> {
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    assert.equal(file.readUInt32LE(at + 8), masked(file.subarray(at, at + 8)), 'checksum of a length');
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(file.readUInt32LE(at + 12 + length), masked(data), 'checksum of a record');
    yield data;
    at += 16 + length;
  }
}

/** A `TensorProto` of float64, whose values are bytes, or are left out at the end where they repeat. */
function tensorOf(message: Buffer): Required<Summary>['tensor'] {
  const all = fields(message);
  const shape = fields(all.find(({ number }) => number === 2)?.bytes ?? Buffer.alloc(0))
    .filter(({ number }) => number === 2)
    .map(({ bytes }) => Number(fields(bytes).find(({ number }) => number === 1)?.value ?? 0n));
  const parts = all.filter(({ number }) => number === 4 || number === 6).map(({ bytes }) => bytes);
  const content = Buffer.concat(parts);
  const values = Array.from({ length: content.length / 8 }, (_, at) => content.readDoubleLE(at * 8));
  const size = shape.reduce((product, length) => product * length, 1);
  while (values.length < size) values.push(values.at(-1) ?? 0);
  return { dtype: Number(all.find(({ number }) => number === 1)?.value), shape, values };
}

/** All summaries in the event files of a folder, in the order in which they were written. */
export function readSummaries(folder: string): Summary[] {
  const found: Summary[] = [];
  for (const name of readdirSync(folder).sort()) {
    for (const record of records(readFileSync(join(folder, name)))) {
      const event = fields(record);
      const step = Number(BigInt.asIntN(64, event.find(({ number }) => number === 2)?.value ?? 0n));
      for (const { bytes } of event.filter(({ number }) => number === 5)) {
        for (const value of fields(bytes).filter(({ number }) => number === 1)) {
          const summary: Summary = { step, tag: '' };
          for (const part of fields(value.bytes)) {
            if (part.number === 1) summary.tag = part.bytes.toString();
            if (part.number === 2) summary.simple = part.bytes.readFloatLE();
            if (part.number === 8) summary.tensor = tensorOf(part.bytes);
            if (part.number === 9) summary.metadata = part.bytes.toString('hex');
          }
          found.push(summary);
        }
      }
    }
  }
  return found;
}
