import type * as Conversion from '../conversion/index.ts';
import type { ConversionContext, Leaf, LeafCodec } from '../conversion/index.ts';
import { PythonError } from './errors.ts';
import { importInTurn } from '../../base/spare-descriptors.ts';

/** Conversion of values that are not plain: tensors and tables. */
export type Leaves = Pick<LeafCodec, 'encode' | 'decode'>;

/** The codec is loaded when the first tensor or table is converted. */
export const leaves: Leaves = {
  encode: (value: unknown, context: ConversionContext) =>
    failing(async ({ leaves: codec }) => await codec.encode(value, context)),
  decode: (leaf: Leaf, context: ConversionContext) =>
    failing(async ({ leaves: codec }) => await codec.decode(leaf, context)),
};

async function failing<T>(action: (conversion: typeof Conversion) => Promise<T>): Promise<T> {
  const conversion = await importInTurn(() => import('../conversion/index.ts'));
  try {
    return await action(conversion);
  } catch (error) {
    if (!(error instanceof conversion.ConversionError)) throw error;
    const code = error.code === 'memory' ? 'memory' : 'cannot-convert';
    throw new PythonError(code, error.message, { cause: error });
  }
}
