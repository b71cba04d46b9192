/**
 * Plain values as a tree of JSON, and back: the same rules as bridge/tensorcell_values.py. A value that JSON cannot
 * express is an object with the key `$`, which names its kind:
 *
 * | TypeScript                     | Python                                    |
 * | ------------------------------ | ----------------------------------------- |
 * | number (also NaN, Infinity)    | int if whole and safe, else float         |
 * | bigint                         | int; an int beyond 2^53 - 1 comes as bigint |
 * | string, boolean, null          | str, bool, None; undefined arrives as None |
 * | array                          | list; tuples come as arrays               |
 * | plain object, Map, Set         | dict, dict, set                           |
 * | Date                           | datetime with time zone UTC               |
 * | Buffer                         | bytes; bytes come as Uint8Array           |
 */
import { setOwn } from '../../base/own-property.ts';
import { PythonError } from './errors.ts';
import type { ConversionContext, Leaf } from '../conversion/index.ts';
import type { Leaves } from './leaves.ts';

/** Deeper than anybody nests on purpose; less than where the stack of either side ends. */
const DEEPEST = 200;

/** @throws PythonError `cannot-convert` that names the place in the value */
export async function encodeValue(
  value: unknown,
  context: ConversionContext,
  leaves: Leaves,
  name = 'the value',
): Promise<unknown> {
  // Rows become a table only where the caller requests one: before they are taken for an array of objects.
  const asked = context.options.as === undefined ? undefined : await leaves.encode(value, context);
  return asked ?? (await new Encoder(context, leaves).encode(value, name));
}

class Encoder {
  readonly #context: ConversionContext;
  readonly #leaves: Leaves;
  readonly #above: unknown[] = [];

  constructor(context: ConversionContext, leaves: Leaves) {
    this.#context = context;
    this.#leaves = leaves;
  }

  encode(value: unknown, where: string): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : { $: 'number', value: Object.is(value, -0) ? '-0.0' : String(value).replace('Infinity', 'inf') };
      case 'bigint':
        return { $: 'bigint', value: String(value) };
      case 'undefined':
        return { $: 'undefined' };
      case 'function':
      case 'symbol':
        throw cannotConvert(where, `a ${typeof value}`);
      default:
        return value === null ? null : this.#encodeObject(value as object, where);
    }
  }

  async #encodeObject(value: object, where: string): Promise<unknown> {
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw cannotConvert(where, 'an invalid Date');
      return { $: 'date', value: value.getTime() };
    }
    if (Buffer.isBuffer(value)) return { $: 'bytes', value: value.toString('base64') };
    const prototype = Object.getPrototypeOf(value) as unknown;
    const plain = prototype === null || isObjectPrototype(prototype);
    if (!plain && !Array.isArray(value) && !(value instanceof Map) && !(value instanceof Set)) {
      const leaf = await this.#leaves.encode(value, this.#context);
      if (leaf) return leaf;
      const name = (value.constructor as { name?: string } | undefined)?.name;
      throw cannotConvert(
        where,
        `an object of class ${name === undefined || name === '' ? '(unnamed)' : name}`,
      );
    }
    if (this.#above.includes(value)) throw cannotConvert(where, 'a value that contains itself');
    if (this.#above.length >= DEEPEST) throw cannotConvert(where, `nested more than ${DEEPEST} deep`);
    this.#above.push(value);
    try {
      if (Array.isArray(value)) return await this.#encodeAll(value, (at) => `${where}[${at}]`);
      if (value instanceof Set) {
        return { $: 'set', value: await this.#encodeAll([...value], () => `${where}'s element`) };
      }
      if (value instanceof Map) {
        const entries: unknown[] = [];
        for (const [key, item] of value) {
          entries.push([
            await this.encode(key, `a key of ${where}`),
            await this.encode(item, `${where}.get(${String(key)})`),
          ]);
        }
        return { $: 'map', value: entries };
      }
      // A table of rows may be a leaf, too.
      const leaf = await this.#leaves.encode(value, this.#context);
      if (leaf) return leaf;
      const entries: [string, unknown][] = [];
      for (const [key, item] of Object.entries(value))
        entries.push([key, await this.encode(item, `${where}.${key}`)]);
      return entries.some(([key]) => key === '$' || key === '__proto__')
        ? { $: 'object', value: entries }
        : Object.fromEntries(entries);
    } finally {
      this.#above.pop();
    }
  }

  async #encodeAll(values: readonly unknown[], where: (at: number) => string): Promise<unknown[]> {
    const encoded: unknown[] = [];
    for (let at = 0; at < values.length; at++) {
      const item = this.encode(values[at], where(at));
      // Most items are numbers and strings: a turn of the loop for each would cost more than the rest.
      encoded.push(item instanceof Promise ? await item : item);
    }
    return encoded;
  }
}

/** @throws PythonError `cannot-convert` when a kind is not known */
export async function decodeValue(
  tree: unknown,
  context: ConversionContext,
  leaves: Leaves,
): Promise<unknown> {
  if (typeof tree !== 'object' || tree === null) return tree;
  if (Array.isArray(tree)) return await decodeAll(tree, context, leaves);
  if (!Object.hasOwn(tree, '$')) {
    const decoded: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(tree)) {
      setOwn(decoded, key, await decodeValue(item, context, leaves));
    }
    return decoded;
  }
  const leaf = tree as Leaf;
  const { value } = leaf;
  switch (leaf.$) {
    case 'bigint':
      return BigInt(value as string);
    case 'number':
      return decodeNumber(value as string);
    case 'undefined':
      return undefined;
    case 'date':
      return new Date(value as number);
    case 'bytes':
      return new Uint8Array(Buffer.from(value as string, 'base64'));
    case 'set':
      return new Set(await decodeAll(value as unknown[], context, leaves));
    case 'map': {
      const entries = (await decodeAll(value as unknown[], context, leaves)) as [unknown, unknown][];
      return new Map(entries);
    }
    case 'object': {
      const decoded: Record<string, unknown> = {};
      for (const [key, item] of value as [string, unknown][]) {
        const descriptor = { configurable: true, enumerable: true, writable: true };
        Object.defineProperty(decoded, key, {
          ...descriptor,
          value: await decodeValue(item, context, leaves),
        });
      }
      return decoded;
    }
  }
  return await leaves.decode(leaf, context);
}

async function decodeAll(
  items: readonly unknown[],
  context: ConversionContext,
  leaves: Leaves,
): Promise<unknown[]> {
  const decoded: unknown[] = [];
  for (const item of items) {
    const plain = typeof item !== 'object' || item === null;
    decoded.push(plain ? item : await decodeValue(item, context, leaves));
  }
  return decoded;
}

function decodeNumber(text: string): number {
  return Number(text.replace('inf', 'Infinity').replace('nan', 'NaN'));
}

/** Objects of other realms (a vm context, JSON of a worker) have another Object. */
function isObjectPrototype(prototype: unknown): boolean {
  return (
    prototype === Object.prototype ||
    (typeof prototype === 'object' && prototype !== null && Object.getPrototypeOf(prototype) === null)
  );
}

function cannotConvert(where: string, what: string): PythonError {
  return new PythonError('cannot-convert', `${where} is ${what}, which has no counterpart in Python`);
}
