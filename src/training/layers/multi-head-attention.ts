import type * as tfjs from '@tensorflow/tfjs';
import {
  addProjections,
  arranged,
  attend,
  lastSize,
  visible,
  type Mask,
  type ProjectionOptions,
  type Projections,
} from './attention.ts';
import {
  allShapes,
  oneShape,
  register,
  WeightOptions,
  type Args,
  type LayerClass,
  type Tensor,
  type Weight,
} from './registry.ts';

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

/** @throws RangeError for sizes that are no whole numbers from 1. */
function checkArgs(args: Args): asserts args is Args & MultiHeadAttentionArgs {
  const { numHeads, keyDim, valueDim, outputShape } = args;
  const axes: readonly unknown[] = Array.isArray(outputShape) ? outputShape : [outputShape ?? []].flat();
  const sizes = { numHeads, keyDim, valueDim: valueDim ?? keyDim };
  const outputs = axes.map((size): [string, unknown] => ['outputShape', size]);
  for (const [what, value] of [...Object.entries(sizes), ...outputs]) {
    if (!isInteger(value) || value < 1) {
      throw new RangeError(
        `multiHeadAttention: ${what} is ${String(value)}; it must be a whole number from 1`,
      );
    }
  }
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

/** The last axes of the result; undefined where they are the query's. */
function outputAxes({ outputShape }: MultiHeadAttentionArgs): readonly number[] | undefined {
  const axes = typeof outputShape === 'number' ? [outputShape] : (outputShape ?? undefined);
  return axes === undefined || axes.length === 0 ? undefined : axes;
}

function makeClass(tf: typeof tfjs): LayerClass {
  class MultiHeadAttention extends tf.layers.Layer {
    static readonly className = 'MultiHeadAttention';
    readonly args: MultiHeadAttentionArgs;
    readonly valueDim: number;
    private readonly lastAxes: readonly number[] | undefined;
    private readonly options: ProjectionOptions;
    private parts: Projections | undefined;

    constructor(args: Args) {
      super(args);
      checkArgs(args);
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
      return Object.entries(this.parts ?? {}).map(([name, { kernel, bias }]) => [
        `${name}_dense`,
        bias === undefined ? [kernel] : [kernel, bias],
      ]);
    }

    override build(inputShape: tfjs.Shape | tfjs.Shape[]): void {
      const { name, args } = this;
      const shapes = arranged(name, args, allShapes(inputShape));
      const { numHeads, keyDim, useBias = true } = args;
      const sizes = { numHeads, keyDim, valueDim: this.valueDim, output: this.lastAxes };
      this.parts = addProjections(this, this.options, shapes, sizes, useBias);
      this.built = true;
    }

    /** The query's, as Keras has it. */
    override computeMask(_inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor {
      return (Array.isArray(mask) ? mask[0] : mask) as Tensor;
    }

    override computeOutputShape(inputShape: tfjs.Shape | tfjs.Shape[]): tfjs.Shape {
      const query = oneShape(inputShape);
      return [...query.slice(0, -1), ...(this.lastAxes ?? [lastSize(query)])];
    }

    override call(inputs: Tensor | Tensor[], kwargs: { training?: boolean; mask?: Mask | Mask[] }): Tensor {
      const { name, args, parts } = this;
      if (parts === undefined) throw new Error(`${name}: apply the layer before you call it`);
      return tf.tidy(() => {
        const tensors = arranged(name, args, Array.isArray(inputs) ? inputs : [inputs]);
        const given = Array.isArray(kwargs.mask) ? kwargs.mask : [kwargs.mask];
        const masks = args.attentionMask === true ? given.slice(0, -1) : given;
        const mask = visible(tf, name, args, tensors, masks);
        return attend(tf, args, parts, tensors, mask, kwargs.training === true);
      });
    }

    override getConfig(): tfjs.serialization.ConfigDict {
      const { args, valueDim, lastAxes, options } = this;
      const { numHeads, keyDim, dropout = 0, useBias = true } = args;
      const { useCausalMask = false, attentionMask = false } = args;
      const outputShape = lastAxes === undefined ? null : [...lastAxes];
      const own = { numHeads, keyDim, valueDim, dropout, useBias, outputShape, useCausalMask, attentionMask };
      return {
        ...super.getConfig(),
        ...own,
        ...options.kernel.config(),
        ...options.bias.config(),
      };
    }
  }
  return register(tf, MultiHeadAttention);
}

/** Registers the layer in a copy of tfjs. */
export function installAttention(tf: typeof tfjs): Record<string, LayerClass> {
  return { MultiHeadAttention: makeClass(tf) };
}
