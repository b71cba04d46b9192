import { types } from 'node:util';

/** Indices of a sparse array looked at in one go: some 10 ms. */
export const LONGEST_SCAN = 1_000_000;

export function isExtraKey(key: string): boolean {
  return !/^(?:0|[1-9]\d*)$/.test(key);
}

/** `instanceof` would look along prototypes, and one may be a proxy. */
export function isBuffer(value: object): boolean {
  return types.isUint8Array(value) && Buffer.isBuffer(value);
}

export function isLeaf(value: object): boolean {
  return (
    typeof value === 'function' ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isBoxedPrimitive(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isDataView(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isMapIterator(value) ||
    types.isSetIterator(value) ||
    types.isGeneratorObject(value) ||
    types.isModuleNamespaceObject(value) ||
    types.isArgumentsObject(value) ||
    types.isExternal(value) ||
    isBuffer(value)
  );
}

/** A property's value where reading it runs no code: own or inherited data properties (native accessors if asked). */
export function dataProperty(value: object, key: string | symbol, native = false): unknown {
  if (types.isProxy(value)) return undefined;
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return undefined;
    const own = Object.getOwnPropertyDescriptor(at, key);
    if (own === undefined) continue;
    if (!own.get) return own.value;
    return native && types.isNativeError(value) && key === 'stack' ? Reflect.get(value, key) : undefined;
  }
  return undefined;
}

/** The name of the value's class, found without running code; undefined for objects without a prototype. */
export function className(value: object): string | undefined {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return undefined;
    const own = Object.getOwnPropertyDescriptor(at, 'constructor');
    if (own === undefined || typeof own.value !== 'function') continue;
    const name = Object.getOwnPropertyDescriptor(own.value, 'name')?.value as unknown;
    if (typeof name === 'string' && name !== '') return name;
  }
  return undefined;
}

export function toStringTag(value: object): string | undefined {
  const tag = dataProperty(value, Symbol.toStringTag);
  return typeof tag === 'string' && tag !== '' ? tag : undefined;
}

/** Sparse arrays: the index after the run of holes that begins at `index`, looking at no more than a million. */
export function endOfHole(value: readonly unknown[], index: number): number {
  // V8 keeps arrays this long as dictionaries, whose keys are quick to list; shorter ones are quick to scan.
  if (value.length > 50_000_000) {
    const next = Object.keys(value).find((key) => !isExtraKey(key) && Number(key) > index);
    return next === undefined ? value.length : Number(next);
  }
  let end = index + 1;
  while (end < value.length && end - index < LONGEST_SCAN && !Object.hasOwn(value, end)) end += 1;
  return end;
}
