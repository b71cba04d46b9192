import { TF } from '../../dtypes.ts';
import { sameType, sizeOf, tensorName, describeType, type TensorType } from '../dtypes.ts';
import { PjrtError } from '../errors.ts';
import type { Program } from '../executables.ts';

/** A value inside a program under construction. */
export interface Value {
  /** Its name in the text, such as `%3`. */
  readonly name: string;
  readonly type: TensorType;
}

/** A condition under which a program's results are wrong, and the message of the error then. */
interface Check {
  failed: Value;
  message: string;
}

/** A program with the messages of its checks. */
export interface CheckedProgram extends Program {
  /**
   * Where there are any, the last output is an int32 scalar: 0, or 1 + the index of the first check that failed.
   */
  readonly checks: readonly string[];
}

/** A float for StableHLO's text, as its bits: decimal digits would be rounded, and infinities have no digits. */
function floatLiteral(value: number): string {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, value);
  return `0x${bits.getUint32(0).toString(16).toUpperCase().padStart(8, '0')}`;
}

/** Whether a dtype is a float that programs are written for. */
export function isFloat(dtype: number): boolean {
  return dtype === TF.FLOAT;
}

/** Whether programs are written for a dtype: float32, booleans and integers. */
export function isWritten(dtype: number): boolean {
  return isFloat(dtype) || isInteger(dtype) || dtype === TF.BOOL;
}

function literal(dtype: number, value: number | bigint): string {
  if (dtype === TF.BOOL) return value ? 'true' : 'false';
  return isFloat(dtype) ? floatLiteral(Number(value)) : String(value);
}

/**
 * Writes one StableHLO program, operation by operation, in the generic forms that StableHLO 1.16 reads
 * (the specification of openxla/stablehlo). Each method checks what the compiler would refuse with a message about its text.
 */
export class ProgramBuilder {
  readonly #inputs: Value[] = [];
  readonly #updates = new Map<number, number>();
  readonly #lines: string[] = [];
  readonly #checks: Check[] = [];
  readonly #constants = new Map<string, Value>();
  #count = 0;

  /** The next input of the program. */
  input(type: TensorType): Value {
    const value = { name: `%a${this.#inputs.length}`, type };
    this.#inputs.push(value);
    return value;
  }

  /**
   * Adds an operation with one result.
   *
   * @param text everything between `=` and the types: `stablehlo.add %0, %1`
   * @param signature the types as this operation writes them: the result's, unless given
   */
  emit(text: string, type: TensorType, signature: string = tensorName(type)): Value {
    const value = { name: `%${this.#count++}`, type };
    this.#lines.push(`${value.name} = ${text} : ${signature}`);
    return value;
  }

  /** Adds an operation with several results. */
  emitSeveral(text: string, types: readonly TensorType[], signature: string): Value[] {
    const name = `%${this.#count++}`;
    this.#lines.push(`${name}:${types.length} = ${text} : ${signature}`);
    return types.map((type, i) => ({ name: `${name}#${i}`, type }));
  }

  /** Adds an operation whose types are written as a function's. */
  apply(operation: string, inputs: readonly Value[], type: TensorType, attributes = ''): Value {
    const names = inputs.map(({ name }) => name).join(', ');
    return this.emit(
      `"${operation}"(${names})${attributes && ` <{${attributes}}>`}`,
      type,
      signature(inputs, [type]),
    );
  }

  /** An elementwise operation of one or several values of one type. */
  elementwise(operation: string, ...inputs: readonly Value[]): Value {
    const [{ type } = { type: { dtype: 0, shape: [] } }] = inputs;
    for (const input of inputs) this.#expectSame(operation, input.type, type);
    return this.apply(operation, inputs, type);
  }

