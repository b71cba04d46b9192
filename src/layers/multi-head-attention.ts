import type * as tfjs from '@tensorflow/tfjs';
import { traceable } from '../tensorflow/compile/own-code.ts';
import { theTf } from '../training/tf.ts';

export interface MultiHeadAttentionArgs {
  /** Number of heads. */
  numHeads: number;
  /** Size of each head for query and key. */
  keyDim: number;
  /** Size of each head for value; `keyDim` by default. */
  valueDim?: number;
  /** Share of the attention weights that are dropped while training. */
  dropout?: number;
  useBias?: boolean;
  /** A position sees only itself and those before it. */
  useCausalMask?: boolean;
  /**
   * The last input is a mask: [query positions, value positions], [batch, …, …] or [batch, heads, …, …], not 0 where the
   * query may look.
   */
  attentionMask?: boolean;
  kernelInitializer?: string;
  name?: string;
}

type Mask = tfjs.Tensor | null | undefined;
type Layer = tfjs.layers.Layer;
type Weight = Layer['weights'][number];
type LayerClass = new (args: MultiHeadAttentionArgs) => Layer;

/** Large enough that the softmax gives 0, small enough that float16 holds it. */
const NEVER = -3e4;

/** One class for each copy of tfjs, since it extends that copy's `Layer`. */
const classes = new WeakMap<object, LayerClass>();

