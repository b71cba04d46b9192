import { closeSync, fstatSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { openRegular } from '../../base/files/index.ts';
import { DataFormatError } from '../formats/format-error.ts';
import { parseIdxHeader } from '../formats/idx.ts';
import { parseNpyHeader } from '../formats/npy.ts';
import type { BatchParts, StoredArray } from './jobs.ts';
import type { BatchRows } from './order.ts';
import type { Source } from './source.ts';
import { runJob } from './workers.ts';
import { elementCount } from '../../base/arrays/dtype.ts';

export interface ArrayOptions {
  /** Factors for the values of parts, such as `{ xs: 1 / 255 }`; it then is float32. */
  scale?: Record<string, number>;
  /** Number of classes of a part that holds class numbers: `{ ys: 10 }` makes rows of ten of it. */
  oneHot?: Record<string, number>;
}

/** NumPy's own headers are shorter by far. */
const HEADER = 65_536;

/**
 * Arrays on disk (`.npy` or IDX), one for each part of a batch, whose first axis counts the examples. They are read
 * row by row and may be larger than memory.
 *
 * @throws DataFormatError for other files, for one that was cut short, and where their lengths differ.
 */
export function arraySource(files: Readonly<Record<string, string>>, options: ArrayOptions): Source {
  const arrays = Object.entries(files).map(([name, file]) => storedArray(name, file, options));
  const [first] = arrays;
  if (first === undefined) throw new RangeError("no arrays: name at least one, as in { xs: 'pictures.npy' }");
  for (const array of arrays) {
    if (array.rows !== first.rows) {
      throw new DataFormatError(
        `${array.file} has ${array.rows} examples, but ${first.file} has ${first.rows}: they do not belong together`,
      );
    }
  }
  for (const name of [...Object.keys(options.scale ?? {}), ...Object.keys(options.oneHot ?? {})]) {
    if (!(name in files))
      throw new RangeError(`there is no part '${name}': there are ${Object.keys(files).join(', ')}`);
  }
  const source: Source = {
    name: arrays.map(({ file }) => basename(file)).join(' and '),
    chunks: [first.rows],
    batch: async ({ row }: BatchRows): Promise<BatchParts> =>
      runJob<'rows'>({ kind: 'rows', arrays, rows: row }),
    // The system keeps what was read of a file in memory that no process needs.
    cached: () => source,
  };
  return source;
}

function storedArray(name: string, file: string, options: ArrayOptions): StoredArray {
  const { descriptor: handle } = openRegular(file);
  try {
    const { size: bytes, ino, mtimeMs } = fstatSync(handle);
    const head = new Uint8Array(Math.min(HEADER, bytes));
    readSync(handle, head, 0, head.length, 0);
    const npy = head[0] === 0x93;
    const header = npy
      ? parseNpyHeader(head, file)
      : { ...parseIdxHeader(head, file), type: String(head[2]), fortran: false };
    const { shape, start, size, type } = header;
    if (header.fortran && shape.length > 1) {
      throw new DataFormatError(
        `${file} is stored column by column (Fortran order), so single rows cannot be read: save numpy.ascontiguousarray(array), or read it as a whole with tensorcell.readNpy`,
      );
    }
    const [rows = 0, ...example] = shape;
    if (shape.length === 0) throw new DataFormatError(`${file} holds a single number, not examples`);
    const needed = start + elementCount(shape) * size;
    if (bytes < needed) {
      throw new DataFormatError(
        `${file} should have ${needed} bytes for shape [${shape.join(', ')}], but has ${bytes}: it was cut short`,
      );
    }
    const oneHot = options.oneHot?.[name];
    if (oneHot !== undefined && example.some((length) => length !== 1)) {
      throw new RangeError(
        `oneHot: ${name} has examples of shape [${example.join(', ')}], not one class number each`,
      );
    }
    return {
      name,
      file,
      stamp: `${ino} ${mtimeMs}`,
      format: npy ? 'npy' : 'idx',
      shape: example,
      rows,
      start,
      size,
      type,
      scale: options.scale?.[name],
      oneHot,
    };
  } finally {
    closeSync(handle);
  }
}
