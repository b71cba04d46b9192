import { checkShape } from '../../engines/shape.ts';
import { kernelReplacer } from '../kernel-replacer.ts';
import type { NodeBackend, Tf } from '../instance.ts';

/** Attributes that tfjs-node's kernels hand over as int32: a larger number would arrive as another one. */
const SIZES: Readonly<Record<string, string>> = {
  Reshape: 'shape',
  Fill: 'shape',
  BroadcastTo: 'shape',
  ScatterNd: 'shape',
  Tile: 'reps',
  OneHot: 'depth',
};

const LARGEST = 2 ** 31 - 1;

/** @param least -1 where TensorFlow computes a size. @throws RangeError for other sizes than whole numbers to 2^31 - 1 */
export function checkSizes(sizes: unknown, op: string, least = 0): void {
  const list = (Array.isArray(sizes) ? sizes : [sizes]) as unknown[];
  for (const size of list) {
    if (typeof size === 'number' && size >= least && size <= LARGEST && Number.isInteger(size)) continue;
    throw new RangeError(
      `${op} takes sizes that are whole numbers from ${least} to ${LARGEST}, not ${String(size)} (in [${list.slice(0, 8).join(', ')}])`,
    );
  }
}

/** How many axes the inputs of ops with a window have, the window first: TensorFlow's C++ reads them without a look. */
const WINDOWS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Conv2D: { filter: 4, x: 4 },
  Conv2DBackpropInput: { filter: 4, dy: 4 },
  Conv2DBackpropFilter: { x: 4, dy: 4 },
  Conv3D: { filter: 5, x: 5 },
  Conv3DBackpropInputV2: { filter: 5, dy: 5 },
  Conv3DBackpropFilterV2: { x: 5, dy: 5 },
  DepthwiseConv2dNative: { filter: 4, x: 4 },
  DepthwiseConv2dNativeBackpropInput: { filter: 4, dy: 4 },
  DepthwiseConv2dNativeBackpropFilter: { x: 4, dy: 4 },
  FusedConv2D: { filter: 4, x: 4 },
  FusedDepthwiseConv2D: { filter: 4, x: 4 },
  Dilation2D: { filter: 3, x: 4 },
  Dilation2DBackpropInput: { filter: 3, x: 4, dy: 4 },
  Dilation2DBackpropFilter: { filter: 3, x: 4, dy: 4 },
  AvgPool: { x: 4 },
  AvgPool3D: { x: 5 },
  AvgPoolGrad: { dy: 4, input: 4 },
  AvgPool3DGrad: { dy: 5, input: 5 },
  MaxPool: { x: 4 },
  MaxPool3D: { x: 5 },
  MaxPoolGrad: { dy: 4, input: 4, output: 4 },
  MaxPool3DGrad: { dy: 5, input: 5, output: 5 },
  MaxPoolWithArgmax: { x: 4 },
};

/** Steps of a window: numbers of values along each axis, from 1 on. */
const STEPS = ['strides', 'dilations', 'filterSize'];

/**
 * @param filter the shape of the window, where an input has it.
 * @throws RangeError for steps that are none, and for a window that reaches further than TensorFlow counts
 */
function checkWindow(
  op: string,
  attributes: Readonly<Record<string, unknown>>,
  filter: readonly number[],
): void {
  for (const name of STEPS) {
    // Null means the default, as tfjs's own backends take it.
    const steps = attributes[name] ?? undefined;
    if (steps !== undefined) checkSizes(steps, `${op}, whose ${name}`, 1);
  }
  const sizes = (filter.length > 0 ? filter : [attributes['filterSize'] ?? []].flat()) as number[];
  const dilations = [attributes['dilations'] ?? 1].flat() as number[];
  for (const [axis, size] of sizes.entries()) {
    const dilation = dilations[dilations.length === 1 ? 0 : axis] ?? 1;
    if ((size - 1) * dilation < LARGEST) continue;
    throw new RangeError(
      `${op} has a window of ${size} values with a dilation of ${dilation}, which reaches further than ${LARGEST}: give a smaller dilation`,
    );
  }
}

/** Has the backend refuse sizes that would change on their way to TensorFlow, or end the process there. */
export function installSizeChecks(tf: Tf, backend: NodeBackend): void {
  const replaceKernel = kernelReplacer(tf, backend);
  for (const [name, ranks] of Object.entries(WINDOWS)) {
    replaceKernel(name, (original) => (inputs, attributes) => {
      for (const [input, rank] of Object.entries(ranks)) {
        const shape = inputs[input]?.shape ?? [];
        if (shape.length === rank) continue;
        throw new RangeError(
          `${name} takes ${input} of ${rank} axes, not of the shape [${shape.join(', ')}]`,
        );
      }
      const filter = inputs['filter']?.shape ?? (attributes['filterShape'] as number[] | undefined);
      checkWindow(name, attributes, filter ?? []);
      const most = Math.max(...Object.values(ranks));
      for (const shape of ['inputShape', 'filterShape']) {
        const sizes = attributes[shape] as number[] | undefined;
        if (sizes === undefined) continue;
        checkShape(sizes, `the result of ${name}`);
        checkSizes(sizes, `${name}, whose ${shape}`);
        if (sizes.length === most) continue;
        throw new RangeError(`${name} takes ${shape} of ${most} axes, not [${sizes.join(', ')}]`);
      }
      return original(inputs, attributes);
    });
  }
  for (const [name, attribute] of Object.entries(SIZES)) {
    replaceKernel(name, (original) => (inputs, attributes) => {
      checkSizes(attributes[attribute], name, name === 'Reshape' ? -1 : 0);
      return original(inputs, attributes);
    });
  }
}
