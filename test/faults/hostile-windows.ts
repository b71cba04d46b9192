/** Hostile calls of ops with a window: TensorFlow's C++ takes ranks, dilations and the shapes of results as they come. */
import type * as Tf from '@tensorflow/tfjs';
import type { Tf as Tensorcell } from '../../src/tfjs/instance.ts';

export const windows: Record<string, (tf: Tensorcell) => unknown> = {
  'conv2d with a dilation of 2^31 - 1': (tf) =>
    tf.conv2d(
      tf.ones<Tf.Rank.R4>([1, 8, 8, 1]),
      tf.ones<Tf.Rank.R4>([2, 2, 1, 1]),
      1,
      'valid',
      'NHWC',
      2 ** 31 - 1,
    ),
  'depthwiseConv2d with a dilation of 2^31 - 1': (tf) =>
    tf.depthwiseConv2d(
      tf.ones<Tf.Rank.R4>([1, 8, 8, 1]),
      tf.ones<Tf.Rank.R4>([2, 2, 1, 1]),
      1,
      'same',
      'NHWC',
      2 ** 31 - 1,
    ),
  'conv2dTranspose to a negative size': (tf) =>
    tf.conv2dTranspose(
      tf.ones<Tf.Rank.R4>([1, 8, 8, 1]),
      tf.ones<Tf.Rank.R4>([2, 2, 1, 1]),
      [1, 8, 8, -1],
      1,
      'same',
    ),
  'conv2dTranspose to 2^93 values': (tf) =>
    tf.conv2dTranspose(
      tf.ones<Tf.Rank.R4>([1, 8, 8, 1]),
      tf.ones<Tf.Rank.R4>([2, 2, 1, 1]),
      [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 1],
      1,
      'same',
    ),
  'the kernel Conv2D of a tensor of one axis': (tf) =>
    tf.engine().runKernel(
      'Conv2D',
      { x: tf.ones([3]), filter: tf.ones([2, 2, 1, 1]) },
      {
        strides: [1, 1],
        pad: 'valid',
        dataFormat: 'NHWC',
        dilations: [1, 1],
      },
    ),
};
