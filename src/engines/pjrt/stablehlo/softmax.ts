import { dtypeName, TF } from '../../dtypes.ts';
import { isFloat, type ProgramBuilder, type Value } from './builder.ts';
import { aligned, NotEmitted, single, type Emitter, type OpCall } from './emitter.ts';

/** A reduction over the last axis, repeated along it. */
function overRows(builder: ProgramBuilder, value: Value, operation: string, initial: number): Value {
  const { dtype, shape } = value.type;
  const last = shape.length - 1;
  const row = builder.reduce(value, builder.constant(dtype, initial), operation, [last]);
  return builder.broadcastInDim(
    row,
    shape,
    row.type.shape.map((_, i) => i),
  );
}

/** Logits less their largest, and the sums of their exponentials: nothing overflows (tf2xla/kernels/softmax_op.cc). */
function shifted(builder: ProgramBuilder, logits: Value): { logits: Value; powers: Value; sums: Value } {
  const largest = overRows(builder, logits, 'stablehlo.maximum', -Infinity);
  const low = builder.elementwise('stablehlo.subtract', logits, largest);
  const powers = builder.elementwise('stablehlo.exponential', low);
  return { logits: low, powers, sums: overRows(builder, powers, 'stablehlo.add', 0) };
}

function logitsOf(call: OpCall, index: number): Value {
  const value = call.value(index);
  if (!isFloat(value.type.dtype)) throw new NotEmitted(`${call.name} of ${dtypeName(value.type.dtype)}`);
  return value;
}

function softmax(call: OpCall): Value {
  const { powers, sums } = shifted(call.builder, logitsOf(call, 0));
  return call.builder.elementwise('stablehlo.divide', powers, sums);
}

function logSoftmax(call: OpCall): Value {
  const { logits, sums } = shifted(call.builder, logitsOf(call, 0));
  return call.builder.elementwise(
    'stablehlo.subtract',
    logits,
    call.builder.elementwise('stablehlo.log', sums),
  );
}

/** The loss of each row and its gradient, softmax - labels. A label of 0 counts nothing, also where the log is infinite. */
function crossEntropy(builder: ProgramBuilder, values: Value, labels: Value): [loss: Value, gradient: Value] {
  const { logits, powers, sums } = shifted(builder, values);
  const { dtype, shape } = values.type;
  const zero = builder.constant(dtype, 0, shape);
  const logs = builder.elementwise('stablehlo.subtract', builder.elementwise('stablehlo.log', sums), logits);
  const products = builder.select(
    builder.compare('EQ', labels, zero),
    zero,
    builder.elementwise('stablehlo.multiply', labels, logs),
  );
  const loss = builder.reduce(products, builder.constant(dtype, 0), 'stablehlo.add', [shape.length - 1]);
  const shares = builder.elementwise('stablehlo.divide', powers, sums);
  return [loss, builder.elementwise('stablehlo.subtract', shares, labels)];
}

function softmaxCrossEntropy(call: OpCall): Value[] {
  const [logits, labels] = aligned(call, [logitsOf(call, 0), call.value(1)]) as [Value, Value];
  return crossEntropy(call.builder, logits, labels);
}

/** Labels are indices; one that is out of range is an error, as on TensorFlow's CPU (sparse_xent_op.cc). */
function sparseCrossEntropy(call: OpCall): Value[] {
  const { builder } = call;
  const logits = logitsOf(call, 0);
  const indices = call.value(1);
  const { dtype, shape } = logits.type;
  const classes = shape[1] ?? 0;
  const { shape: rows, dtype: indexType } = indices.type;
  const outside = builder.elementwise(
    'stablehlo.or',
    builder.compare('LT', indices, builder.constant(indexType, 0, rows)),
    builder.compare('GE', indices, builder.constant(indexType, classes, rows)),
  );
  builder.check(outside, `a label is outside of the valid range of [0, ${classes})`);
  const wide = builder.broadcastInDim(builder.convert(indices, TF.INT64), shape, [0]);
  const matches = builder.compare('EQ', wide, builder.iota({ dtype: TF.INT64, shape }, 1));
  const labels = builder.convert(matches, dtype);
  return crossEntropy(builder, logits, labels);
}

/** Softmax and the losses on it (tf2xla/kernels/softmax_op.cc). */
export const SOFTMAX: ReadonlyMap<string, Emitter> = new Map(
  Object.entries<Emitter>({
    LogSoftmax: single(logSoftmax),
    Softmax: single(softmax),
    SoftmaxCrossEntropyWithLogits: softmaxCrossEntropy,
    SparseSoftmaxCrossEntropyWithLogits: sparseCrossEntropy,
  }),
);
