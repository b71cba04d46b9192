import type { Tensor } from '@tensorflow/tfjs';
import type { Composites } from './composites.ts';
import { intAttribute, perAxis, textAttribute, type GradientTools, tensorAt } from './gradient-tools.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

/** Gradients of pools, after tensorflow/python/ops/nn_grad.py. */
export function installPoolGradients(tools: GradientTools, composites: Composites): void {
  const { tf, define, defineList, call, noGradient, replaceKernel, run } = tools;

  for (const suffix of ['', '3D']) {
    const axes = suffix === '' ? 2 : 3;
    define(`AvgPool${suffix}`, { inputs: ['x'] }, (dy, saved, attributes) => ({
      x: () => call(`AvgPool${suffix}Grad`, { dy, input: saved[0] as Tensor }, attributes),
    }));
    define(`AvgPool${suffix}Grad`, { inputs: ['input'] }, (ddx, saved, attributes) => ({
      dy: () => call(`AvgPool${suffix}`, { x: ddx }, attributes),
      input: () => noGradient(saved[0] as Tensor),
    }));
    define(`MaxPool${suffix}`, { inputs: ['x'], outputs: [true] }, (dy, saved, attributes) => {
      const [x, y] = saved as [Tensor, Tensor];
      return { x: () => call(`MaxPool${suffix}Grad`, { dy, input: x, output: y }, attributes) };
    });
    define(`MaxPool${suffix}Grad`, { inputs: ['input', 'output'] }, (ddx, saved, attributes) => {
      const [input, output] = saved as [Tensor, Tensor];
      return {
        dy: () => call(`MaxPool${suffix}GradGrad`, { input, output, ddx }, attributes),
        input: () => noGradient(input),
        output: () => noGradient(output),
      };
    });
    // The values of `ddx` at the places with the largest numbers. Paddings in numbers: numeric-padding.ts.
    replaceKernel(`MaxPool${suffix}GradGrad`, () => ({ input, output, ddx }, attributes) => {
      const { filterSize, strides, pad } = attributes as { filterSize: number; strides: number; pad: string };
      return run(
        `MaxPool${suffix}GradGrad`,
        [input as Tensor, output as Tensor, ddx as Tensor],
        [
          intAttribute('ksize', [1, ...perAxis(filterSize, axes), 1]),
          intAttribute('strides', [1, ...perAxis(strides, axes), 1]),
          textAttribute('padding', pad === 'same' ? 'SAME' : 'VALID'),
          textAttribute('data_format', suffix === '' ? 'NHWC' : 'NDHWC'),
        ],
      );
    });
    define(`MaxPool${suffix}GradGrad`, { inputs: ['input', 'output'] }, (dddy, saved, attributes) => {
      const [input, output] = saved as [Tensor, Tensor];
      return {
        ddx: () => call(`MaxPool${suffix}Grad`, { dy: dddy, input, output }, attributes),
        input: () => noGradient(input),
        output: () => noGradient(output),
      };
    });
  }

  defineList('MaxPoolWithArgmax', { inputs: ['x'], outputs: [false, true] }, (dys, saved, attributes) => {
    const [x, places] = saved as [Tensor, Tensor];
    const dy = tensorAt(dys, 0);
    return {
      x: () => {
        const perImage = elementCount(x.shape.slice(1));
        const batch = x.shape[0];
        let flat = tf.reshape(places, [batch, -1]);
        if (attributes['includeBatchInIndex'] !== true) {
          const first = tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(perImage, 'int32'));
          flat = tf.add(flat, tf.reshape(first, [batch, 1]));
        }
        const sums = tf.unsortedSegmentSum(tf.reshape(dy, [-1]), tf.reshape(flat, [-1]) as never, x.size);
        return tf.reshape(sums, x.shape);
      },
    };
  });

  // tfjs's gradient needs a scale and an offset.
  composites.set('FusedBatchNorm', (inputs, attributes) => {
    const { x, mean, scale, offset } = inputs as Record<string, Tensor | undefined>;
    if (tools.depth() === 0 || (scale && offset)) return undefined;
    const shape = (mean as Tensor).shape;
    const given = { scale: scale ?? tf.ones(shape), offset: offset ?? tf.zeros(shape) };
    return call('FusedBatchNorm', { ...inputs, x: x as Tensor, ...given }, attributes);
  });
  installLocalResponse(tools);
  installDilation(tools);
}

