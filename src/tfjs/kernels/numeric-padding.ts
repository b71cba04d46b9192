import type { NamedAttrMap, Tensor, TensorInfo, backend_util } from '@tensorflow/tfjs';
import type { KernelInputs, ReplaceKernel } from '../kernel-replacer.ts';
import type { Tf } from '../instance.ts';

/**
 * Pools and convolutions with a padding in numbers, or with another rounding of the output's size than TensorFlow's.
 * tfjs-node knows 'valid' and 'same' only: here the input is padded (or cut) to what a 'valid' op with the same output
 * takes.
 */

type Info =
  | ReturnType<typeof backend_util.computePool2DInfo>
  | ReturnType<typeof backend_util.computePool3DInfo>;
type Shape4D = [number, number, number, number];
type Shape5D = [number, number, number, number, number];

/** One axis of the input: how many places a 'valid' op needs before and behind it; below 0, places to cut off. */
interface Axis {
  input: number;
  output: number;
  window: number;
  stride: number;
  before: number;
  after: number;
}

interface Plan {
  axes: Axis[];
  batch: number;
  channels: number;
  /** Whether tfjs-node takes this padding. */
  plain: boolean;
  outShape: number[];
}

function axis(input: number, output: number, window: number, stride: number, before: number): Axis {
  return { input, output, window, stride, before, after: (output - 1) * stride + window - input - before };
}

/** `dy`: a gradient of the output, whose size counts, since tfjs does not tell gradients how sizes were rounded. */
function planOf(info: Info, dy: Tensor | undefined): Plan {
  const { padInfo } = info;
  const axes = [
    axis(info.inHeight, info.outHeight, info.effectiveFilterHeight, info.strideHeight, padInfo.top),
    axis(info.inWidth, info.outWidth, info.effectiveFilterWidth, info.strideWidth, padInfo.left),
  ];
  if ('inDepth' in info && 'front' in padInfo) {
    axes.unshift(
      axis(info.inDepth, info.outDepth, info.effectiveFilterDepth, info.strideDepth, padInfo.front),
    );
  }
  if (dy !== undefined) {
    for (const [i, { input, window, stride, before }] of axes.entries()) {
      axes[i] = axis(input, dy.shape[i + 1] as number, window, stride, before);
    }
  }
  return {
    axes,
    batch: info.batchSize,
    channels: info.inChannels,
    plain:
      padInfo.type === 'SAME' ||
      info.dataFormat !== 'channelsLast' ||
      (padInfo.type === 'VALID' && axes.every(({ after }) => after <= 0)),
    outShape: info.outShape.map((size) => Math.max(0, size)),
  };
}

/** The shape that a 'valid' op with the same output takes. */
function validShape({ batch, axes, channels }: Plan): number[] {
  return [batch, ...axes.map(({ output, stride, window }) => (output - 1) * stride + window), channels];
}

/** How many places of the input each window of a pool covers, padding left out. */
function coverage(plan: Plan): { counts: number[]; shape: number[] } {
  let counts = [1];
  for (const { input, output, window, stride, before } of plan.axes) {
    const covered = Array.from({ length: output }, (_, i) => {
      const first = i * stride - before;
      return Math.min(first + window, input) - Math.max(first, 0);
    });
    counts = counts.flatMap((count) => covered.map((places) => count * places));
  }
  return { counts, shape: [1, ...plan.axes.map(({ output }) => output), 1] };
}

type Own = (
  inputs: KernelInputs,
  plan: Plan,
  valid: (inputs: KernelInputs, more?: NamedAttrMap) => Tensor,
) => Tensor;

type PlanFor = (inputs: KernelInputs, attributes: NamedAttrMap) => Plan;

/** Tools that pools and convolutions with paddings as numbers are made of. */
function paddingTools(tf: Tf, replaceKernel: ReplaceKernel) {
  const pairs = ({ axes }: Plan, sign: 1 | -1): [number, number][] => [
    [0, 0],
    ...axes.map(({ before, after }): [number, number] => [sign * before, sign * after]),
    [0, 0],
  ];
  const padded = (x: Tensor, plan: Plan, fill: number): Tensor => tf.pad(x, pairs(plan, 1), fill);
  /** A gradient of the padded input as one of the input. */
  const unpadded = (gradient: Tensor, plan: Plan): Tensor => tf.pad(gradient, pairs(plan, -1));
  /** A mean over whole windows times this is the mean over what they cover. */
  const shares = (plan: Plan): Tensor => {
    const window = plan.axes.reduce((product, one) => product * one.window, 1);
    const { counts, shape } = coverage(plan);
    return tf.tensor(
      counts.map((count) => window / Math.max(1, count)),
      shape,
    );
  };

  const replace = (name: string, plan: PlanFor, own: Own, always = false) => {
    replaceKernel(name, (original) => (inputs, attributes): TensorInfo | TensorInfo[] => {
      const planned = plan(inputs, attributes);
      if (planned.outShape.includes(0) && inputs['dy'] === undefined) return tf.zeros(planned.outShape);
      if (planned.plain && !always) return original(inputs, attributes);
      return tf.tidy(() =>
        own(
          inputs,
          planned,
          (changed, more) =>
            original(
              { ...inputs, ...changed },
              {
                ...attributes,
                pad: 'valid',
                dimRoundingMode: 'floor',
                ...more,
              },
            ) as Tensor,
        ),
      );
    });
  };
  return { padded, unpadded, shares, replace };
}

