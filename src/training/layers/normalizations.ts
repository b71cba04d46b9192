import { axesOf, sizesAt } from './axes.ts';
import { normalization } from './measured-normalization.ts';
import { named, plainLayer } from './plain-layer.ts';
import {
  layerClass,
  oneShape,
  oneTensor,
  positiveAxis,
  register,
  WeightOptions,
  type Args,
  type Config,
  type Kwargs,
  type Layer,
  type LayerClass,
  type Shape,
  type Tensor,
  type Tf,
  type Weight,
} from './registry.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** A weight of some axes, reshaped so that it broadcasts over all axes of an input. */
function broadcastable(
  tf: Tf,
  weight: Tensor,
  rank: number,
  axes: readonly number[],
  shape: readonly number[],
): Tensor {
  const wide = Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? (shape[axis] as number) : 1));
  return tf.reshape(weight, wide);
}

/** Fields that tfjs's layers of normalization have. */
interface NormalizationLayer extends Layer {
  axis: number | number[];
  epsilon: number;
  center: boolean;
  scale: boolean;
  gamma: Weight | null;
  beta: Weight | null;
}

interface BatchNormalizationLayer extends NormalizationLayer {
  axis: number;
  movingMean: Weight;
  movingVariance: Weight;
}

/** Batch normalization of volumes too: tfjs's own ends at four dimensions. */
function batchNormalization(tf: Tf): LayerClass {
  const Base = layerClass<BatchNormalizationLayer>(tf, 'BatchNormalization');
  const made = class BatchNormalization extends Base {
    static readonly className = 'BatchNormalization';

    constructor(args: Args) {
      super(args);
      const { axis } = args;
      // Keras writes a list where it has one axis only.
      if (Array.isArray(axis)) this.axis = axis[0] as number;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
      const x = oneTensor(inputs);
      if (x.rank <= 4) return super.call(inputs, kwargs);
      return tf.tidy(() => {
        const given = this.axis;
        const axis = positiveAxis(given, x.rank);
        const others = x.shape.map((_, each) => each).filter((each) => each !== axis);
        const order = [...others, axis];
        const last = axis === x.rank - 1;
        // All other axes are averaged over: they may be one.
        const turned = last ? x : tf.transpose(x, order);
        const flat = tf.reshape(turned, [-1, x.shape[axis] as number]);
        this.axis = 1;
        try {
          const normal = tf.reshape(oneTensor(super.call(flat, kwargs)), turned.shape);
          const back = x.shape.map((_, each) => order.indexOf(each));
          return last ? normal : tf.transpose(normal, back);
        } finally {
          this.axis = given;
        }
      });
    }
  };
  return register(tf, made);
}

/** Layer normalization over any axes, with constraints and Keras's `rms_scaling`. */
function layerNormalization(tf: Tf): LayerClass {
  const Base = layerClass<NormalizationLayer>(tf, 'LayerNormalization');
  const made = class LayerNormalization extends Base {
    static readonly className = 'LayerNormalization';
    readonly gammaOptions: WeightOptions;
    readonly betaOptions: WeightOptions;
    /** As they were given: tfjs replaces `axis` by what they are of the input. */
    readonly givenAxis: number | number[];

    constructor(args: Args) {
      super({ ...args, ...(Array.isArray(args['axis']) ? { axis: [...(args['axis'] as number[])] } : {}) });
      this.gammaOptions = new WeightOptions(tf, args, 'gamma', 'ones');
      this.betaOptions = new WeightOptions(tf, args, 'beta', 'zeros');
      this.givenAxis = (args['axis'] as number | number[] | undefined) ?? -1;
    }

    override build(inputShape: Shape | Shape[]): void {
      const shape = oneShape(inputShape);
      const axes = named(this, () => axesOf(this.givenAxis, shape.length));
      this.axis = axes;
      const sizes = sizesAt(shape, axes, this);
      this.gamma = this.scale ? this.gammaOptions.add(this, 'gamma', sizes) : null;
      this.beta = this.center ? this.betaOptions.add(this, 'beta', sizes) : null;
      this.built = true;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
      const axes = this.axis as number[];
      const x = oneTensor(inputs);
      const trailing = axes.every((axis) => axis >= x.rank - axes.length);
      // tfjs's own tiles, and ends at four dimensions.
      if (trailing && x.rank <= 4) return super.call(inputs, kwargs);
      return tf.tidy(() => {
        const { mean, variance } = tf.moments(x, axes, true);
        let y: Tensor = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, this.epsilon)));
        if (this.gamma !== null) y = tf.mul(y, broadcastable(tf, this.gamma.read(), x.rank, axes, x.shape));
        if (this.beta !== null) y = tf.add(y, broadcastable(tf, this.beta.read(), x.rank, axes, x.shape));
        return y;
      });
    }

    override getConfig(): Config {
      return {
        ...super.getConfig(),
        axis: this.givenAxis,
        ...this.gammaOptions.config(),
        ...this.betaOptions.config(),
      };
    }
  };
  return register(tf, made);
}

