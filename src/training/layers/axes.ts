import { positiveAxis, type Layer, type Shape } from './registry.ts';

/** One axis or a list of them, from the front and sorted. @throws RangeError for an axis twice, or one too many */
export function axesOf(axis: number | number[], rank: number): number[] {
  const axes = (Array.isArray(axis) ? axis : [axis]).map((each) => positiveAxis(each, rank));
  if (new Set(axes).size < axes.length) {
    throw new RangeError(
      `axis is ${JSON.stringify(axis)}, which has duplicate axes for an input of ${rank} dimensions`,
    );
  }
  return axes.sort((a, b) => a - b);
}

/** Sizes of some axes, which have to be known. @throws RangeError naming the layer */
export function sizesAt(shape: Shape, axes: readonly number[], layer: Layer): number[] {
  return axes.map((axis) => {
    const size = shape[axis];
    if (typeof size === 'number') return size;
    throw new RangeError(
      `layer ${layer.name}: axis ${axis} of its input has no known size (shape [${shape.join(', ')}])`,
    );
  });
}
