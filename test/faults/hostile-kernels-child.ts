/**
 * Calls every kernel of the backend with hostile inputs and attributes, one after the other; says before each which one it is:
 * hostile-kernels.ts reads it. The calls to begin with are those of the cases of all ops and of their gradients. Arguments: the
 * first round, and of how many rounds one is run.
 */
import { execFileSync } from 'node:child_process';
import type * as Tf from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { operationCases } from '../tensorflow/operations/cases.ts';
import type { Loose } from '../tensorflow/gradients/case.ts';

const [first = '0', each = '1'] = process.argv.slice(2);
const tf: Loose = loadTf();
const engine: Loose = tf.engine();

interface Call {
  kernel: string;
  inputs: Record<string, Tf.Tensor | Tf.Tensor[]>;
  attributes: Record<string, unknown>;
}

const isTensor = (value: unknown): value is Tf.Tensor => value instanceof tf.Tensor;

/** The first call of each kernel with other kinds of inputs and attributes. */
async function recordedCalls(): Promise<Call[]> {
  const calls = new Map<string, Call>();
  const { runKernel } = engine;
  engine.runKernel = function (kernel: string, inputs: Call['inputs'], attributes: Call['attributes']) {
    const result: unknown = runKernel.call(this, kernel, inputs, attributes);
    const kept = Object.entries(inputs).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one) => copyOf(one)) : isTensor(value) ? copyOf(value) : value,
    ]);
    const key = `${kernel} ${Object.keys(inputs).join()} ${JSON.stringify(attributes ?? {}).length}`;
    if (!calls.has(key)) {
      calls.set(key, {
        kernel,
        inputs: Object.fromEntries(kept) as Call['inputs'],
        attributes: { ...attributes },
      });
    }
    return result;
  };
  for (const { inputs, run } of operationCases()) {
    const tensors = inputs.map(({ values, shape, dtype }) => tf.tensor(values, shape, dtype ?? 'float32'));
    try {
      await run(tf, ...tensors);
      if (tensors.length > 0) tf.grads((...all: Tf.Tensor[]) => run(tf, ...all))(tensors);
    } catch {
      // Not every op has a gradient.
    }
  }
  engine.runKernel = runKernel;
  return [...calls.values()].toSorted((a, b) => (a.kernel < b.kernel ? -1 : 1));
}

/** The values of a tensor, so that it can be made anew for each call. */
function copyOf(tensor: Tf.Tensor): Tf.Tensor {
  return { shape: tensor.shape, dtype: tensor.dtype, values: tensor.dataSync().slice() } as never;
}

interface Copy {
  shape: number[];
  dtype: string;
  values: Float32Array | string[];
}

/** A tensor without tfjs's own checks of its shape. */
function made({ shape, dtype, values }: Copy): Tf.Tensor {
  return engine.makeTensor(values, shape, dtype);
}

const int = (values: number[], shape = [values.length]): Copy => ({
  shape,
  dtype: 'int32',
  values: Int32Array.from(values) as never,
});
const float = (values: number[], shape = [values.length]): Copy => ({
  shape,
  dtype: 'float32',
  values: Float32Array.from(values),
});

const LARGE = 2 ** 31 - 1;
const ones = (rank: number): number[] => Array.from({ length: rank }, () => 1);

/** Values in the place of a tensor. */
function tensorsFor({ shape, dtype, values }: Copy): Copy[] {
  const of = (value: number): Copy =>
    dtype === 'int32'
      ? int(
          Array.from(values as never, () => value),
          shape,
        )
      : float(
          Array.from(values as never, () => value),
          shape,
        );
  const numbers = dtype === 'string' ? [] : [0, -1, LARGE, -(2 ** 31), 7].map(of);
  return [
    ...numbers,
    float([], [0]),
    int([], [0]),
    float([], [0, 3]),
    float([], [...shape, 0]),
    float([NaN], []),
    int([-5], []),
    float([1], ones(7)),
    float([1], ones(1)),
    int([LARGE, -1, 3, 0]),
    int([3, -1, LARGE, 0, 2, 9], [3, 2]),
    float([1, 2, 3, 4, 5, 6], [1, 2, 3]),
    float([], [LARGE, 0]),
    { shape: [2], dtype: 'string', values: ['', 'a\0b'] },
    { shape: [1], dtype: 'bool', values: Uint8Array.of(1) as never },
    ...(shape.length > 0 && dtype !== 'string'
      ? [float(Array.from(values as never, Number), [...shape, 1])]
      : []),
    ...(shape.length > 1 && dtype !== 'string'
      ? [float(Array.from(values as never, Number), [values.length])]
      : []),
  ];
}

