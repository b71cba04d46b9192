import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import { boolAttribute, type GradientTools } from './gradient-tools.ts';

/** Gradients of ops on images, after tensorflow/python/ops/image_grad.py. */
export function installImageGradients(tools: GradientTools): void {
  const { tf, define, call, noGradient, replaceKernel, run, numbers, pullBack } = tools;

  const centres = (attributes: NamedAttrMap) => [
    boolAttribute('align_corners', attributes['alignCorners'] === true),
    boolAttribute('half_pixel_centers', attributes['halfPixelCenters'] === true),
  ];
  // tfjs-node leaves `halfPixelCenters` out of both.
  replaceKernel(
    'ResizeBilinearGrad',
    () =>
      ({ images, dy }, attributes) =>
        run('ResizeBilinearGrad', [dy as Tensor, numbers(images as Tensor)], centres(attributes)),
  );
  replaceKernel(
    'ResizeNearestNeighborGrad',
    () =>
      ({ images, dy }, attributes) =>
        tf.tidy(() => {
          const [, height, width] = (images as Tensor).shape as [number, number, number];
          return run(
            'ResizeNearestNeighborGrad',
            [dy as Tensor, tf.tensor1d([height, width], 'int32')],
            centres(attributes),
          );
        }),
  );
  for (const name of ['ResizeBilinear', 'ResizeNearestNeighbor']) {
    define(name, { inputs: ['images'] }, (dy, saved, attributes) => ({
      images: () => call(`${name}Grad`, { dy, images: saved[0] as Tensor }, attributes),
    }));
    define(`${name}Grad`, { inputs: ['dy', 'images'] }, (ddx, saved, attributes) => {
      const [dy, images] = saved as [Tensor, Tensor];
      return {
        dy: () => call(name, { images: ddx }, { ...attributes, size: dy.shape.slice(1, 3) }),
        images: () => noGradient(images),
      };
    });
  }

  define('FlipLeftRight', {}, (dy) => ({ image: () => tf.reverse(dy, [2]) }));

  define('CropAndResize', { inputs: ['image', 'boxes', 'boxInd'] }, (dy, saved, attributes) => {
    const [image, boxes, owner] = saved as [Tensor, Tensor, Tensor];
    const [floats, method] = [numbers(image), attributes['method'] as string];
    const composed = () => cropped(tools, floats, boxes, owner, method, attributes);
    return {
      image: () => pullBack(composed, [floats], dy)[0] as Tensor,
      boxes: () => pullBack(composed, [boxes], dy)[0] as Tensor,
      boxInd: () => noGradient(owner),
    };
  });

  define('Transform', { inputs: ['image', 'transforms'] }, (dy, saved, attributes) => {
    const [image, transforms] = saved as [Tensor, Tensor];
    const floats = numbers(image);
    const composed = () => transformed(tools, floats, transforms, dy.shape, attributes);
    return {
      image: () => pullBack(composed, [floats], dy)[0] as Tensor,
      transforms: () => pullBack(composed, [transforms], dy)[0] as Tensor,
    };
  });

  define('RotateWithOffset', { inputs: ['image'] }, (dy, saved, attributes) => {
    const [image] = saved as [Tensor];
    return {
      image: () => {
        // Each pixel of the result is one of the image: which one, a rotation of their numbers tells.
        const [batch, height, width, channels] = image.shape as [number, number, number, number];
        const pixels = height * width;
        const numbered = tf.reshape(tf.range(0, pixels), [1, height, width, 1]);
        const moved = call('RotateWithOffset', { image: numbered }, { ...attributes, fillValue: -1 });
        const ids = tf.cast(tf.reshape(moved, [pixels]), 'int32');
        const rows = tf.transpose(tf.reshape(dy, [batch, pixels, channels]), [1, 0, 2]);
        const sums = tf.unsortedSegmentSum(rows, ids as never, pixels);
        return tf.reshape(tf.transpose(sums, [1, 0, 2]), image.shape);
      },
    };
  });
}

/** Pixels of `image` [batch, height, width, channels] at whole places, clipped to it; `at` is the image's number. */
function pixels({ tf }: GradientTools, image: Tensor, at: Tensor, y: Tensor, x: Tensor): Tensor {
  const [batch, height, width, channels] = image.shape as [number, number, number, number];
  const whole = (values: Tensor, size: number) => tf.cast(tf.clipByValue(values, 0, size - 1), 'int32');
  const rows = tf.add(tf.mul(tf.cast(at, 'int32'), tf.scalar(height, 'int32')), whole(y, height));
  const flat = tf.add(tf.mul(rows, tf.scalar(width, 'int32')), whole(x, width));
  return tf.gather(tf.reshape(image, [batch * height * width, channels]), flat);
}

/** A number rounded as C++ does, halves away from 0. */
function rounded({ tf }: GradientTools, x: Tensor): Tensor {
  return tf.mul(tf.sign(x), tf.floor(tf.add(tf.abs(x), 0.5)));
}

