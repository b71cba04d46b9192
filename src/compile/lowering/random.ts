import { seedSession, sessionRandom } from '../../base/random-numbers.ts';
import { checkSizes } from '../../tfjs/kernels/size-checks.ts';
import type { Tensor } from '@tensorflow/tfjs';
import { randomCounter } from '../tracing/random-counter.ts';
import { tensorflowBackend } from '../../tfjs/backend.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import type { GraphOutput } from '../../engines/ops.ts';
import { activeTrace } from '../tracing/active-trace.ts';
import type { GraphBuilder } from '../../engines/engine.ts';
import type { TraceScope } from '../tracing/trace-scope.ts';
import { Untraceable } from '../../engines/untraceable.ts';
import { tfInternals, type Tf } from '../../tfjs/instance.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/**
 * Makes all random numbers without a separate seed repeatable: weights, dropout, `tf.random…`, `tf.multinomial`, and the order
 * in which `fit`, `tf.util.shuffle` and data sets shuffle, as Keras's `set_random_seed` does. `Math.random` in your own code is not among them.
 *
 * @throws RangeError for what is no integer.
 */
export function setRandomSeed(seed: number): void {
  if (!Number.isInteger(seed)) throw new RangeError(`a seed is an integer, not ${seed}`);
  randomCounter.reset(seed);
  seedSession(seed);
}

type Kind = 'uniform' | 'normal' | 'truncatedNormal';

const ops: Record<Kind, string> = {
  uniform: 'StatelessRandomUniformV2',
  normal: 'StatelessRandomNormalV2',
  truncatedNormal: 'StatelessTruncatedNormalV2',
};

/** TensorFlow's enumeration of generators: Philox, the same on every device. */
const PHILOX = 1;

const type = (name: string, value: number) => ({ name, type: ATTR.TYPE, value });

function drawTraced(trace: TraceScope, kind: Kind, shape: readonly number[], ownKey?: number): Tensor {
  if (trace.nested) throw new Untraceable('random numbers are drawn in each step of a loop', 'loops');
  const { graph } = trace;
  const base = trace.randomBase(() => randomCounter.count);
  const key =
    ownKey === undefined ? trace.randomKey(() => randomCounter.key) : graph.constant([], TF.INT64, [ownKey]);
  const offset = graph.constant([], TF.INT64, [trace.randomOps++]);
  const count = { oper: graph.operation('AddV2', [base, offset], [type('T', TF.INT64)]), index: 0 };
  const seed = graph.operation(
    'Pack',
    [key, count],
    [type('T', TF.INT64), { name: 'N', type: ATTR.INT, value: 2 }],
  );
  const start = graph.operation(
    'StatelessRandomGetKeyCounter',
    [{ oper: seed, index: 0 }],
    [type('Tseed', TF.INT64)],
  );
  const at = (index: number): GraphOutput => ({ oper: start, index });
  trace.differsForXla = true;
  if (trace.forXla && kind !== 'truncatedNormal') return trace.symbol(drawnByXla(graph, kind, shape, at));
  const drawn = graph.operation(
    ops[kind],
    [graph.constant([shape.length], TF.INT32, shape), at(0), at(1), graph.constant([], TF.INT32, [PHILOX])],
    [type('dtype', TF.FLOAT), type('Tshape', TF.INT32)],
  );
  return trace.symbol({ oper: drawn, index: 0 });
}

/**
 * The same numbers in a graph for XLA. Its generator gives the same bits, but it makes numbers of other bits than
 * TensorFlow does (tensorflow/core/lib/random/random_distributions.h); truncated ones cannot be made without a loop.
 */
