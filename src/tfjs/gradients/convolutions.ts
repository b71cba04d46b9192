import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs';
import { perAxis, type GradientTools } from './gradient-tools.ts';
import type { Composites } from './composites.ts';

/** Gradients of convolutions, after tensorflow/python/ops/nn_grad.py; those with dilations are convolutions again. */

interface Family {
  forward: string;
  input: string;
  filter: string;
}

const FAMILIES: Family[] = [
  { forward: 'Conv2D', input: 'Conv2DBackpropInput', filter: 'Conv2DBackpropFilter' },
  { forward: 'Conv3D', input: 'Conv3DBackpropInputV2', filter: 'Conv3DBackpropFilterV2' },
  {
    forward: 'DepthwiseConv2dNative',
    input: 'DepthwiseConv2dNativeBackpropInput',
    filter: 'DepthwiseConv2dNativeBackpropFilter',
  },
];

/** How many places of padding a dimension has before and behind it. */
type Padding = [number, number];

export function installConvolutionGradients(tools: GradientTools, composites: Composites): void {
  const { define, call } = tools;
  for (const { forward, input, filter } of FAMILIES) {
    const without = ({ inputShape: _i, filterShape: _f, ...attributes }: NamedAttrMap): NamedAttrMap => ({
      dilations: forward === 'Conv3D' ? [1, 1, 1] : [1, 1],
      ...attributes,
    });
    define(forward, { inputs: ['x', 'filter'] }, (dy, saved, attributes) => {
      const [x, weights] = saved as [Tensor, Tensor];
      if (forward === 'Conv2D' && perAxis(attributes['dilations'] ?? 1, 2).some((rate) => rate > 1)) {
        return dilatedGradients(tools, dy, x, weights, attributes);
      }
      // A layer of tfjs gives null for no dilations.
      const plain = {
        ...attributes,
        dilations: perAxis(attributes['dilations'] ?? 1, forward === 'Conv3D' ? 3 : 2),
      };
      return {
        x: () => call(input, { dy, filter: weights }, { ...plain, inputShape: x.shape }),
        filter: () => call(filter, { x, dy }, { ...plain, filterShape: weights.shape }),
      };
    });
    define(input, { inputs: ['dy', 'filter'] }, (ddx, saved, attributes) => {
      const [dy, weights] = saved as [Tensor, Tensor];
      const plain = without(attributes);
      return {
        dy: () => call(forward, { x: ddx, filter: weights }, plain),
        filter: () => call(filter, { x: ddx, dy }, { ...plain, filterShape: weights.shape }),
      };
    });
    define(filter, { inputs: ['x', 'dy'] }, (ddfilter, saved, attributes) => {
      const [x, dy] = saved as [Tensor, Tensor];
      const plain = without(attributes);
      return {
        x: () => call(input, { dy, filter: ddfilter }, { ...plain, inputShape: x.shape }),
        dy: () => call(forward, { x, filter: ddfilter }, plain),
      };
    });
  }
  // TensorFlow has channels first on GPUs; on the CPU only without strides, and tfjs-node gives it the strides and
  // dilations of the channels.
  composites.set('Conv2D', (inputs, attributes) => {
    if (attributes['dataFormat'] !== 'NCHW') return undefined;
    const { strides, dilations, pad } = attributes;
    const plain = [...perAxis(strides, 2), ...perAxis(dilations ?? 1, 2)].every((n) => n === 1);
    if (plain && (pad === 'same' || pad === 'valid')) return undefined;
    return inLastFormat(tools, 'Conv2D', inputs, attributes);
  });
  composites.set('DepthwiseConv2dNative', (inputs, attributes) => depthwise(tools, inputs, attributes));
  composites.set('Conv3D', (inputs, attributes) => conv3d(tools, inputs, attributes));
}

const toLast = [0, 2, 3, 1];
const toFirst = [0, 3, 1, 2];

/** With dilations strides are 1, and both gradients are plain convolutions of what they are made of. */
function dilatedGradients(
  tools: GradientTools,
  givenDy: Tensor,
  givenX: Tensor,
  filter: Tensor,
  attributes: NamedAttrMap,
): Record<'x' | 'filter', () => Tensor> {
  const { tf } = tools;
  // The filter reaches further than the image: nothing was computed.
  if (givenDy.size === 0) return { x: () => tf.zerosLike(givenX), filter: () => tf.zerosLike(filter) };
  const first = attributes['dataFormat'] === 'NCHW';
  const [x, dy] = first ? [tf.transpose(givenX, toLast), tf.transpose(givenDy, toLast)] : [givenX, givenDy];
  const rates = perAxis(attributes['dilations'], 2);
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    attributes['strides'] as number,
    rates as [number, number],
    nhwcPadding(attributes['pad'], first) as 'same',
    attributes['dimRoundingMode'] as 'floor' | undefined,
  );
  const reach = [0, 1].map((axis) => ((filter.shape[axis] as number) - 1) * (rates[axis] as number));
  const paddings = [info.padInfo.top, info.padInfo.left].map((before, axis): Padding => {
    const [input, output] = [x.shape[axis + 1] as number, dy.shape[axis + 1] as number];
    return [before, output + (reach[axis] as number) - input - before];
  });
  const none: Padding = [0, 0];
  return {
    x: () => {
      const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
      const wide = tf.pad(dy, [
        none,
        ...paddings.map(([before, after], axis): Padding => {
          const around = reach[axis] as number;
          return [around - before, around - after];
        }),
        none,
      ]);
      const gradient = tf.conv2d(
        wide as never,
        turned as never,
        1,
        'valid',
        'NHWC',
        rates as [number, number],
      );
      return first ? tf.transpose(gradient, toFirst) : gradient;
    },
    filter: () => {
      // Samples become channels, and the gradient's image the filter: its stride is the dilation.
      const images = tf.transpose(tf.pad(x, [none, ...paddings, none]), [3, 1, 2, 0]);
      const windows = tf.transpose(dy, [1, 2, 0, 3]);
      const result = tf.conv2d(images as never, windows as never, rates as [number, number], 'valid');
      return tf.transpose(result, [1, 2, 0, 3]);
    },
  };
}

