import { named } from './plain-layer.ts';
import {
  layerClass,
  positiveAxis,
  register,
  registered,
  type Args,
  type Config,
  type LayerClass,
  type Shape,
  type Tensor,
  type Tf,
  type Layer,
} from './registry.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

interface MergeLayer extends Layer {
  mergeFunction(inputs: Tensor[]): Tensor;
  build(inputShape: Shape | Shape[]): void;
}

/** @throws RangeError naming the layer unless it has two inputs. */
function checkPair(layer: Layer, inputs: Shape | readonly (Shape | Tensor)[]): void {
  const list = inputs.every((each) => typeof each === 'object' && each !== null);
  if (list && inputs.length === 2) return;
  throw new RangeError(
    `layer ${layer.name}: ${layer.getClassName()} should be called on a list of exactly 2 inputs, not on ${list ? inputs.length : 'one'}`,
  );
}

function subtract(tf: Tf): LayerClass {
  // The class that tfjs's own merging layers extend, which it does not register.
  const Base = Object.getPrototypeOf(registered(tf, 'Add')) as LayerClass<MergeLayer>;
  const made = class Subtract extends Base {
    static readonly className = 'Subtract';

    override build(inputShape: Shape | Shape[]): void {
      checkPair(this, inputShape);
      super.build(inputShape);
    }

    override mergeFunction(inputs: Tensor[]): Tensor {
      checkPair(this, inputs);
      const [first, second] = inputs;
      return tf.tidy(() => tf.sub(first as Tensor, second as Tensor));
    }
  };
  return register(tf, made);
}

/** Products along an axis of each of two inputs, of any rank (keras/src/layers/merging/dot.py). */
function dot(tf: Tf): LayerClass {
  const Base = layerClass<MergeLayer>(tf, 'Dot');
  const made = class Dot extends Base {
    static readonly className = 'Dot';
    readonly axes: number | number[];
    readonly normalize: boolean;

    constructor(args: Args) {
      super(args);
      this.axes = args['axes'] as number | number[];
      this.normalize = args['normalize'] === true;
    }

    private axesOf(first: number, second: number): [number, number] {
      const [a, b] = (Array.isArray(this.axes) ? this.axes : [this.axes, this.axes]) as [number, number];
      return named(this, () => [positiveAxis(a, first), positiveAxis(b, second)]);
    }

    override build(inputShape: Shape | Shape[]): void {
      checkPair(this, inputShape);
      const [first, second] = inputShape as [Shape, Shape];
      const [a, b] = this.axesOf(first.length, second.length);
      if (a === 0 || b === 0) throw new RangeError(`layer ${this.name}: axes 0 is the batch: choose others`);
      if (first[a] !== second[b]) {
        throw new RangeError(
          `layer ${this.name}: axis ${a} of its first input has size ${first[a]} and axis ${b} of its second input ${second[b]}`,
        );
      }
      this.built = true;
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      const [first, second] = inputShape as [Shape, Shape];
      const [a, b] = this.axesOf(first.length, second.length);
      const rest = [
        ...first.filter((_, axis) => axis !== a),
        ...second.filter((_, axis) => axis !== b && axis !== 0),
      ];
      return rest.length === 1 ? [...rest, 1] : rest;
    }

    override mergeFunction(inputs: Tensor[]): Tensor {
      checkPair(this, inputs);
      const [first, second] = inputs;
      return tf.tidy(() => {
        let [x, y] = [first as Tensor, second as Tensor];
        const [a, b] = this.axesOf(x.rank, y.rank);
        if (this.normalize) {
          const unit = (tensor: Tensor, axis: number): Tensor =>
            tf.mul(tensor, tf.rsqrt(tf.maximum(tf.sum(tf.square(tensor), axis, true), 1e-14)));
          [x, y] = [unit(x, a), unit(y, b)];
        }
        const lastly = (tensor: Tensor, axis: number): Tensor => {
          const order = tensor.shape.map((_, at) => at).filter((at) => at !== axis);
          const turned = axis === tensor.rank - 1 ? tensor : tf.transpose(tensor, [...order, axis]);
          const { shape } = turned;
          const inner = elementCount(shape.slice(1, -1));
          return tf.reshape(turned, [shape[0], inner, shape.at(-1) as number]);
        };
        const shape = this.computeOutputShape([x.shape, y.shape]) as number[];
        return tf.reshape(tf.matMul(lastly(x, a), lastly(y, b), false, true), shape);
      });
    }

    override getConfig(): Config {
      return { ...super.getConfig(), axes: this.axes, normalize: this.normalize };
    }
  };
  return register(tf, made);
}

interface ConcatenateLayer extends MergeLayer {
  axis: number;
}

/** tfjs reads an axis that counts from the end, other than -1, as the last one. */
function concatenate(tf: Tf): LayerClass {
  const Base = layerClass<ConcatenateLayer>(tf, 'Concatenate');
  const made = class Concatenate extends Base {
    static readonly className = 'Concatenate';
    private given: number | undefined;

    override build(inputShape: Shape | Shape[]): void {
      const [first] = inputShape as Shape[];
      this.given ??= this.axis;
      if (first !== undefined) this.axis = named(this, () => positiveAxis(this.axis, first.length));
      super.build(inputShape);
    }

    override getConfig(): Config {
      return { ...super.getConfig(), axis: this.given ?? this.axis };
    }
  };
  return register(tf, made);
}

/** Layers that merge inputs, beyond tfjs's own. */
export function installMerging(tf: Tf): Record<string, LayerClass> {
  return { Subtract: subtract(tf), Dot: dot(tf), Concatenate: concatenate(tf) };
}
