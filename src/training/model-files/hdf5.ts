import type * as H5wasm from 'h5wasm';
import { toFloat32 } from '../../base/arrays/convert.ts';
import { tagArray } from '../../base/arrays/tagged.ts';
import type { WrittenFile } from '../../base/files/index.ts';
import { malformed, ModelFileError } from './errors.ts';
import { once } from '../../base/once.ts';
import { setOwn } from '../../base/own-property.ts';
import { formatBytes } from '../../base/text/bytes.ts';

/** An array of a weights file, by its path: `layers/dense/vars/0`. */
export interface StoredArray {
  shape: number[];
  values: Float32Array | BigInt64Array;
}

export interface StoredGroup {
  /** Keras notes the layer's name here. */
  name?: string;
  arrays: StoredArray[];
}

/** h5wasm holds a file in 32-bit memory. */
const MOST_BYTES = 2 ** 31 - 2 ** 26;

type Library = typeof H5wasm;

/** The part of Emscripten's file system that is used; its files lie in this process's memory. */
interface MemoryFiles {
  writeFile(path: string, bytes: Uint8Array, options: { canOwn: boolean }): void;
  readFile(path: string): Uint8Array;
  unlink(path: string): void;
  analyzePath(path: string): { exists: boolean };
  getStream(descriptor: number): {
    stream_ops: { write(stream: unknown, bytes: unknown, offset: number, length: number): number };
  };
}

let serial = 0;

// Not `h5wasm/node`: that one works on real files, so a full temporary folder damaged weights, and a link inside a
// file led to any file of the machine.
const hdf5 = once(async (): Promise<Library> => {
  const module = await import('h5wasm');
  await module.ready;
  // HDF5 prints a page for each error, also for those that are answered here with one sentence.
  const stderr = filesOf(module).getStream(2);
  stderr.stream_ops = { ...stderr.stream_ops, write: (_stream, _bytes, _offset, length) => length };
  return module;
});

function filesOf({ FS }: Library): MemoryFiles {
  return FS as unknown as MemoryFiles;
}

/**
 * An HDF5 file with a group for each path, its arrays named by their numbers, as Keras 3 writes weights. The
 * written file is opened again and compared: the library reports most failures by results only.
 *
 * @throws ModelFileError for 2 GiB and more, and when the file does not hold what it should.
 */
export async function writeHdf5(groups: ReadonlyMap<string, StoredGroup>): Promise<Buffer> {
  const bytes = [...groups.values()]
    .flatMap(({ arrays }) => arrays)
    .reduce((sum, { values }) => sum + values.byteLength, 0);
  if (bytes >= MOST_BYTES) {
    throw new ModelFileError(
      'TENSORCELL_MODEL_TOO_LARGE',
      `the weights are ${formatBytes(bytes)}, and .keras files are written up to 2 GiB: save to a folder instead, as in saveModel(model, 'my-model')`,
    );
  }
  const library = await hdf5();
  return inMemory(library, (path) => {
    try {
      writeGroups(library, path, groups);
      checkGroups(library, path, groups);
      const written = filesOf(library).readFile(path);
      return Buffer.from(written.buffer, written.byteOffset, written.byteLength);
    } catch (error) {
      if (error instanceof ModelFileError) throw error;
      throw notWritten((error as Error).message, error);
    }
  });
}

function notWritten(what: string, cause?: unknown): ModelFileError {
  return new ModelFileError(
    'TENSORCELL_MODEL_NOT_WRITTEN',
    `the weights could not be put into an HDF5 file: ${what}. No file was changed; save to a folder instead, as in saveModel(model, 'my-model')`,
    cause === undefined ? {} : { cause },
  );
}

