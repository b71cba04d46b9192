import { ints, make, sq } from './builders.ts';
import type { GradientCase, Loose } from './case.ts';

/** Complex numbers and Fourier transforms. */

const real = (python: string) => `tf.math.real(${python}) + 2 * tf.math.imag(${python})`;
const ofComplex =
  (run: (tf: Loose, z: Loose) => Loose) =>
  (tf: Loose, a: Loose, b: Loose): Loose => {
    const result = run(tf, tf.complex(a, b));
    return tf.add(tf.real(result), tf.mul(2, tf.imag(result)));
  };
const complexOp = (
  op: string,
  name: string,
  shape: number[],
  run: (tf: Loose, z: Loose) => Loose,
  python: string,
) => make(op, name, [shape, shape], ofComplex(run), real(python.replaceAll('z', 'tf.complex(a, b)')));

/** Functions of single numbers that TensorFlow has for complex ones, in `tf` and in `tf.math`. */
const COMPLEX_FUNCTIONS: Record<string, string> = {
  tf: 'acos acosh asin asinh atan atanh cos cosh sigmoid sin sinh sqrt tan tanh',
  'tf.math': 'expm1 log log1p rsqrt',
};

export const signalCases: GradientCase[] = [
  complexOp('complex', '', [2, 3], (_, z) => z, 'z'),
  make(
    'real',
    '',
    [[3], [3]],
    (tf, a, b) => tf.square(tf.real(tf.mul(tf.complex(a, b), tf.complex(b, a)))),
    'tf.square(tf.math.real(tf.complex(a, b) * tf.complex(b, a)))',
  ),
  make(
    'imag',
    '',
    [[3], [3]],
    (tf, a, b) => tf.square(tf.imag(tf.mul(tf.complex(a, b), tf.complex(b, b)))),
    'tf.square(tf.math.imag(tf.complex(a, b) * tf.complex(b, b)))',
  ),
  make(
    'abs',
    'of complex numbers',
    [[3], [3]],
    (tf, a, b) => tf.abs(tf.complex(a, b)),
    'tf.abs(tf.complex(a, b))',
  ),
  ...(
    [
      ['mul', 'tf.square(z) * z', (tf: Loose, z: Loose) => tf.mul(tf.square(z), z)],
      ['div', 'z / (z + 3)', (tf: Loose, z: Loose) => tf.div(z, tf.add(z, 3))],
      ['sub', 'z - z * z', (tf: Loose, z: Loose) => tf.sub(z, tf.mul(z, z))],
      ['exp', 'tf.exp(z)', (tf: Loose, z: Loose) => tf.exp(z)],
      ['reciprocal', 'tf.math.reciprocal(z)', (tf: Loose, z: Loose) => tf.reciprocal(z)],
      ['neg', '-z', (tf: Loose, z: Loose) => tf.neg(z)],
      ['sum', 'tf.reduce_sum(z, 0)', (tf: Loose, z: Loose) => tf.sum(z, 0)],
      ['mean', 'tf.reduce_mean(z, 0)', (tf: Loose, z: Loose) => tf.mean(z, 0)],
      ['prod', 'tf.reduce_prod(z, 0)', (tf: Loose, z: Loose) => tf.prod(z, 0)],
      ['reshape', 'tf.reshape(z * z, [3, 2])', (tf: Loose, z: Loose) => tf.reshape(tf.mul(z, z), [3, 2])],
      ['transpose', 'tf.transpose(z * z)', (tf: Loose, z: Loose) => tf.transpose(tf.mul(z, z))],
      ['concat', 'tf.concat([z, z * z], 0)', (tf: Loose, z: Loose) => tf.concat([z, tf.mul(z, z)])],
      ['slice', '(z * z)[1:, :2]', (tf: Loose, z: Loose) => tf.slice(tf.mul(z, z), [1, 0], [1, 2])],
      [
        'pad',
        'tf.pad(z * z, [[1, 0], [0, 1]])',
        (tf: Loose, z: Loose) =>
          tf.pad(tf.mul(z, z), [
            [1, 0],
            [0, 1],
          ]),
      ],
      ['stack', 'tf.stack([z, z * z])', (tf: Loose, z: Loose) => tf.stack([z, tf.mul(z, z)])],
      ['tile', 'tf.tile(z * z, [2, 1])', (tf: Loose, z: Loose) => tf.tile(tf.mul(z, z), [2, 1])],
      [
        'gather',
        'tf.gather(z * z, [1, 1, 0])',
        (tf: Loose, z: Loose) => tf.gather(tf.mul(z, z), ints(tf, [1, 1, 0])),
      ],
      [
        'where',
        'tf.where(a > 0, z, z * z)',
        (tf: Loose, z: Loose) => tf.where(tf.greater(tf.real(z), 0), z, tf.mul(z, z)),
      ],
      ['matMul', 'tf.matmul(z, tf.transpose(z))', (tf: Loose, z: Loose) => tf.matMul(z, z, false, true)],
      ['reverse', 'tf.reverse(z * z, [1])', (tf: Loose, z: Loose) => tf.reverse(tf.mul(z, z), 1)],
      ['expandDims', 'tf.expand_dims(z * z, 1)', (tf: Loose, z: Loose) => tf.expandDims(tf.mul(z, z), 1)],
    ] as const
  ).map(([op, python, run]) => complexOp(op, 'of complex numbers', [2, 3], run, python)),
  complexOp('fft', '', [2, 4], (tf, z) => tf.fft(z), 'tf.signal.fft(z)'),
  complexOp('ifft', '', [2, 3], (tf, z) => tf.ifft(z), 'tf.signal.ifft(z)'),
  make('rfft', '', [[2, 4]], (tf, a) => tf.abs(tf.rfft(a)), 'tf.abs(tf.signal.rfft(a))'),
  make(
    'rfft',
    'of a given length',
    [[2, 5]],
    (tf, a) => tf.square(tf.abs(tf.rfft(a, 8))),
    'tf.square(tf.abs(tf.signal.rfft(a, [8])))',
  ),
  make(
    'irfft',
    '',
    [
      [1, 3],
      [1, 3],
    ],
    (tf, a, b) => tf.square(tf.irfft(tf.complex(a, b))),
  ),
  make(
    'irfft',
    'of one axis',
    [[4], [4]],
    (tf, a, b) => tf.square(tf.irfft(tf.complex(a, b))),
    'tf.square(tf.signal.irfft(tf.complex(a, b)))',
  ),
  ...Object.entries(COMPLEX_FUNCTIONS).flatMap(([module, names]) =>
    names
      .split(' ')
      .map((op) =>
        complexOp(
          op,
          'of complex numbers',
          [4],
          (tf, z) => tf[op](tf.mul(z, 0.4)),
          `${module}.${op}(z * 0.4)`,
        ),
      ),
  ),
  make(
    'signal.stft',
    '',
    [[12]],
    (tf, a) => tf.square(tf.abs(tf.signal.stft(a, 6, 2, 8))),
    'tf.square(tf.abs(tf.signal.stft(a, 6, 2, 8)))',
  ),
  sq(
    'signal.frame',
    '',
    [[7]],
    (tf, a) => tf.signal.frame(a, 3, 2, true, 0.5),
    'tf.signal.frame(a, 3, 2, True, 0.5)',
  ),
];