/** `cropAndResize` from plain ops, as tensorflow/core/kernels/image/crop_and_resize_op.cc. */
function cropped(
  tools: GradientTools,
  image: Tensor,
  boxes: Tensor,
  owner: Tensor,
  method: string,
  attributes: NamedAttrMap,
): Tensor {
  const { tf } = tools;
  const [, height, width] = image.shape as [number, number, number];
  const [cropHeight, cropWidth] = attributes['cropSize'] as [number, number];
  const count = boxes.shape[0];
  const [y1, x1, y2, x2] = tf.split(boxes, 4, 1) as [Tensor, Tensor, Tensor, Tensor];
  const places = (from: Tensor, to: Tensor, size: number, crop: number) =>
    crop > 1
      ? tf.mul(tf.add(from, tf.mul(tf.sub(to, from), tf.div(tf.range(0, crop), crop - 1))), size - 1)
      : tf.mul(tf.add(from, to), 0.5 * (size - 1));
  const grid = [count, cropHeight, cropWidth, 1];
  const spread = (values: Tensor, shape: number[]) => tf.broadcastTo(tf.reshape(values, shape), grid);
  const y = spread(places(y1, y2, height, cropHeight), [count, cropHeight, 1, 1]);
  const x = spread(places(x1, x2, width, cropWidth), [count, 1, cropWidth, 1]);
  const at = spread(owner, [count, 1, 1, 1]);
  const pixel = (row: Tensor, column: Tensor) => tf.squeeze(pixels(tools, image, at, row, column), [3]);
  let result: Tensor;
  if (method === 'nearest') {
    result = pixel(rounded(tools, y), rounded(tools, x));
  } else {
    const [top, left] = [tf.floor(y), tf.floor(x)];
    const [down, across] = [tf.sub(y, top), tf.sub(x, left)];
    const row = (line: Tensor) => {
      const first = pixel(line, left);
      return tf.add(first, tf.mul(tf.sub(pixel(line, tf.ceil(x)), first), across));
    };
    const first = row(top);
    result = tf.add(first, tf.mul(tf.sub(row(tf.ceil(y)), first), down));
  }
  const inside = (values: Tensor, size: number) =>
    tf.logicalAnd(tf.greaterEqual(values, 0), tf.lessEqual(values, size - 1));
  return tf.where(
    tf.logicalAnd(inside(y, height), inside(x, width)),
    result,
    tf.fill(result.shape, attributes['extrapolationValue'] as number),
  );
}

/** `image.transform` from plain ops, as tensorflow/core/kernels/image/image_ops.h. */
function transformed(
  tools: GradientTools,
  image: Tensor,
  transforms: Tensor,
  outputShape: readonly number[],
  attributes: NamedAttrMap,
): Tensor {
  const { tf } = tools;
  const [batch, height, width] = image.shape as [number, number, number];
  const [, rows, columns] = outputShape as [number, number, number];
  const grid = [batch, rows, columns, 1];
  const across = tf.reshape(tf.range(0, columns), [1, 1, columns, 1]);
  const down = tf.reshape(tf.range(0, rows), [1, rows, 1, 1]);
  const matrix = tf
    .split(tf.reshape(transforms, [-1, 8]), 8, 1)
    .map((part) => tf.reshape(part, [-1, 1, 1, 1]));
  const [a0, a1, a2, b0, b1, b2, c0, c1] = matrix as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const line = (p: Tensor, q: Tensor, r: Tensor | number) =>
    tf.add(tf.add(tf.mul(p, across), tf.mul(q, down)), r);
  const depth = line(c0, c1, 1);
  const fillMode = (attributes['fillMode'] as string).toLowerCase();
  const mapped = (values: Tensor, size: number) =>
    tf.broadcastTo(mapCoordinate(tools, tf.div(values, depth), size, fillMode), grid);
  const x = mapped(line(a0, a1, a2), width);
  const y = mapped(line(b0, b1, b2), height);
  const at = tf.broadcastTo(tf.reshape(tf.range(0, batch, 1, 'int32'), [batch, 1, 1, 1]), grid);
  const inside = (values: Tensor, size: number) =>
    tf.logicalAnd(tf.greaterEqual(values, 0), tf.lessEqual(values, size - 1));
  const pixel = (row: Tensor, column: Tensor) => {
    const values = tf.squeeze(pixels(tools, image, at, row, column), [3]);
    const fill = tf.fill(values.shape, attributes['fillValue'] as number);
    return tf.where(tf.logicalAnd(inside(row, height), inside(column, width)), values, fill);
  };
  if ((attributes['interpolation'] as string).toLowerCase() === 'nearest') {
    return pixel(rounded(tools, y), rounded(tools, x));
  }
  const [top, left] = [tf.floor(y), tf.floor(x)];
  const [bottom, right] = [tf.add(top, 1), tf.add(left, 1)];
  const row = (of: Tensor) =>
    tf.add(tf.mul(tf.sub(right, x), pixel(of, left)), tf.mul(tf.sub(x, left), pixel(of, right)));
  return tf.add(tf.mul(tf.sub(bottom, y), row(top)), tf.mul(tf.sub(y, top), row(bottom)));
}

/** Where a place outside of an image lies in it. */
function mapCoordinate({ tf }: GradientTools, x: Tensor, size: number, fillMode: string): Tensor {
  if (fillMode === 'constant') return x;
  if (fillMode === 'nearest' || size <= 1) return tf.clipByValue(x, 0, size - 1);
  const before = tf.less(x, 0);
  const whole = (values: Tensor, of: number) => tf.mul(tf.floor(tf.div(values, of)), of);
  let low: Tensor;
  let high: Tensor;
  if (fillMode === 'reflect') {
    const turn = 2 * size;
    const near = tf.where(tf.less(x, turn), tf.add(whole(tf.neg(x), turn), x), x);
    low = tf.where(tf.less(near, -size), tf.add(near, turn), tf.sub(tf.neg(near), 1));
    const rest = tf.sub(x, whole(x, turn));
    high = tf.where(tf.greaterEqual(rest, size), tf.sub(turn - 1, rest), rest);
  } else {
    const turns = (values: Tensor) => tf.mul(tf.floor(tf.div(values, size - 1)), size);
    low = tf.add(tf.add(x, turns(tf.neg(x))), size);
    high = tf.sub(x, turns(x));
  }
  const mapped = tf.where(before, low, tf.where(tf.greater(x, size - 1), high, x));
  return tf.clipByValue(mapped, 0, size - 1);
}
