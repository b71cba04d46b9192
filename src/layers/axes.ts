import { positiveAxis, type Layer, type Shape } from './registry.ts';

/** One axis or a list of them, from the front and sorted. */
export function axesOf(axis: number | number[], rank: number): number[] {
  return (Array.isArray(axis) ? axis : [axis]).map((each) => positiveAxis(each, rank)).sort((a, b) => a - b);
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
