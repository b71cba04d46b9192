import { dtypeName, TF } from '../../dtypes.ts';
import type { Value } from './builder.ts';
import { NotEmitted, single, type Emitter, type OpCall } from './emitter.ts';

/** Algorithms of stateless random ops (tensorflow/core/framework/rng_alg.h). */
const PHILOX = 1;
const AUTO_SELECT = 3;

/**
 * Random bits of TensorFlow's stream. `rng_bit_generator` with PHILOX and the state [key, counter 0, counter 1] gives
 * the numbers of TensorFlow's own PhiloxRandom in the same order.
 */
function bits(call: OpCall, shape: readonly number[]): Value {
  const { builder } = call;
  const algorithm = call.known(3)[0]!;
  if (algorithm !== PHILOX && algorithm !== AUTO_SELECT)
    throw new NotEmitted(`${call.name} by algorithm ${algorithm}`);
  const state = builder.concatenate(
    [call.value(1), call.value(2)].map((part) => builder.bitcast(part, TF.UINT64)),
    0,
  );
  const types = [state.type, { dtype: TF.UINT32, shape }];
  const [, numbers] = builder.emitSeveral(
    `stablehlo.rng_bit_generator ${state.name}, algorithm = PHILOX`,
    types,
    `(tensor<3xui64>) -> (tensor<3xui64>, tensor<${shape.map((size) => `${size}x`).join('')}ui32>)`,
  );
  return numbers!;
}

/** Floats in [0, 1): 23 bits become the fraction of a number in [1, 2) (random_distributions.h, Uint32ToFloat). */
function uniform(call: OpCall): Value {
  const dtype = call.attribute<number>('dtype', TF.FLOAT);
  if (dtype !== TF.FLOAT) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
  const { builder } = call;
  const shape = call.known(0);
  const fraction = builder.elementwise(
    'stablehlo.and',
    bits(call, shape),
    builder.constant(TF.UINT32, 0x7fffff, shape),
  );
  const number = builder.elementwise(
    'stablehlo.or',
    fraction,
    builder.constant(TF.UINT32, 0x3f800000, shape),
  );
  const float = builder.bitcast(number, TF.FLOAT);
  return builder.elementwise('stablehlo.subtract', float, builder.constant(TF.FLOAT, 1, shape));
}

function fullRange(call: OpCall): Value {
  const dtype = call.attribute<number>('dtype', TF.UINT32);
  const numbers = bits(call, call.known(0));
  if (dtype === TF.UINT32) return numbers;
  if (dtype === TF.INT32) return call.builder.bitcast(numbers, TF.INT32);
  throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
}

/** Integers from `minimum` to before `maximum`: the remainder of the bits (random_distributions.h, UniformDistribution). */
function uniformInteger(call: OpCall): Value {
  const { builder } = call;
  const { dtype } = call.typeOf(4);
  if (dtype !== TF.INT32) throw new NotEmitted(`${call.name} of ${dtypeName(dtype)}`);
  const shape = call.known(0);
  const wide = (value: Value) => builder.broadcastInDim(value, shape, []);
  const [low, high] = [call.value(4), call.value(5)];
  const span = builder.bitcast(builder.elementwise('stablehlo.subtract', high, low), TF.UINT32);
  const offset = builder.elementwise('stablehlo.remainder', bits(call, shape), wide(span));
  return builder.elementwise('stablehlo.add', wide(low), builder.bitcast(offset, TF.INT32));
}

/** Stateless random ops (tensorflow/core/ops/stateless_random_ops_v2.cc): shape, key, counter, algorithm. */
export const RANDOM: ReadonlyMap<string, Emitter> = new Map(
  Object.entries<Emitter>({
    StatelessRandomUniformFullIntV2: single(fullRange),
    StatelessRandomUniformIntV2: single(uniformInteger),
    StatelessRandomUniformV2: single(uniform),
  }),
);
