import type * as tfjs from '@tensorflow/tfjs';
import { plainLayer } from './plain-layer.ts';
import {
  dataFormatOf,
  mapSpatial,
  perDimension,
  withChannelsLast,
  type Args,
  type DataFormat,
  type LayerClass,
  type Tensor,
  type Tf,
} from './registry.ts';
import { INTERPOLATIONS, resamplingWeights, type Interpolation } from './resampling-weights.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** Multiplies one axis by a matrix [target, source]. */
function alongAxis(tf: Tf, x: Tensor, axis: number, weights: Float32Array): Tensor {
  const source = x.shape[axis] as number;
  const target = weights.length / source;
  const before = elementCount(x.shape.slice(0, axis));
  const after = elementCount(x.shape.slice(axis + 1));
  const matrix = tf.tensor3d(weights, [1, target, source]);
  const rows = tf.reshape(x, [before, source, after]);
  const made = tf.matMul(tf.tile(matrix, [before, 1, 1]), rows);
  return tf.reshape(made, [...x.shape.slice(0, axis), target, ...x.shape.slice(axis + 1)]);
}

/** Resizes pictures [batch, height, width, channels] as `tf.image.resize` of TensorFlow: half-pixel centres. */
function resizePictures(
  tf: Tf,
  x: Tensor,
  [height, width]: readonly [number, number],
  interpolation: Interpolation,
  antialias = false,
): Tensor {
  const picture = x as tfjs.Tensor4D;
  if (interpolation === 'nearest')
    return tf.image.resizeNearestNeighbor(picture, [height, width], false, true);
  if (interpolation === 'bilinear' && !antialias)
    return tf.image.resizeBilinear(picture, [height, width], false, true);
  const weights = (axis: number, target: number) =>
    resamplingWeights(x.shape[axis] as number, target, interpolation, antialias);
  return alongAxis(tf, alongAxis(tf, x, 1, weights(1, height)), 2, weights(2, width));
}

/** Repeats each place along an axis. */
function repeatAxis(tf: Tf, x: Tensor, axis: number, times: number): Tensor {
  if (times === 1) return x;
  const length = x.shape[axis] as number;
  const before = elementCount(x.shape.slice(0, axis));
  const after = elementCount(x.shape.slice(axis + 1));
  const many = tf.tile(tf.reshape(x, [before, length, 1, after]), [1, 1, times, 1]);
  return tf.reshape(many, [...x.shape.slice(0, axis), length * times, ...x.shape.slice(axis + 1)]);
}

function interpolationOf(args: Args, otherwise: Interpolation): Interpolation {
  const given = (args['interpolation'] ?? otherwise) as Interpolation;
  if (INTERPOLATIONS.includes(given)) return given;
  throw new RangeError(
    `interpolation is ${JSON.stringify(given)}; it must be one of ${INTERPOLATIONS.join(', ')}`,
  );
}

function upSampling(tf: Tf, rank: number): LayerClass {
  interface Options {
    size: number[];
    dataFormat: DataFormat;
    interpolation: Interpolation;
  }
  return plainLayer<Options>(tf, {
    className: `UpSampling${rank}D`,
    rank: rank + 2,
    read: (args) => ({
      size: perDimension(args['size'] ?? 2, rank, 'size'),
      dataFormat: dataFormatOf(args),
      interpolation: interpolationOf(args, 'nearest'),
    }),
    write: ({ size, dataFormat, interpolation }) => {
      if (rank === 1) return { size: size[0] as number };
      return rank === 2 ? { size, dataFormat, interpolation } : { size, dataFormat };
    },
    call: (_, x, { size, dataFormat, interpolation }) => {
      if (interpolation !== 'nearest') {
        return withChannelsLast(tf, x, dataFormat, (picture) => {
          const [, height, width] = picture.shape as [number, number, number];
          const [rows, columns] = size as [number, number];
          return resizePictures(tf, picture, [height * rows, width * columns], interpolation);
        });
      }
      const first = dataFormat === 'channelsFirst' ? 2 : 1;
      return size.reduce((made, times, index) => repeatAxis(tf, made, first + index, times), x);
    },
    shape: (shape, { size, dataFormat }) =>
      mapSpatial(shape, dataFormat, (length, index) =>
        length === null ? null : length * (size[index] as number),
      ),
  });
}

interface Frame {
  height: number;
  width: number;
  dataFormat: DataFormat;
}

