import type * as tfjs from '@tensorflow/tfjs';
import { theTf } from '../../tfjs/current.ts';
import { register, WeightOptions, type Args, type Initializer, type LayerClass } from './registry.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

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
  /** Width of the result, or its last axes; that of the query by default. */
  outputShape?: number | readonly number[] | null;
  kernelInitializer?: string | tfjs.serialization.Serializable;
  kernelRegularizer?: string | tfjs.serialization.Serializable;
  kernelConstraint?: string | tfjs.serialization.Serializable;
  biasInitializer?: string | tfjs.serialization.Serializable;
  biasRegularizer?: string | tfjs.serialization.Serializable;
  biasConstraint?: string | tfjs.serialization.Serializable;
  name?: string;
  trainable?: boolean;
  inputShape?: tfjs.Shape;
}

type Mask = tfjs.Tensor | null | undefined;
type Layer = tfjs.layers.Layer;
type Weight = Layer['weights'][number];

/** Large enough that the softmax gives 0, small enough that float16 holds it. */
const NEVER = -3e4;

/** One class for each copy of tfjs, since it extends that copy's `Layer`. */
const classes = new WeakMap<object, LayerClass>();

const last = (shape: tfjs.Shape): number => shape.at(-1) as number;

/** The last axes of the result; undefined where they are the query's. @throws RangeError */
function outputAxes({ outputShape, ...args }: MultiHeadAttentionArgs): readonly number[] | undefined {
  const { numHeads, keyDim, valueDim } = args;
  const axes = typeof outputShape === 'number' ? [outputShape] : (outputShape ?? undefined);
  const sizes = { numHeads, keyDim, valueDim: valueDim ?? keyDim };
  const outputs = (axes ?? []).map((size): [string, number] => ['outputShape', size]);
  for (const [what, value] of [...Object.entries(sizes), ...outputs]) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`multiHeadAttention: ${what} is ${value}; it must be a whole number from 1`);
    }
  }
  return axes === undefined || axes.length === 0 ? undefined : axes;
}

