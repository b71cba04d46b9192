import { dtypeName, TF } from '../../dtypes.ts';
import { sizeOf, tensorName } from '../dtypes.ts';
import {
  highest,
  isFloat,
  isInteger,
  list,
  lowest,
  signature,
  type ProgramBuilder,
  type Value,
} from './builder.ts';
import { axisOf, NotEmitted, single, type Emitter, type OpCall } from './emitter.ts';

/** Reduces over the axes of input 1; with `keep_dims` they stay with a size of 1. */
function reduce(call: OpCall, operation: string, initial: number | bigint): Value {
  const value = call.value(0);
  const { shape } = value.type;
  const axes = axesOf(call);
  const result = call.builder.reduce(
    value,
    call.builder.constant(value.type.dtype, initial),
    operation,
    axes,
  );
  if (!call.attribute('keep_dims', false)) return result;
  return call.builder.reshape(
    result,
    shape.map((size, i) => (axes.includes(i) ? 1 : size)),
  );
}

function axesOf(call: OpCall): number[] {
  const rank = call.typeOf(0).shape.length;
  const axes = call.known(1).map((axis) => axisOf(axis, rank, call));
  return [...new Set(axes)].sort((a, b) => a - b);
}

function reduction(
  allowed: (dtype: number) => boolean,
  operation: string,
  initial: (dtype: number) => number | bigint,
): Emitter {
  return single((call) => {
    const { dtype } = call.typeOf(0);
    if (!allowed(dtype)) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
    return reduce(call, operation, initial(dtype));
  });
}

const isNumber = (dtype: number): boolean => isFloat(dtype) || isInteger(dtype);
const isBool = (dtype: number): boolean => dtype === TF.BOOL;

/** The sum divided by how many there are; integers round towards zero (Eigen's MeanReducer). */
function mean(call: OpCall): Value {
  const { builder } = call;
  const { dtype, shape } = call.typeOf(0);
  if (!isNumber(dtype)) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
  const count = sizeOf(axesOf(call).map((axis) => shape[axis]!));
  if (count === 0 && !isFloat(dtype)) throw new NotEmitted(`${call.name} of no ${dtypeName(dtype)}`);
  const sum = reduce(call, 'stablehlo.add', 0);
  return builder.elementwise('stablehlo.divide', sum, builder.constant(dtype, count, sum.type.shape));
}

/**
 * The index of the largest or smallest element; of equal ones the first. A reduction of two values, elements and
 * indices (tf2xla/kernels/index_ops.cc, XlaArgMax).
 */
function indexOfExtreme(call: OpCall, largest: boolean): Value {
  const { builder } = call;
  const value = call.value(0);
  const { dtype, shape } = value.type;
  if (!isNumber(dtype)) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
  const axis = axisOf(call.known(1)[0]!, shape.length, call);
  if (shape[axis] === 0) throw new NotEmitted(`${call.name} of an axis without elements`);
  const indices = builder.iota({ dtype: TF.INT32, shape }, axis);
  const start = builder.constant(dtype, largest ? lowest(dtype) : highest(dtype));
  const first = builder.constant(TF.INT32, 0);
  const rest = shape.filter((_, i) => i !== axis);
  const types = [
    { dtype, shape: rest },
    { dtype: TF.INT32, shape: rest },
  ];
  const inputs = [value, indices, start, first];
  const element = tensorName({ dtype, shape: [] });
  const comparison = `(${element}, ${element}) -> tensor<i1>`;
  const body = `({ ^bb0(%x: ${element}, %i: tensor<i32>, %y: ${element}, %j: tensor<i32>):
%better = stablehlo.compare ${largest ? 'GT' : 'LT'}, %x, %y : ${comparison}
%equal = stablehlo.compare EQ, %x, %y : ${comparison}
%earlier = stablehlo.compare LT, %i, %j : (tensor<i32>, tensor<i32>) -> tensor<i1>
%tie = stablehlo.and %equal, %earlier : tensor<i1>
%take = stablehlo.or %better, %tie : tensor<i1>
%value = stablehlo.select %take, %x, %y : tensor<i1>, ${element}
%index = stablehlo.select %take, %i, %j : tensor<i1>, tensor<i32>
"stablehlo.return"(%value, %index) : (${element}, tensor<i32>) -> () })`;
  const [, index] = builder.emitSeveral(
    `"stablehlo.reduce"(${inputs.map(({ name }) => name).join(', ')}) <{dimensions = ${list([axis])}}> ${body}`,
    types,
    signature(inputs, types),
  );
  return builder.convert(index!, call.attribute('output_type', TF.INT64));
}

/** Sums or products of all elements up to each one (tf2xla/kernels/scan_ops.cc), as a window that grows. */
function cumulative(operation: string, initial: number): Emitter {
  return single((call) => {
    const { builder } = call;
    const value = call.value(0);
    const { dtype, shape } = value.type;
    if (!isNumber(dtype)) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
    const axis = axisOf(call.known(1)[0]!, shape.length, call);
    const reverse = call.attribute('reverse', false);
    const exclusive = call.attribute('exclusive', false) ? 1 : 0;
    const size = shape[axis]!;
    if (sizeOf(shape) === 0) return value;
    return window(builder, value, operation, initial, axis, {
      size,
      low: reverse ? -exclusive : size - 1 + exclusive,
      high: reverse ? size - 1 + exclusive : -exclusive,
    });
  });
}

/** A reduction over a window along one axis, one for each element. */
function window(
  builder: ProgramBuilder,
  value: Value,
  operation: string,
  initial: number,
  axis: number,
  { size, low, high }: { size: number; low: number; high: number },
): Value {
  const { dtype, shape } = value.type;
  const element = tensorName({ dtype, shape: [] });
  const inputs = [value, builder.constant(dtype, initial)];
  const sizes = shape.map((_, i) => (i === axis ? size : 1));
  const pads = shape.map((_, i) => (i === axis ? `[${low}, ${high}]` : '[0, 0]'));
  return builder.emit(
    `"stablehlo.reduce_window"(${inputs.map(({ name }) => name).join(', ')}) <{window_dimensions = ${list(sizes)}, padding = dense<[${pads.join(', ')}]> : tensor<${shape.length}x2xi64>}> ({ ^bb0(%x: ${element}, %y: ${element}):
%z = ${operation} %x, %y : ${element}
"stablehlo.return"(%z) : (${element}) -> () })`,
    value.type,
    signature(inputs, [value.type]),
  );
}

/** Reductions (tf2xla/kernels/reduction_ops.cc); axes without elements give the neutral element. */
export const REDUCTIONS: ReadonlyMap<string, Emitter> = new Map(
  Object.entries<Emitter>({
    All: reduction(isBool, 'stablehlo.and', () => 1),
    Any: reduction(isBool, 'stablehlo.or', () => 0),
    ArgMax: single((call) => indexOfExtreme(call, true)),
    ArgMin: single((call) => indexOfExtreme(call, false)),
    Cumprod: cumulative('stablehlo.multiply', 1),
    Cumsum: cumulative('stablehlo.add', 0),
    Max: reduction(isNumber, 'stablehlo.maximum', lowest),
    Mean: single(mean),
    Min: reduction(isNumber, 'stablehlo.minimum', highest),
    Prod: reduction(isNumber, 'stablehlo.multiply', () => 1),
    Sum: reduction(isNumber, 'stablehlo.add', () => 0),
  }),
);