/** Group normalization (Wu and He, 2018). */
function groupNormalization(tf: Tf): LayerClass {
  const made = class GroupNormalization extends tf.layers.Layer {
    static readonly className = 'GroupNormalization';
    readonly groups: number;
    readonly axis: number;
    readonly epsilon: number;
    readonly center: boolean;
    readonly scale: boolean;
    readonly gammaOptions: WeightOptions;
    readonly betaOptions: WeightOptions;
    private gamma: Weight | null = null;
    private beta: Weight | null = null;

    constructor(args: Args) {
      super(args);
      this.groups = (args['groups'] as number | undefined) ?? 32;
      this.axis = (args['axis'] as number | undefined) ?? -1;
      this.epsilon = (args['epsilon'] as number | undefined) ?? 1e-3;
      this.center = args['center'] !== false;
      this.scale = args['scale'] !== false;
      this.gammaOptions = new WeightOptions(tf, args, 'gamma', 'ones');
      this.betaOptions = new WeightOptions(tf, args, 'beta', 'zeros');
      this.supportsMasking = true;
    }

    private groupsOf(size: number): number {
      return this.groups === -1 ? size : this.groups;
    }

    override build(inputShape: Shape | Shape[]): void {
      const shape = oneShape(inputShape);
      const axis = named(this, () => positiveAxis(this.axis, shape.length));
      const [size] = sizesAt(shape, [axis], this) as [number];
      const groups = this.groupsOf(size);
      if (!Number.isInteger(groups) || groups < 1 || size % groups !== 0) {
        throw new RangeError(
          `layer ${this.name}: groups is ${this.groups}; it must divide the ${size} channels of its input`,
        );
      }
      this.gamma = this.scale ? this.gammaOptions.add(this, 'gamma', [size]) : null;
      this.beta = this.center ? this.betaOptions.add(this, 'beta', [size]) : null;
      this.built = true;
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return oneShape(inputShape);
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => {
        const x = oneTensor(inputs);
        const axis = positiveAxis(this.axis, x.rank);
        const size = x.shape[axis] as number;
        const groups = this.groupsOf(size);
        const [batch, ...rest] = x.shape as [number, ...number[]];
        const before = elementCount(rest.slice(0, axis - 1));
        const after = elementCount(rest.slice(axis));
        const grouped = tf.reshape(x, [batch, before, groups, (size / groups) * after]);
        const { mean, variance } = tf.moments(grouped, [1, 3], true);
        const normal = tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, this.epsilon)));
        let y: Tensor = tf.reshape(normal, x.shape);
        if (this.gamma !== null) y = tf.mul(y, broadcastable(tf, this.gamma.read(), x.rank, [axis], x.shape));
        if (this.beta !== null) y = tf.add(y, broadcastable(tf, this.beta.read(), x.rank, [axis], x.shape));
        return y;
      });
    }

    override getConfig(): Config {
      const { groups, axis, epsilon, center, scale } = this;
      return {
        ...super.getConfig(),
        groups,
        axis,
        epsilon,
        center,
        scale,
        ...this.gammaOptions.config(),
        ...this.betaOptions.config(),
      };
    }
  };
  return register(tf, made);
}

/** Division by the root of the mean square (Zhang and Sennrich, 2019). */
function rmsNormalization(tf: Tf): LayerClass {
  const made = class RMSNormalization extends tf.layers.Layer {
    static readonly className = 'RMSNormalization';
    readonly axis: number | number[];
    readonly epsilon: number;
    private scale: Weight | undefined;

    constructor(args: Args) {
      super(args);
      this.axis = (args['axis'] as number | number[] | undefined) ?? -1;
      this.epsilon = (args['epsilon'] as number | undefined) ?? 1e-6;
    }

    override build(inputShape: Shape | Shape[]): void {
      const shape = oneShape(inputShape);
      const sizes = sizesAt(
        shape,
        named(this, () => axesOf(this.axis, shape.length)),
        this,
      );
      this.scale = this.addWeight('scale', sizes, 'float32', tf.initializers.ones());
      this.built = true;
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return oneShape(inputShape);
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => {
        const x = oneTensor(inputs);
        const axes = axesOf(this.axis, x.rank);
        const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), axes, true), this.epsilon));
        const scale = broadcastable(tf, (this.scale as Weight).read(), x.rank, axes, x.shape);
        return tf.mul(tf.mul(x, inverse), scale);
      });
    }

    override getConfig(): Config {
      return { ...super.getConfig(), axis: this.axis, epsilon: this.epsilon };
    }
  };
  return register(tf, made);
}

function unitNormalization(tf: Tf): LayerClass {
  return plainLayer<{ axis: number | number[] }>(tf, {
    className: 'UnitNormalization',
    masks: true,
    read: (args) => ({ axis: (args['axis'] as number | number[] | undefined) ?? -1 }),
    call: (_, x, { axis }) => {
      const square = tf.sum(tf.square(x), axesOf(axis, x.rank), true);
      // The smallest length is that of Keras.
      return tf.mul(x, tf.rsqrt(tf.maximum(square, 1e-24)));
    },
    shape: (shape, { axis }) => {
      axesOf(axis, shape.length);
      return shape;
    },
  });
}

/** Layers of normalization. */
export function installNormalizations(tf: Tf): Record<string, LayerClass> {
  return {
    BatchNormalization: batchNormalization(tf),
    LayerNormalization: layerNormalization(tf),
    GroupNormalization: groupNormalization(tf),
    RMSNormalization: rmsNormalization(tf),
    UnitNormalization: unitNormalization(tf),
    Normalization: normalization(tf),
  };
}
