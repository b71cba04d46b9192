import type * as Crossing from '../conversion/index.ts';
import type { CrossingContext, Leaf, LeafCodec } from '../conversion/index.ts';
import { PythonError } from './errors.ts';
import { importInTurn } from '../../base/spare-descriptors.ts';

/** Ways for values that are no plain ones: tensors and tables. */
export type Leaves = Pick<LeafCodec, 'encode' | 'decode'>;

/** Loaded when the first of them crosses. */
export const leaves: Leaves = {
  encode: (value: unknown, context: CrossingContext) =>
    failing(async ({ leaves: codec }) => await codec.encode(value, context)),
  decode: (leaf: Leaf, context: CrossingContext) =>
    failing(async ({ leaves: codec }) => await codec.decode(leaf, context)),
};

async function failing<T>(action: (crossing: typeof Crossing) => Promise<T>): Promise<T> {
  const crossing = await importInTurn(() => import('../conversion/index.ts'));
  try {
    return await action(crossing);
  } catch (error) {
    if (!(error instanceof crossing.CrossingError)) throw error;
    const code = error.code === 'memory' ? 'memory' : 'cannot-cross';
    throw new PythonError(code, error.message, { cause: error });
  }
}
