import type { Tensor } from '@tensorflow/tfjs';
import type { GradientTools } from './gradient-tools.ts';

/**
 * Gradients of complex numbers and Fourier transforms, after tensorflow/python/ops/math_grad.py and
 * ops/signal/fft_ops.py. As there, the gradient of a real loss with respect to a complex number is that of its real part
 * plus i times that of its imaginary part.
 */
export function installSpectralGradients(tools: GradientTools): void {
  const { tf, define, call, conj } = tools;
  const complex = (x: Tensor) => tf.complex(x, tf.zerosLike(x));

  define('Complex', {}, (dy) => ({ real: () => tf.real(dy), imag: () => tf.imag(dy) }));
  define('Real', {}, (dy) => ({ input: () => complex(dy) }));
  define('Imag', {}, (dy) => ({ input: () => tf.complex(tf.zerosLike(dy), dy) }));
  define('Conj', {}, (dy) => ({ x: () => conj(dy) }));
  define('ComplexAbs', { inputs: ['x'], outputs: [true] }, (dy, saved) => {
    const [x, y] = saved as [Tensor, Tensor];
    // At 0 it has no direction, and no gradient.
    return { x: () => tf.mul(x, complex(tf.divNoNan(dy, y))) };
  });

  const size = (x: Tensor) => x.shape.at(-1) as number;
  define('FFT', {}, (dy) => ({
    input: () => tf.mul(call('IFFT', { input: dy }), complex(tf.scalar(size(dy)))),
  }));
  define('IFFT', {}, (dy) => ({
    input: () => tf.mul(call('FFT', { input: dy }), complex(tf.scalar(1 / size(dy)))),
  }));
}
