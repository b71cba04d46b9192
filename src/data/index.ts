import type * as Tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { theTf } from '../training/tf.ts';
import { parseIdx } from './idx.ts';

export { parseCsv, readCsv } from './csv.ts';
export type { CsvCell, CsvOptions, CsvRow } from './csv.ts';
export { DataFormatError, parseIdx } from './idx.ts';
export type { IdxArray, IdxValues } from './idx.ts';

/**
 * Reads an IDX file, the format of MNIST, as a tensor: whole numbers become int32, others float32.
 *
 * @throws DataFormatError for a file that is no IDX file, or was cut short.
 */
export function readIdx(file: string | URL): Tf.Tensor {
  const { shape, values } = parseIdx(readFileSync(file), String(file));
  const whole = !(values instanceof Float32Array || values instanceof Float64Array);
  return theTf().tensor(
    whole ? Int32Array.from(values) : Float32Array.from(values),
    shape,
    whole ? 'int32' : 'float32',
  );
}
