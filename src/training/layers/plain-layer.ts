import {
  inputOfRank,
  oneShape,
  oneTensor,
  register,
  type Args,
  type Config,
  type Kwargs,
  type Layer,
  type LayerClass,
  type Shape,
  type Tensor,
  type Tf,
} from './registry.ts';

/** A layer without weights: what it computes, and the shape of that, from its options. */
export interface PlainLayer<Options extends object> {
  className: string;
  /** The options from the arguments. @throws RangeError for values that make no sense. */
  read(args: Args): Options;
  /** As {@link read} takes them again; the options themselves by default. */
  write?(options: Options): Config;
  call(tf: Tf, x: Tensor, options: Options, kwargs: Kwargs): Tensor;
  shape(shape: Shape, options: Options): Shape;
  /** Number of dimensions of the input. */
  rank?: number;
  /** Whether a mask goes through. */
  masks?: boolean;
}

/** Registers a class for such a layer. */
export function plainLayer<Options extends object>(tf: Tf, layer: PlainLayer<Options>): LayerClass {
  const made = class Plain extends tf.layers.Layer {
    static readonly className = layer.className;
    readonly options: Options;

    constructor(args: Args) {
      super(args);
      this.options = named(this, () => layer.read(args));
      this.supportsMasking = layer.masks === true;
      if (layer.rank !== undefined) this.inputSpec = inputOfRank(layer.rank);
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
      return named(this, () => tf.tidy(() => layer.call(tf, oneTensor(inputs), this.options, kwargs)));
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return named(this, () => layer.shape(oneShape(inputShape), this.options));
    }

    override getConfig(): Config {
      const config = super.getConfig();
      return layer.write === undefined
        ? { ...config, ...this.options }
        : { ...config, ...layer.write(this.options) };
    }
  };
  return register(tf, made);
}

/** Runs code whose errors are about a layer's options, and puts its name before them. */
export function named<T>(layer: Layer, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError && !error.message.startsWith('layer '))
      throw new RangeError(`layer ${layer.name}: ${error.message}`, { cause: error });
    throw error;
  }
}