const NUMBERS = [0, -1, 1, 3, LARGE, 2 ** 31, -(2 ** 31), 2 ** 40, 1e300, NaN, Infinity, 0.5];

/** Values in the place of an attribute. */
function attributesFor(value: unknown): unknown[] {
  if (typeof value === 'number') return [...NUMBERS, undefined, 'x', [1]];
  if (typeof value === 'boolean') return [!value, undefined];
  if (typeof value === 'string') return ['', 'x', 'NHWC', 'NCHW', 'same', 'a\0b', undefined, 7];
  if (Array.isArray(value)) {
    const shorter = value.slice(1);
    const longer = [...value, ...(value.length > 0 ? [value[0]] : [1])];
    const changed = value.flatMap((one, at) => attributesFor(one).map((other) => value.with(at, other)));
    return [[], shorter, longer, ones(300), undefined, ...changed];
  }
  if (typeof value === 'object' && value !== null && !isTensor(value)) {
    return Object.entries(value).flatMap(([key, one]) =>
      attributesFor(one).map((other) => ({ ...value, [key]: other })),
    );
  }
  return [];
}

function* hostile({ kernel, inputs, attributes }: Call): Generator<[what: string, Call]> {
  for (const [name, value] of Object.entries(inputs)) {
    if (Array.isArray(value)) {
      for (const [i, other] of tensorsFor(value[0] as unknown as Copy).entries()) {
        yield [
          `${name}[0] ${i}`,
          { kernel, inputs: { ...inputs, [name]: value.with(0, other as never) }, attributes },
        ];
      }
      yield [`no ${name}`, { kernel, inputs: { ...inputs, [name]: [] }, attributes }];
      continue;
    }
    if (value === undefined || value === null) continue;
    for (const [i, other] of tensorsFor(value as unknown as Copy).entries()) {
      yield [`${name} ${i}`, { kernel, inputs: { ...inputs, [name]: other as never }, attributes }];
    }
  }
  for (const [name, value] of Object.entries(attributes)) {
    for (const other of attributesFor(value)) {
      const text = (JSON.stringify(other) ?? String(other)).slice(0, 60);
      yield [`${name} = ${text}`, { kernel, inputs, attributes: { ...attributes, [name]: other } }];
    }
  }
}

// Memory that cannot be had is an error, not the end of other programs.
execFileSync('prlimit', ['--pid', String(process.pid), `--data=${6 * 2 ** 30}:`]);
/** These fill memory as large as a number says: it takes minutes, or all memory. */
const SLOW = /^(?:PadV2|MirrorPad|Transform|Range|LinSpace|Tile|Fill)/;
const calls = (await recordedCalls()).filter(({ kernel }) => !SLOW.test(kernel));
let round = -1;
for (const base of calls) {
  for (const [what, { kernel, inputs, attributes }] of hostile(base)) {
    round++;
    if (round < Number(first) || round % Number(each) !== 0) continue;
    process.stdout.write(`${JSON.stringify({ begin: String(round), file: `${kernel}: ${what}` })}\n`);
    let answer: { error: string } | { value: string };
    engine.startScope();
    try {
      const tensors = Object.entries(inputs).map(([name, value]) => [
        name,
        Array.isArray(value)
          ? value.map((one) => made(one as never))
          : typeof value === 'object' && value !== null
            ? made(value as never)
            : value,
      ]);
      const result = [engine.runKernel(kernel, Object.fromEntries(tensors), attributes)].flat();
      for (const one of result) if (isTensor(one) && one.size < 1e7) one.dataSync();
      answer = { value: String(result.length) };
    } catch (error) {
      answer = {
        error:
          error instanceof Error
            ? `${error.name}: ${error.message.slice(0, 200)}`
            : `not an Error: ${String(error)}`,
      };
    }
    engine.endScope();
    process.stdout.write(`${JSON.stringify({ end: String(round), ...answer })}\n`);
  }
}
process.stdout.write(
  `${JSON.stringify({ alive: [...tf.ones([2]).add(1).dataSync()], file: String(calls.length) })}\n`,
);
process.exit(0);
