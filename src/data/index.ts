import type * as Tf from '@tensorflow/tfjs';
import { FileError, readRegular } from '../base/files/index.ts';
import { theTf } from '../tfjs/current.ts';
import { unzip } from '../training/model-files/zip.ts';
import { DataFormatError } from './formats/format-error.ts';
import { parseIdx } from './formats/idx.ts';
import { parseNpy, tensorValues } from './formats/npy.ts';

export { datasets } from './datasets.ts';
export { FileDataset } from './pipeline/file-dataset.ts';
export type { Batch, BatchOptions, ShuffleOptions } from './pipeline/file-dataset.ts';
export type { ArrayOptions } from './pipeline/array-source.ts';
export type { PictureOptions } from './pipeline/image-source.ts';
export type { CsvTableOptions, TableOptions } from './pipeline/table-source.ts';
export { DataWorkerError } from './pipeline/workers.ts';
export { readParquet } from './formats/parquet.ts';
export type { ParquetCell, ParquetOptions, ParquetRow } from './formats/parquet.ts';
export { parseNpy } from './formats/npy.ts';
export type { NpyArray, NpyValues } from './formats/npy.ts';
export { parseCsv, readCsv } from './formats/csv.ts';
export type { CsvCell, CsvOptions, CsvRow } from './formats/csv.ts';
export { DataFormatError } from './formats/format-error.ts';
export { parseIdx } from './formats/idx.ts';
export type { IdxArray, IdxValues } from './formats/idx.ts';

/**
 * Reads an IDX file, the format of MNIST, as a tensor: whole numbers become int32, others float32.
 *
 * @throws DataFormatError for a file that is no IDX file, or was cut short.
 */
export function readIdx(file: string | URL): Tf.Tensor {
  const { shape, values } = parseIdx(readRegular(file), String(file));
  const whole = !(values instanceof Float32Array || values instanceof Float64Array);
  return theTf().tensor(
    whole ? Int32Array.from(values) : Float32Array.from(values),
    shape,
    whole ? 'int32' : 'float32',
  );
}

/**
 * Reads an array that NumPy's `save` wrote. Whole numbers become int32 (float32 where they do not fit), truth values
 * bool, others float32; complex numbers, text and Python objects are refused.
 *
 * @throws DataFormatError for a file that is no `.npy` file of numbers, or was cut short.
 */
export function readNpy(file: string | URL): Tf.Tensor {
  return npyTensor(readRegular(file), String(file));
}

export interface NpzOptions {
  /** The most bytes that the archive may unpack to. Default: 1 GiB, or 20 times its size where that is more. */
  maxBytes?: number;
}

/**
 * Reads the arrays that NumPy's `savez` or `savez_compressed` wrote, by their names.
 *
 * @throws DataFormatError for a file that is no such archive, is damaged, or unpacks to more than `maxBytes`.
 */
export function readNpz(file: string | URL, options: NpzOptions = {}): Record<string, Tf.Tensor> {
  const name = String(file);
  let members: Map<string, Buffer>;
  try {
    members = unzip(readRegular(file), name, options.maxBytes);
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new DataFormatError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  return Object.fromEntries(
    [...members].map(([member, bytes]) => [
      member.replace(/\.npy$/, ''),
      npyTensor(bytes, `${name}: ${member}`),
    ]),
  );
}

function npyTensor(bytes: Uint8Array, name: string): Tf.Tensor {
  const { shape, type, values } = parseNpy(bytes, name);
  const { dtype, values: kept } = tensorValues(values, type);
  return theTf().tensor(kept, shape, dtype);
}
