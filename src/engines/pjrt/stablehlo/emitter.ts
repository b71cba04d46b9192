import type { OpAttribute } from '../../ops.ts';
import type { TensorType } from '../dtypes.ts';
import type { ProgramBuilder, Value } from './builder.ts';

/** An operation that has no program: it runs on the CPU. */
export class NotEmitted extends Error {
  override readonly name = 'NotEmitted';
}

/** An input of an op. */
export interface Operand {
  readonly type: TensorType;
  /** Its elements where they are known before the program runs: shapes, axes, paddings. */
  readonly known?: readonly number[];
  /** The value in the program, added on first use. */
  value(): Value;
}

/** An op to emit, with TensorFlow's name, inputs and attributes. */
export class OpCall {
  readonly builder: ProgramBuilder;
  readonly name: string;
  readonly inputs: readonly Operand[];
  readonly #attributes: ReadonlyMap<string, unknown>;

  constructor(
    builder: ProgramBuilder,
    name: string,
    inputs: readonly Operand[],
    attributes: readonly OpAttribute[],
  ) {
    this.builder = builder;
    this.name = name;
    this.inputs = inputs;
    this.#attributes = new Map(attributes.map((attribute) => [attribute.name, attribute.value]));
  }

  #input(index: number): Operand {
    const input = this.inputs[index];
    if (input === undefined) throw new NotEmitted(`${this.name} has no input ${index}`);
    return input;
  }

  /** The value of an input. */
  value(index: number): Value {
    return this.#input(index).value();
  }

  /** The values of the first `count` inputs. */
  values(count = this.inputs.length): Value[] {
    return this.inputs.slice(0, count).map((input) => input.value());
  }

  typeOf(index: number): TensorType {
    return this.#input(index).type;
  }

  /** The elements of an input that has to be known before the program runs. @throws NotEmitted where it is not */
  known(index: number): readonly number[] {
    const { known } = this.#input(index);
    if (known === undefined) throw new NotEmitted(`input ${index} of ${this.name} is computed on the device`);
    return known;
  }

  /** A number, boolean or dtype attribute. */
  attribute<T extends number | boolean | string>(name: string, otherwise: T): T {
    const value = this.#attributes.get(name);
    return value === undefined ? otherwise : (value as T);
  }

  /** An attribute that is a list of whole numbers. */
  attributeList(name: string): readonly number[] {
    return Array.from((this.#attributes.get(name) as ArrayLike<number> | undefined) ?? [], Number);
  }
}

/** Adds an op to a program. @throws NotEmitted for dtypes and arguments that it has no rule for */
export type Emitter = (call: OpCall) => Value[];

/** Emitters by TensorFlow's op names. */
export type EmitterTable = ReadonlyMap<string, Emitter>;

/** An emitter with one result. */
export function single(emit: (call: OpCall) => Value): Emitter {
  return (call) => [emit(call)];
}

/** Counts a negative axis from the end. @throws NotEmitted for one that the rank does not have; TensorFlow names it */
export function axisOf(axis: number, rank: number, call: OpCall): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(positive) && positive >= 0 && positive < rank) return positive;
  throw new NotEmitted(`${call.name} has the axis ${axis} of ${rank}`);
}

/** The shape to which NumPy's rules broadcast shapes. @throws NotEmitted when they do not fit; TensorFlow names them */
export function broadcastShape(shapes: readonly (readonly number[])[], call: OpCall): number[] {
  const rank = Math.max(0, ...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((size) => size !== 1);
    const [size = 1] = sizes;
    if (sizes.every((one) => one === size)) return size;
    throw new NotEmitted(
      `${call.name} with the shapes ${shapes.map((shape) => `[${shape.join(', ')}]`).join(' and ')}`,
    );
  });
}

/** A value with another shape by NumPy's rules: axes of size 1 are repeated, missing ones come first. */
export function broadcastTo(builder: ProgramBuilder, value: Value, shape: readonly number[]): Value {
  const before = shape.length - value.type.shape.length;
  // Only axes of equal size are in the operand: an axis of size 1 that grows leaves it first.
  const kept = value.type.shape.flatMap((size, i) => (size === shape[i + before] ? [i] : []));
  const narrow = builder.reshape(
    value,
    kept.map((i) => value.type.shape[i]!),
  );
  return builder.broadcastInDim(
    narrow,
    shape,
    kept.map((i) => i + before),
  );
}

/** Values of one dtype, broadcast to one shape. */
export function aligned(call: OpCall, values: readonly Value[]): Value[] {
  const shape = broadcastShape(
    values.map(({ type }) => type.shape),
    call,
  );
  return values.map((value) => broadcastTo(call.builder, value, shape));
}
