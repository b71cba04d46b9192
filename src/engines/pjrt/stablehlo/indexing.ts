import { dtypeName } from '../../dtypes.ts';
import { tensorName } from '../dtypes.ts';
import { isFloat, isInteger, signature, type Value } from './builder.ts';
import { axisOf, broadcastTo, NotEmitted, single, type Emitter, type OpCall } from './emitter.ts';

/** An index that is out of range is an error; the device would take the nearest one. */
function checkIndices(call: OpCall, indices: Value, size: number): void {
  const { builder } = call;
  const { dtype, shape } = indices.type;
  const outside = builder.elementwise(
    'stablehlo.or',
    builder.compare('LT', indices, builder.constant(dtype, 0, shape)),
    builder.compare('GE', indices, builder.constant(dtype, size, shape)),
  );
  builder.check(outside, `an index of ${call.name} is not in [0, ${size})`);
}

/**
 * Slices of `params` along an axis, one for each index; the axes of the indices take the place of the axis. The first
 * `batch` axes of both belong together (tf2xla/kernels/gather_op.cc).
 */
function gatherAlong(call: OpCall, params: Value, indices: Value, axis: number, batch: number): Value {
  const { builder } = call;
  const { dtype, shape } = params.type;
  const { dtype: indexType, shape: places } = indices.type;
  if (!isInteger(indexType)) throw new NotEmitted(`${call.name} with indices of ${dtypeName(indexType)}`);
  checkIndices(call, indices, shape[axis]!);
  const result = [...shape.slice(0, axis), ...places.slice(batch), ...shape.slice(axis + 1)];
  if (params.type.shape[axis] === 0) return builder.constant(dtype, 0, result);
  const batchAxes = places
    .slice(0, batch)
    .map((_, i) => i)
    .join(', ');
  const numbers = [
    // The axes of the result that come from the slices.
    `offset_dims = [${result
      .map((_, i) => i)
      .filter((i) => (i >= batch && i < axis) || i >= axis + places.length - batch)
      .join(', ')}]`,
    `collapsed_slice_dims = [${axis}]`,
    ...(batch > 0
      ? [`operand_batching_dims = [${batchAxes}]`, `start_indices_batching_dims = [${batchAxes}]`]
      : []),
    `start_index_map = [${axis}]`,
    `index_vector_dim = ${places.length}`,
  ];
  const sizes = shape.map((size, i) => (i === axis || i < batch ? 1 : size));
  const type = { dtype, shape: result };
  return builder.emit(
    `"stablehlo.gather"(${params.name}, ${indices.name}) <{dimension_numbers = #stablehlo.gather<${numbers.join(', ')}>, slice_sizes = array<i64: ${sizes.join(', ')}>, indices_are_sorted = false}>`,
    type,
    signature([params, indices], [type]),
  );
}

function gather(call: OpCall): Value {
  const [params, indices] = [call.value(0), call.value(1)];
  const batchDims = call.attribute('batch_dims', 0);
  const batch = batchDims < 0 ? batchDims + indices.type.shape.length : batchDims;
  const axis = axisOf(call.known(2)[0]!, params.type.shape.length, call);
  if (batch > axis) throw new NotEmitted(`${call.name} with more batch axes than come before the axis`);
  return gatherAlong(call, params, indices, axis, batch);
}

/** 1 where the index is that of the place along the new axis; an index out of range has no place. */
function oneHot(call: OpCall): Value {
  const { builder } = call;
  const indices = call.value(0);
  const [on, off] = [call.value(2), call.value(3)];
  const { shape, dtype } = indices.type;
  const depth = call.known(1)[0]!;
  const rank = shape.length + 1;
  const axis = axisOf(call.attribute('axis', -1), rank, call);
  const result = [...shape.slice(0, axis), depth, ...shape.slice(axis)];
  const places = builder.iota({ dtype, shape: result }, axis);
  const axes = shape.map((_, i) => (i < axis ? i : i + 1));
  const matches = builder.compare('EQ', builder.broadcastInDim(indices, result, axes), places);
  return builder.select(matches, broadcastTo(builder, on, result), broadcastTo(builder, off, result));
}

/** Numbers from `start` to before `limit`, all three known (tf2xla/kernels/sequence_ops.cc). */
function range(call: OpCall): Value {
  const { builder } = call;
  const { dtype } = call.typeOf(0);
  const [[start = 0], [limit = 0], [delta = 1]] = [call.known(0), call.known(1), call.known(2)];
  if (delta === 0) throw new NotEmitted(`${call.name} with steps of 0`);
  const size = Math.max(0, Math.ceil((limit - start) / delta));
  const type = { dtype, shape: [size] };
  const steps = builder.elementwise(
    'stablehlo.multiply',
    builder.iota(type, 0),
    builder.constant(dtype, delta, [size]),
  );
  return builder.elementwise('stablehlo.add', steps, builder.constant(dtype, start, [size]));
}

/** Sums of the rows that have the same index; an index that is negative or too large counts nowhere. */
function unsortedSegmentSum(call: OpCall): Value {
  const { builder } = call;
  const [data, indices] = [call.value(0), call.value(1)];
  const [segments = 0] = call.known(2);
  const { dtype, shape } = data.type;
  const { shape: places } = indices.type;
  const rest = shape.slice(places.length);
  const type = { dtype, shape: [segments, ...rest] };
  const into = builder.constant(dtype, 0, type.shape);
  if (!isFloat(dtype) && !isInteger(dtype)) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
  const element = tensorName({ dtype, shape: [] });
  const numbers = [
    `update_window_dims = [${rest.map((_, i) => i + places.length).join(', ')}]`,
    'inserted_window_dims = [0]',
    'scatter_dims_to_operand_dims = [0]',
    `index_vector_dim = ${places.length}`,
  ];
  const inputs = [into, indices, data];
  return builder.emit(
    `"stablehlo.scatter"(${inputs.map(({ name }) => name).join(', ')}) <{scatter_dimension_numbers = #stablehlo.scatter<${numbers.join(', ')}>, indices_are_sorted = false, unique_indices = false}> ({ ^bb0(%x: ${element}, %y: ${element}):
%z = stablehlo.add %x, %y : ${element}
"stablehlo.return"(%z) : (${element}) -> () })`,
    type,
    signature(inputs, [type]),
  );
}

/** Ops with indices (tf2xla/kernels: gather_op.cc, one_hot_op.cc, sequence_ops.cc, segment_reduction_ops.cc). */
export const INDEXING: ReadonlyMap<string, Emitter> = new Map(
  Object.entries<Emitter>({
    GatherV2: single(gather),
    OneHot: single(oneHot),
    Range: single(range),
    UnsortedSegmentSum: single(unsortedSegmentSum),
  }),
);
