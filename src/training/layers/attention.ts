import type * as tfjs from '@tensorflow/tfjs';
import { elementCount } from '../../base/arrays/dtype.ts';
import {
  addWeight,
  type Initializer,
  type Layer,
  type Tensor,
  type Tf,
  type Weight,
  type WeightOptions,
} from './registry.ts';

/** Multi-head attention, apart from the layer that holds its weights: shapes, masks, and the computation. */

export type Mask = Tensor | null | undefined;

/** The arguments of the layer that the computation depends on. */
interface AttentionOptions {
  numHeads: number;
  keyDim: number;
  dropout?: number;
  useCausalMask?: boolean;
  attentionMask?: boolean;
}

/** Weights of one linear map to or from the heads. */
interface Projection {
  /** [input, heads, size]; of the output [heads, size, output]. */
  kernel: Weight;
  /** [heads, size]; of the output [output]. */
  bias: Weight | undefined;
}

/** In Keras's order. */
export type Projections = Record<'query' | 'key' | 'value' | 'output', Projection>;

export type ProjectionOptions = Record<'kernel' | 'bias', WeightOptions>;

/** The layer's inputs. `attention` is the mask for each pair of positions. */
interface Arranged<T> {
  query: T;
  value: T;
  key: T;
  attention: T | undefined;
}

/** Large enough that the softmax gives 0, small enough that float16 holds it. */
const NEVER = -3e4;

/** The size of the last axis, which has been checked to be known. */
export function lastSize(shape: tfjs.Shape): number {
  return shape.at(-1) as number;
}

/** Query, value, key and the mask of attention among inputs. @param layer its name, for errors. @throws RangeError */
export function arranged<T>(layer: string, options: AttentionOptions, inputs: readonly T[]): Arranged<T> {
  const masked = options.attentionMask === true;
  const [query, value = query, key = value, ...more] = masked ? inputs.slice(0, -1) : inputs;
  if (query === undefined || value === undefined || key === undefined || more.length > 0) {
    throw new RangeError(
      `${layer}: ${inputs.length} inputs, but it takes query, value and key` +
        `${masked ? ' with the attention mask behind them' : ''}: give [query, value${masked ? ', mask' : ''}], or set ` +
        'attentionMask: true where the last input is a mask',
    );
  }
  return { query, value, key, attention: masked ? inputs.at(-1) : undefined };
}

/** Checks the shape of a mask of attention; sizes that are not known yet fit. @throws RangeError */
function checkMask(
  layer: string,
  heads: number,
  mask: tfjs.Shape,
  query: tfjs.Shape,
  value: tfjs.Shape,
): void {
  const wanted = [query[0], heads, query[1], value[1]];
  const expected =
    mask.length === 4 ? wanted : mask.length === 3 ? [wanted[0], wanted[2], wanted[3]] : wanted.slice(2);
  const unlike = mask.some((size, i) => {
    const other = expected[i];
    return typeof size === 'number' && size !== 1 && typeof other === 'number' && size !== other;
  });
  if (mask.length < 2 || mask.length > 4 || unlike) {
    const text = (shape: readonly (number | null | undefined)[]) =>
      `[${shape.map((size) => String(size ?? '?')).join(', ')}]`;
    throw new RangeError(
      `${layer}: its attention mask has shape ${text(mask)}; give ${text(wanted.slice(2))}, ` +
        `${text([wanted[0], wanted[2], wanted[3]])} or ${text(wanted)}`,
    );
  }
}

/** Draws a matrix of this shape, and gives it another one with as many elements. */
function splitInitializer(initializer: NonNullable<Initializer>, matrix: number[]): Initializer {
  return {
    apply: (shape) => initializer.apply(matrix, 'float32').reshape(shape.map(Number)),
    fromConfigUsesCustomObjects: () => initializer.fromConfigUsesCustomObjects(),
    getClassName: () => initializer.getClassName(),
    getConfig: () => initializer.getConfig(),
  };
}

/** Sizes of the heads; `output` are the last axes of the result, the query's where it is undefined. */
interface Sizes {
  numHeads: number;
  keyDim: number;
  valueDim: number;
  output: readonly number[] | undefined;
}

/** Adds all weights of the layer, for inputs of these shapes. @throws RangeError for shapes that do not fit */
export function addProjections(
  layer: Layer,
  options: ProjectionOptions,
  { query, value, key, attention }: Arranged<tfjs.Shape>,
  { numHeads, keyDim, valueDim, output }: Sizes,
  useBias: boolean,
): Projections {
  const unfit = [query, value, key].find(
    (shape) => shape.length !== 3 || typeof lastSize(shape) !== 'number',
  );
  if (unfit !== undefined) {
    throw new RangeError(
      `${layer.name}: an input has shape [${unfit.map((size) => String(size ?? '?')).join(', ')}]; give [batch, positions, width]`,
    );
  }
  if (attention !== undefined) checkMask(layer.name, numHeads, attention, query, value);
  const add = (name: string, from: readonly number[], to: readonly number[]) =>
    addProjection(layer, options, name, from, to, useBias);
  return {
    query: add('query', [lastSize(query)], [numHeads, keyDim]),
    key: add('key', [lastSize(key)], [numHeads, keyDim]),
    value: add('value', [lastSize(value)], [numHeads, valueDim]),
    output: add('output', [numHeads, valueDim], output ?? [lastSize(query)]),
  };
}

