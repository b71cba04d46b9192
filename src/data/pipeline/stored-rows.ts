import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataFormatError } from '../formats/format-error.ts';
import { idxValues } from '../formats/idx.ts';
import { npyValues, tensorValues } from '../formats/npy.ts';
import type { ArrayPart, BatchParts, StoredArray } from './jobs.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

const MOST_HANDLES = 64;

/** Reads examples from arrays on disk. Files stay open, by path and by what they were when the data set was opened. */
export class StoredRows {
  readonly #handles = new Map<string, number>();

  /** Reads examples from each array: rows that follow each other are read at once. */
  read(arrays: readonly StoredArray[], rows: Int32Array): BatchParts {
    return Object.fromEntries(arrays.map((array) => [array.name, this.#readPart(array, rows)]));
  }

  #handleOf({ file, stamp }: StoredArray): number {
    const key = `${stamp} ${file}`;
    const known = this.#handles.get(key);
    if (known !== undefined) return known;
    if (this.#handles.size >= MOST_HANDLES) {
      for (const [oldest, handle] of this.#handles) {
        this.#handles.delete(oldest);
        closeSync(handle);
        break;
      }
    }
    const handle = openSync(file, 'r');
    this.#handles.set(key, handle);
    return handle;
  }

  #readPart(array: StoredArray, rows: Int32Array): ArrayPart {
    const handle = this.#handleOf(array);
    const perRow = elementCount(array.shape);
    const rowBytes = perRow * array.size;
    const bytes = new Uint8Array(rows.length * rowBytes);
    for (let at = 0; at < rows.length;) {
      let end = at + 1;
      while (end < rows.length && rows[end] === (rows[end - 1] as number) + 1) end += 1;
      const length = (end - at) * rowBytes;
      const read = readSync(
        handle,
        bytes,
        at * rowBytes,
        length,
        array.start + (rows[at] as number) * rowBytes,
      );
      if (read < length) {
        const { size } = fstatSync(handle);
        throw new DataFormatError(
          `${array.file} has ${size} bytes now and was longer when it was opened: open the data set again`,
        );
      }
      at = end;
    }
    const raw = array.format === 'npy' ? npyValues(bytes, array.type) : idxValues(bytes, Number(array.type));
    const shape = [rows.length, ...array.shape];
    if (array.oneHot !== undefined) return oneHotPart(raw, array.oneHot, array);
    if (array.scale !== undefined) {
      const scaled = new Float32Array(raw.length);
      for (let at = 0; at < raw.length; at++) scaled[at] = Number(raw[at]) * array.scale;
      return { shape, dtype: 'float32', values: scaled };
    }
    return { shape, ...tensorValues(raw, array.type) };
  }
}

function oneHotPart(values: ArrayLike<number | bigint>, classes: number, array: StoredArray): ArrayPart {
  const result = new Float32Array(values.length * classes);
  for (let at = 0; at < values.length; at++) {
    const place = Number(values[at]);
    if (!Number.isInteger(place) || place < 0 || place >= classes) {
      throw new DataFormatError(`${array.file}: class ${place} is not one of the ${classes} classes from 0`);
    }
    result[at * classes + place] = 1;
  }
  return { shape: [values.length, classes], dtype: 'float32', values: result };
}