type PaddingTools = ReturnType<typeof paddingTools>;

export function installNumericPadding(tf: Tf, replaceKernel: ReplaceKernel): void {
  const tools = paddingTools(tf, replaceKernel);
  installPools(tf, tools);
  installConvolutions(tf, tools);
}

function installPools(tf: Tf, { padded, unpadded, shares, replace }: PaddingTools): void {
  for (const rank of [2, 3] as const) {
    const suffix = rank === 2 ? '' : '3D';
    const plan = (inputs: KernelInputs, attributes: NamedAttrMap): Plan => {
      const { shape } = (inputs['input'] ?? inputs['x']) as Tensor;
      const { filterSize, strides, pad, dimRoundingMode } = attributes as {
        filterSize: number;
        strides: number;
        pad: number;
        dimRoundingMode?: 'floor';
      };
      const { computePool2DInfo, computePool3DInfo } = tf.backend_util;
      return planOf(
        rank === 2
          ? computePool2DInfo(shape as Shape4D, filterSize, strides, 1, pad, dimRoundingMode)
          : computePool3DInfo(shape as Shape5D, filterSize, strides, 1, pad, dimRoundingMode),
        inputs['dy'] ?? inputs['output'],
      );
    };
    replace(`MaxPool${suffix}`, plan, ({ x }, planned, valid) =>
      valid({ x: padded(x as Tensor, planned, -Infinity) }),
    );
    replace(`AvgPool${suffix}`, plan, ({ x }, planned, valid) =>
      tf.mul(valid({ x: padded(x as Tensor, planned, 0) }), shares(planned)),
    );
    replace(`MaxPool${suffix}Grad`, plan, ({ input }, planned, valid) =>
      unpadded(valid({ input: padded(input as Tensor, planned, -Infinity) }), planned),
    );
    // Where the output is as large as the input, TensorFlow's op writes it over `ddx` before it has read that.
    replace(
      `MaxPool${suffix}GradGrad`,
      plan,
      ({ input, ddx }, planned, valid) =>
        planned.axes.every(({ window, stride }) => window === 1 && stride === 1)
          ? tf.clone(ddx as Tensor)
          : valid({
              input: padded(input as Tensor, planned, -Infinity),
              ddx: padded(ddx as Tensor, planned, 0),
            }),
      true,
    );
    replace(`AvgPool${suffix}Grad`, plan, ({ input, dy }, planned, valid) =>
      unpadded(
        valid({ input: padded(input as Tensor, planned, 0), dy: tf.mul(dy as Tensor, shares(planned)) }),
        planned,
      ),
    );
  }
}

function installConvolutions(tf: Tf, { padded, unpadded, replace }: PaddingTools): void {
  const convolution =
    (depthwise: boolean) =>
    (inputs: KernelInputs, attributes: NamedAttrMap): Plan => {
      const { strides, dilations, pad, dataFormat, dimRoundingMode } = attributes as {
        strides: number;
        dilations?: number;
        pad: number;
        dataFormat?: 'NHWC' | 'NCHW';
        dimRoundingMode?: 'floor';
      };
      const shape = inputs['x']?.shape ?? (attributes['inputShape'] as number[]);
      const filter = inputs['filter']?.shape ?? (attributes['filterShape'] as number[]);
      return planOf(
        tf.backend_util.computeConv2DInfo(
          shape as Shape4D,
          filter as Shape4D,
          strides,
          dilations ?? 1,
          pad,
          dimRoundingMode,
          depthwise,
          tf.backend_util.convertConv2DDataFormat(dataFormat ?? 'NHWC'),
        ),
        inputs['dy'],
      );
    };
  for (const name of ['Conv2D', 'DepthwiseConv2dNative']) {
    const depthwise = name !== 'Conv2D';
    replace(name, convolution(depthwise), ({ x }, planned, valid) =>
      valid({ x: padded(x as Tensor, planned, 0) }),
    );
    replace(`${name}BackpropFilter`, convolution(depthwise), ({ x }, planned, valid) =>
      valid({ x: padded(x as Tensor, planned, 0) }),
    );
    replace(`${name}BackpropInput`, convolution(depthwise), (_, planned, valid) =>
      unpadded(valid({}, { inputShape: validShape(planned) }), planned),
    );
  }
}
