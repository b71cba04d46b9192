import type { Tensor } from '@tensorflow/tfjs';
import { TF } from '../../engines/dtypes.ts';
import { type, type KernelTools } from './kernel-tools.ts';

/** Kernels that compute number by number. */
export function installElementwise({ tf, backend, replaceKernel }: KernelTools): void {
  replaceKernel(
    'BitwiseAnd',
    () =>
      ({ a, b }) =>
        backend.executeSingleOutput('BitwiseAnd', [type('T', TF.INT32)], [a as Tensor, b as Tensor]),
  );

  // keras/src/layers/activations/prelu.py; tfjs-node's subtracts infinity from infinity.
  replaceKernel('Prelu', () => (inputs) => {
    const { x, alpha } = inputs as { x: Tensor; alpha: Tensor };
    return tf.tidy(() => {
      const value = tf.cast(x, 'float32');
      return tf.sub(tf.relu(value), tf.mul(tf.cast(alpha, 'float32'), tf.relu(tf.neg(value))));
    });
  });
  // tfjs-node's disposes an argument of integers.
  replaceKernel('Exp', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    if (x.dtype === 'float32' || x.dtype === 'complex64') return original(inputs, attributes);
    return tf.tidy(() => original({ ...inputs, x: tf.cast(x, 'float32') }, attributes) as Tensor);
  });
  replaceKernel('LeakyRelu', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    if (x.dtype === 'float32') return original(inputs, attributes);
    return tf.tidy(() => original({ ...inputs, x: tf.cast(x, 'float32') }, attributes) as Tensor);
  });
  replaceKernel('Step', (original) => (inputs, attributes) => {
    const x = inputs['x'] as Tensor;
    if (x.dtype === 'float32') return original(inputs, attributes);
    return tf.tidy(() =>
      tf.cast(original({ ...inputs, x: tf.cast(x, 'float32') }, attributes) as Tensor, x.dtype),
    );
  });
}
