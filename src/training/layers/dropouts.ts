import { plainLayer } from './plain-layer.ts';
import {
  inputOfRank,
  layerClass,
  register,
  type Args,
  type Config,
  type DataFormat,
  dataFormatOf,
  type Layer,
  type LayerClass,
  oneTensor,
  type Shape,
  type Tensor,
  type Tf,
} from './registry.ts';

interface DropoutLayer extends Layer {
  getNoiseShape(inputs: Tensor | Tensor[]): number[];
}

/** Dropout of whole channels of pictures and volumes. */
function spatialDropout(tf: Tf, rank: 2 | 3): LayerClass {
  const Base = layerClass<DropoutLayer>(tf, 'Dropout');
  const made = class SpatialDropout extends Base {
    static readonly className = `SpatialDropout${rank}D`;
    readonly dataFormat: DataFormat;

    constructor(args: Args) {
      super(args);
      this.dataFormat = dataFormatOf(args);
      this.inputSpec = inputOfRank(rank + 2);
    }

    override getNoiseShape(inputs: Tensor | Tensor[]): number[] {
      const { shape } = oneTensor(inputs);
      const channels = this.dataFormat === 'channelsFirst' ? 1 : shape.length - 1;
      return shape.map((size, axis) => (axis === 0 || axis === channels ? size : 1));
    }

    override getConfig(): Config {
      return { ...super.getConfig(), dataFormat: this.dataFormat };
    }
  };
  return register(tf, made);
}

/** Flattening of what is flat already, as Keras allows it. */
function flatten(tf: Tf): LayerClass {
  const Base = layerClass(tf, 'Flatten');
  const made = class Flatten extends Base {
    static readonly className = 'Flatten';

    constructor(args: Args) {
      super(args);
      this.inputSpec = [{ minNDim: 2 }];
    }
  };
  return register(tf, made);
}

/** Tokens as numbers of how often, or whether, each is there. */
function categoryEncoding(tf: Tf): LayerClass {
  const modes = ['multiHot', 'oneHot', 'count'];
  interface Options {
    numTokens: number;
    outputMode: string;
  }
  const shape = (given: Shape, { numTokens, outputMode }: Options): Shape =>
    outputMode === 'oneHot' && given.at(-1) !== 1
      ? [...given, numTokens]
      : [...given.slice(0, -1), numTokens];
  return plainLayer<Options>(tf, {
    className: 'CategoryEncoding',
    read: (args) => {
      const { numTokens, outputMode = 'multiHot' } = args as { numTokens: number; outputMode?: string };
      if (!Number.isInteger(numTokens) || numTokens < 1)
        throw new RangeError(`numTokens is ${numTokens}; it must be a whole number from 1`);
      if (!modes.includes(outputMode))
        throw new RangeError(
          `outputMode is ${JSON.stringify(outputMode)}; it must be one of ${modes.join(', ')}`,
        );
      return { numTokens, outputMode };
    },
    call: (_, x, options) => {
      const hot = tf.cast(tf.oneHot(tf.cast(x, 'int32'), options.numTokens), 'float32');
      const wanted = shape(x.shape, options) as number[];
      if (options.outputMode === 'oneHot') return tf.reshape(hot, wanted);
      return options.outputMode === 'count' ? tf.sum(hot, -2) : tf.max(hot, -2);
    },
    shape,
  });
}

/** Regularization, and layers that only turn their input into another form. */
export function installDropouts(tf: Tf): Record<string, LayerClass> {
  return {
    CategoryEncoding: categoryEncoding(tf),
    Flatten: flatten(tf),
    SpatialDropout2D: spatialDropout(tf, 2),
    SpatialDropout3D: spatialDropout(tf, 3),
    Identity: plainLayer<object>(tf, {
      className: 'Identity',
      masks: true,
      read: () => ({}),
      call: (_, x) => tf.clone(x),
      shape: (shape) => shape,
    }),
  };
}
