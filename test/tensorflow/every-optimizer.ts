import type { Optimizer } from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();

/** Every optimizer of tfjs, by name. @param rate the learning rate of those that do not scale gradients by themselves. */
export function everyOptimizer(rate: number): Record<string, () => Optimizer> {
  return {
    sgd: () => tf.train.sgd(rate),
    momentum: () => tf.train.momentum(rate, 0.8),
    nesterov: () => tf.train.momentum(rate, 0.8, true),
    adagrad: () => tf.train.adagrad(0.1),
    adadelta: () => tf.train.adadelta(0.5),
    adam: () => tf.train.adam(0.01),
    adamax: () => tf.train.adamax(0.01, 0.9, 0.999, 1e-7, 0.1),
    rmsprop: () => tf.train.rmsprop(0.01, 0.9, 0.5),
    'centred rmsprop': () => tf.train.rmsprop(0.001, 0.9, 0.5, 1e-3, true),
  };
}