function makeClass(tf: typeof tfjs): LayerClass {
  class MultiHeadAttention extends tf.layers.Layer {
    static readonly className = 'MultiHeadAttention';
    readonly args: MultiHeadAttentionArgs;
    readonly valueDim: number;
    private readonly lastAxes: readonly number[] | undefined;
    private readonly options: Record<'kernel' | 'bias', WeightOptions>;
    /** Kernels [input, heads, size] and biases [heads, size] of query, key, value; output [heads, size, output]. */
    private parts: { name: string; kernel: Weight; bias: Weight | undefined }[] = [];

    constructor(args: Args & MultiHeadAttentionArgs) {
      super(args);
      this.lastAxes = outputAxes(args);
      this.args = args;
      this.valueDim = args.valueDim ?? args.keyDim;
      this.options = {
        kernel: new WeightOptions(tf, args, 'kernel', 'glorotUniform'),
        bias: new WeightOptions(tf, args, 'bias', 'zeros'),
      };
      this.supportsMasking = true;
    }

    /** The weights of the parts that Keras has, by their names there. */
    get kerasParts(): readonly (readonly [string, readonly Weight[]])[] {
      return this.parts.map(({ name, kernel, bias }) => [
        `${name}_dense`,
        bias === undefined ? [kernel] : [kernel, bias],
      ]);
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
      const steps = [query, value, key].find(
        (shape) => shape.length !== 3 || typeof last(shape) !== 'number',
      );
      if (steps !== undefined) {
        throw new RangeError(
          `${this.name}: an input has shape [${steps.map((size) => String(size ?? '?')).join(', ')}]; give [batch, positions, width]`,
        );
      }
      if (attention !== undefined) this.checkMask(attention, query, value);
      const { numHeads, keyDim } = this.args;
      const heads = [numHeads, keyDim];
      const output = this.lastAxes ?? [last(query)];
      this.parts = [
        this.addPart('query', [last(query)], heads),
        this.addPart('key', [last(key)], heads),
        this.addPart('value', [last(value)], [numHeads, this.valueDim]),
        this.addPart('output', [numHeads, this.valueDim], output),
      ];
      this.built = true;
    }

    private addPart(
      name: string,
      from: readonly number[],
      to: readonly number[],
    ): (typeof this.parts)[number] {
      const { kernel, bias } = this.options;
      // Fans as of the matrix that the product takes: [input, heads · size], or [heads · size, output].
      const initializer = kernel.initializer as { apply(shape: number[], dtype: 'float32'): tfjs.Tensor };
      const shape = [...from, ...to];
      const split = {
        apply: () => initializer.apply([elementCount(from), elementCount(to)], 'float32').reshape(shape),
      } as unknown as Initializer;
      return {
        name,
        kernel: this.addWeight(
          `${name}_kernel`,
          shape,
          'float32',
          split,
          kernel.regularizer,
          true,
          kernel.constraint,
        ),
        bias: this.args.useBias === false ? undefined : bias.add(this, `${name}_bias`, [...to]),
      };
    }

    /** The query's, as Keras has it. */
    override computeMask(
      _inputs: tfjs.Tensor | tfjs.Tensor[],
      mask?: tfjs.Tensor | tfjs.Tensor[],
    ): tfjs.Tensor {
      return (Array.isArray(mask) ? mask[0] : mask) as tfjs.Tensor;
    }

    override computeOutputShape(inputShape: tfjs.Shape | tfjs.Shape[]): tfjs.Shape {
      const query = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tfjs.Shape;
      return [...query.slice(0, -1), ...(this.lastAxes ?? [last(query)])];
    }

    /** [batch, positions, input] as [batch, heads, positions, size]. */
    private project(input: tfjs.Tensor, index: number): tfjs.Tensor {
      const { kernel, bias } = this.parts[index] as (typeof this.parts)[number];
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
        const { kernel, bias } = this.parts[3] as (typeof this.parts)[number];
        const output = kernel.shape.slice(2) as number[];
        const width = elementCount(output);
        const flat = tf.matMul(
          heard.reshape([batch * length, heads * size]),
          kernel.read().reshape([heads * size, width]),
        );
        const sum = bias === undefined ? flat : flat.add(bias.read().reshape([width]));
        return sum.reshape([batch, length, ...output]);
      });
    }

    override getConfig(): tfjs.serialization.ConfigDict {
      const { numHeads, keyDim, dropout = 0, useBias = true } = this.args;
      const { useCausalMask = false, attentionMask = false } = this.args;
      return {
        ...super.getConfig(),
        numHeads,
        keyDim,
        valueDim: this.valueDim,
        dropout,
        useBias,
        outputShape: this.lastAxes === undefined ? null : [...this.lastAxes],
        useCausalMask,
        attentionMask,
        ...this.options.kernel.config(),
        ...this.options.bias.config(),
      };
    }
  }
  return register(tf, MultiHeadAttention as unknown as LayerClass);
}

/** Registers the layer, once for each copy of tfjs. */
export function installAttention(tf: typeof tfjs): Record<string, LayerClass> {
  const made = classes.get(tf) ?? makeClass(tf);
  classes.set(tf, made);
  return { MultiHeadAttention: made };
}

/**
 * Multi-head attention (Vaswani et al., 2017, "Attention Is All You Need") as a layer, which tfjs lacks. Applied to one
 * tensor of shape [batch, positions, width] it is self-attention; applied to `[query, value]` or `[query, value, key]`
 * positions of the query look at those of the value; with `attentionMask: true` the last tensor is a mask for each pair of
 * positions. Masks of time steps, as `embedding({ maskZero: true })` makes them, hide positions of query and value. Weights
 * are laid out as Keras' (keras/src/layers/attention/multi_head_attention.py): kernels [input, heads, size].
 *
 * @throws RangeError when `numHeads`, `keyDim`, `valueDim` or `outputShape` is not a whole number from 1, and, when it is
 *   applied, where an input or a mask does not fit.
 */
export function multiHeadAttention(args: MultiHeadAttentionArgs): Layer {
  const { MultiHeadAttention } = installAttention(theTf());
  return new (MultiHeadAttention as LayerClass)({ ...args });
}
