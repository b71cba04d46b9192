import { isProxy } from 'node:util/types';
import { notebookHost, type SessionNames } from '../../base/host.ts';
import type { Tf } from '../../tfjs/instance.ts';
import { isLanguage, propertyOf, TFJS_FIELDS, tfjsParts } from './known-code.ts';

/**
 * How compiled cells read a name of the session: as the property `name$1` of its box, or, when no cell had declared it
 * yet, by `lookup`.
 */
const READ = /\.([\p{ID_Start}$_][\p{ID_Continue}$]*?)\$1(?![\p{ID_Continue}$])|\.lookup\(("[^"]+")/gu;

/** More objects than this are not looked through. */
const MOST_OBJECTS = 10_000;

/**
 * The names of the session that a function reads, itself or through functions, classes and objects of such names, and how often
 * each was declared.
 */
export class CellNames {
  readonly #tf: Tf;
  readonly #fn: object;
  #declarations = -1;
  #key = '';

  constructor(tf: Tf, fn: object) {
    this.#tf = tf;
    this.#fn = fn;
  }

  /** A text that is another one once a name that the function reads was declared again. Empty outside of notebooks. */
  key(): string {
    const names = notebookHost()?.names;
    if (names === undefined || names.declarations === this.#declarations) return this.#key;
    this.#declarations = names.declarations;
    this.#key = keyOf(this.#tf, names, this.#fn);
    return this.#key;
  }
}

function keyOf(tf: Tf, names: SessionNames, fn: object): string {
  const tfjs = tfjsParts(tf);
  const found = new Set<string>();
  const seen = new Set<object>();
  const pending: object[] = [fn];
  const add = (value: unknown): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
    if (seen.has(value) || isProxy(value) || ArrayBuffer.isView(value)) return;
    if (value instanceof tf.Tensor || tfjs.has(value) || isLanguage(value)) return;
    seen.add(value);
    pending.push(value);
  };
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    // Too many objects to visit: counts as reading all names.
    if (seen.size > MOST_OBJECTS) return `all:${names.declarations}`;
    for (const name of namesIn(value)) {
      if (found.has(name) || names.version(name) === 0) continue;
      found.add(name);
      add(valueOf(names, name));
    }
    add(constructorOf(value));
    for (const key of Reflect.ownKeys(value)) {
      if (typeof key === 'string' && TFJS_FIELDS.has(key)) continue;
      add(propertyOf(value, key).value);
    }
  }
  return [...found]
    .sort()
    .map((name) => `${name}:${names.version(name)}`)
    .join();
}

function valueOf(names: SessionNames, name: string): unknown {
  try {
    return names.value(name);
  } catch {
    // An import whose module has failed.
    return undefined;
  }
}

function constructorOf(value: object): unknown {
  if (typeof value === 'function') return Object.getPrototypeOf(value) as unknown;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null ? undefined : propertyOf(prototype, 'constructor').value;
}

const texts = new WeakMap<object, readonly string[]>();

/** The names in a function's text, which never changes. */
function namesIn(value: object): readonly string[] {
  if (typeof value !== 'function') return [];
  let names = texts.get(value);
  if (names === undefined) {
    const text = Function.prototype.toString.call(value);
    names = [...text.matchAll(READ)].map(
      ([, name, quoted]) => name ?? (JSON.parse(quoted as string) as string),
    );
    texts.set(value, names);
  }
  return names;
}
