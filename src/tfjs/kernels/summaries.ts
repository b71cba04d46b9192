import { accessSync, constants, mkdirSync } from 'node:fs';
import type { Tensor } from '@tensorflow/tfjs';
import { EventFile, FileError, remedyOf, systemReason } from '../../base/files/index.ts';
import type { NodeBackend } from '../instance.ts';

/** The buckets of a histogram unless the caller names their number (TensorBoard's summary_v2.py). */
const BUCKETS = 30;

/** The parts of tfjs-node's backend that write event files. */
interface SummaryBackend {
  summaryWriter(folder: string): SummaryWriter;
  createSummaryFileWriter(
    writer: SummaryWriter,
    folder: string,
    maxQueue: number | undefined,
    flushMillis: number | undefined,
    suffix: string | undefined,
  ): void;
  flushSummaryWriter(writer: SummaryWriter): void;
  writeScalarSummary(writer: SummaryWriter, step: number, name: string, value: number | Tensor): void;
  writeHistogramSummary(
    writer: SummaryWriter,
    step: number,
    name: string,
    data: Tensor,
    buckets?: number,
    description?: string,
  ): void;
}

/**
 * A histogram as TensorBoard's `summary_v2.histogram` computes it, in float64: rows of left edge, right edge and count,
 * flat. No values give rows of zeros; equal values give one edge and all counts in the last row. With NaN or infinite
 * values the edges are what the reference's arithmetic makes of them, and values without a bucket are not counted.
 *
 * @param buckets a positive integer
 */
function histogramBuckets(values: ArrayLike<number>, buckets: number): Float64Array {
  const rows = new Float64Array(buckets * 3);
  if (values.length === 0) return rows;
  let least = Infinity;
  let most = -Infinity;
  for (let at = 0; at < values.length; at++) {
    // Unlike comparisons these carry a NaN to the end, as TensorFlow's reductions do.
    least = Math.min(least, values[at] as number);
    most = Math.max(most, values[at] as number);
  }
  const range = most - least;
  const step = range / buckets;
  for (let row = 0; row < buckets; row++) {
    rows[row * 3] = range === 0 || row === 0 ? least : least + step * row;
    rows[row * 3 + 1] = range === 0 || row === buckets - 1 ? most : least + step * (row + 1);
  }
  if (range === 0) {
    rows[buckets * 3 - 1] = values.length;
    return rows;
  }
  for (let at = 0; at < values.length; at++) {
    const row = Math.min(Math.floor(((values[at] as number) - least) / step), buckets - 1);
    if (row >= 0) (rows[row * 3 + 2] as number) += 1;
  }
  return rows;
}

/** A field of a protocol buffer that holds bytes. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  const head = [(number << 3) | 2];
  let { length } = bytes;
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return Uint8Array.from([...head, ...bytes]);
}

/** TensorFlow's `SummaryMetadata` (summary.proto): the plugin's name and a description in Markdown. */
function histogramMetadata(description: string | undefined): Uint8Array {
  const text = new TextEncoder();
  const plugin = field(1, field(1, text.encode('histograms')));
  const described = description ? field(3, text.encode(description)) : new Uint8Array();
  return Uint8Array.from([...plugin, ...described]);
}

function checkStep(step: number): void {
  if (!Number.isSafeInteger(step)) throw new RangeError(`the step of a summary is an integer, not ${step}`);
}

function scalarOf(name: string, value: number | Tensor): number {
  if (typeof value === 'number') return value;
  if (value.rank !== 0) {
    throw new RangeError(
      `scalar ${name} of a summary has shape [${value.shape.join(', ')}]: give one number`,
    );
  }
  if (value.dtype === 'string' || value.dtype === 'complex64') {
    throw new TypeError(`scalar ${name} of a summary is ${value.dtype}: give a number`);
  }
  return Number(value.dataSync()[0]);
}

/** A disk that is full today may have room tomorrow: the log reports it. @throws FileError for what stays wrong */
function checkFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOSPC', 'EDQUOT', 'EIO'].includes(code)) return;
    const remedy = remedyOf(error);
    throw new FileError(
      `cannot write summaries to ${folder}: ${systemReason(error)}${remedy === undefined ? '' : `: ${remedy}`}`,
      code,
      folder,
      { cause: error },
    );
  }
}

/** Where a `SummaryFileWriter` of tfjs-node writes to; `createSummaryFileWriter` makes the file. */
class SummaryWriter {
  events: EventFile | undefined;
}

function eventsOf(writer: SummaryWriter): EventFile {
  if (writer.events === undefined) throw new Error('this summary writer was never given a folder');
  return writer.events;
}

/**
 * `tf.node.summaryFileWriter` with TensorFlow's own histograms and steps of 64 bits, and with files that stay readable:
 * TensorFlow's writer leaves half a record where the disk is full, behind which no reader goes on. tfjs-node's histogram
 * fails for equal values, rounds to float32 and cuts a step to 31 bits. Each event is written at once: `maxQueue` and
 * `flushMillis` change nothing.
 *
 * @param report gets one line for each file that could not be written.
 */
export function installSummaries(backend: NodeBackend, report: (line: string) => void): void {
  const summaries: SummaryBackend = {
    summaryWriter: () => new SummaryWriter(),
    createSummaryFileWriter: (writer, folder, _maxQueue, _flushMillis, suffix) => {
      checkFolder(folder);
      writer.events = new EventFile(folder, (text) => report(`summaryFileWriter: ${text}`), suffix);
    },
    // The system has everything that was written.
    flushSummaryWriter: (writer) => void eventsOf(writer),

    writeScalarSummary: (writer, step, name, value) => {
      checkStep(step);
      eventsOf(writer).write(step, [{ tag: name, simple: scalarOf(name, value) }]);
    },

    writeHistogramSummary: (writer, step, name, data, buckets = BUCKETS, description) => {
      checkStep(step);
      if (!Number.isInteger(buckets) || buckets <= 0) {
        throw new RangeError(
          `the number of buckets of histogram ${name} is a positive integer, not ${buckets}`,
        );
      }
      if (data.dtype === 'string' || data.dtype === 'complex64') {
        throw new TypeError(`histogram ${name} is of a tensor of ${data.dtype}: give one of real numbers`);
      }
      const values = histogramBuckets(data.dataSync(), buckets);
      eventsOf(writer).write(step, [
        { tag: name, shape: [buckets, 3], values, metadata: histogramMetadata(description) },
      ]);
    },
  };
  Object.assign(backend, summaries);
}
