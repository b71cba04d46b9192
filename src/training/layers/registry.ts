import type * as tfjs from '@tensorflow/tfjs';
import { ofLibrary } from '../../compile/guards/user-code.ts';

export type Tf = typeof tfjs;
export type Tensor = tfjs.Tensor;
export type Shape = tfjs.Shape;
export type Layer = tfjs.layers.Layer;
export type Weight = Layer['weights'][number];
export type Config = tfjs.serialization.ConfigDict;

/** Arguments of a layer, as a cell or a configuration file gives them. */
export type Args = Record<string, unknown>;

/** Keyword arguments of the call of a layer. */
export interface Kwargs {
  training?: boolean;
  mask?: Tensor | (Tensor | null)[] | null;
  [name: string]: unknown;
}

export type LayerClass<L extends Layer = Layer> = new (args: Args) => L;

type Serializable = tfjs.serialization.Serializable;
type SerializableClass = tfjs.serialization.SerializableConstructor<Serializable>;

/** The class that tfjs has registered under a name. @throws Error when there is none. */
export function registered(tf: Tf, name: string): SerializableClass {
  const found = tf.serialization.SerializationMap.getMap().classNameMap[name];
  if (found === undefined) throw new Error(`tfjs has no class ${name}`);
  return found[0];
}

/** The same as the class of a layer whose fields are those of `L`. */
export function layerClass<L extends Layer = Layer>(tf: Tf, name: string): LayerClass<L> {
  return registered(tf, name) as unknown as LayerClass<L>;
}

/** Registers a class in place of the one with its name and kind, and lets compiled steps trace it without guards. */
export function register<T extends new (...args: never[]) => object>(tf: Tf, made: T): T {
  tf.serialization.registerClass(made as unknown as SerializableClass);
  return ofLibrary(made);
}

/** An object of tfjs as its layers' configurations hold it. */
export function serialized(part: Serializable | null | undefined): Config | null {
  return part === null || part === undefined
    ? null
    : { className: part.getClassName(), config: part.getConfig() };
}

type Kind = 'initializer' | 'regularizer' | 'constraint';

/** An object with one method, `apply`; its class has decided of which kind it is. */
type Part = NonNullable<Initializer> & NonNullable<Regularizer> & NonNullable<Constraint> & Activation;

/** Short names, and what Keras and tfjs call the same class. */
const SHORT: Readonly<Record<string, string>> = {
  l1l2: 'L1L2',
  l1: 'L1',
  l2: 'L2',
  maxNorm: 'MaxNorm',
  minMaxNorm: 'MinMaxNorm',
  nonNeg: 'NonNeg',
  unitNorm: 'UnitNorm',
};

function isPart(part: Serializable): part is Part {
  return 'apply' in part && typeof part.apply === 'function';
}

/**
 * An initializer, regularizer or constraint from its name, its configuration, or itself, as tfjs's own layers read them.
 *
 * @throws Error when there is no class of that name. @throws TypeError for an object of another kind.
 */
function partOf(tf: Tf, kind: Kind, given: unknown): Part | null {
  if (given === null || given === undefined) return null;
  const made = given instanceof tf.serialization.Serializable ? given : fromConfig(tf, kind, given);
  if (isPart(made)) return made;
  throw new TypeError(
    `${made.getClassName()} is not ${kind === 'initializer' ? 'an' : 'a'} ${kind}: give one of tf.${kind}s, its name or its configuration`,
  );
}

function fromConfig(tf: Tf, kind: Kind, given: unknown): Serializable {
  const { className, config } =
    typeof given === 'string'
      ? { className: given, config: {} }
      : (given as { className: string; config: Config });
  const name =
    SHORT[className] ??
    (kind === 'initializer' ? className.charAt(0).toUpperCase() + className.slice(1) : className);
  const made = registered(tf, name);
  return made.fromConfig(made, { ...config });
}

export interface Activation extends Serializable {
  apply(x: Tensor): Tensor;
}

export type Initializer = Parameters<Layer['addWeight']>[3];
export type Regularizer = Parameters<Layer['addWeight']>[4];
export type Constraint = Parameters<Layer['addWeight']>[6];

type AddWeight = (
  name: string,
  shape: Shape,
  dtype: tfjs.DataType,
  initializer: Initializer,
  regularizer?: Regularizer,
  trainable?: boolean,
  constraint?: Constraint,
) => Weight;

/** Adds a weight to a layer, from outside of its class. */
export function addWeight(layer: Layer, ...given: Parameters<AddWeight>): Weight {
  return (layer as unknown as { addWeight: AddWeight }).addWeight(...given);
}

/** The part of a layer that says how its input lies in memory. */
interface Convolving extends Layer {
  kernelSize: readonly number[];
  dataFormat: DataFormat;
}

/**
 * The number of channels of a convolution's input. Later inputs have to have as many dimensions and channels.
 *
 * @throws RangeError naming the layer
 */
