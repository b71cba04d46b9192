import { TF } from '../../engines/dtypes.ts';
import type { GraphBuilder } from '../../engines/engine.ts';

/**
 * Ops that look at values and fail where those are wrong, such as an index past the end. XLA's do not look: they would
 * go on with something else, and the user would never know.
 */
const CHECKING = new Set([
  'Assert',
  'CheckNumerics',
  'CheckNumericsV2',
  'Gather',
  'GatherV2',
  'GatherNd',
  'ResourceGather',
  'ScatterNd',
  'TensorScatterUpdate',
  'TensorScatterAdd',
  'SegmentSum',
  'SegmentMean',
  'SegmentMax',
  'UnsortedSegmentSum',
  'UnsortedSegmentMax',
  'SparseSoftmaxCrossEntropyWithLogits',
  'InTopKV2',
  'Bincount',
  'DenseBincount',
  'DynamicStitch',
  'DynamicPartition',
  'InvertPermutation',
  'ReverseSequence',
  'Cholesky',
  'MatrixInverse',
  'MatrixSolve',
  'MatrixTriangularSolve',
  'SelfAdjointEigV2',
]);

/** Ops that fail where an integer is divided by zero. */
const DIVIDING = new Set(['Div', 'FloorDiv', 'FloorMod', 'Mod', 'TruncateDiv', 'TruncateMod']);

/** Ops that XLA is known not to have: an attempt would only find that out again. */
const MISSING = new Set(['BlockLSTMV2', 'BlockLSTMGradV2', 'Print', 'PyFunc', 'Where', 'Unique']);

const INTEGERS = new Set<number>([TF.INT32, TF.INT64, TF.UINT8]);

/** Ops that draw other numbers under XLA. */
const DRAWING = new Set([
  'StatelessRandomUniformV2',
  'StatelessRandomNormalV2',
  'StatelessTruncatedNormalV2',
]);

/** The kind of an operation because of which XLA must not, or cannot, compile these graphs; undefined if none is known. */
export function xlaObstacle(graphs: readonly GraphBuilder[]): string | undefined {
  for (const graph of graphs) {
    for (const [oper, { type }] of graph.made) {
      if (CHECKING.has(type) || MISSING.has(type) || DRAWING.has(type)) return type;
      if (DIVIDING.has(type) && INTEGERS.has(graph.dtype({ oper, index: 0 }))) return type;
    }
  }
  return undefined;
}
