import { named, plainLayer } from './plain-layer.ts';
import {
  layerClass,
  oneTensor,
  positiveAxis,
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

function numberOf(args: Args, option: string, otherwise: number): number {
  const value = args[option] ?? otherwise;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new RangeError(`${option} is ${JSON.stringify(value)}; it must be a number`);
}

function elu(tf: Tf): LayerClass {
  return plainLayer<{ alpha: number }>(tf, {
    className: 'ELU',
    masks: true,
    read: (args) => ({ alpha: numberOf(args, 'alpha', 1) }),
    call: (_, x, { alpha }) =>
      alpha === 1 ? tf.elu(x) : tf.add(tf.relu(x), tf.mul(alpha, tf.elu(tf.minimum(x, 0)))),
    shape: (shape) => shape,
  });
}

/** The rectifier with a slope below a threshold, and a largest value (keras/src/activations/activations.py). */
function relu(tf: Tf): LayerClass {
  interface Options {
    maxValue: number | null;
    negativeSlope: number;
    threshold: number;
  }
  return plainLayer<Options>(tf, {
    className: 'ReLU',
    masks: true,
    read: (args) => {
      const given = args['maxValue'];
      const maxValue = given === null || given === undefined ? null : numberOf(args, 'maxValue', 0);
      const negativeSlope = numberOf(args, 'negativeSlope', 0);
      const threshold = numberOf(args, 'threshold', 0);
      for (const [option, value] of Object.entries({ maxValue: maxValue ?? 0, negativeSlope, threshold })) {
        if (value < 0) throw new RangeError(`${option} is ${value}; it must be 0 or more`);
      }
      return { maxValue, negativeSlope, threshold };
    },
    call: (_, x, { maxValue, negativeSlope, threshold }) => {
      let y: Tensor = threshold === 0 ? tf.relu(x) : tf.mul(x, tf.cast(tf.greater(x, threshold), 'float32'));
      if (maxValue !== null) y = tf.clipByValue(y, 0, maxValue);
      if (negativeSlope === 0) return y;
      return tf.sub(y, tf.mul(negativeSlope, tf.relu(tf.sub(threshold, x))));
    },
    shape: (shape) => shape,
  });
}

/** Softmax along any axis or axes; a mask takes places out. */
function softmax(tf: Tf): LayerClass {
  const made = class Softmax extends tf.layers.Layer {
    static readonly className = 'Softmax';
    readonly axis: number | number[];

    constructor(args: Args) {
      super(args ?? {});
      this.axis = (args?.['axis'] as number | number[] | undefined) ?? -1;
      this.supportsMasking = true;
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
      return inputShape;
    }

    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
      return tf.tidy(() => {
        let x = oneTensor(inputs);
        const axes = named(this, () =>
          (Array.isArray(this.axis) ? this.axis : [this.axis]).map((axis) => positiveAxis(axis, x.rank)),
        );
        const mask = Array.isArray(kwargs.mask) ? kwargs.mask[0] : kwargs.mask;
        const kept = mask === null || mask === undefined ? undefined : tf.cast(mask, 'float32');
        if (kept !== undefined) x = tf.add(tf.mul(x, kept), tf.mul(tf.sub(1, kept), -1e9));
        const y = alongAxes(tf, x, axes);
        return kept === undefined ? y : tf.mul(y, kept);
      });
    }

    override getConfig(): Config {
      return { ...super.getConfig(), axis: this.axis };
    }
  };
  return register(tf, made);
}

/** TensorFlow's softmax is along the last axis: others come there and go back. */
function alongAxes(tf: Tf, x: Tensor, axes: readonly number[]): Tensor {
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = [...others, ...axes];
  const sorted = order.every((axis, index) => axis === index);
  if (sorted && axes.length === 1) return tf.softmax(x);
  const turned = sorted ? x : tf.transpose(x, order);
  const size = axes.reduce((product, axis) => product * (x.shape[axis] as number), 1);
  const flat = tf.softmax(tf.reshape(turned, [-1, size]));
  const back = tf.reshape(flat, turned.shape);
  return sorted
    ? back
    : tf.transpose(
        back,
        x.shape.map((_, axis) => order.indexOf(axis)),
      );
}

interface LeakyLayer extends Layer {
  alpha: number;
}

/** Masks go through, as in Keras. */
function leakyRelu(tf: Tf): LayerClass {
  const Base = layerClass<LeakyLayer>(tf, 'LeakyReLU');
  const made = class LeakyReLU extends Base {
    static readonly className = 'LeakyReLU';

    constructor(args: Args) {
      super(args);
      this.supportsMasking = true;
    }
  };
  return register(tf, made);
}

/** Activations that are layers. */
export function installAdvancedActivations(tf: Tf): Record<string, LayerClass> {
  return { ELU: elu(tf), ReLU: relu(tf), Softmax: softmax(tf), LeakyReLU: leakyRelu(tf) };
}
