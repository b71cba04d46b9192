import type { Tensor } from '@tensorflow/tfjs';
import type { Tf } from '../../src/tfjs/instance.ts';
import { CLASSES, type RandomNetwork, type Target } from './random-network.ts';

/** Values for an input. */
export function inputValues(
  tf: Tf,
  samples: number,
  { shape, below }: RandomNetwork['inputs'][number],
  seed: number,
): Tensor {
  const size = [samples, ...shape];
  if (below === undefined) return tf.randomNormal(size, 0, 1, 'float32', seed);
  // Series with gaps: whole steps of time are 0.
  if (shape.length > 1) {
    return tf.tidy(() =>
      tf
        .randomNormal(size, 0, 1, 'float32', seed)
        .mul(tf.randomUniform([samples, shape[0] as number, 1], 0, 3, 'int32', seed).minimum(1)),
    );
  }
  return tf.tidy(() => tf.randomUniform(size, 0, below, 'int32', seed).cast('float32'));
}

/** Values for a target. */
export function targetValues(tf: Tf, samples: number, { values }: Target, seed: number): Tensor {
  return tf.tidy(() => {
    const classes = () => tf.randomUniform([samples], 0, CLASSES, 'int32', seed);
    switch (values) {
      case 'one-hot':
        return tf.oneHot(classes(), CLASSES).cast('float32');
      case 'index':
        return classes().cast('float32').reshape([samples, 1]);
      case 'zero-or-one':
        return tf.randomUniform([samples, CLASSES], 0, 1, 'float32', seed).round();
      case 'positive':
        return tf.randomUniform([samples, CLASSES], 0, 2, 'float32', seed);
      default:
        return tf.randomNormal([samples, CLASSES], 0, 1, 'float32', seed);
    }
  });
}