function frameOf(args: Args): Frame {
  const { height, width } = args as { height: number; width: number };
  for (const [option, value] of Object.entries({ height, width })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${option} is ${JSON.stringify(value)}; it must be a whole number from 1`);
  }
  return { height, width, dataFormat: dataFormatOf(args) };
}

/** The largest part in the middle that has the target's proportions. */
function cropToProportions(tf: Tf, x: Tensor, { height: toHeight, width: toWidth }: Frame): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const cropHeight = Math.max(Math.min(height, Math.trunc((width * toHeight) / toWidth)), 1);
  const cropWidth = Math.max(Math.min(width, Math.trunc((height * toWidth) / toHeight)), 1);
  const top = Math.trunc((height - cropHeight) / 2);
  const left = Math.trunc((width - cropWidth) / 2);
  return tf.slice(x, [0, top, left, 0], [batch, cropHeight, cropWidth, channels]);
}

/** Adds margins until the picture has the target's proportions. */
function padToProportions(
  tf: Tf,
  x: Tensor,
  { height: toHeight, width: toWidth }: Frame,
  value: number,
): Tensor {
  const [, height, width] = x.shape as [number, number, number];
  const padHeight = Math.max(height, Math.trunc((width * toHeight) / toWidth));
  const padWidth = Math.max(width, Math.trunc((height * toWidth) / toHeight));
  const top = Math.trunc((padHeight - height) / 2);
  const left = Math.trunc((padWidth - width) / 2);
  // As in Keras, both sides get the same margin.
  return tf.pad(
    x,
    [
      [0, 0],
      [top, top],
      [left, left],
      [0, 0],
    ],
    value,
  );
}

function resizing(tf: Tf): LayerClass {
  interface Options extends Frame {
    interpolation: Interpolation;
    cropToAspectRatio: boolean;
    padToAspectRatio: boolean;
    fillMode: string;
    fillValue: number;
    antialias: boolean;
  }
  return plainLayer<Options>(tf, {
    className: 'Resizing',
    read: (args) => {
      const fillMode = (args['fillMode'] ?? 'constant') as string;
      if (fillMode !== 'constant')
        throw new RangeError(`fillMode is '${fillMode}'; only 'constant' is known`);
      const cropToAspectRatio = args['cropToAspectRatio'] === true;
      const padToAspectRatio = args['padToAspectRatio'] === true;
      if (cropToAspectRatio && padToAspectRatio)
        throw new RangeError('cropToAspectRatio and padToAspectRatio are both set: choose one');
      return {
        ...frameOf(args),
        interpolation: interpolationOf(args, 'bilinear'),
        cropToAspectRatio,
        padToAspectRatio,
        fillMode,
        fillValue: (args['fillValue'] as number | undefined) ?? 0,
        antialias: args['antialias'] === true,
      };
    },
    rank: 4,
    call: (_, x, options) =>
      withChannelsLast(tf, tf.cast(x, 'float32'), options.dataFormat, (picture) => {
        let whole = picture;
        if (options.cropToAspectRatio) whole = cropToProportions(tf, whole, options);
        if (options.padToAspectRatio) whole = padToProportions(tf, whole, options, options.fillValue);
        const { height, width, interpolation, antialias } = options;
        const resized = resizePictures(tf, whole, [height, width], interpolation, antialias);
        return x.dtype === 'int32' ? tf.cast(tf.round(resized), 'int32') : resized;
      }),
    shape: (shape, { height, width, dataFormat }) =>
      mapSpatial(shape, dataFormat, (_, index) => (index === 0 ? height : width)),
  });
}

function centerCrop(tf: Tf): LayerClass {
  return plainLayer<Frame>(tf, {
    className: 'CenterCrop',
    read: frameOf,
    rank: 4,
    call: (_, x, frame) =>
      withChannelsLast(tf, tf.cast(x, 'float32'), frame.dataFormat, (picture) => {
        const [batch, height, width, channels] = picture.shape as [number, number, number, number];
        const down = height - frame.height;
        const across = width - frame.width;
        // A picture that is too small is resized, as in Keras.
        if (down < 0 || across < 0) {
          const part = cropToProportions(tf, picture, frame);
          return resizePictures(tf, part, [frame.height, frame.width], 'bilinear');
        }
        const begin = [0, Math.floor(down / 2), Math.floor(across / 2), 0];
        return tf.slice(picture, begin, [batch, frame.height, frame.width, channels]);
      }),
    shape: (shape, { height, width, dataFormat }) =>
      mapSpatial(shape, dataFormat, (_, index) => (index === 0 ? height : width)),
  });
}

function rescaling(tf: Tf): LayerClass {
  type Numbers = number | number[];
  interface Options {
    scale: Numbers;
    offset: Numbers;
  }
  return plainLayer<Options>(tf, {
    className: 'Rescaling',
    masks: true,
    read: (args) => ({
      scale: args['scale'] as Numbers,
      offset: (args['offset'] as Numbers | undefined) ?? 0,
    }),
    call: (_, x, { scale, offset }) => tf.add(tf.mul(tf.cast(x, 'float32'), scale), offset),
    shape: (shape) => shape,
  });
}

/** Layers that make pictures, or series, larger or smaller. */
export function installResampling(tf: Tf): Record<string, LayerClass> {
  return {
    UpSampling1D: upSampling(tf, 1),
    UpSampling2D: upSampling(tf, 2),
    UpSampling3D: upSampling(tf, 3),
    Resizing: resizing(tf),
    CenterCrop: centerCrop(tf),
    Rescaling: rescaling(tf),
  };
}
