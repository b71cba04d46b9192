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
  kernelInitializer?: string;
  name?: string;
}

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

    override build(inputShape: tfjs.Shape | tfjs.Shape[]): void {
      const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as tfjs.Shape[];
      const [query, value = query, key = value] = shapes as [tfjs.Shape, tfjs.Shape?, tfjs.Shape?];
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

    override call(
      inputs: tfjs.Tensor | tfjs.Tensor[],
      kwargs: { training?: boolean; mask?: tfjs.Tensor | (tfjs.Tensor | null)[] | null },
    ): tfjs.Tensor {
      return tf.tidy(() => {
        const list = Array.isArray(inputs) ? inputs : [inputs];
        const [query, value = query, key = value] = list as [tfjs.Tensor, tfjs.Tensor?, tfjs.Tensor?];
        const q = this.project(query, 0).mul(1 / Math.sqrt(this.args.keyDim));
        const k = this.project(key, 1);
        const v = this.project(value, 2);
        let scores = tf.matMul(q, k, false, true);
        const [batch, heads, positions, size] = v.shape as [number, number, number, number];
        const length = query.shape[1] as number;
        // [batch, positions] of the value: 1 where there is something to see.
        const masks = kwargs.mask;
        const mask = Array.isArray(masks) ? masks[Math.min(1, masks.length - 1)] : masks;
        if (mask !== null && mask !== undefined) {
          const hidden = tf.sub(1, mask.cast('float32')).mul(NEVER);
          scores = scores.add(hidden.reshape([batch, 1, 1, positions]));
        }
        if (this.args.useCausalMask === true) {
          const seen = tf.linalg.bandPart(tf.ones([length, positions]), -1, 0);
          scores = scores.add(tf.sub(1, seen).mul(NEVER));
        }
        let weights: tfjs.Tensor = tf.softmax(scores);
        const { dropout = 0 } = this.args;
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
 * positions of the query look at those of the value. A mask, as `embedding({ maskZero: true })` makes it, hides
 * positions of the value. Weights are laid out as Keras's: kernels [input, heads, size].
 *
 * @throws RangeError when `numHeads`, `keyDim` or `valueDim` is not a whole number from 1.
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
