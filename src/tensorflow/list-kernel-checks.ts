import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import type { KernelInputs } from './kernel-replacer.ts';

/**
 * What tfjs's JavaScript kernels of ragged and sparse tensors take for granted: they build a JavaScript array with an element for
 * each row that their inputs speak of, and V8 ends the process where that is too long.
 */

/** Elements of a JavaScript array that V8 makes in any case. */
const MOST_ROWS = 2 ** 26;

type Check = (inputs: KernelInputs, attributes: NamedAttrMap) => void;

export const LIST_CHECKS: Readonly<Record<string, Check>> = {
  RaggedTensorToTensor: ({ values, rowPartitionTensors }, { rowPartitionTypes }) => {
    const partitions = rowPartitionTensors as unknown as Tensor[];
    const types = rowPartitionTypes as string[];
    const first = types[0] === 'FIRST_DIM_SIZE' ? 1 : 0;
    if (first === 1) count('RaggedTensorToTensor', 'the first dimension', partitions[0]?.dataSync()[0]);
    let rows = first === 1 ? (partitions[0]?.dataSync()[0] as number) : undefined;
    for (const [at, partition] of partitions.entries()) {
      if (at < first) continue;
      const what = `partition ${at} (${types[at]})`;
      const inner = at === partitions.length - 1 ? (values as Tensor).shape[0] : undefined;
      rows =
        types[at] === 'ROW_SPLITS' ? splits(what, partition, inner) : rowIds(what, partition, rows, inner);
    }
  },
  SparseFillEmptyRows: ({ denseShape }) => {
    count('SparseFillEmptyRows', 'the dense shape', (denseShape as Tensor).dataSync()[0]);
  },
};

function count(op: string, what: string, rows: number | undefined): void {
  if (rows === undefined || (rows >= 0 && rows <= MOST_ROWS)) return;
  throw new RangeError(`${op}: ${what} has ${rows} rows: give at most ${MOST_ROWS}`);
}

/** Where each row begins, and where the last one ends. Returns how many values they speak of. */
function splits(what: string, partition: Tensor, inner: number | undefined): number {
  const places = partition.dataSync();
  let before = 0;
  for (const [i, place] of places.entries()) {
    if (place < before) {
      throw new RangeError(`RaggedTensorToTensor: ${what} falls from ${before} to ${place} at ${i}`);
    }
    before = place;
  }
  count('RaggedTensorToTensor', what, before);
  if (inner !== undefined && before > inner) {
    throw new RangeError(`RaggedTensorToTensor: ${what} ends at ${before}, and there are ${inner} values`);
  }
  return before;
}

/** The row of each value. Returns how many values they speak of. */
function rowIds(
  what: string,
  partition: Tensor,
  rows: number | undefined,
  inner: number | undefined,
): number {
  const ids = partition.dataSync();
  let before = 0;
  for (const [i, id] of ids.entries()) {
    if (id < before) {
      throw new RangeError(`RaggedTensorToTensor: ${what} falls from ${before} to ${id} at ${i}`);
    }
    before = id;
  }
  if (ids.length > 0 && rows !== undefined && before >= rows) {
    throw new RangeError(`RaggedTensorToTensor: ${what} names row ${before} of ${rows}`);
  }
  if (inner !== undefined && ids.length !== inner) {
    throw new RangeError(`RaggedTensorToTensor: ${what} has ${ids.length} rows for ${inner} values`);
  }
  return ids.length;
}
