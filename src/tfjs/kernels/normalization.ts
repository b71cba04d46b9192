import type { GradConfig, Tensor } from '@tensorflow/tfjs';
import { ATTR, TF } from '../../engines/dtypes.ts';
import { engineOf } from '../engine.ts';
import { tensorAt } from '../gradients/gradient-tools.ts';
import { tfInternals, type NodeBackend, type Tf } from '../instance.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/**
 * Normalizations as TensorFlow has them, where tfjs composes them from moments, tiles and products.
 * `test/tensorflow/normalization.test.ts` compares values and gradients with the composed forms.
 */

const TRAINING = 'TensorcellBatchNormTraining';

export function installNormalization(tf: Tf, backend: NodeBackend): void {
  installBatchKernels(tf, backend);
  installBatchHook(tf);
  installLayerHook(tf);
}

function installBatchKernels(tf: Tf, backend: NodeBackend): void {
  const attributes = (epsilon: number) => [
    { name: 'T', type: ATTR.TYPE, value: TF.FLOAT },
    { name: 'U', type: ATTR.TYPE, value: TF.FLOAT },
    { name: 'epsilon', type: ATTR.FLOAT, value: epsilon },
    { name: 'data_format', type: ATTR.STRING, value: 'NHWC' },
    { name: 'is_training', type: ATTR.BOOL, value: true },
  ];
  const execute = (name: string, epsilon: number, inputs: Tensor[]): Tensor[] =>
    backend.executeMultipleOutputs(name, attributes(epsilon), inputs, 5);

  // Version 2 of the op: the third version's last output has a shape that only a run tells.
  tf.registerKernel({
    kernelName: TRAINING,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) => {
      const { x, gamma, beta } = inputs as Record<'x' | 'gamma' | 'beta', Tensor>;
      const none = tf.tensor1d([], 'float32');
      const results = execute('FusedBatchNormV2', attrs?.['epsilon'] as number, [x, gamma, beta, none, none]);
      none.dispose();
      return results;
    },
  });
  tf.registerKernel({
    kernelName: `${TRAINING}Grad`,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) => {
      const { dy, x, gamma, mean, variance } = inputs as Record<
        'dy' | 'x' | 'gamma' | 'mean' | 'variance',
        Tensor
      >;
      const results = execute('FusedBatchNormGradV2', attrs?.['epsilon'] as number, [
        dy,
        x,
        gamma,
        mean,
        variance,
      ]);
      for (const unused of results.splice(3)) unused.dispose();
      return results;
    },
  });
  tf.registerGradient({
    kernelName: TRAINING,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [false, false, false, true, true],
    gradFunc: (dys, saved, attrs) => {
      const [dy] = dys as Tensor[];
      const [x, gamma, mean, variance] = saved as [Tensor, Tensor, Tensor, Tensor];
      const [dx, dgamma, dbeta] = tf
        .engine()
        .runKernel<Tensor[]>(
          `${TRAINING}Grad`,
          { dy: dy as Tensor, x, gamma, mean, variance },
          { epsilon: attrs['epsilon'] as number },
        );
      return { x: () => dx as Tensor, gamma: () => dgamma as Tensor, beta: () => dbeta as Tensor };
    },
  } satisfies GradConfig);
}

function installBatchHook(tf: Tf): void {
  tfInternals(tf).normalizing.batch = (x, gamma, beta, axes, epsilon) => {
    const kept = Array.from({ length: x.rank }, (_, axis) => axis).filter((axis) => !axes.includes(axis));
    const axis = kept[0] as number;
    // A second gradient needs the composed form. (tfjs has no normalization of more than four dimensions.)
    const usual = kept.length === 1 && x.rank <= 4 && x.dtype === 'float32' && x.size > 0;
    if (tf.getBackend() !== 'tensorflow' || !usual || gradientDepth(tf) > 1) return undefined;
    const channels = x.shape[axis] as number;
    const rows = x.size / channels;
    // tfjs's own gradient fails where the channels do not come last.
    const order = [...axes.slice().sort((a, b) => a - b), axis];
    const last = axis === x.rank - 1 ? x : tf.transpose(x, order);
    const [batch = 1] = last.shape;
    const shape4 = x.rank === 4 ? last.shape : [batch, rows / batch, 1, channels];
    const results = tf.engine().runKernel<Tensor[]>(
      TRAINING,
      {
        x: tf.reshape(last, shape4),
        gamma: gamma ?? tf.ones([channels]),
        beta: beta ?? tf.zeros([channels]),
      },
      { epsilon },
    );
    const [y, mean, unbiased] = [tensorAt(results, 0), tensorAt(results, 1), tensorAt(results, 2)];
    // TensorFlow gives the variance as an estimate for the population; tfjs and Keras keep that of the batch.
    const variance = tf.mul(unbiased, Math.max(1, rows - 1) / rows);
    const result = tf.reshape(y, last.shape);
    const back = x.shape.map((_, i) => order.indexOf(i));
    return [last === x ? result : tf.transpose(result, back), mean, variance];
  };
}

function installLayerHook(tf: Tf): void {
  tfInternals(tf).normalizing.layer = (x, axes, gamma, beta, epsilon) => {
    const first = x.rank - axes.length;
    const trailing = axes.every((axis) => axis >= first);
    if (
      tf.getBackend() !== 'tensorflow' ||
      !trailing ||
      x.dtype !== 'float32' ||
      x.size === 0 ||
      gradientDepth(tf) > 1
    ) {
      return undefined;
    }
    const width = elementCount(x.shape.slice(first));
    const flat = tf.reshape(x, [-1, width]);
    const normalize = tf.customGrad((input, save) => {
      const value = input as Tensor;
      const centred = tf.sub(value, tf.mean(value, 1, true));
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon));
      const normed = tf.mul(centred, inverse);
      (save as (tensors: Tensor[]) => void)([normed, inverse]);
      return {
        value: normed,
        gradFunc: (dy, saved) => {
          const [y, inv] = saved as [Tensor, Tensor];
          const along = tf.mean(tf.mul(dy, y), 1, true);
          return tf.mul(tf.sub(tf.sub(dy, tf.mean(dy, 1, true)), tf.mul(y, along)), inv);
        },
      };
    });
    let y = normalize(flat);
    if (gamma !== null) y = tf.mul(y, tf.reshape(gamma, [width]));
    if (beta !== null) y = tf.add(y, tf.reshape(beta, [width]));
    return tf.reshape(y, x.shape);
  };
}

function gradientDepth(tf: Tf): number {
  return engineOf(tf).state.gradientDepth;
}
