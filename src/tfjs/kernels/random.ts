import type { Tensor } from '@tensorflow/tfjs';
import { TF } from '../../engines/dtypes.ts';
import { type, type KernelTools } from './kernel-tools.ts';

/** Draws with a seed. */
export function installDraws({ tf, backend, replaceKernel }: KernelTools): void {
  // Equal seeds draw equal numbers: TensorFlow's op with a state goes on in its stream instead.
  replaceKernel(
    'Multinomial',
    () =>
      ({ logits }, { numSamples, seed, normalized }) =>
        tf.tidy(() => {
          const scores = normalized === true ? tf.log(logits as Tensor) : (logits as Tensor);
          const halves = new Int32Array(Float64Array.of(seed as number).buffer);
          return backend.executeSingleOutput(
            'StatelessMultinomial',
            [type('T', TF.FLOAT), type('Tseed', TF.INT32), type('output_dtype', TF.INT32)],
            [scores, tf.scalar(numSamples as number, 'int32'), tf.tensor1d(halves, 'int32')],
          );
        }),
  );
}