function writeGroups(library: Library, path: string, groups: ReadonlyMap<string, StoredGroup>): void {
  const { Dataset, File, Group } = library;
  const file = new File(path, 'w');
  let closed: number;
  try {
    const made = new Set<string>();
    for (const [group, { name, arrays }] of groups) {
      let parent = '';
      for (const part of group.split('/')) {
        parent = parent === '' ? part : `${parent}/${part}`;
        if (!made.has(parent) && !(file.create_group(parent) instanceof Group)) {
          throw notWritten(`group ${parent} was not made`);
        }
        made.add(parent);
      }
      const entity = file.get(group);
      if (name !== undefined && entity instanceof Group) entity.create_attribute('name', name);
      for (const [index, { shape, values }] of arrays.entries()) {
        const dtype = values instanceof Float32Array ? '<f' : '<q';
        const made = file.create_dataset({ name: `${group}/${index}`, data: values, shape, dtype });
        if (!(made instanceof Dataset)) throw notWritten(`array ${group}/${index} was not made`);
      }
    }
  } finally {
    // It gives HDF5's result: below 0 when something was not flushed.
    closed = file.close();
  }
  if (closed < 0) throw notWritten('closing it failed');
}

/** Opens what was written: every array is there with its shape, and with its first and last value. */
function checkGroups(library: Library, path: string, groups: ReadonlyMap<string, StoredGroup>): void {
  const { Dataset, File, Group } = library;
  const file = new File(path, 'r');
  try {
    for (const [group, { name, arrays }] of groups) {
      const entity = file.get(group);
      if (!(entity instanceof Group)) throw notWritten(`group ${group} is missing`);
      if (name !== undefined && entity.attrs['name']?.value !== name) {
        throw notWritten(`the name of group ${group} is missing`);
      }
      for (const [index, { shape, values }] of arrays.entries()) {
        const dataset = file.get(`${group}/${index}`);
        if (!(dataset instanceof Dataset) || (dataset.shape ?? []).join() !== shape.join()) {
          throw notWritten(`array ${group}/${index} is missing or has another shape`);
        }
        if (values.length === 0) continue;
        for (const [at, ranges] of [
          [0, shape.map((): [number, number] => [0, 1])],
          [values.length - 1, shape.map((length): [number, number] => [length - 1, length])],
        ] as const) {
          const read = shape.length === 0 ? dataset.value : dataset.slice([...ranges]);
          const found = ArrayBuffer.isView(read) ? (read as Float32Array)[0] : read;
          if (!Object.is(found, values[at])) throw notWritten(`array ${group}/${index} holds other values`);
        }
      }
    }
  } finally {
    file.close();
  }
}

/** Every array of such a file by its path. @throws ModelFileError for what is no HDF5 file, or unpacks to 2 GiB. */
export async function readHdf5(bytes: Uint8Array, name: string): Promise<Map<string, StoredArray>> {
  return opened(bytes, name, (library, file) => arraysOf(library, file, name));
}

/** Text that groups of a file note, by group (the file's own is `''`) and name. */
export type GroupNotes = ReadonlyMap<string, Readonly<Record<string, string | string[]>>>;