function makeClass(tf: typeof tfjs): LayerClass {
  class MultiHeadAttention extends tf.layers.Layer {
    static readonly className = 'MultiHeadAttention';
    readonly args: MultiHeadAttentionArgs;
    readonly valueDim: number;
    /** Kernels [input, heads, size] and biases [heads, size] of query, key, value; output [heads, size, output]. */
    private parts: { kernel: Weight; bias: Weight | undefined }[] = [];

    constructor(args: MultiHeadAttentionArgs) {
      super(args.name === undefined ? {} : { name: args.name });
      const { numHeads, keyDim } = args;
      for (const [what, value] of Object.entries({ numHeads, keyDim, valueDim: args.valueDim ?? keyDim })) {
        if (!Number.isInteger(value) || value < 1) {
          throw new RangeError(`multiHeadAttention: ${what} is ${value}; it has to be a whole number from 1`);
        }
      }
      this.args = args;
      this.valueDim = args.valueDim ?? keyDim;
      this.supportsMasking = true;
    }

    /** Query, value, key and the mask of attention, of what the layer is applied to. @throws RangeError */
    private arranged<T>(inputs: T[]): { query: T; value: T; key: T; attention: T | undefined } {
      const masked = this.args.attentionMask === true;
      const tensors = masked ? inputs.slice(0, -1) : inputs;
      if (tensors.length < 1 || tensors.length > 3) {
        throw new RangeError(
          `${this.name}: ${inputs.length} inputs, but it takes query, value and key` +
            `${masked ? ' with the attention mask behind them' : ''}: give [query, value${masked ? ', mask' : ''}], or set ` +
            'attentionMask: true where the last input is a mask',
        );
      }
      const [query, value = query, key = value] = tensors as [T, T?, T?];
      return { query, value, key, attention: masked ? inputs.at(-1) : undefined };
    }

    /** Checks the shape of a mask of attention; sizes that are not known yet fit. @throws RangeError */
    private checkMask(mask: tfjs.Shape, query: tfjs.Shape, value: tfjs.Shape): void {
      const wanted = [query[0], this.args.numHeads, query[1], value[1]];
      const places = mask.length === 4 ? [0, 1, 2, 3] : mask.length === 3 ? [0, 2, 3] : [2, 3];
      const unlike = mask.some((size, i) => {
        const other = wanted[places[i] as number];
        return typeof size === 'number' && size !== 1 && typeof other === 'number' && size !== other;
      });
      if (mask.length < 2 || mask.length > 4 || unlike) {
        const text = (shape: readonly (number | null | undefined)[]) =>
          `[${shape.map((size) => String(size ?? '?')).join(', ')}]`;
        throw new RangeError(
          `${this.name}: its attention mask has shape ${text(mask)}; give ${text(wanted.slice(2))}, ` +
            `${text([wanted[0], wanted[2], wanted[3]])} or ${text(wanted)}`,
        );
      }
    }

    override build(inputShape: tfjs.Shape | tfjs.Shape[]): void {
      const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as tfjs.Shape[];
      const { query, value, key, attention } = this.arranged(shapes);
      if (attention !== undefined) this.checkMask(attention, query, value);
      const { numHeads, keyDim, useBias = true } = this.args;
      const part = (name: string, kernel: number[], bias: number[]) => {
        const initializer =
          tf.initializers[(this.args.kernelInitializer ?? 'glorotUniform') as 'glorotUniform'];
        // Fans as of the matrix that the product takes: [input, heads · size], or [heads · size, output].
        const split = kernel.length - bias.length;
        const product = (sizes: number[]) => sizes.reduce((a, b) => a * b, 1);
        const flat = [product(kernel.slice(0, split)), product(kernel.slice(split))];
        const made = initializer({}).apply(flat, 'float32').reshape(kernel);
        const own = { apply: () => made } as unknown as Parameters<typeof this.addWeight>[3];
        return {
          kernel: this.addWeight(`${name}_kernel`, kernel, 'float32', own),
          bias: useBias
            ? this.addWeight(`${name}_bias`, bias, 'float32', tf.initializers.zeros())
            : undefined,
        };
      };
      const last = (shape: tfjs.Shape) => shape.at(-1) as number;
      const width = last(query);
      this.parts = [
        part('query', [width, numHeads, keyDim], [numHeads, keyDim]),
        part('key', [last(key), numHeads, keyDim], [numHeads, keyDim]),
        part('value', [last(value), numHeads, this.valueDim], [numHeads, this.valueDim]),
        part('output', [numHeads, this.valueDim, width], [width]),
      ];
      this.built = true;
    }

    /** The query's, as Keras has it. */
    override computeMask(
      _inputs: tfjs.Tensor | tfjs.Tensor[],
      mask?: tfjs.Tensor | tfjs.Tensor[],
    ): tfjs.Tensor {
      return (Array.isArray(mask) ? mask[0] : mask) as tfjs.Tensor;
    }

    override computeOutputShape(inputShape: tfjs.Shape | tfjs.Shape[]): tfjs.Shape {
      return (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tfjs.Shape;
    }

    /** [batch, positions, input] as [batch, heads, positions, size]. */
    private project(input: tfjs.Tensor, index: number): tfjs.Tensor {
      const { kernel, bias } = this.parts[index] as { kernel: Weight; bias: Weight | undefined };
      const [batch, positions, width] = input.shape as [number, number, number];
      const [, heads, size] = kernel.shape as number[] as [number, number, number];
      const flat = tf.matMul(
        input.reshape([batch * positions, width]),
        kernel.read().reshape([width, heads * size]),
      );
      const sum = bias === undefined ? flat : flat.add(bias.read().reshape([heads * size]));
      return sum.reshape([batch, positions, heads, size]).transpose([0, 2, 1, 3]);
    }

    /** [batch, 1 or heads, query positions, value positions], true where the query may look; undefined where it always may. */
    private visible(
      { query, value, attention }: { query: tfjs.Tensor; value: tfjs.Tensor; attention: Mask },
      masks: readonly Mask[],
    ): tfjs.Tensor | undefined {
      const [batch, length] = query.shape as [number, number];
      const positions = value.shape[1] as number;
      const { length: count } = masks;
      const parts: tfjs.Tensor[] = [];
      const along = (mask: Mask, of: tfjs.Tensor, shape: number[], what: string) => {
        if (mask === null || mask === undefined) return;
        if (mask.shape.join() !== of.shape.slice(0, 2).join()) {
          throw new RangeError(
            `${this.name}: the mask of its ${what} has shape [${mask.shape.join(', ')}], its ${what} [${of.shape.join(', ')}]`,
          );
        }
        parts.push(mask.cast('bool').reshape(shape));
      };
      along(masks[0], query, [batch, 1, length, 1], 'query');
      along(masks[Math.min(1, count - 1)], value, [batch, 1, 1, positions], 'value');
      if (count > 2) along(masks[2], value, [batch, 1, 1, positions], 'key');
      if (attention !== null && attention !== undefined) {
        this.checkMask(attention.shape, query.shape, value.shape);
        const shape = attention.shape.slice();
        // One for all heads, or for all samples too.
        while (shape.length < 4) shape.splice(-2, 0, 1);
        parts.push(attention.cast('bool').reshape(shape));
      }
      if (this.args.useCausalMask === true) {
        parts.push(
          tf.linalg
            .bandPart(tf.ones([length, positions]), -1, 0)
            .cast('bool')
            .reshape([1, 1, length, positions]),
        );
      }
      return parts.length === 0 ? undefined : parts.reduce((a, b) => tf.logicalAnd(a, b));
    }

    override call(
      inputs: tfjs.Tensor | tfjs.Tensor[],
      kwargs: { training?: boolean; mask?: Mask | Mask[] },
    ): tfjs.Tensor {
      return tf.tidy(() => {
        const { query, value, key, attention } = this.arranged(Array.isArray(inputs) ? inputs : [inputs]);
        const given = Array.isArray(kwargs.mask) ? kwargs.mask : [kwargs.mask];
        const masks = this.args.attentionMask === true ? given.slice(0, -1) : given;
        const q = this.project(query, 0).mul(1 / Math.sqrt(this.args.keyDim));
        const k = this.project(key, 1);
        const v = this.project(value, 2);
        let scores = tf.matMul(q, k, false, true);
        const [batch, heads, , size] = v.shape as [number, number, number, number];
        const length = query.shape[1] as number;
        const visible = this.visible({ query, value, attention }, masks);
        const whole =
          visible === undefined ? undefined : tf.logicalAnd(visible, tf.onesLike(scores).cast('bool'));
        if (whole !== undefined) scores = tf.where(whole, scores, tf.fill(scores.shape, NEVER));
        let weights: tfjs.Tensor = tf.softmax(scores);
        const { dropout = 0 } = this.args;
        // A position that sees nothing hears all alike in Keras' usual form, and nothing in the one that it has for dropout.
        if (whole !== undefined && dropout > 0) weights = tf.where(whole, weights, tf.zerosLike(weights));
        if (dropout > 0 && kwargs.training === true) weights = tf.dropout(weights, dropout);
        const heard = tf.matMul(weights, v).transpose([0, 2, 1, 3]);
        const { kernel, bias } = this.parts[3] as { kernel: Weight; bias: Weight | undefined };
        const width = kernel.shape.at(-1) as number;
        const flat = tf.matMul(
          heard.reshape([batch * length, heads * size]),
          kernel.read().reshape([heads * size, width]),
        );
        return (bias === undefined ? flat : flat.add(bias.read())).reshape([batch, length, width]);
      });
    }

    override getConfig(): tfjs.serialization.ConfigDict {
      return { ...super.getConfig(), ...this.args };
    }
  }
  tf.serialization.registerClass(MultiHeadAttention);
  return traceable(MultiHeadAttention as unknown as LayerClass);
}

/**
 * Multi-head attention (Vaswani et al., 2017, "Attention Is All You Need") as a layer, which tfjs lacks. Applied to one
 * tensor of shape [batch, positions, width] it is self-attention; applied to `[query, value]` or `[query, value, key]`
 * positions of the query look at those of the value; with `attentionMask: true` the last tensor is a mask for each pair of
 * positions. Masks of time steps, as `embedding({ maskZero: true })` makes them, hide positions of query and value. Weights
 * are laid out as Keras' (keras/src/layers/attention/multi_head_attention.py): kernels [input, heads, size].
 *
 * @throws RangeError when `numHeads`, `keyDim` or `valueDim` is not a whole number from 1, and, when it is applied, where a
 *   mask does not fit.
 */
export function multiHeadAttention(args: MultiHeadAttentionArgs): Layer {
  const tf = theTf();
  let made = classes.get(tf);
  if (made === undefined) {
    made = makeClass(tf);
    classes.set(tf, made);
  }
  return new made(args);
}
