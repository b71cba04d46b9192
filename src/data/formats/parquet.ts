import type * as hyparquet from 'hyparquet';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { closeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openRegular } from '../../base/files/index.ts';
import { DataFormatError } from './format-error.ts';
import { importInTurn } from '../../base/spare-descriptors.ts';

export type ParquetCell = string | number | bigint | boolean | Date | null | Uint8Array | object;
export type ParquetRow = Record<string, ParquetCell>;

export interface ParquetOptions {
  /** Columns to read; default all. Only their bytes are read from the file. */
  columns?: readonly string[];
  /** The first row, from 0. */
  from?: number;
  /** The row after the last. */
  to?: number;
}

/** A Parquet file whose directory was read. */
export interface ParquetFile {
  path: string;
  columns: string[];
  rows: number;
  /** Rows of each row group: these are decoded as a whole. */
  groups: number[];
  /** Calls back with each column of `columns` between two rows; values of one column may come in several pieces. */
  read(
    columns: readonly string[],
    from: number,
    to: number,
    column: (name: string, from: number, values: ArrayLike<unknown>) => void,
  ): Promise<void>;
  close(): Promise<void>;
}

/** A Parquet file with its open handle. */
class OpenedParquet implements ParquetFile {
  readonly path: string;
  readonly columns: string[];
  readonly rows: number;
  readonly groups: number[];
  readonly #handle: FileHandle;
  readonly #file: AsyncBuffer;
  readonly #metadata: FileMetaData;
  readonly #readers: Readers;

  /** @throws Error for metadata that contradict themselves or the file's size */
  constructor(path: string, handle: FileHandle, file: AsyncBuffer, metadata: FileMetaData, readers: Readers) {
    this.path = path;
    this.#handle = handle;
    this.#file = file;
    this.#metadata = metadata;
    this.#readers = readers;
    this.columns = readers.parquetSchema(metadata).children.map(({ element }) => element.name);
    this.groups = rowGroups(metadata, file.byteLength);
    this.rows = Number(metadata.num_rows);
  }

  async read(
    wanted: readonly string[],
    from: number,
    to: number,
    column: (name: string, from: number, values: ArrayLike<unknown>) => void,
  ): Promise<void> {
    const unknown = wanted.find((name) => !this.columns.includes(name));
    if (unknown !== undefined) {
      throw new RangeError(`${this.path} has no column '${unknown}': it has ${this.columns.join(', ')}`);
    }
    try {
      await this.#readers.parquetRead({
        file: this.#file,
        metadata: this.#metadata,
        compressors: this.#readers.compressors,
        columns: [...wanted],
        rowStart: from,
        rowEnd: to,
        onChunk: ({ columnName, columnData, rowStart, rowEnd }) => {
          // Pieces may reach beyond the requested rows.
          const low = Math.max(rowStart, from);
          const high = Math.min(rowEnd, to);
          if (low >= high) return;
          const whole = low === rowStart && high - rowStart === columnData.length;
          const values: ArrayLike<unknown> = whole
            ? columnData
            : Array.prototype.slice.call(columnData, low - rowStart, high - rowStart);
          column(columnName, low, values);
        },
      });
    } catch (error) {
      throw damaged(this.path, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function damaged(path: string, error: unknown): DataFormatError {
  return new DataFormatError(
    `${path} is not a Parquet file, or was cut short: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );
}

/** Rows of each row group. @param size of the file in bytes. @throws Error where the metadata do not fit */
function rowGroups(metadata: FileMetaData, size: number): number[] {
  const ends = metadata.row_groups.flatMap((group) =>
    group.columns.map(({ meta_data: column }) =>
      column === undefined ? 0 : Number(column.data_page_offset) + 1,
    ),
  );
  if (ends.some((end) => end > size)) throw new Error('its row groups lie beyond its end');
  const counts = metadata.row_groups.map((group) => Number(group.num_rows));
  const rows = counts.reduce((sum, count) => sum + count, 0);
  if (
    rows !== Number(metadata.num_rows) ||
    !counts.every((count) => Number.isSafeInteger(count) && count >= 0)
  ) {
    throw new Error(`its metadata counts ${metadata.num_rows} rows, but its row groups have ${rows}`);
  }
  return counts;
}

type Readers = typeof hyparquet & { compressors: Compressors };

/** Loaded when first needed: both packages are ES modules, and most sessions read no Parquet. */
async function loadReaders(): Promise<Readers> {
  const [reader, { compressors }] = await importInTurn(() =>
    Promise.all([import('hyparquet'), import('hyparquet-compressors')]),
  );
  return { ...reader, compressors };
}

/**
 * Opens a Parquet file: Snappy, gzip, Brotli, Zstandard and LZ4 (through hyparquet, which reads only the requested parts).
 *
 * @throws DataFormatError for what is no Parquet file or was cut short.
 */
export async function openParquet(path: string): Promise<ParquetFile> {
  const readers = await loadReaders();
  // A pipe or a device would never end.
  closeSync(openRegular(path).descriptor);
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const file: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        if (bytesRead < bytes.length) throw new Error(`${bytes.length} bytes are missing at ${start}`);
        return bytes.buffer;
      },
    };
    return new OpenedParquet(path, handle, file, await readers.parquetMetadataAsync(file), readers);
  } catch (error) {
    await handle.close();
    throw damaged(path, error);
  }
}

/** Cells that are read at once: each takes 8 bytes at least, and a row's object 100. */
const MOST_CELLS = 2 ** 27;

/**
 * Reads a Parquet file as an array with an object for each row, as {@link readCsv} does. 64-bit whole numbers become
 * numbers where these are exact, else bigints; times become `Date`.
 *
 * @throws DataFormatError for what is no Parquet file or was cut short; RangeError for a column that it does not have.
 */
export async function readParquet(file: string | URL, options: ParquetOptions = {}): Promise<ParquetRow[]> {
  const parquet = await openParquet(file instanceof URL ? fileURLToPath(file) : file);
  try {
    const from = Math.max(0, options.from ?? 0);
    const to = Math.min(parquet.rows, options.to ?? parquet.rows);
    const columns = options.columns ?? parquet.columns;
    if (Math.max(0, to - from) * Math.max(1, columns.length) > MOST_CELLS) {
      throw new DataFormatError(
        `${parquet.path} has ${to - from} rows of ${columns.length} columns, too many for an array of objects: read a part of it with from, to and columns, or use tensorcell.datasets.parquet`,
      );
    }
    const rows: ParquetRow[] = Array.from({ length: Math.max(0, to - from) }, () =>
      Object.fromEntries(columns.map((name) => [name, null])),
    );
    if (rows.length === 0) return rows;
    await parquet.read(columns, from, to, (name, first, values) => {
      for (let at = 0; at < values.length; at++) {
        (rows[first - from + at] as ParquetRow)[name] = plainCell(values[at]);
      }
    });
    return rows;
  } finally {
    await parquet.close();
  }
}

function plainCell(value: unknown): ParquetCell {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  return value ?? null;
}
