import { tfInternals, type Tf } from '../../tfjs/instance.ts';

/** A property without being read: its value, or the functions that read and set it. */
export interface Property {
  value?: unknown;
  get?: unknown;
  set?: unknown;
}

export function propertyOf(owner: object, name: PropertyKey): Property {
  return Object.getOwnPropertyDescriptor(owner, name) ?? {};
}

/** JavaScript's own functions that compute from their arguments only, and the prototypes that they stand on. */
let pure: ReadonlySet<unknown> | undefined;

/** Objects of the language itself. */
const LANGUAGE = [
  'Array',
  'ArrayBuffer',
  'BigInt',
  'BigInt64Array',
  'BigUint64Array',
  'Boolean',
  'DataView',
  'Error',
  'AggregateError',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
  'Float32Array',
  'Float64Array',
  'Int16Array',
  'Int32Array',
  'Int8Array',
  'Uint16Array',
  'Uint32Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Float16Array',
  'Iterator',
  'JSON',
  'Map',
  'Math',
  'Number',
  'Object',
  'Promise',
  'Reflect',
  'RegExp',
  'Set',
  'String',
  'Symbol',
  'Intl',
  'WeakMap',
  'WeakSet',
  'WeakRef',
  'isFinite',
  'isNaN',
  'parseFloat',
  'parseInt',
  'decodeURI',
  'decodeURIComponent',
  'encodeURI',
  'encodeURIComponent',
  'structuredClone',
] as const;

/** Globals that code may name: the language's own, and those that are watched while code runs (see `effects.ts`). */
export const HARMLESS_GLOBALS: ReadonlySet<string> = new Set([
  ...LANGUAGE,
  'Date',
  'Infinity',
  'NaN',
  'arguments',
  'clearOutput',
  'comms',
  'confirm',
  'console',
  'display',
  'input',
  'performance',
  'prompt',
  'tensorcell',
  'tf',
  'undefined',
]);

/** Whether a value belongs to the language, and is no way to read a state that changes. */
export function isLanguage(value: unknown): boolean {
  if (pure === undefined) {
    const found = new Set<unknown>();
    const add = (part: unknown): void => {
      if ((typeof part !== 'function' && typeof part !== 'object') || part === null || found.has(part))
        return;
      found.add(part);
      for (const name of Reflect.ownKeys(part)) {
        const property = propertyOf(part, name);
        for (const inner of [property.value, property.get, property.set]) {
          if (typeof inner === 'function' || name === 'prototype') add(inner);
        }
      }
      add(Object.getPrototypeOf(part));
    };
    for (const name of LANGUAGE) add((globalThis as Record<string, unknown>)[name]);
    // Functions made from text, and what no snapshot can hold.
    for (const impure of [Function, Math.random]) found.delete(impure);
    pure = found;
  }
  return pure.has(value);
}

/** Functions of the process that do more than compute, also when user code holds them under another name. */
export function isOutside(value: unknown): boolean {
  if (value === console || value === process || value === performance) return true;
  return typeof value === 'function' && Object.values(console).includes(value);
}

const librariesOf = new WeakMap<Tf, ReadonlySet<unknown>>();

/** tfjs itself: its namespaces, functions, and the classes that models are made of, with those that they extend. */
export function tfjsParts(tf: Tf): ReadonlySet<unknown> {
  let parts = librariesOf.get(tf);
  if (parts !== undefined) return parts;
  const found = new Set<unknown>();
  const withAncestors = (constructor: unknown): void => {
    for (let at = constructor; typeof at === 'function' && at !== Function.prototype;) {
      found.add(at);
      at = Object.getPrototypeOf(at) as unknown;
    }
  };
  const namespace = (part: object, depth: number): void => {
    found.add(part);
    for (const value of Object.values(part) as unknown[]) {
      if (typeof value === 'function') withAncestors(value);
      else if (typeof value === 'object' && value !== null && depth < 2 && !found.has(value)) {
        const prototype: unknown = Object.getPrototypeOf(value);
        if (prototype === Object.prototype || prototype === null) namespace(value, depth + 1);
      }
    }
  };
  namespace(tf, 0);
  for (const constructor of tfInternals(tf).builtIns) withAncestors(constructor);
  parts = found;
  librariesOf.set(tf, parts);
  return parts;
}

/** Fields that tfjs's own classes keep for themselves: part of the model's structure, or changed as it runs. */
export const TFJS_FIELDS: ReadonlySet<string> = new Set([
  '_addedWeightNames',
  '_built',
  '_callHook',
  '_layers',
  '_losses',
  '_nonTrainableWeights',
  '_stateful',
  '_trainableWeights',
  '_updates',
  'batchInputShape',
  'built',
  'inboundNodes',
  'initialWeights',
  'inputLayers',
  'inputSpec',
  'internalContainerRefs',
  'isTraining',
  'iterations_',
  'outboundNodes',
  'outputLayers',
  'stopTraining_',
]);
