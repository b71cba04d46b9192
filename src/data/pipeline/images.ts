import { readRegular } from '../../base/files/index.ts';
import { Binding } from '../../engines/tensorflow/binding.ts';
import { newContext } from '../../engines/tensorflow/c-api/context.ts';
import { ATTR, TF } from '../../engines/dtypes.ts';
import { openLibrary, resolveCApi } from '../../engines/tensorflow/c-api/library.ts';
import { runtimeLibraries } from '../../engines/tensorflow/runtime-libraries.ts';
import { DataFormatError } from '../formats/format-error.ts';
import type { BatchParts, ImageCache, ImagePlan } from './jobs.ts';

/** TensorFlow's decoders take less than 2 GiB, and a text of a tensor less than 1 GiB. */
const MOST_PICTURE_BYTES = 2 ** 30 - 1;

let binding: Binding | undefined;

/**
 * This thread's own TensorFlow, on one core of the processor: pictures come out as Python's `tf.io.decode_image` and
 * `tf.image.resize` make them, and no second library has to know the formats.
 */
function tensorflow(libraries: string | undefined): Binding {
  if (binding !== undefined) return binding;
  const files = libraries === undefined ? undefined : runtimeLibraries(libraries);
  if (files === undefined) {
    throw new Error('TensorFlow decodes images, and it is not installed: run `tensorcell runtime install`');
  }
  for (const file of files.load) openLibrary(file);
  const options = { deviceCount: { GPU: 0 }, intraOpThreads: 1, interOpThreads: 1 };
  binding = new Binding(newContext(resolveCApi(files.api), options));
  return binding;
}

interface Decoded {
  tf: Binding;
  id: number;
  height: number;
  width: number;
}

function decode(file: string, channels: number, libraries: string | undefined): Decoded {
  const tf = tensorflow(libraries);
  const bytes = readRegular(file, MOST_PICTURE_BYTES);
  const source = tf.createEagerTensor([], TF.STRING, [bytes]);
  try {
    const [picture] = tf.executeOp(
      'DecodeImage',
      [
        { name: 'channels', type: ATTR.INT, value: channels },
        { name: 'dtype', type: ATTR.TYPE, value: TF.UINT8 },
        { name: 'expand_animations', type: ATTR.BOOL, value: false },
      ],
      [source],
      1,
    );
    const { id, shape } = picture as { id: number; shape: number[] };
    return { tf, id, height: shape[0] as number, width: shape[1] as number };
  } catch (error) {
    throw new DataFormatError(
      `${file} is not a readable image (JPEG, PNG, GIF or BMP), or is damaged: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  } finally {
    tf.release(source);
  }
}

export async function imageSize(
  file: string,
  libraries: string | undefined,
): Promise<{ height: number; width: number }> {
  const { tf, id, height, width } = decode(file, 3, libraries);
  tf.release(id);
  return { height, width };
}

/** One picture as float32 from 0 to 255, resized as `tf.image.resize` does (bilinear). */
async function picture(
  file: string,
  plan: ImagePlan,
  libraries: string | undefined,
): Promise<ArrayLike<number>> {
  const { tf, id, height, width } = decode(file, plan.channels, libraries);
  const made = [id];
  try {
    if (height === plan.height && width === plan.width) return tf.tensorDataSync(id) as Uint8Array;
    if (!plan.resize) {
      throw new DataFormatError(
        `${file} has ${height} × ${width} pixels, but the first image has ${plan.height} × ${plan.width}: give a size to resize all to, as in { size: [${plan.height}, ${plan.width}] }`,
      );
    }
    const axis = tf.createEagerTensor([], TF.INT32, [0]);
    const size = tf.createEagerTensor([2], TF.INT32, [plan.height, plan.width]);
    made.push(axis, size);
    const [stack] = tf.executeOp(
      'ExpandDims',
      [
        { name: 'T', type: ATTR.TYPE, value: TF.UINT8 },
        { name: 'Tdim', type: ATTR.TYPE, value: TF.INT32 },
      ],
      [id, axis],
      1,
    );
    made.push((stack as { id: number }).id);
    const [resized] = tf.executeOp(
      'ResizeBilinear',
      [
        { name: 'T', type: ATTR.TYPE, value: TF.UINT8 },
        { name: 'align_corners', type: ATTR.BOOL, value: false },
        { name: 'half_pixel_centers', type: ATTR.BOOL, value: true },
      ],
      [(stack as { id: number }).id, size],
      1,
    );
    made.push((resized as { id: number }).id);
    return tf.tensorDataSync((resized as { id: number }).id) as Float32Array;
  } finally {
    for (const one of made) tf.release(one);
  }
}

/** Pictures of one batch, from the cache where they are in it. @param rows their places in the cache. */
export async function imageBatch(
  files: readonly string[],
  labels: readonly number[],
  rows: Int32Array,
  plan: ImagePlan,
  libraries: string | undefined,
  cache: ImageCache | undefined,
): Promise<BatchParts> {
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
    const pixels = await picture(file, plan, libraries);
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
