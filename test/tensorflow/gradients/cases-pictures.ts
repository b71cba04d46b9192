import { ints, make, sq } from './builders.ts';
import type { GradientCase } from './case.ts';

/** Normalizations and images. */

const ties: GradientCase[] = [
  {
    ...make(
      'maxPool',
      'equal numbers',
      [{ shape: [1, 2, 4, 1], values: [1, 3, 2, 2, 3, 3, 2, 2] }],
      (tf, a) => tf.maxPool(a, 2, 2, 'valid'),
      'tf.nn.max_pool2d(a, 2, 2, "VALID")',
    ),
    numeric: false,
    numericSecond: false,
  },
];

const normalizations: GradientCase[] = [
  ...(
    [
      ['2d', [4, 2]],
      ['3d', [2, 2, 2]],
      ['4d', [1, 2, 2, 2]],
    ] as const
  ).map(([rank, shape]) =>
    make(
      `batchNorm${rank}`,
      '',
      [[...shape], [2], { shape: [2], low: 0.5, high: 2 }, [2], [2]],
      (tf, x, mean, variance, offset, scale) =>
        tf[`batchNorm${rank}`](x, mean, variance, offset, scale, 0.01),
      'tf.nn.batch_normalization(a, b, c, d, e, 0.01)',
    ),
  ),
  make(
    'batchNorm',
    'without offset and scale',
    [[2, 2, 2], [2], { shape: [2], low: 0.5, high: 2 }],
    (tf, x, mean, variance) => tf.batchNorm(x, mean, variance),
    'tf.nn.batch_normalization(a, b, c, None, None, 0.001)',
  ),
  make(
    'batchNorm',
    'numbers for each place',
    [[2, 2, 2], [2, 2, 2], { shape: [2, 2, 2], low: 0.5, high: 2 }, [2, 2, 2], [2, 2, 2]],
    (tf, x, mean, variance, offset, scale) => tf.batchNorm(x, mean, variance, offset, scale),
    'tf.nn.batch_normalization(a, b, c, d, e, 0.001)',
  ),
  make(
    'localResponseNormalization',
    '',
    [[1, 2, 2, 5]],
    (tf, a) => tf.localResponseNormalization(a, 1, 1.2, 0.3, 0.6),
    'tf.nn.local_response_normalization(a, 1, 1.2, 0.3, 0.6)',
  ),
];

const sizes: [string, number[]][] = [
  ['larger', [5, 7]],
  ['smaller', [2, 3]],
];
const images: GradientCase[] = [
  ...(
    [
      ['', false, false],
      [', corners aligned', true, false],
      [', half-pixel centres', false, true],
    ] as const
  ).flatMap(([name, corners, centres]) =>
    sizes.flatMap(([size, shape]) =>
      (
        [
          ['resizeBilinear', 'resize_bilinear'],
          ['resizeNearestNeighbor', 'resize_nearest_neighbor'],
        ] as const
      ).map(([op, python]) => ({
        // TensorFlow says 0, since its gradient of the bilinear one has none.
        pythonSecond: op !== 'resizeBilinear',
        ...sq(
          `image.${op}`,
          `${size}${name}`,
          [[1, 3, 4, 2]],
          (tf, a) => tf.image[op](a, shape, corners, centres),
          `tf.compat.v1.image.${python}(a, [${shape.join()}], align_corners=${corners ? 'True' : 'False'}, half_pixel_centers=${centres ? 'True' : 'False'})`,
        ),
      })),
    ),
  ),
  sq(
    'image.flipLeftRight',
    '',
    [[1, 2, 3, 1]],
    (tf, a) => tf.image.flipLeftRight(a),
    'tf.image.flip_left_right(a)',
  ),
  sq(
    'image.grayscaleToRGB',
    '',
    [[2, 2, 1]],
    (tf, a) => tf.image.grayscaleToRGB(a),
    'tf.image.grayscale_to_rgb(a)',
  ),
  sq(
    'image.rgbToGrayscale',
    '',
    [[2, 2, 3]],
    (tf, a) => tf.image.rgbToGrayscale(a),
    'tf.image.rgb_to_grayscale(a)',
  ),
  {
    ...sq('image.rotateWithOffset', '', [[2, 4, 4, 2]], (tf, a) => tf.image.rotateWithOffset(a, 0.5, 1, 0.5)),
    eager: true,
  },
  ...(['bilinear', 'nearest'] as const).flatMap((method) => [
    {
      ...sq(
        'image.cropAndResize',
        `${method}, with the boxes`,
        [
          [2, 4, 5, 1],
          { shape: [3, 4], values: [0.12, 0.1, 0.83, 0.92, 0.9, 0.81, 0.23, 0.17, -0.31, 0.2, 0.7, 1.37] },
        ],
        (tf, a, b) => tf.image.cropAndResize(a, b, ints(tf, [0, 1, 1]), [3, 2], method, 0.5),
        method === 'bilinear'
          ? 'tf.image.crop_and_resize(a, b, [0, 1, 1], [3, 2], "bilinear", 0.5)'
          : undefined,
      ),
      // TensorFlow's op for the gradient of boxes has none.
      pythonSecond: false,
      tolerance: 5e-3,
      ...(method === 'nearest' ? { numeric: false, numericSecond: false } : {}),
    },
    sq('image.cropAndResize', `${method}, the image alone, one pixel each`, [[1, 4, 4, 2]], (tf, a) =>
      tf.image.cropAndResize(a, tf.tensor2d([[0.1, 0.2, 0.8, 0.7]]), ints(tf, [0]), [1, 1], method),
    ),
  ]),
  ...(['bilinear', 'nearest'] as const).flatMap((interpolation) =>
    (['constant', 'reflect', 'wrap', 'nearest'] as const).map((fill) =>
      sq('image.transform', `${interpolation}, ${fill}`, [[1, 4, 4, 1]], (tf, a) =>
        tf.image.transform(
          a,
          tf.tensor2d([[0.9, 0.3, -1.3, -0.2, 1.1, 0.7, 0.02, 0.01]]),
          interpolation,
          fill,
          0.5,
          [5, 4],
        ),
      ),
    ),
  ),
  {
    ...sq(
      'image.transform',
      'the transformation itself',
      [[1, 4, 4, 1], { shape: [1, 8], values: [0.93, 0.31, -0.37, -0.21, 1.12, 0.43, 0.021, 0.013] }],
      (tf, a, b) => tf.image.transform(a, b, 'bilinear', 'reflect'),
    ),
    tolerance: 2e-2,
    step: 2 ** -11,
  },
  ...ties,
];

export const pictureCases: GradientCase[] = [...ties, ...normalizations, ...images];