/** The same with what its groups note. @throws ModelFileError */
export async function readHdf5WithNotes(
  bytes: Uint8Array,
  name: string,
): Promise<{ arrays: Map<string, StoredArray>; notes: GroupNotes }> {
  return opened(bytes, name, (library, file) => {
    const notes = new Map<string, Record<string, string | string[]>>();
    for (const inner of ['', ...file.paths()]) {
      const entity = inner === '' ? file : file.get(inner);
      if (!(entity instanceof library.Group)) continue;
      const texts: Record<string, string | string[]> = {};
      for (const [key, { value }] of Object.entries(entity.attrs)) {
        if (typeof value === 'string') setOwn(texts, key, value);
        else if (Array.isArray(value) && value.every((item) => typeof item === 'string'))
          setOwn(texts, key, value);
      }
      notes.set(inner.replace(/^\//, ''), texts);
    }
    return { arrays: arraysOf(library, file, name), notes };
  });
}

async function opened<T>(
  bytes: Uint8Array,
  name: string,
  read: (library: Library, file: H5wasm.File) => T,
): Promise<T> {
  const problem = hdf5Problem({
    bytes: bytes.length,
    read: (start, length) => Buffer.from(bytes.subarray(start, start + length)),
  });
  if (problem !== undefined) throw malformed(`${name} is not an HDF5 file, or is damaged: ${problem}`);
  const library = await hdf5();
  return inMemory(library, (path) => {
    try {
      filesOf(library).writeFile(path, bytes, { canOwn: true });
      const file = new library.File(path, 'r');
      try {
        return read(library, file);
      } finally {
        file.close();
      }
    } catch (error) {
      if (error instanceof ModelFileError) throw error;
      throw malformed(`${name} is not an HDF5 file, or is damaged: ${(error as Error).message}`, error);
    }
  });
}

function arraysOf(library: Library, file: H5wasm.File, name: string): Map<string, StoredArray> {
  const arrays = new Map<string, StoredArray>();
  let total = 0;
  for (const inner of file.paths()) {
    const entity = file.get(inner);
    if (!(entity instanceof library.Dataset)) continue;
    const key = inner.replace(/^\//, '');
    const shape = [...(entity.shape ?? [])];
    const { size } = entity.metadata;
    total += shape.reduce((product, length) => product * length, size);
    // Compressed arrays unpack to a thousand times their bytes.
    if (!(total < MOST_BYTES)) throw malformed(`${name}: its arrays are larger than 2 GiB, from ${key} on`);
    const value = valueOf(entity, `${name}: ${key}`);
    if (value instanceof Float32Array || value instanceof BigInt64Array) {
      arrays.set(key, { shape, values: value });
    } else if (typeof value === 'number' || typeof value === 'bigint') {
      const values = typeof value === 'number' ? Float32Array.of(value) : BigInt64Array.of(value);
      arrays.set(key, { shape: [], values });
    } else if (value instanceof BigUint64Array) {
      arrays.set(key, { shape, values: BigInt64Array.from(value) });
    } else if (ArrayBuffer.isView(value) && 'length' in value) {
      arrays.set(key, { shape, values: Float32Array.from(value as Float64Array) });
    }
  }
  return arrays;
}

/** HDF5's number for types of floats (H5T_FLOAT), and for those of integers. */
const [INTEGERS, FLOATS] = [0, 1];

/** A data set's value; floats of 16 bits as float32. @throws ModelFileError for floats that are none of JavaScript's, naming `what`. */
function valueOf(entity: H5wasm.Dataset, what: string): unknown {
  const { metadata } = entity;
  if (metadata.type !== FLOATS || [4, 8].includes(metadata.size)) return entity.value;
  if (metadata.size !== 2) {
    throw malformed(
      `${what} is an array of float${8 * metadata.size}, which is not read: save it as float32, float16 or float64`,
    );
  }
  // h5wasm reads integers of 16 bits, and no floats.
  const bits = Object.create(entity, {
    metadata: { value: { ...metadata, type: INTEGERS, signed: false } },
  }) as H5wasm.Dataset;
  const read = bits.value as Uint16Array | number;
  const values = toFloat32(
    tagArray(typeof read === 'number' ? Uint16Array.of(read) : Uint16Array.from(read), 'float16'),
  );
  return typeof read === 'number' ? values[0] : values;
}

function inMemory<T>(library: Library, work: (path: string) => T): T {
  const path = `/weights-${(serial += 1)}.h5`;
  const files = filesOf(library);
  try {
    return work(path);
  } finally {
    if (files.analyzePath(path).exists) files.unlink(path);
  }
}

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

/**
 * The problem with the superblock of an HDF5 file: its signature, and that the file has as many bytes as it says.
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (level 0A)
 */
export function hdf5Problem(file: WrittenFile): string | undefined {
  const head = file.read(0, 96);
  if (!head.subarray(0, 8).equals(SIGNATURE)) return 'it does not begin with the signature of HDF5';
  const version = head[8] as number;
  const [sizeAt, endAt] = version < 2 ? [13, version === 0 ? 40 : 44] : [9, 28];
  // Addresses of other widths are possible, but no known program writes them.
  if (head[sizeAt] !== 8 || head.length < endAt + 8) return undefined;
  const end = head.readBigUInt64LE(endAt);
  if (BigInt(file.bytes) < end) return `it was cut short: it has ${file.bytes} of ${end} bytes`;
  return undefined;
}