function installLocalResponse({ tf, define, call, depth, pullBack }: GradientTools): void {
  define('LRN', { inputs: ['x'], outputs: [true] }, (dy, saved, attributes) => {
    const [x, y] = saved as [Tensor, Tensor];
    return {
      x: () => {
        // TensorFlow's op for the gradient has none: a second one needs the formula.
        if (depth() === 0) return call('LRNGrad', { x, y, dy }, attributes);
        const { depthRadius, bias, alpha, beta } = attributes as Record<string, number> & {
          depthRadius: number;
        };
        const channels = x.shape.at(-1) as number;
        const near = Array.from({ length: channels }, (_, i) =>
          Array.from({ length: channels }, (__, j) => (Math.abs(i - j) <= depthRadius ? 1 : 0)),
        );
        const normalized = () => {
          const squares = tf.matMul(tf.reshape(tf.square(x), [-1, channels]), tf.tensor2d(near));
          const sums = tf.add(tf.mul(tf.reshape(squares, x.shape), alpha as number), bias as number);
          return tf.mul(x, tf.pow(sums, -(beta as number)));
        };
        return pullBack(normalized, [x], dy)[0] as Tensor;
      },
    };
  });
}

function installDilation({ tf, define, call, depth, pullBack }: GradientTools): void {
  define('Dilation2D', { inputs: ['x', 'filter'] }, (dy, saved, attributes) => {
    const [x, filter] = saved as [Tensor, Tensor];
    /** The same from slices: TensorFlow's ops for the gradients have none. */
    const composed = () => {
      const { strides, pad, dilations } = attributes as { strides: number; pad: 'same'; dilations: number };
      const info = tf.backend_util.computeDilation2DInfo(
        x.shape as [number, number, number, number],
        filter.shape as [number, number, number],
        strides,
        pad,
        'NHWC',
        dilations,
      );
      const { outHeight, outWidth, strideHeight, strideWidth, dilationHeight, dilationWidth, padInfo } = info;
      const [batch, height, width, channels] = x.shape as [number, number, number, number];
      const [rows, columns] = filter.shape as [number, number];
      const reach = (output: number, stride: number, window: number, rate: number) =>
        (output - 1) * stride + (window - 1) * rate + 1;
      const bottom = reach(outHeight, strideHeight, rows, dilationHeight) - height - padInfo.top;
      const right = reach(outWidth, strideWidth, columns, dilationWidth) - width - padInfo.left;
      const wide = tf.pad(
        x,
        [
          [0, 0],
          [padInfo.top, bottom],
          [padInfo.left, right],
          [0, 0],
        ],
        -Infinity,
      );
      const windows: Tensor[] = [];
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const [top, left] = [row * dilationHeight, column * dilationWidth];
          const part = tf.stridedSlice(
            wide,
            [0, top, left, 0],
            [
              batch,
              top + (outHeight - 1) * strideHeight + 1,
              left + (outWidth - 1) * strideWidth + 1,
              channels,
            ],
            [1, strideHeight, strideWidth, 1],
          );
          windows.push(
            tf.add(part, tf.reshape(tf.slice(filter, [row, column, 0], [1, 1, channels]), [channels])),
          );
        }
      }
      const all = tf.stack(windows, -1);
      const largest = tf.cast(tf.oneHot(tf.argMax(all, -1), windows.length), 'bool');
      return tf.sum(tf.where(largest, all, tf.zerosLike(all)), -1);
    };
    return {
      x: () =>
        depth() === 0
          ? call('Dilation2DBackpropInput', { x, filter, dy }, attributes)
          : (pullBack(composed, [x], dy)[0] as Tensor),
      filter: () =>
        depth() === 0
          ? call('Dilation2DBackpropFilter', { x, filter, dy }, attributes)
          : (pullBack(composed, [filter], dy)[0] as Tensor),
    };
  });
}
