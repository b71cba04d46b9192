import type { Tensor } from '@tensorflow/tfjs';

/** tfjs without the ranks of its declarations: cases are about values. */
// eslint-disable-next-line typescript/no-explicit-any
export type Loose = any;

export interface Input {
  shape: number[];
  low?: number;
  high?: number;
  /** Given numbers instead of ones between `low` and `high`. */
  values?: number[];
}

/** An op with some attributes, as a function of tensors that it is differentiated by. */
export interface GradientCase {
  /** As in `tf`, for example `conv2d` or `image.resizeBilinear`. */
  op: string;
  /** The particular point of the case. */
  name: string;
  inputs: Input[];
  run: (tf: Loose, ...inputs: Loose[]) => Tensor;
  /** The same for Python's TensorFlow, of the tensors `a`, `b`, …; without it only numeric differences judge. */
  python?: string;
  /** The same for JAX (`jnp`, `jax`), where its gradients are the reference: TensorFlow's are NaN there, or wrong. */
  jax?: string;
  /** False where the function has a kink or a jump there, so that differences mean nothing. */
  numeric?: boolean;
  /** False where numeric differences of the gradient mean nothing. */
  numericSecond?: boolean;
  /** False where TensorFlow itself is not to be followed in the second order, since it has a number that is wrong. */
  pythonSecond?: boolean;
  /** True where the op's own derivative is 0, and the case shows that it stops no other path. */
  constant?: boolean;
  /** True where the op runs in JavaScript, so that a function with it is not compiled. */
  eager?: boolean;
  /** Numbers that are well apart from each other, so that small changes turn no comparison round. */
  spread?: boolean;
  /** The step of numeric differences. */
  step?: number;
  /** How far numbers may be apart, relative to the largest one. */
  tolerance?: number;
}

/** Numbers that repeat from run to run. */
export function numbers(count: number, low: number, high: number, seed: number): number[] {
  let state = seed * 7919 + 13;
  return Array.from({ length: count }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.fround(low + ((high - low) * state) / 2_147_483_648);
  });
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The numbers that a case is computed with. */
export function valuesOf({ inputs, spread = false }: GradientCase): number[][] {
  if (spread) {
    const sizes = inputs.map(({ shape }) => sizeOf(shape));
    const count = sizes.reduce((all, size) => all + size);
    const order = numbers(count, 0, 1, 5).map((key, i) => ({ key, value: (i - count / 2 + 0.25) / 4 }));
    const shuffled = order.sort((a, b) => a.key - b.key).map(({ value }) => value);
    return sizes.map((size) => shuffled.splice(0, size));
  }
  return inputs.map(({ shape, low = -2, high = 2, values }, i) =>
    values === undefined ? numbers(sizeOf(shape), low, high, i + 1) : values.map(Math.fround),
  );
}

/** Factors that make one number of a tensor, so that all its elements count: of the result, and of each gradient. */
export function factors(shape: readonly number[], seed: number): number[] {
  return numbers(sizeOf(shape), 0.5, 1.5, seed + 100);
}

export function title({ op, name }: GradientCase): string {
  return name === '' ? op : `${op}: ${name}`;
}
