import { plainLayer } from './plain-layer.ts';
import {
  channelsToFirst,
  channelsToLast,
  dataFormatOf,
  layerClass,
  mapSpatial,
  oneShape,
  oneTensor,
  perDimension,
  register,
  type Args,
  type Config,
  type DataFormat,
  type Kwargs,
  type LayerClass,
  type Shape,
  type Tensor,
  type Tf,
} from './registry.ts';

type Kind = 'Max' | 'Average';

/** Pooling in one dimension where channels come first, which tfjs has in two and three only. */
function pooling1d(tf: Tf, kind: Kind): LayerClass {
  const Base = layerClass(tf, `${kind}Pooling1D`);
  const made = class Pooling1D extends Base {
    static readonly className = `${kind}Pooling1D`;
    readonly dataFormat: DataFormat;

    constructor(args: Args) {
      super(args);
      this.dataFormat = dataFormatOf(args);
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
      if (this.dataFormat === 'channelsLast') return super.call(inputs, kwargs);
      return tf.tidy(() => {
        const x = channelsToLast(tf, oneTensor(inputs));
        return channelsToFirst(tf, oneTensor(super.call(x, kwargs)));
      });
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      const shape = oneShape(inputShape);
      if (this.dataFormat === 'channelsLast') return super.computeOutputShape(shape) as Shape;
      const [batch = null, channels = null, length = null] = shape;
      const turned = super.computeOutputShape([batch, length, channels]) as Shape;
      return [batch, channels, turned[1] as number | null];
    }

    override getConfig(): Config {
      return { ...super.getConfig(), dataFormat: this.dataFormat };
    }
  };
  return register(tf, made);
}

/** Global pooling with `keepdims`, in one to three dimensions. */
function globalPooling(tf: Tf, kind: Kind, rank: number): LayerClass {
  const name = `Global${kind}Pooling${rank}D`;
  interface Options {
    dataFormat: DataFormat;
    keepdims: boolean;
  }
  const spatialAxes = ({ dataFormat }: Options): number[] =>
    Array.from({ length: rank }, (_, index) => index + (dataFormat === 'channelsFirst' ? 2 : 1));
  const shape = (given: Shape, options: Options): Shape =>
    given.flatMap((size, axis) => {
      if (!spatialAxes(options).includes(axis)) return [size];
      return options.keepdims ? [1] : [];
    });
  const read = (args: Args): Options => ({
    dataFormat: dataFormatOf(args),
    keepdims: args['keepdims'] === true,
  });
  if (rank > 1) {
    return plainLayer<Options>(tf, {
      className: name,
      rank: rank + 2,
      read,
      call: (_, x, options) =>
        kind === 'Max'
          ? tf.max(x, spatialAxes(options), options.keepdims)
          : tf.mean(x, spatialAxes(options), options.keepdims),
      shape,
    });
  }
  // In one dimension there may be a mask.
  const Base = layerClass(tf, name);
  const made = class GlobalPooling1D extends Base {
    static readonly className = name;
    readonly options: Options;

    constructor(args: Args) {
      super(args);
      this.options = read(args);
      this.supportsMasking = kind === 'Average';
    }

    /** The pooled values have no steps, and so no mask; tfjs's declarations leave that case out. */
    override computeMask(): Tensor {
      return null as unknown as Tensor;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
      return tf.tidy(() => {
        const x = oneTensor(inputs);
        const first = this.options.dataFormat === 'channelsFirst';
        const mask = Array.isArray(kwargs?.mask) ? kwargs.mask[0] : kwargs?.mask;
        if (kind === 'Average' && mask !== null && mask !== undefined) {
          // The mean over the steps that the mask shows, as in Keras.
          const shown = tf.expandDims(tf.cast(mask, 'float32'), first ? 1 : 2);
          const axis = first ? 2 : 1;
          const { keepdims } = this.options;
          return tf.div(tf.sum(tf.mul(x, shown), axis, keepdims), tf.sum(shown, axis, keepdims));
        }
        const pooled = oneTensor(super.call(first ? tf.transpose(x, [0, 2, 1]) : x, kwargs));
        return this.options.keepdims ? tf.expandDims(pooled, first ? 2 : 1) : pooled;
      });
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return shape(oneShape(inputShape), this.options);
    }

    override getConfig(): Config {
      return { ...super.getConfig(), ...this.options };
    }
  };
  return register(tf, made);
}

/** Pooling to a number of places, whatever the input's size. */
function adaptivePooling(tf: Tf, kind: Kind, rank: number): LayerClass {
  interface Options {
    outputSize: number[];
    dataFormat: DataFormat;
  }
  const along = (x: Tensor, axis: number, target: number): Tensor => {
    const length = x.shape[axis] as number;
    const parts = Array.from({ length: target }, (_, index) => {
      const begin = Math.floor((index * length) / target);
      const end = Math.ceil(((index + 1) * length) / target);
      const part = tf.slice(
        x,
        x.shape.map((__, at) => (at === axis ? begin : 0)),
        x.shape.map((size, at) => (at === axis ? end - begin : size)),
      );
      return kind === 'Max' ? tf.max(part, axis, true) : tf.mean(part, axis, true);
    });
    return tf.concat(parts, axis);
  };
  return plainLayer<Options>(tf, {
    className: `Adaptive${kind}Pooling${rank}D`,
    rank: rank + 2,
    read: (args) => ({
      outputSize: perDimension(args['outputSize'], rank, 'outputSize'),
      dataFormat: dataFormatOf(args),
    }),
    call: (_, x, { outputSize, dataFormat }) => {
      const first = dataFormat === 'channelsFirst' ? 2 : 1;
      return outputSize.reduce((made, target, index) => along(made, first + index, target), x);
    },
    shape: (shape, { outputSize, dataFormat }) =>
      mapSpatial(shape, dataFormat, (_, index) => outputSize[index] as number),
  });
}

/** Pooling layers. */
export function installPooling(tf: Tf): Record<string, LayerClass> {
  const made: Record<string, LayerClass> = {};
  for (const kind of ['Max', 'Average'] as const) {
    made[`${kind}Pooling1D`] = pooling1d(tf, kind);
    for (const rank of [1, 2, 3]) {
      made[`Global${kind}Pooling${rank}D`] = globalPooling(tf, kind, rank);
      made[`Adaptive${kind}Pooling${rank}D`] = adaptivePooling(tf, kind, rank);
    }
  }
  return made;
}
