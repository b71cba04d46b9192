import type { Tensor } from '@tensorflow/tfjs';
import { compile } from '../../../src/api/tensorflow.ts';
import type { Loose } from '../gradients/case.ts';
import { opsOf } from '../gradients/ops.ts';
import { operationCases, type OperationCase } from './cases.ts';

/** docs/operations.md: which ops of `tf` run eagerly, and which in compiled functions. */

/** How an op ran. */
export interface Ran {
  op: string;
  /** Why a function with it is not compiled; undefined where it is. */
  refused: string | undefined;
  /** The difference; undefined where eager and compiled results agree. */
  problem: string | undefined;
}

/** Reasons that are no fault, as `compile` gives them. */
const REASONS: readonly [RegExp, string][] = [
  [/ keeps internal state/, 'its random numbers keep a separate state'],
  [/are drawn in JavaScript/, 'its random numbers are drawn in JavaScript'],
  [/the value of a tensor is read/, 'it reads values in JavaScript'],
  [/the shape of a tensor depends on values/, 'the shape of its result depends on values'],
  [/variables are created in the step/, 'it makes a variable in each call'],
  [/returns a promise/, 'it returns a promise'],
];

/** Numbers and texts of a result, with their shapes; promises are waited for. */
async function resultOf(tf: Loose, result: unknown): Promise<unknown> {
  const value: unknown = await result;
  if (value instanceof tf.Tensor) {
    const tensor = value as Tensor;
    return { shape: tensor.shape, elements: Array.from(await tensor.data()) };
  }
  if (Array.isArray(value)) return Promise.all(value.map((one) => resultOf(tf, one)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(async ([key, one]) => [key, await resultOf(tf, one)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** The comparable part of two results: all of it, or their shapes where numbers are random. */
function comparable(result: unknown, random: boolean): string {
  return JSON.stringify(result, (key, value: unknown) => {
    if (key !== 'elements') return value;
    const list = value as (number | string)[];
    return random
      ? list.length
      : list.map((one) => (typeof one === 'number' ? Number(one.toPrecision(4)) : one));
  });
}

/** Runs an op eagerly, and in a function that is compiled. */
export async function runOperation(
  tf: Loose,
  { op, inputs, run, random = false }: OperationCase,
): Promise<Ran> {
  const said: string[] = [];
  const call = (...all: unknown[]) => run(tf, ...all);
  const compiled = compile(call, { say: (line) => said.push(line) });
  const tensors = inputs.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype ?? 'float32'));
  try {
    const eager = comparable(await resultOf(tf, call(...tensors)), random);
    // The first call runs eagerly, the second is traced and run, the third runs.
    let last = '';
    for (let i = 0; i < 3; i++) last = comparable(await resultOf(tf, compiled(...tensors)), random);
    const reason = REASONS.find(([pattern]) => said.some((line) => pattern.test(line)))?.[1];
    if (said.length > 0 && reason === undefined) return { op, refused: said[0], problem: said[0] };
    const problem = last === eager ? undefined : `compiled ${last}, eagerly ${eager}`;
    return { op, refused: reason, problem };
  } catch (error) {
    return { op, refused: undefined, problem: (error as Error).message };
  } finally {
    compiled.dispose();
    tf.dispose(tensors);
  }
}

const HEAD = `# Operations

This page lists every op of \`tf\`, and whether a function with that op is compiled (\`fit\`, \`tensorcell.compile\`) into a graph. If it is not, the
function runs eagerly, with the same results, and one line gives the reason. \`npm test\` runs each op both ways and
compares the results.

`;

/** The page as Markdown, before it is formatted. @throws Error for an op without a case. */
export function operationPage(tf: Loose, all: readonly Ran[]): string {
  const rows = opsOf(tf).map((op) => {
    const ran = all.find((one) => one.op === op);
    if (ran === undefined) throw new Error(`${op} has no case in test/tensorflow/operations/cases.ts`);
    return [`\`${op}\``, 'yes', ran.refused === undefined ? 'yes' : 'no', ran.refused ?? ''];
  });
  const lines = [['Op', 'Eager', 'Compiled', 'Why not'], ['-', '-', '-', '-'], ...rows];
  return `${HEAD}${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

This page is generated: \`node test/tensorflow/operations/make-page.mjs\`.
`;
}

export { operationCases };
