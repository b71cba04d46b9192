import type * as tfjs from '@tensorflow/tfjs';
import type { Tensor, Tf } from './registry.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** How a kernel moves over its input; a number for each spatial dimension. */
export interface Sliding {
  strides: readonly number[];
  padding: string;
  dilationRate: readonly number[];
}

type Pair = [number, number];
type Triple = [number, number, number];

/** A kernel with zeros between its numbers: what a dilated convolution is equal to, for kernels without dilations. */
function dilateKernel(tf: Tf, kernel: Tensor, rates: readonly number[]): Tensor {
  let result = kernel;
  for (const [axis, rate] of rates.entries()) {
    if (rate === 1) continue;
    const { shape } = result;
    const size = shape[axis] as number;
    const before = elementCount(shape.slice(0, axis));
    const after = elementCount(shape.slice(axis + 1));
    const spread = tf.pad(tf.reshape(result, [before, size, 1, after]), [
      [0, 0],
      [0, 0],
      [0, rate - 1],
      [0, 0],
    ]);
    const length = (size - 1) * rate + 1;
    const cut = tf.slice(
      tf.reshape(spread, [before, size * rate, after]),
      [0, 0, 0],
      [before, length, after],
    );
    result = tf.reshape(cut, [...shape.slice(0, axis), length, ...shape.slice(axis + 1)]);
  }
  return result;
}

/** Steps of the past before the first one, so that no output sees a later input. */
function padPast(tf: Tf, x: Tensor, kernel: Tensor, { dilationRate }: Sliding): Tensor {
  const past = (kernel.shape[0] - 1) * (dilationRate[0] as number);
  return tf.pad(x, [
    [0, 0],
    [past, 0],
    [0, 0],
  ]);
}

/**
 * A convolution of one to three spatial dimensions, channels last: [batch, …, channels] with a kernel [size…, channels /
 * groups, filters].
 */
export function convolve(tf: Tf, x: Tensor, kernel: Tensor, sliding: Sliding, groups = 1): Tensor {
  if (sliding.padding === 'causal') {
    return convolve(tf, padPast(tf, x, kernel, sliding), kernel, { ...sliding, padding: 'valid' }, groups);
  }
  if (groups > 1) {
    const inputs = tf.split(x, groups, x.rank - 1);
    const kernels = tf.split(kernel, groups, kernel.rank - 1);
    const parts = inputs.map((input, index) => convolve(tf, input, kernels[index] as Tensor, sliding));
    return tf.concat(parts, x.rank - 1);
  }
  const { strides, dilationRate } = sliding;
  const padding = sliding.padding as 'same' | 'valid';
  switch (x.rank) {
    case 3:
      return tf.conv1d(
        x as tfjs.Tensor3D,
        kernel as tfjs.Tensor3D,
        strides[0] as number,
        padding,
        'NWC',
        dilationRate[0],
      );
    case 4:
      return tf.conv2d(
        x as tfjs.Tensor4D,
        kernel as tfjs.Tensor4D,
        strides as Pair,
        padding,
        'NHWC',
        dilationRate as Pair,
      );
    default:
      return tf.conv3d(
        x as tfjs.Tensor5D,
        dilateKernel(tf, kernel, dilationRate) as tfjs.Tensor5D,
        strides as Triple,
        padding,
      );
  }
}

/** A convolution of each channel by itself, in one or two dimensions: kernel [size…, channels, multiplier]. */
export function convolveDepthwise(tf: Tf, x: Tensor, kernel: Tensor, sliding: Sliding): Tensor {
  if (sliding.padding === 'causal') {
    return convolveDepthwise(tf, padPast(tf, x, kernel, sliding), kernel, { ...sliding, padding: 'valid' });
  }
  if (x.rank === 3) {
    const stride = sliding.strides[0] as number;
    const flat = convolveDepthwise(tf, tf.expandDims(x, 1), tf.expandDims(kernel, 0), {
      padding: sliding.padding,
      // TensorFlow takes equal strides only; along a height of 1 a stride is of no consequence.
      strides: [stride, stride],
      dilationRate: [1, sliding.dilationRate[0] as number],
    });
    return tf.squeeze(flat, [1]);
  }
  // TensorFlow's kernel for depthwise convolutions on CPUs has no dilations.
  return tf.depthwiseConv2d(
    x as tfjs.Tensor4D,
    dilateKernel(tf, kernel, sliding.dilationRate) as tfjs.Tensor4D,
    sliding.strides as Pair,
    sliding.padding as 'same' | 'valid',
  );
}

/** Length of a convolution's output along one dimension; null stays null. */
export function convolvedLength(
  length: number | null,
  size: number,
  { strides, padding, dilationRate }: Sliding,
  dimension: number,
): number | null {
  if (length === null) return null;
  const reach = (size - 1) * (dilationRate[dimension] as number) + 1;
  const places = padding === 'valid' ? length - reach + 1 : length;
  return Math.ceil(places / (strides[dimension] as number));
}

/** Length of a transposed convolution's output, as Keras has it (keras/src/backend/common/backend_utils.py). */
export function transposedLength(
  length: number | null,
  size: number,
  { strides, padding, dilationRate }: Sliding,
  outputPadding: readonly number[] | null,
  dimension: number,
): number | null {
  if (length === null) return null;
  const stride = strides[dimension] as number;
  const reach = (size - 1) * (dilationRate[dimension] as number) + 1;
  const extra = outputPadding?.[dimension];
  if (padding === 'valid') return (length - 1) * stride + reach + (extra ?? Math.max(reach, stride) - reach);
  return extra === undefined ? length * stride : (length - 1) * stride + (reach % 2) + extra;
}

/** A transposed convolution, channels last, kernel [size…, filters, channels]. */
export function convolveTransposed(
  tf: Tf,
  x: Tensor,
  kernel: Tensor,
  sliding: Sliding,
  outputPadding: readonly number[] | null,
): Tensor {
  const [batch, ...rest] = x.shape;
  const spatial = rest
    .slice(0, -1)
    .map((length, index) =>
      transposedLength(length, kernel.shape[index] as number, sliding, outputPadding, index),
    ) as number[];
  const filters = kernel.shape.at(-2) as number;
  const dilated = dilateKernel(tf, kernel, sliding.dilationRate);
  const padding = sliding.padding as 'same' | 'valid';
  const { strides } = sliding;
  if (x.rank === 3) {
    const flat = tf.conv2dTranspose(
      tf.expandDims<tfjs.Tensor4D>(x, 1),
      tf.expandDims<tfjs.Tensor4D>(dilated, 0),
      [batch, 1, spatial[0] as number, filters],
      [1, strides[0] as number],
      padding,
    );
    return tf.squeeze(flat, [1]);
  }
  const shape = [batch, ...spatial, filters] as number[];
  return x.rank === 4
    ? tf.conv2dTranspose(
        x as tfjs.Tensor4D,
        dilated as tfjs.Tensor4D,
        shape as [number, number, number, number],
        strides as Pair,
        padding,
      )
    : tf.conv3dTranspose(
        x as tfjs.Tensor5D,
        dilated as tfjs.Tensor5D,
        shape as [number, number, number, number, number],
        strides as Triple,
        padding,
      );
}

/** Adds a bias to channels that come last. */
export function addBias(tf: Tf, x: Tensor, bias: Tensor | null): Tensor {
  return bias === null ? x : tf.add(x, bias);
}
