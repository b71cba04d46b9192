import type { StepOutcome } from '../../machine/hardware/report.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { device } from '../load-tf.ts';
import { readyTf } from './gpu.ts';
import type { StepContext } from './context.ts';

/** Seconds of each measurement. */
const SECONDS = { full: 2, quick: 0.7 } as const;

/** Products of float32 matrices of 2048 x 2048, in GFLOPS (2 n³ floating-point operations each). */
function matmulGflops(tf: Tf, seconds: number): number {
  const size = 2048;
  const a = tf.randomUniform([size, size]);
  let product = tf.matMul(a, a);
  const wait = (): void => void tf.tidy(() => product.slice([0, 0], [1, 1]).dataSync()[0]);
  wait();
  const start = performance.now();
  let count = 0;
  do {
    for (let i = 0; i < 3; i++) {
      product.dispose();
      product = tf.matMul(a, a);
    }
    count += 3;
    wait();
  } while (performance.now() - start < seconds * 1000);
  const elapsed = (performance.now() - start) / 1000;
  tf.dispose([a, product]);
  return (count * 2 * size ** 3) / elapsed / 1e9;
}

async function stepsPerSecond(tf: Tf, kind: 'dense' | 'convolutional', seconds: number): Promise<number> {
  const model =
    kind === 'dense'
      ? tf.sequential({
          layers: [
            tf.layers.dense({ inputShape: [784], units: 256, activation: 'relu' }),
            tf.layers.dense({ units: 10, activation: 'softmax' }),
          ],
        })
      : tf.sequential({
          layers: [
            tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 3, activation: 'relu' }),
            tf.layers.maxPooling2d({ poolSize: 2 }),
            tf.layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
            tf.layers.flatten(),
            tf.layers.dense({ units: 10, activation: 'softmax' }),
          ],
        });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const batches = kind === 'dense' ? 100 : 10;
  const shape = kind === 'dense' ? [64 * batches, 784] : [64 * batches, 28, 28, 1];
  const x = tf.randomUniform(shape);
  const y = tf.oneHot(tf.randomUniform([64 * batches], 0, 10, 'int32'), 10);
  const fit = (): Promise<unknown> => model.fit(x, y, { batchSize: 64, epochs: 1, progress: 'quiet' });
  await fit();
  const start = performance.now();
  let count = 0;
  do {
    await fit();
    count += batches;
  } while (performance.now() - start < seconds * 1000);
  const elapsed = (performance.now() - start) / 1000;
  tf.dispose([x, y]);
  return count / elapsed;
}

/** The benchmark in short: numbers to compare machines with, and the GPU next to the CPU. */
export async function speed({ mode }: StepContext): Promise<StepOutcome> {
  const { tf, gpus, build } = readyTf();
  const seconds = SECONDS[mode];
  const measured: Record<string, number> = {
    matmul_gflops: Math.round(matmulGflops(tf, seconds)),
    dense_steps_per_s: Math.round(await stepsPerSecond(tf, 'dense', seconds)),
    convolutional_steps_per_s: Math.round(await stepsPerSecond(tf, 'convolutional', seconds)),
  };
  if (gpus.length > 0)
    measured['cpu_matmul_gflops'] = Math.round(device('cpu', () => matmulGflops(tf, seconds)));
  const where = gpus[0] ?? 'cpu';
  return {
    status: 'works',
    found: `${build} on ${where}: ${Object.entries(measured)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
    measured,
  };
}