/** Explicit paddings with the channels' pair at the end. */
function nhwcPadding(pad: unknown, channelsFirst: boolean): unknown {
  if (!Array.isArray(pad) || !channelsFirst) return pad;
  const [batch, channels, height, width] = pad as Padding[];
  return [batch, height, width, channels];
}

/** A convolution of images whose channels come first, as one of images where they come last. */
function inLastFormat(
  { tf, call }: GradientTools,
  kernel: string,
  { x, filter }: Record<string, Tensor>,
  attributes: NamedAttrMap,
): Tensor {
  const pad = nhwcPadding(attributes['pad'], true) as 'same';
  return tf.tidy(() => {
    const image = tf.transpose(x as Tensor, toLast);
    const inputs = { x: image, filter: filter as Tensor };
    return tf.transpose(call(kernel, inputs, { ...attributes, dataFormat: 'NHWC', pad }), toFirst);
  });
}

/** A convolution with dilations as one without, on images that have every n-th place. As `tf.nn.with_space_to_batch`. */
function spacedOut(
  { tf }: GradientTools,
  x: Tensor,
  rates: readonly number[],
  paddings: readonly Padding[],
  convolve: (images: Tensor) => Tensor,
): Tensor {
  const cut = tf.pad(x, [
    [0, 0],
    ...paddings.map(([before, after]): Padding => [Math.min(0, before), Math.min(0, after)]),
    [0, 0],
  ]);
  const grown = paddings.map(([before, after]): Padding => [Math.max(0, before), Math.max(0, after)]);
  const extra = rates.map((rate, axis) => {
    const [before, after] = grown[axis] as Padding;
    const places = (cut.shape[axis + 1] as number) + before + after;
    return (rate - (places % rate)) % rate;
  });
  const spread = tf.spaceToBatchND(
    cut,
    [...rates],
    grown.map(([before, after], axis) => [before, after + (extra[axis] as number)]),
  );
  return tf.batchToSpaceND(
    convolve(spread),
    [...rates],
    extra.map((places) => [0, places]),
  );
}

function depthwise(
  tools: GradientTools,
  inputs: Record<string, Tensor>,
  attributes: NamedAttrMap,
): Tensor | undefined {
  const { tf, call } = tools;
  const { x, filter } = inputs as { x: Tensor; filter: Tensor };
  const rates = perAxis(attributes['dilations'] ?? 1, 2);
  const first = attributes['dataFormat'] === 'NCHW';
  const dilated = rates.some((rate) => rate > 1);
  if (!first && !dilated) return undefined;
  return tf.tidy(() => {
    if (first) return inLastFormat(tools, 'DepthwiseConv2dNative', inputs, attributes);
    const { padInfo, outHeight, outWidth } = tf.backend_util.computeConv2DInfo(
      x.shape as [number, number, number, number],
      filter.shape as [number, number, number, number],
      attributes['strides'] as number,
      rates as [number, number],
      attributes['pad'] as 'same',
      attributes['dimRoundingMode'] as 'floor' | undefined,
      true,
    );
    const paddings = [padInfo.top, padInfo.left].map((before, axis): Padding => {
      const reach = ((filter.shape[axis] as number) - 1) * (rates[axis] as number);
      return [
        before,
        ([outHeight, outWidth][axis] as number) + reach - (x.shape[axis + 1] as number) - before,
      ];
    });
    return spacedOut(tools, x, rates, paddings, (images) =>
      call(
        'DepthwiseConv2dNative',
        { x: images, filter },
        { ...attributes, pad: 'valid', dilations: [1, 1], dimRoundingMode: 'floor' },
      ),
    );
  });
}

function conv3d(
  tools: GradientTools,
  inputs: Record<string, Tensor>,
  attributes: NamedAttrMap,
): Tensor | undefined {
  const { tf, call } = tools;
  const { x, filter } = inputs as { x: Tensor; filter: Tensor };
  const rates = perAxis(attributes['dilations'] ?? 1, 3);
  const dilated = rates.some((rate) => rate > 1);
  const counted = typeof attributes['pad'] === 'number';
  // The CPU has no dilations, and no device has them in gradients.
  if (!dilated && !counted) return undefined;
  return tf.tidy(() => {
    const info = tf.backend_util.computeConv3DInfo(
      x.shape as [number, number, number, number, number],
      filter.shape as [number, number, number, number, number],
      attributes['strides'] as number,
      rates as [number, number, number],
      attributes['pad'] as 'same',
    );
    const strides = [info.strideDepth, info.strideHeight, info.strideWidth];
    const outputs = [info.outDepth, info.outHeight, info.outWidth];
    const befores = [info.padInfo.front, info.padInfo.top, info.padInfo.left];
    const paddings = befores.map((before, axis): Padding => {
      const reach = ((filter.shape[axis] as number) - 1) * (rates[axis] as number) + 1;
      const needed = ((outputs[axis] as number) - 1) * (strides[axis] as number) + reach;
      return [before, needed - (x.shape[axis + 1] as number) - before];
    });
    const plain = { ...attributes, pad: 'valid', dilations: [1, 1, 1] };
    if (!dilated) return call('Conv3D', { x: tf.pad(x, [[0, 0], ...paddings, [0, 0]]), filter }, plain);
    return spacedOut(tools, x, rates, paddings, (images) => call('Conv3D', { x: images, filter }, plain));
  });
}
