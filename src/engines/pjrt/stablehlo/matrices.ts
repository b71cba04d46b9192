import { dtypeName } from '../../dtypes.ts';
import { isFloat, isInteger, type Value } from './builder.ts';
import { broadcastShape, broadcastTo, NotEmitted, single, type Emitter, type OpCall } from './emitter.ts';

function checkFactors(call: OpCall, a: Value, b: Value): void {
  const { dtype } = a.type;
  if (!isFloat(dtype) && !isInteger(dtype)) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
  if (b.type.dtype !== dtype)
    throw new NotEmitted(`${call.name} of ${dtypeName(dtype)} and ${dtypeName(b.type.dtype)}`);
}

function checkInner(call: OpCall, a: Value, left: number, b: Value, right: number): void {
  const [inner, other] = [a.type.shape[left], b.type.shape[right]];
  if (inner !== other)
    throw new NotEmitted(`${call.name} of matrices with ${inner} columns and ${other} rows`);
}

function product(call: OpCall): Value {
  const [a, b] = [call.value(0), call.value(1)];
  checkFactors(call, a, b);
  const left = call.attribute('transpose_a', false) ? 0 : 1;
  const right = call.attribute('transpose_b', false) ? 1 : 0;
  checkInner(call, a, left, b, right);
  return call.builder.dotGeneral(a, b, { batch: [[], []], contracting: [[left], [right]] });
}

/** Matrices in the last two axes; the axes before them are broadcast. */
function batchProduct(call: OpCall): Value {
  const { builder } = call;
  let [a, b] = [call.value(0), call.value(1)];
  checkFactors(call, a, b);
  const outer = [a, b].map(({ type }) => type.shape.slice(0, -2));
  const batch = broadcastShape(outer, call);
  const wide = (value: Value) => broadcastTo(builder, value, [...batch, ...value.type.shape.slice(-2)]);
  [a, b] = [wide(a), wide(b)];
  const axes = batch.map((_, i) => i);
  const left = batch.length + (call.attribute('adj_x', false) ? 0 : 1);
  const right = batch.length + (call.attribute('adj_y', false) ? 1 : 0);
  checkInner(call, a, left, b, right);
  return builder.dotGeneral(a, b, { batch: [axes, axes], contracting: [[left], [right]] });
}

/** The axis of channels: the last one, or the second with `NCHW`. */
function channelAxis(call: OpCall, rank: number): number {
  return call.attribute<string>('data_format', 'NHWC') === 'NCHW' ? 1 : rank - 1;
}

function biasAdd(call: OpCall): Value {
  const [value, bias] = [call.value(0), call.value(1)];
  const { shape } = value.type;
  const wide = call.builder.broadcastInDim(bias, shape, [channelAxis(call, shape.length)]);
  return call.builder.elementwise('stablehlo.add', value, wide);
}

function biasAddGradient(call: OpCall): Value {
  const value = call.value(0);
  const rank = value.type.shape.length;
  const kept = channelAxis(call, rank);
  const axes = Array.from({ length: rank }, (_, i) => i).filter((axis) => axis !== kept);
  return call.builder.reduce(value, call.builder.constant(value.type.dtype, 0), 'stablehlo.add', axes);
}

/** Products of matrices, and the biases added to them (tf2xla/kernels/matmul_op.cc, batch_matmul_op.cc, bias_ops.cc). */
export const MATRICES: ReadonlyMap<string, Emitter> = new Map(
  Object.entries<Emitter>({
    BatchMatMul: single(batchProduct),
    BatchMatMulV2: single(batchProduct),
    BatchMatMulV3: single(batchProduct),
    BiasAdd: single(biasAdd),
    BiasAddGrad: single(biasAddGradient),
    MatMul: single(product),
  }),
);
