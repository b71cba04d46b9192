/**
 * Tensors, typed arrays and tables on their way to another process and back. Large ones go through memory that both
 * processes map, with one copy on the sending side.
 */
import { decodeArray, encodeArray } from './arrays.ts';
import { ConversionError } from './errors.ts';
import type { ConversionContext, Leaf, LeafCodec } from './leaf.ts';
import { decodeTable, encodeTable } from './tables.ts';

export type { ConversionContext, Leaf, LeafCodec } from './leaf.ts';
export { ConversionError, type ConversionErrorCode } from './errors.ts';

/** Tells the two numbers that JSON keeps apart from the rest: a NumPy scalar as a number or a BigInt. */
function decodeScalar(leaf: Leaf): unknown {
  if (typeof leaf['bigint'] === 'string') return BigInt(leaf['bigint']);
  if (typeof leaf['number'] === 'string') {
    return { nan: NaN, inf: Infinity, '-inf': -Infinity }[leaf['number']];
  }
  return leaf['value'];
}

const decoders: Record<string, (leaf: Leaf, context: ConversionContext) => unknown> = {
  array: decodeArray,
  strings: decodeArray,
  table: decodeTable,
  scalar: decodeScalar,
};

export const leaves: LeafCodec = {
  kinds: new Set(Object.keys(decoders)),
  async encode(value, context) {
    return (await encodeArray(value, context)) ?? (await encodeTable(value, context));
  },
  decode(leaf, context) {
    const decode = decoders[leaf.$];
    if (decode === undefined) {
      throw new ConversionError('malformed', `the other process sent a value of an unknown kind, ${leaf.$}`);
    }
    return decode(leaf, context);
  },
};
