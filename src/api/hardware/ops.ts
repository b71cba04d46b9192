import { asError } from '../../engines/errors.ts';
import type { StepOutcome } from '../../machine/hardware/report.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { readyTf } from './gpu.ts';
import { OP_CASES, type OpCase } from './op-cases.ts';

/** Differences in float32, relative to the largest number of a result: sums in another order, other approximations. */
const TOLERANCE = 1e-4;

/** The result in plain JavaScript and on the device: values, or the error's first line. */
type Answer = { shape: number[]; values: ArrayLike<number> } | { error: string };

function answerOf(tf: Tf, one: OpCase): Answer {
  tf.engine().startScope();
  try {
    const result = one.run(tf);
    return { shape: result.shape, values: Array.from(result.dataSync()) };
  } catch (error) {
    return { error: asError(error).message.split('\n')[0] ?? '' };
  } finally {
    tf.engine().endScope();
  }
}

/** The difference in words; undefined where the results are equal within the tolerance. */
function difference(device: Answer, reference: Answer): string | undefined {
  if ('error' in reference) return `no reference: ${reference.error}`;
  if ('error' in device) return device.error;
  if (device.shape.join() !== reference.shape.join())
    return `shape [${device.shape.join(', ')}] instead of [${reference.shape.join(', ')}]`;
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < reference.values.length; i++) {
    const expected = reference.values[i] ?? Number.NaN;
    const got = device.values[i] ?? Number.NaN;
    if (Number.isNaN(got) !== Number.isNaN(expected)) return `${got} instead of ${expected}`;
    if (got !== expected && !Number.isNaN(got)) worst = Math.max(worst, Math.abs(got - expected));
    if (Number.isFinite(expected)) largest = Math.max(largest, Math.abs(expected));
  }
  return worst <= TOLERANCE * Math.max(largest, 1e-3)
    ? undefined
    : `differs by ${worst.toPrecision(2)} where the largest number is ${largest.toPrecision(2)}`;
}

/** Each op on the device and in tfjs's plain JavaScript, which shares no code with TensorFlow. */
export async function compareOps(): Promise<StepOutcome> {
  const { tf } = readyTf();
  const onDevice = OP_CASES.map((one) => answerOf(tf, one));
  const backend = tf.getBackend();
  if (!(await tf.setBackend('cpu')))
    return { status: 'not-run', found: "tfjs's backend in plain JavaScript is not available" };
  const problems = OP_CASES.flatMap((one, index) => {
    const device = onDevice[index];
    const problem = device === undefined ? 'no answer' : difference(device, answerOf(tf, one));
    return problem === undefined ? [] : [`${one.name}: ${problem}`];
  });
  await tf.setBackend(backend);
  const count = OP_CASES.length;
  return problems.length === 0
    ? { status: 'works', found: `${count} of ${count} equal within ${TOLERANCE}` }
    : {
        status: 'fails',
        found: `${problems.length} of ${count} differ: ${problems.slice(0, 10).join('; ')}`,
      };
}
