import type { StepOutcome } from '../../machine/hardware/report.ts';
import { profile } from '../tensorflow.ts';
import { readyTf } from './gpu.ts';

/** The profile of a training has ops of the device that computes. */
export async function profileTraining(): Promise<StepOutcome> {
  const { tf, gpus } = readyTf();
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [256], units: 512, activation: 'relu' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const x = tf.randomUniform([2048, 256]);
  const y = tf.oneHot(tf.randomUniform([2048], 0, 10, 'int32'), 10);
  const { ops, parts } = await profile(() => model.fit(x, y, { epochs: 2, progress: 'quiet' }));
  const names = ops.map(({ kind, device }) => `${kind} on ${device}`);
  if (gpus.length > 0 && !ops.some(({ device }) => device.startsWith('GPU')))
    return { status: 'fails', found: `no op of a GPU: ${names.slice(0, 4).join(', ')}` };
  if (!names.some((op) => /MatMul/.test(op)))
    return {
      status: 'fails',
      found: `no product of matrices among the ops: ${names.slice(0, 8).join(', ')}`,
    };
  return {
    status: 'works',
    found: `${names.length} kinds of ops, most time in ${names.slice(0, 3).join(', ')}`,
    measured: Object.fromEntries(
      Object.entries(parts).map(([part, milliseconds]) => [`${part}_ms`, Number(milliseconds.toFixed(1))]),
    ),
  };
}
