/** safetensors files, the format of PyTorch's world: `tensorcell.safetensors`. */
import type { Tensor } from '@tensorflow/tfjs';
import { dtypeBytes, elementCount } from '../../base/arrays/dtype.ts';
import { arrayTag, type TaggedArray } from '../../base/arrays/tagged.ts';
import { theSystem } from '../../base/memory/system.ts';
import { writeWhole, type WrittenFile } from '../../base/files/index.ts';
import { storedDtype, withTensorMemory } from '../../tfjs/memory-tensors.ts';
import { SafetensorsFile, type ReadOptions } from './file.ts';
import {
  formatHeader,
  headerLength,
  parseHeader,
  SafetensorsError,
  type TensorDescription,
} from './header.ts';

export { SafetensorsFile, type ReadOptions } from './file.ts';
export { SafetensorsError, type SafetensorsErrorCode, type TensorEntry } from './header.ts';

/** Opens a file without reading its tensors; `close()` it, or forget it. @throws SafetensorsError */
export function open(file: string): SafetensorsFile {
  return new SafetensorsFile(file);
}

export interface LoadOptions extends ReadOptions {
  /** Only these tensors. */
  names?: readonly string[];
}

/**
 * Loads a file's tensors by their names.
 *
 * @throws SafetensorsError when the file is damaged, or lacks a tensor of `names`.
 */
export function load(file: string, options: LoadOptions & { as: 'array' }): Record<string, TaggedArray>;
export function load(file: string, options: LoadOptions & { as: 'float32' }): Record<string, Tensor>;
export function load(file: string, options?: LoadOptions): Record<string, Tensor | TaggedArray>;
export function load(file: string, options: LoadOptions = {}): Record<string, Tensor | TaggedArray> {
  using opened = new SafetensorsFile(file);
  const names = options.names ?? opened.names;
  // All are known to be there before the first is read.
  for (const name of names) opened.info(name);
  return Object.fromEntries(names.map((name) => [name, opened.get(name, options)]));
}

/** Parts in which a tensor's memory is written: large enough for the disk, small compared with the tensor. */
const CHUNK = 16 * 1024 * 1024;

interface Source extends TensorDescription {
  readonly chunks: () => Iterable<Uint8Array>;
}

function sourceOf(name: string, value: Tensor | NodeJS.TypedArray): Source {
  if (ArrayBuffer.isView(value)) {
    const array = value;
    return {
      ...arrayTag(array),
      chunks: () => [new Uint8Array(array.buffer, array.byteOffset, array.byteLength)],
    };
  }
  if (value.isDisposed) throw new SafetensorsError('not-found', `tensor '${name}' was disposed`);
  if (value.dtype === 'string') {
    throw new SafetensorsError('unsupported', `tensor '${name}' holds text: safetensors files hold numbers`);
  }
  const dtype = storedDtype(value);
  const bytes = elementCount(value.shape) * dtypeBytes(dtype);
  return {
    dtype,
    shape: value.shape,
    *chunks() {
      for (let at = 0; at < bytes; at += CHUNK) {
        const length = Math.min(CHUNK, bytes - at);
        yield withTensorMemory(value, (memory) => {
          if ('array' in memory) {
            return new Uint8Array(memory.array.buffer, memory.array.byteOffset + at, length);
          }
          const part = Buffer.allocUnsafe(length);
          theSystem().read(part, memory.address + at, length);
          return part;
        });
      }
    },
  };
}

/**
 * Saves tensors, variables and typed arrays (tagged ones with their dtype and shape) by name. The file is there whole
 * or not at all.
 *
 * @throws SafetensorsError for text, disposed tensors and complex128; FileError when it cannot be written: the file that was
 * there before is kept then.
 */
export function save(
  file: string,
  tensors: Readonly<Record<string, Tensor | NodeJS.TypedArray>>,
  { metadata = {} }: { metadata?: Readonly<Record<string, string>> } = {},
): void {
  const sources = new Map(Object.entries(tensors).map(([name, value]) => [name, sourceOf(name, value)]));
  if (sources.has('__metadata__')) {
    throw new SafetensorsError(
      'unsupported',
      "no tensor can be named '__metadata__': the format reserves that name",
    );
  }
  const { bytes, order } = formatHeader(sources, metadata);
  function* parts(): Iterable<Uint8Array> {
    yield bytes;
    for (const name of order) yield* sources.get(name)?.chunks() ?? [];
  }
  // Its own header: that it fits the file's size, too.
  const check = (written: WrittenFile): string | undefined => {
    try {
      const length = headerLength(written.read(0, 8), written.bytes, file);
      parseHeader(written.read(8, length), written.bytes, file);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };
  writeWhole(file, parts(), { check });
}