function drawnByXla(
  graph: GraphBuilder,
  kind: 'uniform' | 'normal',
  shape: readonly number[],
  start: (index: number) => GraphOutput,
): GraphOutput {
  const count = elementCount(shape);
  const pairs = Math.ceil(count / 2);
  const dimensions = (values: readonly number[]) => graph.constant([values.length], TF.INT32, values);
  const op = (name: string, inputs: GraphOutput[], dtype: number): GraphOutput => ({
    oper: graph.operation(name, inputs, [type('T', dtype)]),
    index: 0,
  });
  const word = (value: number) => graph.constant([], TF.UINT32, [value]);
  const number = (value: number) => graph.constant([], TF.FLOAT, [value]);
  const bits = graph.operation(
    'StatelessRandomUniformFullIntV2',
    [dimensions([pairs, 2]), start(0), start(1), graph.constant([], TF.INT32, [PHILOX])],
    [type('dtype', TF.UINT32), type('Tshape', TF.INT32)],
  );
  // The lower 23 bits behind the exponent of 1: from 1 to 2.
  const mantissa = op('BitwiseAnd', [{ oper: bits, index: 0 }, word(0x7fffff)], TF.UINT32);
  const from1 = graph.operation(
    'Bitcast',
    [op('BitwiseOr', [mantissa, word(0x3f800000)], TF.UINT32)],
    [type('T', TF.UINT32), type('type', TF.FLOAT)],
  );
  const uniform = op('Sub', [{ oper: from1, index: 0 }, number(1)], TF.FLOAT);
  const shaped = (value: GraphOutput): GraphOutput => {
    const flat = op(
      'Slice',
      [op('Reshape', [value, dimensions([2 * pairs])], TF.FLOAT), dimensions([0]), dimensions([count])],
      TF.FLOAT,
    );
    return op('Reshape', [flat, dimensions(shape)], TF.FLOAT);
  };
  if (kind === 'uniform') return shaped(uniform);
  // Box and Muller's, of each pair.
  const column = (index: number) =>
    op('Slice', [uniform, dimensions([0, index]), dimensions([pairs, 1])], TF.FLOAT);
  const radius = op(
    'Sqrt',
    [
      op(
        'Mul',
        [number(-2), op('Log', [op('Maximum', [column(0), number(1e-7)], TF.FLOAT)], TF.FLOAT)],
        TF.FLOAT,
      ),
    ],
    TF.FLOAT,
  );
  const angle = op('Mul', [number(2 * Math.PI), column(1)], TF.FLOAT);
  const parts = ['Sin', 'Cos'].map((name) => op('Mul', [op(name, [angle], TF.FLOAT), radius], TF.FLOAT));
  const both = graph.operation(
    'ConcatV2',
    [...parts, graph.constant([], TF.INT32, [1])],
    [type('T', TF.FLOAT), { name: 'N', type: ATTR.INT, value: 2 }],
  );
  return shaped({ oper: both, index: 0 });
}

function drawNow(kind: Kind, shape: readonly number[], ownKey?: number): Tensor | undefined {
  const backend = tensorflowBackend();
  if (backend === undefined) return undefined;
  const { engine } = backend;
  const made: number[] = [];
  const create = (dimensions: number[], dtype: number, values: readonly number[]) => {
    const id = engine.createTensor(dimensions, dtype, values);
    made.push(id);
    return id;
  };
  try {
    const seed = create([2], TF.INT64, [ownKey ?? randomCounter.key, randomCounter.count]);
    const start = engine
      .executeOp('StatelessRandomGetKeyCounter', [type('Tseed', TF.INT64)], [seed], 2)
      .map(({ id }) => id);
    made.push(...start);
    const inputs = [create([shape.length], TF.INT32, shape), ...start, create([], TF.INT32, [PHILOX])];
    const [drawn] = engine.executeOp(
      ops[kind],
      [type('dtype', TF.FLOAT), type('Tshape', TF.INT32)],
      inputs,
      1,
    );
    randomCounter.advance(1);
    return backend.createOutputTensor(drawn as NonNullable<typeof drawn>);
  } finally {
    for (const id of made) engine.releaseTensor(id);
  }
}

/** A key above those of the session, from a layer's seed: another stream for each seed. */
function keyOfSeed(seed: unknown): number {
  let hash = 2166136261;
  for (const character of String(seed)) {
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 16777619);
  }
  return 2 ** 32 + (hash >>> 0);
}

/**
 * Lets tfjs's random ops without a seed draw on TensorFlow. With a seed they give tfjs's own numbers, the same at every
 * call, in a graph as well as outside. A layer with a seed hands over a stream (`tfjs/seed-streams.mjs`): its key belongs to
 * the seed, and its place is that of the session, so that each step draws other numbers.
 */
export function installRandom(tf: Tf): void {
  const hooks = tfInternals(tf).random;
  hooks.next = sessionRandom;
  hooks.draw = (kind, shape, a, b, dtype, seed) => {
    if (tf.getBackend() !== 'tensorflow' || (seed !== undefined && typeof seed !== 'object'))
      return undefined;
    const ownKey = seed === undefined ? undefined : keyOfSeed(seed.seed);
    const tracing = activeTrace();
    if (!(kind in ops) || (dtype !== 'float32' && dtype !== 'int32')) {
      if (tracing !== undefined)
        throw new Untraceable(`random numbers of this kind (${kind}, ${dtype}) are drawn in JavaScript`);
      return undefined;
    }
    checkSizes(shape, 'a random tensor');
    return tf.tidy(() => {
      const drawn =
        tracing === undefined
          ? drawNow(kind as Kind, shape, ownKey)
          : drawTraced(tracing, kind as Kind, shape, ownKey);
      if (drawn === undefined) return undefined as never;
      const scaled = kind === 'uniform' ? drawn.mul(b - a).add(a) : drawn.mul(b).add(a);
      // As tfjs: normal numbers are rounded, uniform ones cut.
      if (dtype === 'int32') return (kind === 'uniform' ? scaled : scaled.round()).cast('int32');
      return scaled;
    });
  };
}
