import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs';
import { compile } from '../../../src/api/tensorflow.ts';
import { factors, numbers, sizeOf, title, valuesOf, type GradientCase, type Loose } from './case.ts';

/** The outcome of a case. */
export interface Judged {
  value: number[];
  shape: number[];
  /** The gradient of each input. */
  first: number[][];
  /** The gradient of each input of the first gradients' weighted sum. */
  second: number[][];
  problems: string[];
}

interface Engine {
  gradients(
    f: () => Tensor,
    xs: Tensor[],
    dy: Tensor | undefined,
    allowNone: boolean,
  ): { grads: (Tensor | undefined)[] };
}

/** Steps of numeric differences: float32 has seven digits, of which the fourth-order formula keeps about five. */
const STEP = 2 ** -6;

/** The functions of a case: its weighted result, and the weighted sum of the gradients of that. */
function orders(tf: Loose, one: GradientCase, shape: readonly number[]) {
  const engine = tf.engine() as Engine;
  const gradients = (f: (...xs: Tensor[]) => Tensor, xs: Tensor[]): Tensor[] =>
    // Where the function does not depend on an input, as the gradient of a linear one, it is 0.
    engine.gradients(() => f(...xs), xs, undefined, true).grads.map((g, i) => g ?? tf.zerosLike(xs[i]));
  const weighted = (...xs: Tensor[]): Tensor =>
    tf.sum(tf.mul(one.run(tf, ...xs), tf.tensor(factors(shape, 0), shape)));
  const first = (...xs: Tensor[]): Tensor[] => gradients(weighted, xs);
  const alongFactors = (...xs: Tensor[]): Tensor =>
    first(...xs)
      .map((g, i) => tf.sum(tf.mul(g, tf.tensor(factors(g.shape, i + 1), g.shape))) as Tensor)
      .reduce((all, part) => tf.add(all, part) as Tensor);
  const second = (...xs: Tensor[]): Tensor[] => gradients(alongFactors, xs);
  return { weighted, first, alongFactors, second };
}

/** The shape of a case's result. */
export function resultShape(tf: Loose, one: GradientCase, values: number[][]): number[] {
  return tf.tidy(() => one.run(tf, ...tensorsOf(tf, one, values)).shape) as number[];
}

function tensorsOf(tf: Loose, { inputs }: GradientCase, values: number[][]): Tensor[] {
  return inputs.map(({ shape }, i) => tf.tensor(values[i], shape, 'float32') as Tensor);
}

/**
 * Checks the gradients `given` of `f` by central differences of the fourth order along directions that move all
 * elements of all inputs. TensorFlow's numbers for each element are stored; without them there are more directions.
 */
function differences(
  tf: Loose,
  one: GradientCase,
  values: number[][],
  f: (...xs: Tensor[]) => Tensor,
  given: number[][],
): { actual: number[][]; expected: number[][] } {
  const step = one.step ?? STEP;
  const at = (directions: number[][], steps: number): number => {
    const moved = values.map((list, input) =>
      list.map((value, k) => Math.fround(value + steps * step * (directions[input]?.[k] as number))),
    );
    return tf.tidy(() => f(...tensorsOf(tf, one, moved)).dataSync()[0]) as number;
  };
  const actual: number[][] = [];
  const expected: number[][] = [];
  for (let n = 0; n < (one.python === undefined ? 5 : 1); n++) {
    const directions = one.inputs.map(({ shape }, input) =>
      numbers(sizeOf(shape), 0.2, 1, 31 + n + 7 * input).map((length, k) =>
        (k + n) % 3 === 0 ? -length : length,
      ),
    );
    const along = directions.flatMap((direction, input) =>
      direction.map((part, k) => part * (given[input]?.[k] as number)),
    );
    actual.push([along.reduce((sum, part) => sum + part, 0)]);
    const [far, near] = [2, 1].map((steps) => at(directions, steps) - at(directions, -steps));
    expected.push([(8 * (near as number) - (far as number)) / (12 * step)]);
  }
  return { actual, expected };
}

/** Compares lists of numbers; gives what is wrong, or nothing. `NaN` equals `NaN`. */
function compare(what: string, actual: number[][], expected: number[][], tolerance: number): string[] {
  const problems: string[] = [];
  const largest = Math.max(1, ...expected.flat().filter(Number.isFinite).map(Math.abs));
  for (const [i, list] of expected.entries()) {
    const got = actual[i] ?? [];
    const same =
      got.length === list.length &&
      list.every(
        (value, k) => Object.is(value, got[k]) || Math.abs(value - (got[k] as number)) <= tolerance * largest,
      );
    if (!same)
      problems.push(`${what} ${i}: [${got.map(short).join()}], expected [${list.map(short).join()}]`);
  }
  return problems;
}

