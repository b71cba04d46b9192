import type { Tensor } from '@tensorflow/tfjs';
import type { Binding } from './binding.ts';
import { ATTR, TF } from './c-api/dtypes.ts';
import type { NodeBackend, Tf } from './tfjs/instance.ts';

/** The buckets of a histogram unless the caller names their number (TensorBoard's summary_v2.py). */
const BUCKETS = 30;

/** The parts of tfjs-node's backend that write event files. */
interface SummaryBackend {
  summaryWriter(folder: string): Tensor;
  createSummaryFileWriter(writer: Tensor, ...settings: unknown[]): void;
  writeScalarSummary(writer: Tensor, step: number, name: string, value: number | Tensor): void;
  writeHistogramSummary(
    writer: Tensor,
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
export function histogramBuckets(values: ArrayLike<number>, buckets: number): Float64Array {
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

/** Runs an op that writes; frees what it was given when it is done. */
function write(binding: Binding, op: string, dtype: number, inputs: number[], made: readonly number[]): void {
  try {
    binding.executeOp(op, [{ name: 'T', type: ATTR.TYPE, value: dtype }], inputs, 0);
  } finally {
    for (const id of made) binding.release(id);
  }
}

/**
 * `tf.node.summaryFileWriter` with TensorFlow's own histograms and steps of 64 bits. tfjs-node's histogram fails for equal values,
 * rounds to float32 and cuts a step to 31 bits.
 */
export function installSummaries(tf: Tf, backend: NodeBackend): void {
  const { binding } = backend;
  const made = backend as unknown as SummaryBackend;
  const bytes = (text: string): number =>
    binding.createEagerTensor([], TF.STRING, [new TextEncoder().encode(text)]);
  const int64 = (step: number): number =>
    binding.createEagerTensor([], TF.INT64, BigInt64Array.of(BigInt(step)));

  // tfjs-node keeps one writer for a folder: a `tidy` around its first use must not free it.
  const summaryWriter = made.summaryWriter.bind(made);
  made.summaryWriter = (folder) => tf.keep(summaryWriter(folder));
  const createSummaryFileWriter = made.createSummaryFileWriter.bind(made);
  made.createSummaryFileWriter = (writer, ...settings) => {
    tf.tidy(() => {
      createSummaryFileWriter(writer, ...settings);
    });
  };

  made.writeScalarSummary = (writer, step, name, value) => {
    checkStep(step);
    tf.tidy(() => {
      const scalar = typeof value === 'number' ? tf.scalar(value) : value;
      if (scalar.rank !== 0) {
        throw new RangeError(
          `scalar ${name} of a summary has shape [${scalar.shape.join(', ')}]: give one number`,
        );
      }
      if (scalar.dtype === 'string' || scalar.dtype === 'complex64') {
        throw new TypeError(`scalar ${name} of a summary is ${scalar.dtype}: give a number`);
      }
      // An event holds it as float32 in any case.
      const numeric = scalar.toFloat();
      const [resource = 0, content = 0] = backend.getInputTensorIds([writer, numeric]);
      const own = [int64(step), bytes(name)] as const;
      write(binding, 'WriteScalarSummary', TF.FLOAT, [resource, ...own, content], own);
    });
  };

  made.writeHistogramSummary = (writer, step, name, data, buckets = BUCKETS, description) => {
    checkStep(step);
    if (!Number.isInteger(buckets) || buckets <= 0) {
      throw new RangeError(
        `the number of buckets of histogram ${name} is a positive integer, not ${buckets}`,
      );
    }
    if (data.dtype === 'string' || data.dtype === 'complex64') {
      throw new TypeError(`histogram ${name} is of a tensor of ${data.dtype}: give one of real numbers`);
    }
    const rows = histogramBuckets(data.dataSync(), buckets);
    const [resource = 0] = backend.getInputTensorIds([writer]);
    const own = [
      int64(step),
      binding.createEagerTensor([buckets, 3], TF.DOUBLE, rows),
      bytes(name),
      binding.createEagerTensor([], TF.STRING, [histogramMetadata(description)]),
    ];
    write(binding, 'WriteSummary', TF.DOUBLE, [resource, ...own], own);
  };
}