/** Adds the weights of a linear map from axes to axes. */
function addProjection(
  layer: Layer,
  { kernel, bias }: ProjectionOptions,
  name: string,
  from: readonly number[],
  to: readonly number[],
  useBias: boolean,
): Projection {
  const { initializer, regularizer, constraint } = kernel;
  if (initializer === undefined) throw new Error(`${layer.name}: ${name} has no initializer`);
  // Fans as of the matrix that the product takes: [input, heads · size], or [heads · size, output].
  const split = splitInitializer(initializer, [elementCount(from), elementCount(to)]);
  const shape = [...from, ...to];
  return {
    kernel: addWeight(layer, `${name}_kernel`, shape, 'float32', split, regularizer, true, constraint),
    bias: useBias ? bias.add(layer, `${name}_bias`, [...to]) : undefined,
  };
}

/** Rows of a matrix product with a kernel of `width` columns. */
function mapped(tf: Tf, rows: Tensor, { kernel, bias }: Projection, width: number): Tensor {
  const flat = tf.matMul(rows, kernel.read().reshape([lastSize(rows.shape), width]));
  return bias === undefined ? flat : flat.add(bias.read().reshape([width]));
}

/** [batch, positions, input] as [batch, heads, positions, size]. */
function project(tf: Tf, input: Tensor, projection: Projection): Tensor {
  const [batch = 0, positions = 0, width = 0] = input.shape;
  const heads = projection.kernel.shape[1] ?? 0;
  const size = projection.kernel.shape[2] ?? 0;
  const flat = mapped(tf, input.reshape([batch * positions, width]), projection, heads * size);
  return flat.reshape([batch, positions, heads, size]).transpose([0, 2, 1, 3]);
}

/**
 * Which pairs of positions see each other.
 *
 * @param masks of the query's, value's and key's positions.
 * @returns [batch, 1 or heads, query positions, value positions], true where the query may look; undefined where it always may.
 * @throws RangeError for a mask that does not fit.
 */
export function visible(
  tf: Tf,
  layer: string,
  options: AttentionOptions,
  { query, value, attention }: Arranged<Tensor>,
  masks: readonly Mask[],
): Tensor | undefined {
  const [batch = 0, length = 0] = query.shape;
  const positions = value.shape[1] ?? 0;
  const { length: count } = masks;
  const parts: Tensor[] = [];
  const along = (mask: Mask, of: Tensor, shape: number[], what: string) => {
    if (mask === null || mask === undefined) return;
    if (mask.shape.join() !== of.shape.slice(0, 2).join()) {
      throw new RangeError(
        `${layer}: the mask of its ${what} has shape [${mask.shape.join(', ')}], its ${what} [${of.shape.join(', ')}]`,
      );
    }
    parts.push(mask.cast('bool').reshape(shape));
  };
  along(masks[0], query, [batch, 1, length, 1], 'query');
  along(masks[Math.min(1, count - 1)], value, [batch, 1, 1, positions], 'value');
  if (count > 2) along(masks[2], value, [batch, 1, 1, positions], 'key');
  if (attention !== undefined) {
    checkMask(layer, options.numHeads, attention.shape, query.shape, value.shape);
    const shape = attention.shape.slice();
    // One for all heads, or for all samples too.
    while (shape.length < 4) shape.splice(-2, 0, 1);
    parts.push(attention.cast('bool').reshape(shape));
  }
  if (options.useCausalMask === true) {
    const triangle = tf.linalg.bandPart(tf.ones([length, positions]), -1, 0);
    parts.push(triangle.cast('bool').reshape([1, 1, length, positions]));
  }
  return parts.length === 0 ? undefined : parts.reduce((a, b) => tf.logicalAnd(a, b));
}

/** The layer's result, [batch, query positions, …output]. @param mask of {@link visible}. */
export function attend(
  tf: Tf,
  { keyDim, dropout = 0 }: AttentionOptions,
  parts: Projections,
  { query, key, value }: Arranged<Tensor>,
  mask: Tensor | undefined,
  training: boolean,
): Tensor {
  const q = project(tf, query, parts.query).mul(1 / Math.sqrt(keyDim));
  const k = project(tf, key, parts.key);
  const v = project(tf, value, parts.value);
  let scores = tf.matMul(q, k, false, true);
  const whole = mask === undefined ? undefined : tf.logicalAnd(mask, tf.onesLike(scores).cast('bool'));
  if (whole !== undefined) scores = tf.where(whole, scores, tf.fill(scores.shape, NEVER));
  let weights: Tensor = tf.softmax(scores);
  // A position that sees nothing weighs all alike in Keras's usual form, and nothing in the one that it has for dropout.
  if (whole !== undefined && dropout > 0) weights = tf.where(whole, weights, tf.zerosLike(weights));
  if (dropout > 0 && training) weights = tf.dropout(weights, dropout);
  const heard = tf.matMul(weights, v).transpose([0, 2, 1, 3]);
  const [batch = 0, heads = 0, , size = 0] = v.shape;
  const length = query.shape[1] ?? 0;
  const output = parts.output.kernel.shape.slice(2).map(Number);
  const flat = mapped(tf, heard.reshape([batch * length, heads * size]), parts.output, elementCount(output));
  return flat.reshape([batch, length, ...output]);
}