const short = (value: number) => Number(value.toPrecision(5));

/** Computes a case and holds it against numeric differences. */
export function judge(tf: Loose, one: GradientCase): Judged {
  const values = valuesOf(one);
  const judged: Judged = { value: [], shape: [], first: [], second: [], problems: [] };
  try {
    judged.shape = resultShape(tf, one, values);
    const { weighted, first, alongFactors, second } = orders(tf, one, judged.shape);
    const lists = (f: (...xs: Tensor[]) => Tensor[]) =>
      tf.tidy(() => f(...tensorsOf(tf, one, values)).map((g) => Array.from(g.dataSync()))) as number[][];
    judged.value = lists((...xs) => [one.run(tf, ...xs)])[0] as number[];
    judged.first = lists(first);
    judged.second = lists(second);
    const tolerance = one.tolerance ?? 2e-3;
    if (one.numeric !== false) {
      const { actual, expected } = differences(tf, one, values, weighted, judged.first);
      judged.problems.push(...compare('first order, numerically, direction', actual, expected, tolerance));
    }
    if (one.numericSecond !== false) {
      const { actual, expected } = differences(tf, one, values, alongFactors, judged.second);
      judged.problems.push(...compare('second order, numerically, direction', actual, expected, tolerance));
    }
  } catch (error) {
    judged.problems.push((error as Error).message);
  }
  return judged;
}

/** Results of TensorFlow or JAX; `null` is NaN, and infinite numbers are texts. */
interface Golden {
  value: GoldenNumber[];
  first: GoldenNumber[][];
  second?: GoldenNumber[][];
}
type GoldenNumber = number | 'Infinity' | '-Infinity' | null;

let goldens: Record<string, Golden> | undefined;

function goldenOf(one: GradientCase): Golden | undefined {
  goldens ??= JSON.parse(readFileSync(join(import.meta.dirname, 'goldens.json'), 'utf8')) as Record<
    string,
    Golden
  >;
  return goldens[title(one)];
}

/** Everything that is wrong with a case, numerically or compared with the reference. */
export function judgeWithGoldens(tf: Loose, one: GradientCase): { judged: Judged; problems: string[] } {
  const judged = judge(tf, one);
  const problems = [...judged.problems];
  const golden = goldenOf(one);
  if ((one.python ?? one.jax) !== undefined && golden === undefined)
    problems.push('goldens.json lacks it: run make-goldens.mjs');
  if (golden !== undefined && problems.length === 0) {
    const nan = (lists: GoldenNumber[][]) => lists.map((list) => list.map((value) => Number(value ?? NaN)));
    const tolerance = 1e-4;
    const who = one.jax === undefined ? 'TensorFlow' : 'JAX';
    problems.push(
      ...compare(`value, compared with ${who},`, [judged.value], nan([golden.value]), tolerance),
      ...compare(`first order, compared with ${who}, input`, judged.first, nan(golden.first), tolerance),
    );
    if (golden.second !== undefined && one.pythonSecond !== false) {
      problems.push(
        ...compare(`second order, compared with ${who}, input`, judged.second, nan(golden.second), tolerance),
      );
    }
  }
  return { judged, problems: problems.map((problem) => `${title(one)}: ${problem}`) };
}

/** Differences where value and gradients of both orders are computed by a compiled function. */
export function judgeCompiled(tf: Loose, one: GradientCase): string[] {
  const values = valuesOf(one);
  const problems: string[] = [];
  try {
    const { first, second } = orders(tf, one, resultShape(tf, one, values));
    const said: string[] = [];
    const all = (...xs: Tensor[]): Tensor[] => [one.run(tf, ...xs), ...first(...xs), ...second(...xs)];
    const compiled = compile(all, { say: (line) => said.push(line) });
    // The first call runs eagerly, the second is traced and run.
    const [eager, graph] = [0, 1].map(
      () =>
        tf.tidy(() =>
          compiled(...tensorsOf(tf, one, values)).map((x) => Array.from(x.dataSync())),
        ) as number[][],
    ) as [number[][], number[][]];
    const refused = said.length > 0 || compiled.traces === 0;
    if (refused && one.eager !== true) problems.push(`it was not compiled: ${said.join(' ')}`);
    if (!refused && one.eager === true)
      problems.push('it was compiled although the case says that it cannot be');
    problems.push(...compare('compiled, part', graph, eager, 1e-5));
    compiled.dispose();
  } catch (error) {
    problems.push((error as Error).message);
  }
  return problems.map((problem) => `${title(one)}: ${problem}`);
}
