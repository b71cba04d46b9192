import { readRegular } from '../../base/files/index.ts';
import { openImageDecoder, type ImageDecoder } from '../../engines/image-decoding.ts';
import { DataFormatError } from '../formats/format-error.ts';
import type { BatchParts, ImageCache, ImagePlan } from './jobs.ts';

/** TensorFlow's decoders take less than 2 GiB, and a text of a tensor less than 1 GiB. */
const MOST_PICTURE_BYTES = 2 ** 30 - 1;

/** Reads image files in a worker thread; its decoder is opened for the first of them. */
export class ImageReader {
  #decoder: ImageDecoder | undefined;

  /** A file's image. @throws DataFormatError for a file that is none @throws FileError */
  #decode(file: string, channels: number, libraries: string | undefined): ReturnType<ImageDecoder['decode']> {
    this.#decoder ??= openImageDecoder(libraries);
    const bytes = readRegular(file, MOST_PICTURE_BYTES);
    try {
      return this.#decoder.decode(bytes, channels);
    } catch (error) {
      throw new DataFormatError(
        `${file} is not a readable image (JPEG, PNG, GIF or BMP), or is damaged: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }

  /** Height and width in pixels. */
  size(file: string, libraries: string | undefined): { height: number; width: number } {
    const image = this.#decode(file, 3, libraries);
    image.dispose();
    return { height: image.height, width: image.width };
  }

  /** One image with values from 0 to 255, resized where the plan allows it. */
  #read(file: string, plan: ImagePlan, libraries: string | undefined): ArrayLike<number> {
    const image = this.#decode(file, plan.channels, libraries);
    try {
      const { height, width } = image;
      if (height === plan.height && width === plan.width) return image.values();
      if (!plan.resize) {
        throw new DataFormatError(
          `${file} has ${height} × ${width} pixels, but the first image has ${plan.height} × ${plan.width}: give a size to resize all to, as in { size: [${plan.height}, ${plan.width}] }`,
        );
      }
      return image.resized(plan.height, plan.width);
    } finally {
      image.dispose();
    }
  }

  /** Images of one batch, from the cache where they are in it. @param rows their places in the cache. */
  batch(
    files: readonly string[],
    labels: readonly number[],
    rows: Int32Array,
    plan: ImagePlan,
    libraries: string | undefined,
    cache: ImageCache | undefined,
  ): BatchParts {
    const { height, width, channels, scale, classes } = plan;
    const size = height * width * channels;
    const values = new Float32Array(files.length * size);
    const there = cache && new Uint8Array(cache.there);
    for (const [index, file] of files.entries()) {
      const target = values.subarray(index * size, (index + 1) * size);
      const row = rows[index] as number;
      const kept = cache && new Float32Array(cache.pixels, row * size * 4, size);
      if (kept && there && Atomics.load(there, row) === 1) {
        target.set(kept);
        continue;
      }
      const pixels = this.#read(file, plan, libraries);
      for (let at = 0; at < size; at++) target[at] = (pixels[at] as number) * scale;
      if (kept && there) {
        kept.set(target);
        Atomics.store(there, row, 1);
      }
    }
    const parts: BatchParts = {
      xs: { shape: [files.length, height, width, channels], dtype: 'float32', values },
    };
    if (classes !== undefined) {
      const ys = new Float32Array(files.length * (classes || 1));
      for (const [index, label] of labels.entries()) {
        if (classes === 0) ys[index] = label;
        else ys[index * classes + label] = 1;
      }
      parts['ys'] = { shape: [files.length, classes || 1], dtype: 'float32', values: ys };
    }
    return parts;
  }
}
