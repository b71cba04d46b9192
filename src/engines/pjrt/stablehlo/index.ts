import { dtypeName } from '../../dtypes.ts';
import type { OpAttribute } from '../../ops.ts';
import type { TensorType } from '../dtypes.ts';
import { isWritten, ProgramBuilder, type CheckedProgram, type Value } from './builder.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { NotEmitted, OpCall, type EmitterTable, type Operand } from './emitter.ts';
import { INDEXING } from './indexing.ts';
import { MATRICES } from './matrices.ts';
import { RANDOM } from './random.ts';
import { REDUCTIONS } from './reductions.ts';
import { SHAPES } from './shapes.ts';
import { SOFTMAX } from './softmax.ts';

/** All rules, by TensorFlow's op names. */
export const EMITTERS: EmitterTable = new Map([
  ...ELEMENTWISE,
  ...INDEXING,
  ...MATRICES,
  ...RANDOM,
  ...REDUCTIONS,
  ...SHAPES,
  ...SOFTMAX,
]);

/** Adds an op to a program. @throws NotEmitted where it has no rule for this op, dtype or argument */
export function emitOp(
  builder: ProgramBuilder,
  name: string,
  inputs: readonly Operand[],
  attributes: readonly OpAttribute[],
): Value[] {
  const emit = EMITTERS.get(name);
  if (emit === undefined) throw new NotEmitted(`${name} has no rule`);
  for (const { type } of inputs) {
    if (!isWritten(type.dtype)) throw new NotEmitted(`${name} of ${dtypeName(type.dtype)}`);
  }
  return emit(new OpCall(builder, name, inputs, attributes));
}

/** An input of a one-op program: a value, or elements that the program has as a constant. */
export interface OpInput {
  readonly type: TensorType;
  readonly known?: readonly number[];
}

/**
 * The program of one op. Its inputs are those of the op that are not known, and are used.
 *
 * @throws NotEmitted where it has no rule
 */
export function opProgram(
  name: string,
  inputs: readonly OpInput[],
  attributes: readonly OpAttribute[],
): CheckedProgram {
  const builder = new ProgramBuilder();
  const operands = inputs.map(({ type, known }): Operand => {
    if (known !== undefined) return { type, known, value: () => builder.constants(type, known) };
    const value = builder.input(type);
    return { type, value: () => value };
  });
  return builder.build(name, emitOp(builder, name, operands, attributes));
}
