import type { GradientCase, Input, Loose } from './case.ts';

/** Short forms of cases: shapes instead of inputs, and results squared, so that the second order is not 0. */

type Run = GradientCase['run'];

/** A case of inputs that are shapes, or more than that. */
export function make(
  op: string,
  name: string,
  inputs: (Input | number[])[],
  run: Run,
  python?: string,
): GradientCase {
  return {
    op,
    name,
    inputs: inputs.map((input) => (Array.isArray(input) ? { shape: input } : input)),
    run,
    ...(python === undefined ? {} : { python }),
  };
}

/** As `make`, of the square of what `run` gives. */
export function sq(
  op: string,
  name: string,
  inputs: (Input | number[])[],
  run: Run,
  python?: string,
): GradientCase {
  const squared: Run = (tf, ...all) => tf.square(run(tf, ...all)) as never;
  return make(op, name, inputs, squared, python === undefined ? undefined : `tf.square(${python})`);
}

/** A tensor of whole numbers. */
export function ints(tf: Loose, values: Loose): Loose {
  return tf.tensor(values, undefined, 'int32');
}
