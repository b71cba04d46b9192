import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import type { KernelInputs } from '../kernel-replacer.ts';

/**
 * Preconditions of tfjs's JavaScript kernels of ragged and sparse tensors: they build a JavaScript array with an element for
 * each row that their inputs speak of, and V8 ends the process where that is too long.
 */

/** Elements of a JavaScript array that V8 makes in any case. */
const MOST_ROWS = 2 ** 26;

type Check = (inputs: KernelInputs, attributes: NamedAttrMap) => void;

export const LIST_CHECKS: Readonly<Record<string, Check>> = {
  RaggedTensorToTensor: ({ values, rowPartitionTensors }, { rowPartitionTypes }) => {
    const partitions: readonly Tensor[] = [rowPartitionTensors ?? []].flat();
    const types = rowPartitionTypes as string[];
    const first = types[0] === 'FIRST_DIM_SIZE' ? 1 : 0;
    let rows = first === 1 ? partitions[0]?.dataSync()[0] : undefined;
    count('RaggedTensorToTensor', 'the first dimension', rows);
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

/** The last of numbers that never fall; 0 for none. @throws RangeError */
function lastOfAscending(what: string, partition: Tensor): number {
  let before = 0;
  for (const [i, value] of partition.dataSync().entries()) {
    if (value < before) {
      throw new RangeError(`RaggedTensorToTensor: ${what} falls from ${before} to ${value} at ${i}`);
    }
    before = value;
  }
  return before;
}

/** Where each row begins, and where the last one ends. Returns how many values they speak of. */
function splits(what: string, partition: Tensor, inner: number | undefined): number {
  const end = lastOfAscending(what, partition);
  count('RaggedTensorToTensor', what, end);
  if (inner !== undefined && end > inner) {
    throw new RangeError(`RaggedTensorToTensor: ${what} ends at ${end}, and there are ${inner} values`);
  }
  return end;
}

/** The row of each value. Returns how many values they speak of. */
function rowIds(
  what: string,
  partition: Tensor,
  rows: number | undefined,
  inner: number | undefined,
): number {
  const last = lastOfAscending(what, partition);
  if (partition.size > 0 && rows !== undefined && last >= rows) {
    throw new RangeError(`RaggedTensorToTensor: ${what} names row ${last} of ${rows}`);
  }
  if (inner !== undefined && partition.size !== inner) {
    throw new RangeError(`RaggedTensorToTensor: ${what} has ${partition.size} rows for ${inner} values`);
  }
  return partition.size;
}