  #expectSame(operation: string, actual: TensorType, expected: TensorType): void {
    if (sameType(actual, expected)) return;
    throw new PjrtError(
      'INTERNAL',
      `${operation} has operands of ${describeType(expected)} and ${describeType(actual)}. Please report this`,
    );
  }

  /** One number in all elements; equal ones are shared. */
  constant(dtype: number, value: number | bigint, shape: readonly number[] = []): Value {
    const type = { dtype, shape };
    return this.#constant(`dense<${literal(dtype, value)}>`, type);
  }

  /** A constant with its values in row-major order. */
  constants(type: TensorType, values: readonly (number | bigint)[]): Value {
    const all = values.map((value) => literal(type.dtype, value));
    if (all.length !== sizeOf(type.shape)) {
      throw new PjrtError('INTERNAL', `${describeType(type)} with ${all.length} values. Please report this`);
    }
    const nested = (shape: readonly number[]): string => {
      const [size, ...rest] = shape;
      if (size === undefined) return all.shift()!;
      return `[${Array.from({ length: size }, () => nested(rest)).join(', ')}]`;
    };
    return this.#constant(all.length === 0 ? 'dense<>' : `dense<${nested(type.shape)}>`, type);
  }

  #constant(text: string, type: TensorType): Value {
    const line = `stablehlo.constant ${text} : ${tensorName(type)}`;
    let value = this.#constants.get(line);
    if (value === undefined) {
      value = this.emit(`stablehlo.constant ${text}`, type);
      this.#constants.set(line, value);
    }
    return value;
  }

  compare(direction: 'EQ' | 'NE' | 'LT' | 'LE' | 'GT' | 'GE', a: Value, b: Value): Value {
    this.#expectSame('compare', b.type, a.type);
    const type = { dtype: TF.BOOL, shape: a.type.shape };
    return this.emit(`stablehlo.compare ${direction}, ${a.name}, ${b.name}`, type, signature([a, b], [type]));
  }

  /** `condition ? a : b` in each element; the condition has their shape. */
  select(condition: Value, a: Value, b: Value): Value {
    this.#expectSame('select', b.type, a.type);
    this.#expectSame('select', condition.type, { dtype: TF.BOOL, shape: a.type.shape });
    return this.apply('stablehlo.select', [condition, a, b], a.type);
  }

  /** Another dtype: towards zero for integers, and `x != 0` for booleans. */
  convert(value: Value, dtype: number): Value {
    if (value.type.dtype === dtype) return value;
    return this.apply('stablehlo.convert', [value], { dtype, shape: value.type.shape });
  }

  /** The same bits as another dtype of the same size. */
  bitcast(value: Value, dtype: number): Value {
    return this.apply('stablehlo.bitcast_convert', [value], { dtype, shape: value.type.shape });
  }

  /** @param axes for each axis of the value, its axis in the result */
  broadcastInDim(value: Value, shape: readonly number[], axes: readonly number[]): Value {
    const same =
      sameType(value.type, { dtype: value.type.dtype, shape }) && axes.every((axis, i) => axis === i);
    if (same) return value;
    const type = { dtype: value.type.dtype, shape };
    return this.apply('stablehlo.broadcast_in_dim', [value], type, `broadcast_dimensions = ${list(axes)}`);
  }

  reshape(value: Value, shape: readonly number[]): Value {
    const type = { dtype: value.type.dtype, shape };
    if (sameType(type, value.type)) return value;
    if (sizeOf(shape) !== sizeOf(value.type.shape)) {
      throw new PjrtError(
        'INVALID_ARGUMENT',
        `a tensor of ${describeType(value.type)} cannot have the shape [${shape.join(', ')}]`,
      );
    }
    return this.apply('stablehlo.reshape', [value], type);
  }

  /** @param permutation for each axis of the result, its axis in the value */
  transpose(value: Value, permutation: readonly number[]): Value {
    if (permutation.every((axis, i) => axis === i)) return value;
    const shape = permutation.map((axis) => value.type.shape[axis]!);
    const type = { dtype: value.type.dtype, shape };
    return this.apply('stablehlo.transpose', [value], type, `permutation = ${list(permutation)}`);
  }

  /** Elements from `start` to before `limit` in steps of `strides`, which are positive. */
  slice(
    value: Value,
    start: readonly number[],
    limit: readonly number[],
    strides: readonly number[] = start.map(() => 1),
  ): Value {
    const shape = start.map((from, i) => Math.max(0, Math.ceil((limit[i]! - from) / strides[i]!)));
    const type = { dtype: value.type.dtype, shape };
    const attributes = `start_indices = ${list(start)}, limit_indices = ${list(limit)}, strides = ${list(strides)}`;
    return this.apply('stablehlo.slice', [value], type, attributes);
  }

  reverse(value: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return value;
    return this.apply('stablehlo.reverse', [value], value.type, `dimensions = ${list(axes)}`);
  }

  concatenate(values: readonly Value[], axis: number): Value {
    const [first] = values as [Value];
    if (values.length === 1) return first;
    const shape = [...first.type.shape];
    shape[axis] = values.reduce((sum, { type }) => sum + type.shape[axis]!, 0);
    const type = { dtype: first.type.dtype, shape };
    return this.apply('stablehlo.concatenate', values, type, `dimension = ${axis} : i64`);
  }

  /** Adds elements around and, with `interior`, between those of a value; negative amounts cut. */
  pad(
    value: Value,
    fill: Value,
    low: readonly number[],
    high: readonly number[],
    interior: readonly number[] = low.map(() => 0),
  ): Value {
    const shape = value.type.shape.map(
      (size, i) => size + low[i]! + high[i]! + Math.max(0, size - 1) * interior[i]!,
    );
    const type = { dtype: value.type.dtype, shape };
    const attributes = `edge_padding_low = ${list(low)}, edge_padding_high = ${list(high)}, interior_padding = ${list(interior)}`;
    return this.apply('stablehlo.pad', [value, fill], type, attributes);
  }

  /** The index of each element along an axis. */
  iota(type: TensorType, axis: number): Value {
    return this.emit(`stablehlo.iota dim = ${axis}`, type);
  }

  /**
   * Products of elements summed over the contracted axes; the result has the batch axes, then the free axes of `a`,
   * then those of `b`.
   */
  dotGeneral(
    a: Value,
    b: Value,
    axes: {
      batch: readonly [readonly number[], readonly number[]];
      contracting: readonly [readonly number[], readonly number[]];
    },
  ): Value {
    const free = ({ type }: Value, side: 0 | 1) =>
      type.shape.filter((_, i) => !axes.batch[side].includes(i) && !axes.contracting[side].includes(i));
    const batch = axes.batch[0].map((axis) => a.type.shape[axis]!);
    const type = { dtype: a.type.dtype, shape: [...batch, ...free(a, 0), ...free(b, 1)] };
    const pair = ([left, right]: readonly [readonly number[], readonly number[]]) =>
      `[${left.join(', ')}] x [${right.join(', ')}]`;
    const batching = axes.batch[0].length > 0 ? ` batching_dims = ${pair(axes.batch)},` : '';
    return this.emit(
      `stablehlo.dot_general ${a.name}, ${b.name},${batching} contracting_dims = ${pair(axes.contracting)}`,
      type,
      signature([a, b], [type]),
    );
  }

  /** Combines elements over axes, which the result lacks. @param initial a scalar that the operation leaves as it is */
  reduce(value: Value, initial: Value, operation: string, axes: readonly number[]): Value {
    if (axes.length === 0) return value;
    const shape = value.type.shape.filter((_, i) => !axes.includes(i));
    const type = { dtype: value.type.dtype, shape };
    return this.emit(
      `stablehlo.reduce(${value.name} init: ${initial.name}) applies ${operation} across dimensions = [${axes.join(', ')}]`,
      type,
      signature([value, initial], [type]),
    );
  }

  /** The program's results are wrong where an element of `failed`, booleans, is true: running it is an error then. */
  check(failed: Value, message: string): void {
    const axes = failed.type.shape.map((_, i) => i);
    const any = this.reduce(failed, this.constant(TF.BOOL, 0), 'stablehlo.or', axes);
    this.#checks.push({ failed: any, message });
  }

  /** The first output takes over the memory of the input; a program's later calls have the new value there. */
  update(input: Value, output: number): void {
    this.#updates.set(this.#inputs.indexOf(input), output);
  }

  #failure(): Value {
    let code = this.constant(TF.INT32, 0);
    // The first check is applied last, and wins.
    for (let i = this.#checks.length; i > 0; i--) {
      code = this.select(this.#checks[i - 1]!.failed, this.constant(TF.INT32, i), code);
    }
    return code;
  }

  /** @param name for messages: `AddV2`, `the training step` */
  build(name: string, results: readonly Value[]): CheckedProgram {
    const outputs = this.#checks.length > 0 ? [...results, this.#failure()] : results;
    const parameters = this.#inputs.map((input, i) => {
      const output = this.#updates.get(i);
      const alias = output === undefined ? '' : ` {tf.aliasing_output = ${output} : i32}`;
      return `${input.name}: ${tensorName(input.type)}${alias}`;
    });
    const types = outputs.map(({ type }) => tensorName(type)).join(', ');
    const names = outputs.map((output) => output.name).join(', ');
    const text = [
      `module @m { func.func @main(${parameters.join(', ')}) -> (${types}) {`,
      ...this.#lines,
      `return${outputs.length > 0 ? ` ${names} : ${types}` : ''}`,
      '} }',
    ].join('\n');
    return {
      name,
      text,
      inputs: this.#inputs.map(({ type }) => type),
      outputs: outputs.map(({ type }) => type),
      updates: this.#updates,
      checks: this.#checks.map(({ message }) => message),
    };
  }
}