export function channelsOf(layer: Convolving, shape: Shape): number {
  const ndim = layer.kernelSize.length + 2;
  const text = shape.map(String).join(', ');
  if (shape.length !== ndim) {
    throw new RangeError(
      `layer ${layer.name}: Inputs to ${layer.getClassName()} should have rank ${ndim}. Received an input of shape [${text}]`,
    );
  }
  const axis = layer.dataFormat === 'channelsFirst' ? 1 : ndim - 1;
  const count = shape[axis];
  if (typeof count !== 'number') {
    throw new RangeError(
      `layer ${layer.name}: the channel dimension of its input should be defined, and its shape is [${text}]`,
    );
  }
  layer.inputSpec = [{ ndim, axes: { [axis]: count } }];
  return count;
}

/** The specification of an input with this number of dimensions. */
export function inputOfRank(ndim: number): Layer['inputSpec'] {
  return [{ ndim }];
}

/** Initializer, regularizer and constraint of one weight, from arguments that begin with its name. */
export class WeightOptions {
  readonly initializer: Initializer;
  readonly regularizer: Regularizer;
  readonly constraint: Constraint;
  readonly name: string;

  constructor(tf: Tf, args: Args, name: string, initializer: string) {
    this.name = name;
    this.initializer = partOf(tf, 'initializer', args[`${name}Initializer`] ?? initializer) ?? undefined;
    this.regularizer = partOf(tf, 'regularizer', args[`${name}Regularizer`]) ?? undefined;
    this.constraint = partOf(tf, 'constraint', args[`${name}Constraint`]) ?? undefined;
  }

  /** Adds the weight to a layer. */
  add(layer: Layer, weight: string, shape: Shape): Weight {
    return addWeight(
      layer,
      weight,
      shape,
      'float32',
      this.initializer,
      this.regularizer,
      true,
      this.constraint,
    );
  }

  config(): Config {
    return {
      [`${this.name}Initializer`]: serialized(this.initializer),
      [`${this.name}Regularizer`]: serialized(this.regularizer),
      [`${this.name}Constraint`]: serialized(this.constraint),
    };
  }
}
ofLibrary(WeightOptions);

/** The only tensor among inputs. */
export function oneTensor(inputs: Tensor | Tensor[]): Tensor {
  return Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs;
}

function isShapeList(shape: Shape | Shape[]): shape is Shape[] {
  return Array.isArray(shape[0]);
}

/** Input shapes as a list. */
export function allShapes(shape: Shape | Shape[]): Shape[] {
  return isShapeList(shape) ? shape : [shape];
}

/** The only shape among input shapes, or the first. */
export function oneShape(shape: Shape | Shape[]): Shape {
  return isShapeList(shape) ? (shape[0] ?? []) : shape;
}

/** A number, or a list of them, for each of `rank` dimensions. @throws RangeError naming the option. */
export function perDimension(value: unknown, rank: number, option: string): number[] {
  const list = Array.isArray(value)
    ? (value as number[])
    : Array.from({ length: rank }, () => value as number);
  if (list.length !== rank || !list.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new RangeError(
      `${option} is ${JSON.stringify(value)}; it must be a whole number, or ${rank} of them in a list`,
    );
  }
  return list;
}

/** An axis that may count from the end. @throws RangeError when the tensor has no such axis. */
export function positiveAxis(axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || found < 0 || found >= rank)
    throw new RangeError(`axis is ${axis}, which an input of ${rank} dimensions does not have`);
  return found;
}

export type DataFormat = 'channelsFirst' | 'channelsLast';

export function dataFormatOf(args: Args): DataFormat {
  const given = args['dataFormat'] ?? 'channelsLast';
  if (given === 'channelsFirst' || given === 'channelsLast') return given;
  throw new RangeError(
    `dataFormat is ${JSON.stringify(given)}; it must be 'channelsLast' or 'channelsFirst'`,
  );
}

/** Moves channels to the end. */
export function channelsToLast(tf: Tf, x: Tensor): Tensor {
  const spatial = Array.from({ length: x.rank - 2 }, (_, index) => index + 2);
  return tf.transpose(x, [0, ...spatial, 1]);
}

/** Moves channels from the end to where they were. */
export function channelsToFirst(tf: Tf, x: Tensor): Tensor {
  const spatial = Array.from({ length: x.rank - 2 }, (_, index) => index + 1);
  return tf.transpose(x, [0, x.rank - 1, ...spatial]);
}

/** Computes with channels at the end, whatever the format of the data. */
export function withChannelsLast(
  tf: Tf,
  x: Tensor,
  format: DataFormat,
  compute: (x: Tensor) => Tensor,
): Tensor {
  return format === 'channelsLast' ? compute(x) : channelsToFirst(tf, compute(channelsToLast(tf, x)));
}

/** A shape [batch, …spatial, channels], whatever the format, taken apart and put together again. */
export function mapSpatial(
  shape: Shape,
  format: DataFormat,
  spatial: (size: number | null, index: number) => number | null,
  channels: (channels: number | null) => number | null = (count) => count,
): Shape {
  const [batch = null, ...rest] = shape;
  const first = format === 'channelsFirst';
  const sizes = (first ? rest.slice(1) : rest.slice(0, -1)).map((size, index) => spatial(size, index));
  const count = channels((first ? rest[0] : rest.at(-1)) ?? null);
  return first ? [batch, count, ...sizes] : [batch, ...sizes, count];
}
