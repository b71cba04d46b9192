import { closeSync, readSync } from 'node:fs';
import type { Tensor } from '@tensorflow/tfjs';
import { toFloat32 } from '../../base/arrays/convert.ts';
import { taggedOver, type TaggedArray } from '../../base/arrays/tagged.ts';
import { openRegular } from '../../base/files/index.ts';
import { systemErrorCode } from '../../base/memory/mapping.ts';
import { theSystem } from '../../base/memory/system.ts';
import { isMemoryDtype, tensorFilledBy } from '../../tfjs/memory-tensors.ts';
import { theTf } from '../../tfjs/current.ts';
import { headerLength, parseHeader, SafetensorsError, type Header, type TensorEntry } from './header.ts';

export interface ReadOptions {
  /**
   * `'float32'`: every number as a float32 tensor. `'array'`: everything as typed arrays with their dtype and shape.
   * Without it, what tfjs has a dtype for arrives as a tensor, and the rest (float16, bfloat16, int64, …) as arrays.
   */
  as?: 'float32' | 'array';
}

/** Linux reads at most 2 GiB at once. */
const LONGEST_READ = 2 ** 30;

/**
 * An open safetensors file: only what is read of it is loaded from the disk. It is not mapped into memory, since a file
 * that becomes shorter would end the process then.
 */
export class SafetensorsFile implements Disposable {
  readonly #file: string;
  readonly #header: Header;
  readonly #descriptor: number;
  #open = true;

  /**
   * @throws SafetensorsError when the file is not a whole safetensors file; the system's error when it cannot be read.
   */
  constructor(file: string) {
    this.#file = file;
    const { descriptor: fd, bytes: size } = openRegular(file);
    try {
      const first = Buffer.alloc(Math.min(8, size));
      readSync(fd, first, 0, first.length, 0);
      const json = Buffer.alloc(headerLength(first, size, file));
      readSync(fd, json, 0, json.length, 8);
      this.#header = parseHeader(json, size, file);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#descriptor = fd;
    // It need not be closed.
    forgotten.register(this, fd, this);
  }

  /** The tensors' names, in the order of the file's header. */
  get names(): string[] {
    return [...this.#header.tensors.keys()];
  }

  /** The metadata that the writer of the file put into it. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  /** dtype, shape and size of a tensor, without reading it. @throws SafetensorsError when there is none of this name. */
  info(name: string): TensorEntry {
    const entry = this.#header.tensors.get(name);
    if (entry !== undefined) return entry;
    const near = this.names.filter((other) => other.includes(name) || name.includes(other)).slice(0, 5);
    throw new SafetensorsError(
      'not-found',
      `${this.#file} has no tensor '${name}'${near.length > 0 ? `; did you mean ${near.join(', ')}?` : ''}`,
    );
  }

  /** One tensor, copied out of the file. */
  get(name: string, options: ReadOptions & { as: 'array' }): TaggedArray;
  get(name: string, options: ReadOptions & { as: 'float32' }): Tensor;
  get(name: string, options?: ReadOptions): Tensor | TaggedArray;
  get(name: string, { as }: ReadOptions = {}): Tensor | TaggedArray {
    const { dtype, shape, start, bytes } = this.info(name);
    if (!this.#open) throw new SafetensorsError('not-found', `${this.#file} was closed`);
    const plain = as === dtype || as === undefined;
    if (plain && isMemoryDtype(dtype)) {
      const tf = theTf();
      const tensor = tensorFilledBy((into) => this.#readInto(into, start, bytes), bytes, dtype, shape);
      if (tensor !== undefined) return tensor;
      if (dtype !== 'complex64') {
        return tf.tensor(this.#copy(name) as Float32Array, [...shape], dtype);
      }
    }
    const array = this.#copy(name);
    return as === 'float32' ? theTf().tensor(toFloat32(array), [...shape], 'float32') : array;
  }

  #copy(name: string): TaggedArray {
    const { dtype, shape, start, bytes } = this.info(name);
    const buffer = new ArrayBuffer(bytes);
    const into = new Uint8Array(buffer);
    for (let at = 0; at < bytes;) {
      const got = readSync(this.#descriptor, into, at, Math.min(bytes - at, LONGEST_READ), start + at);
      if (got === 0) throw this.#shorter();
      at += got;
    }
    return taggedOver(dtype, shape, buffer);
  }

  #readInto(address: number, start: number, bytes: number): void {
    for (let at = 0; at < bytes;) {
      const length = Math.min(bytes - at, LONGEST_READ);
      const got = theSystem().pread(this.#descriptor, address + at, length, start + at);
      if (got < 0) throw new SafetensorsError('malformed', `cannot read ${this.#file}: ${systemErrorCode()}`);
      if (got === 0) throw this.#shorter();
      at += got;
    }
  }

  #shorter(): SafetensorsError {
    return new SafetensorsError(
      'malformed',
      `${this.#file} became shorter after it was opened: open it again`,
    );
  }

  /** Closes the file. Tensors that were read stay. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    forgotten.unregister(this);
    closeSync(this.#descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const forgotten = new FinalizationRegistry<number>((descriptor) => {
  closeSync(descriptor);
});