/** `array<i64: 1, 2>` */
export function list(numbers: readonly number[]): string {
  return numbers.length === 0 ? 'array<i64>' : `array<i64: ${numbers.join(', ')}>`;
}

/** `(tensor<2xf32>, tensor<f32>) -> tensor<2xf32>` */
export function signature(inputs: readonly Value[], outputs: readonly TensorType[]): string {
  const results = outputs.map(tensorName);
  const after = results.length === 1 ? results[0]! : `(${results.join(', ')})`;
  return `(${inputs.map(({ type }) => tensorName(type)).join(', ')}) -> ${after}`;
}

/** The number that no element of a dtype is less than, for maxima: negative infinity, or the smallest integer. */
export function lowest(dtype: number): number | bigint {
  const bits = INTEGERS.get(dtype);
  if (bits === undefined) return dtype === TF.BOOL ? 0 : -Infinity;
  return bits.signed ? -(2n ** BigInt(bits.width - 1)) : 0n;
}

/** The same for minima. */
export function highest(dtype: number): number | bigint {
  const bits = INTEGERS.get(dtype);
  if (bits === undefined) return dtype === TF.BOOL ? 1 : Infinity;
  return 2n ** BigInt(bits.signed ? bits.width - 1 : bits.width) - 1n;
}

/** Width and sign of integer dtypes. */
const INTEGERS: ReadonlyMap<number, { width: number; signed: boolean }> = new Map([
  [TF.INT8, { width: 8, signed: true }],
  [TF.INT16, { width: 16, signed: true }],
  [TF.INT32, { width: 32, signed: true }],
  [TF.INT64, { width: 64, signed: true }],
  [TF.UINT8, { width: 8, signed: false }],
  [TF.UINT16, { width: 16, signed: false }],
  [TF.UINT32, { width: 32, signed: false }],
  [TF.UINT64, { width: 64, signed: false }],
]);

/** Whether a dtype holds integers. */
export function isInteger(dtype: number): boolean {
  return INTEGERS.has(dtype);
}
