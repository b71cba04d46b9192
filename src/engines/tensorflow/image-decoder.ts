import { ATTR, TF } from '../dtypes.ts';
import type { DecodedImage, ImageDecoder } from '../image-decoder.ts';
import type { TensorMetadata } from '../op-recorder.ts';
import { Binding } from './binding.ts';
import { newContext } from './c-api/context.ts';
import { openLibrary, resolveCApi } from './c-api/library.ts';
import { runtimeChoice } from './loading.ts';
import { runtimeLibraries } from './runtime-libraries.ts';

/**
 * The folder of libraries that `openImageDecoder` loads in a worker; undefined where no TensorFlow build is installed.
 *
 * @throws TensorflowError for a `TENSORCELL_RUNTIME` that does not exist
 */
export function imageLibraries(): string | undefined {
  // TensorFlow reads this when it is loaded, which may be in a thread: a thread has its own environment.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1';
  return runtimeChoice().runtime?.libraries;
}

/**
 * A TensorFlow context of this thread's, on one CPU core: images come out as Python's `tf.io.decode_image` and
 * `tf.image.resize` make them, and no second library has to know the formats.
 *
 * @throws Error where there is no TensorFlow build.
 */
export function openImageDecoder(libraries: string | undefined): ImageDecoder {
  const files = libraries === undefined ? undefined : runtimeLibraries(libraries);
  if (files === undefined) {
    throw new Error('TensorFlow decodes images, and it is not installed: run `tensorcell runtime install`');
  }
  for (const file of files.load) openLibrary(file);
  const options = { deviceCount: { GPU: 0 }, intraOpThreads: 1, interOpThreads: 1 };
  const binding = new Binding(newContext(resolveCApi(files.api), options));
  return { decode: (bytes, channels) => decode(binding, bytes, channels) };
}

/** The one result of an op. */
function only([made]: readonly TensorMetadata[], op: string): TensorMetadata {
  if (made === undefined) throw new Error(`${op} gave no tensor`);
  return made;
}

function decode(binding: Binding, bytes: Uint8Array, channels: number): DecodedImage {
  const source = binding.createEagerTensor([], TF.STRING, [bytes]);
  try {
    const attributes = [
      { name: 'channels', type: ATTR.INT, value: channels },
      { name: 'dtype', type: ATTR.TYPE, value: TF.UINT8 },
      { name: 'expand_animations', type: ATTR.BOOL, value: false },
    ];
    const { id, shape } = only(binding.executeOp('DecodeImage', attributes, [source], 1), 'DecodeImage');
    const [height = 0, width = 0] = shape;
    return {
      height,
      width,
      values: () => numbers(binding, id),
      resized: (...size) => resized(binding, id, size),
      dispose: () => binding.release(id),
    };
  } finally {
    binding.release(source);
  }
}

function resized(binding: Binding, image: number, size: [height: number, width: number]): ArrayLike<number> {
  const made: number[] = [];
  const keep = (id: number): number => {
    made.push(id);
    return id;
  };
  try {
    const axis = keep(binding.createEagerTensor([], TF.INT32, [0]));
    const sides = keep(binding.createEagerTensor([2], TF.INT32, size));
    const types = [
      { name: 'T', type: ATTR.TYPE, value: TF.UINT8 },
      { name: 'Tdim', type: ATTR.TYPE, value: TF.INT32 },
    ];
    const stack = keep(only(binding.executeOp('ExpandDims', types, [image, axis], 1), 'ExpandDims').id);
    const attributes = [
      { name: 'T', type: ATTR.TYPE, value: TF.UINT8 },
      { name: 'align_corners', type: ATTR.BOOL, value: false },
      { name: 'half_pixel_centers', type: ATTR.BOOL, value: true },
    ];
    const result = binding.executeOp('ResizeBilinear', attributes, [stack, sides], 1);
    return numbers(binding, keep(only(result, 'ResizeBilinear').id));
  } finally {
    for (const id of made) binding.release(id);
  }
}

/** A tensor's values. @throws TypeError for text */
function numbers(binding: Binding, id: number): ArrayLike<number> {
  const values = binding.tensorDataSync(id);
  if (values instanceof Uint8Array || values instanceof Float32Array) return values;
  throw new TypeError('an image holds bytes or float32 numbers');
}
