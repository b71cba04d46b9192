import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { imageLibraries } from '../../engines/image-decoding.ts';
import { DataFormatError } from '../formats/format-error.ts';
import type { BatchParts, ImageCache, ImagePlan } from './jobs.ts';
import type { BatchRows } from './order.ts';
import type { Source } from './source.ts';
import { refuseTooLarge } from './table-source.ts';
import { runJob } from './workers.ts';

export interface PictureOptions {
  /** Height and width to which pictures are resized. Without it all have to be as large as the first. */
  size?: readonly [height: number, width: number];
  /** 1: grey, 3: red, green and blue (default), 4: with transparency. */
  channels?: 1 | 3 | 4;
  /** The factor for the values, 0 to 255. Default 1/255. */
  scale?: number;
  /** Labels: a column for each class (default), or the class's number in one column. */
  labels?: 'oneHot' | 'index';
}

const PICTURE = /\.(?:jpe?g|png|gif|bmp)$/i;

/**
 * Pictures: a folder that has a folder for each class, a folder of pictures without classes, or a list of files.
 *
 * @throws DataFormatError for a folder without pictures; RangeError for a size that is none.
 */
export async function imageSource(
  where: string | readonly string[],
  options: PictureOptions,
): Promise<Source> {
  const { files, labels, classes } = typeof where === 'string' ? inFolder(where) : list(where);
  const libraries = imageLibraries();
  const { size, channels = 3, scale = 1 / 255 } = options;
  if (size !== undefined && !size.every((side) => Number.isInteger(side) && side > 0)) {
    throw new RangeError(`size [${size.join(', ')}]: give height and width in pixels`);
  }
  const { height, width } =
    size === undefined
      ? await runJob<'image-size'>({ kind: 'image-size', file: files[0] as string, libraries })
      : { height: size[0], width: size[1] };
  const plan: ImagePlan = {
    height,
    width,
    channels,
    scale,
    resize: size !== undefined,
    classes: classes === undefined ? undefined : options.labels === 'index' ? 0 : classes.length,
  };
  const name = typeof where === 'string' ? basename(where) : `${files.length} images`;
  return source(name, files, labels, classes, plan, libraries, undefined);
}

function source(
  name: string,
  files: readonly string[],
  labels: readonly number[],
  classes: readonly string[] | undefined,
  plan: ImagePlan,
  libraries: string | undefined,
  cache: ImageCache | undefined,
): Source {
  const own: Source = {
    name,
    chunks: [files.length],
    ...(classes && { classes }),
    batch: async ({ row }: BatchRows): Promise<BatchParts> =>
      runJob<'images'>({
        kind: 'images',
        files: Array.from(row, (at) => files[at] as string),
        labels: Array.from(row, (at) => labels[at] ?? 0),
        plan,
        libraries,
        cache,
        rows: row,
      }),
    cached() {
      if (cache !== undefined) return own;
      const bytes = files.length * plan.height * plan.width * plan.channels * 4;
      refuseTooLarge(name, bytes);
      const memory = {
        pixels: new SharedArrayBuffer(bytes),
        there: new SharedArrayBuffer(files.length),
      };
      return source(name, files, labels, classes, plan, libraries, memory);
    },
  };
  return own;
}

interface Pictures {
  files: string[];
  labels: number[];
  classes: string[] | undefined;
}

function list(files: readonly string[]): Pictures {
  if (files.length === 0) throw new RangeError('no images: name at least one file');
  return { files: [...files], labels: [], classes: undefined };
}

function inFolder(folder: string): Pictures {
  const entries = readdirSync(folder, { withFileTypes: true });
  const classes = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
  const pictures = (path: string): string[] =>
    readdirSync(path)
      .filter((name) => PICTURE.test(name))
      .sort()
      .map((name) => join(path, name));
  const own = pictures(folder);
  if (own.length > 0) return list(own);
  const found = classes.map((name) => pictures(join(folder, name)));
  const files = found.flat();
  if (files.length === 0) {
    throw new DataFormatError(
      `${folder} has no images (.jpg, .png, .gif, .bmp), and no folders of images either`,
    );
  }
  return { files, labels: found.flatMap((paths, label) => paths.map(() => label)), classes };
}
