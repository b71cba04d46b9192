import { describeBackend } from '../describe.ts';
import { loadTf } from '../load-tf.ts';
import type { Tf } from '../../tfjs/instance.ts';

/** tf on the best device of the machine. */
export interface ReadyTf {
  tf: Tf;
  /** GPUs of TensorFlow, as cells name them: `cuda:0`. */
  gpus: string[];
  /** The build that serves: `cuda 2.21.0`, or `plain JavaScript`. */
  build: string;
}

export function readyTf(): ReadyTf {
  const tf = loadTf();
  // The build is loaded by the first op.
  tf.tidy(() => tf.ones([2]).add(1).dataSync());
  const { devices, runtime, tensorflowVersion } = describeBackend();
  const family = runtime?.name === 'directml' ? 'directml' : 'cuda';
  return {
    tf,
    gpus: devices.filter(({ type }) => /GPU/i.test(type)).map((_, index) => `${family}:${index}`),
    build:
      runtime === undefined ? 'plain JavaScript' : `${runtime.name} ${tensorflowVersion ?? runtime.version}`,
  };
}

/** @throws where TensorFlow does not use the GPU that this machine has */
export function requireGpu(count = 1): ReadyTf & { gpu: string } {
  const ready = readyTf();
  const gpu = ready.gpus[0];
  if (gpu === undefined || ready.gpus.length < count) {
    const { rejected } = describeBackend();
    const reasons = rejected.map(({ what, why }) => `${what}: ${why}`).join('; ');
    throw new Error(
      `TensorFlow (${ready.build}) uses ${ready.gpus.length} of the GPUs of this machine${reasons === '' ? '' : `: ${reasons}`}`,
    );
  }
  return { ...ready, gpu };
}
