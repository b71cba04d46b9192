// Inputs and attributes of ops, for comparing the rules in StableHLO with TensorFlow's engine.
import { ATTR, TF } from '../../src/engines/dtypes.ts';
import type { OpAttribute } from '../../src/engines/ops.ts';
import { sizeOf } from '../../src/engines/pjrt/dtypes.ts';

export interface CaseInput {
  dtype: number;
  shape: number[];
  values: number[];
  /** Known before the program runs, as shapes and axes are. */
  known: boolean;
}

export interface OpCase {
  op: string;
  inputs: CaseInput[];
  attributes: OpAttribute[];
  outputs: number;
}

let state = 7;

/** Numbers from -1 to 1, the same in every run. */
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 31 - 1;
}

export const make = (dtype: number, shape: number[], value: (i: number) => number): CaseInput => ({
  dtype,
  shape,
  values: Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
  known: false,
});

export const f = (...shape: number[]) => make(TF.FLOAT, shape, () => Math.fround(3 * random()));
export const positive = (...shape: number[]) => make(TF.FLOAT, shape, () => Math.fround(1.01 + random()));
export const small = (...shape: number[]) => make(TF.FLOAT, shape, () => Math.fround(0.9 * random()));
export const int = (...shape: number[]) => make(TF.INT32, shape, () => Math.trunc(20 * random()));
export const count = (...shape: number[]) =>
  make(TF.INT32, shape, () => Math.trunc(1 + Math.abs(6 * random())));
export const long = (...shape: number[]) => make(TF.INT64, shape, () => Math.trunc(1e12 * random()));
export const bool = (...shape: number[]) => make(TF.BOOL, shape, () => Number(random() > 0));
export const values = (dtype: number, list: number[], shape = [list.length]) =>
  make(dtype, shape, (i) => list[i]!);
export const ints = (...list: number[]) => values(TF.INT32, list);
/** Whole numbers that are known: shapes, axes, sizes. */
export const known = (...list: number[]): CaseInput => ({ ...ints(...list), known: true });
export const knownScalar = (value: number): CaseInput => ({ ...values(TF.INT32, [value], []), known: true });
/** At the edges of what an op does. */
export const edges = values(TF.FLOAT, [
  -Infinity,
  -1e30,
  -100,
  -1,
  -0.5,
  -1e-6,
  0,
  1e-6,
  0.5,
  1,
  100,
  1e30,
  Infinity,
]);

export const type = (name: string, value: number): OpAttribute => ({ name, type: ATTR.TYPE, value });
export const whole = (name: string, value: number | number[]): OpAttribute => ({
  name,
  type: ATTR.INT,
  value,
});
export const flag = (name: string, value: boolean): OpAttribute => ({ name, type: ATTR.BOOL, value });
export const real = (name: string, value: number): OpAttribute => ({ name, type: ATTR.FLOAT, value });
export const text = (name: string, value: string): OpAttribute => ({ name, type: ATTR.STRING, value });

/** A case whose attribute `T` is the first input's dtype. */
export function of(op: string, inputs: CaseInput[], attributes: OpAttribute[] = [], outputs = 1): OpCase {
  return { op, inputs, attributes: [type('T', inputs[0]!.dtype), ...attributes], outputs };
}
