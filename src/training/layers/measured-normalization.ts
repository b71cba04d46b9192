import type * as tfjs from '@tensorflow/tfjs';
import { axesOf, sizesAt } from './axes.ts';
import { named } from './plain-layer.ts';
import {
  oneShape,
  oneTensor,
  register,
  type Args,
  type Config,
  type LayerClass,
  type Shape,
  type Tensor,
  type Tf,
  type Weight,
} from './registry.ts';

type Numbers = number | number[] | number[][] | null;

/** Numbers that were measured before; null where the layer measures them. */
interface Measured {
  axis: number | number[] | null;
  mean: Numbers;
  variance: Numbers;
}

/** @param layer its name, for errors. @throws RangeError for a mean without variance, or the other way round. */
function readMeasured(layer: string, args: Args): Measured {
  const { axis = -1, mean = null, variance = null } = args as Partial<Measured>;
  if ((mean === null) !== (variance === null)) {
    throw new RangeError(`layer ${layer}: mean and variance go together; one of them is missing`);
  }
  return { axis, mean, variance };
}

/** A given number, list or weight, as it meets the input's axes: aligned with the kept ones from the right. */
function aligned(given: Tensor, kept: readonly number[], rank: number): Tensor {
  const wide = Array.from({ length: rank }, () => 1);
  for (let index = 1; index <= given.rank; index++) {
    const axis = kept.at(-index);
    if (axis !== undefined) wide[axis] = given.shape.at(-index) ?? 1;
  }
  return given.reshape(wide);
}

/** Subtracts a mean and divides by a standard deviation that were measured before. */
export function normalization(tf: Tf): LayerClass {
  const made = class Normalization extends tf.layers.Layer {
    static readonly className = 'Normalization';
    readonly axis: Measured['axis'];
    readonly mean: Numbers;
    readonly variance: Numbers;
    readonly invert: boolean;
    private meanWeight: Weight | undefined;
    private varianceWeight: Weight | undefined;
    private kept: number[] = [];

    constructor(args: Args) {
      super(args);
      const { axis, mean, variance } = readMeasured(this.name, args);
      this.axis = axis;
      this.mean = mean;
      this.variance = variance;
      this.invert = args['invert'] === true;
      this.supportsMasking = true;
    }

    override build(inputShape: Shape | Shape[]): void {
      const shape = oneShape(inputShape);
      this.kept = this.axis === null ? [] : named(this, () => axesOf(this.axis ?? [], shape.length));
      if (this.mean === null) {
        const sizes = sizesAt(shape, this.kept, this);
        const { zeros, ones } = tf.initializers;
        this.meanWeight = this.addWeight('mean', sizes, 'float32', zeros(), undefined, false);
        this.varianceWeight = this.addWeight('variance', sizes, 'float32', ones(), undefined, false);
      }
      this.built = true;
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return oneShape(inputShape);
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => {
        const x = tf.cast(oneTensor(inputs), 'float32');
        const stored = (weight: Weight | undefined, given: Numbers): Tensor =>
          aligned(weight?.read() ?? tf.tensor(given ?? [], undefined, 'float32'), this.kept, x.rank);
        const mean = stored(this.meanWeight, this.mean);
        const deviation = tf.maximum(tf.sqrt(stored(this.varianceWeight, this.variance)), 1e-7);
        return this.invert ? tf.add(mean, tf.mul(x, deviation)) : tf.div(tf.sub(x, mean), deviation);
      });
    }

    /**
     * Measures mean and variance of data.
     *
     * @param data a batch of inputs
     */
    adapt(data: tfjs.Tensor): void {
      if (this.mean !== null)
        throw new Error(`layer ${this.name} was given its mean and variance: there is nothing to measure`);
      if (!this.built) this.build(data.shape);
      tf.tidy(() => {
        const over = data.shape.map((_, axis) => axis).filter((axis) => !this.kept.includes(axis));
        const { mean, variance } = tf.moments(data, over);
        this.meanWeight?.write(mean);
        this.varianceWeight?.write(variance);
      });
    }

    override getConfig(): Config {
      const { axis, mean, variance, invert } = this;
      return { ...super.getConfig(), axis, mean, variance, invert };
    }
  };
  return register(tf, made);
}
