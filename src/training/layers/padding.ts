import { plainLayer } from './plain-layer.ts';
import {
  dataFormatOf,
  mapSpatial,
  type Args,
  type DataFormat,
  type LayerClass,
  type Shape,
  type Tensor,
  type Tf,
} from './registry.ts';

type Sides = [before: number, after: number];

interface Margins {
  sides: Sides[];
  dataFormat: DataFormat;
}

/** A number, a number for each dimension, or two for each; in one dimension also two numbers. @throws RangeError */
function readSides(value: unknown, rank: number, option: string): Sides[] {
  const wrong = (): never => {
    throw new RangeError(
      `${option} is ${JSON.stringify(value)}; it must be a whole number, ${rank === 1 ? 'or two' : `${rank} of them, or ${rank} pairs`}`,
    );
  };
  const sides = (given: unknown): Sides => {
    const pair = Array.isArray(given) ? (given as unknown[]) : [given, given];
    if (pair.length !== 2 || !pair.every((size) => Number.isInteger(size) && (size as number) >= 0)) wrong();
    return pair as Sides;
  };
  if (!Array.isArray(value)) return Array.from({ length: rank }, () => sides(value));
  // In one dimension a list of two numbers is the pair itself.
  if (rank === 1) return [sides(value.length === 1 ? value[0] : value)];
  if (value.length !== rank) wrong();
  return value.map(sides);
}

const reader =
  (rank: number, option: string, otherwise: number) =>
  (args: Args): Margins => ({
    sides: readSides(args[option] ?? otherwise, rank, option),
    dataFormat: dataFormatOf(args),
  });

const writer =
  (rank: number, option: string) =>
  ({ sides, dataFormat }: Margins) =>
    rank === 1 ? { [option]: sides[0] as Sides } : { [option]: sides, dataFormat };

function spatialAxis(dataFormat: DataFormat, dimension: number): number {
  return dimension + (dataFormat === 'channelsFirst' ? 2 : 1);
}

function zeroPadding(tf: Tf, rank: number): LayerClass {
  return plainLayer<Margins>(tf, {
    className: `ZeroPadding${rank}D`,
    rank: rank + 2,
    read: reader(rank, 'padding', 1),
    write: writer(rank, 'padding'),
    call: (_, x, { sides, dataFormat }): Tensor => {
      const whole = x.shape.map((): Sides => [0, 0]);
      for (const [dimension, pair] of sides.entries()) whole[spatialAxis(dataFormat, dimension)] = pair;
      return tf.pad(x, whole);
    },
    shape: (shape, { sides, dataFormat }): Shape =>
      mapSpatial(shape, dataFormat, (length, index) => {
        const [before, after] = sides[index] as Sides;
        return length === null ? null : length + before + after;
      }),
  });
}

function cropping(tf: Tf, rank: number): LayerClass {
  return plainLayer<Margins>(tf, {
    className: `Cropping${rank}D`,
    rank: rank + 2,
    read: reader(rank, 'cropping', rank === 1 ? 1 : 0),
    write: writer(rank, 'cropping'),
    call: (_, x, { sides, dataFormat }): Tensor => {
      const begin = x.shape.map(() => 0);
      const size = [...x.shape];
      for (const [dimension, [before, after]] of sides.entries()) {
        const axis = spatialAxis(dataFormat, dimension);
        begin[axis] = before;
        size[axis] = (size[axis] as number) - before - after;
      }
      return tf.slice(x, begin, size);
    },
    shape: (shape, { sides, dataFormat }): Shape =>
      mapSpatial(shape, dataFormat, (length, index) => {
        const [before, after] = sides[index] as Sides;
        if (length === null) return null;
        if (length <= before + after)
          throw new RangeError(
            `cropping takes ${before} and ${after} off a dimension of ${length}: nothing is left`,
          );
        return length - before - after;
      }),
  });
}

/** Padding and cropping in one to three dimensions. */
export function installPadding(tf: Tf): Record<string, LayerClass> {
  return Object.fromEntries(
    [1, 2, 3].flatMap((rank) => [
      [`ZeroPadding${rank}D`, zeroPadding(tf, rank)],
      [`Cropping${rank}D`, cropping(tf, rank)],
    ]),
  );
}
