import { createHash } from 'node:crypto';
import { isDate, isMap, isModuleNamespaceObject, isProxy, isSet } from 'node:util/types';
import type { Tf } from '../../tfjs/instance.ts';
import { identityOf } from './signature.ts';
import { readClosures, type Closure } from './closures.ts';
import { HARMLESS_GLOBALS, isLanguage, isOutside, propertyOf, tfjsParts, TFJS_FIELDS } from './known-code.ts';
import { sourceNames, type SourceNames } from './source-names.ts';
import {
  constructorOf,
  isBox,
  isCellContext,
  isDirectly,
  isTfjs,
  KINDS,
  onlyLooksUp,
  OPTIMIZER_INPUTS,
  STANDARD_GLOBALS,
  type CellContext,
} from './value-kinds.ts';

/** Declarations of code: it needs no guards (`traceable`), must not be compiled (`eager`), or stands for other code. */
export interface Declarations {
  isDeclared(code: object): boolean;
  isEager(code: object): boolean;
  standsFor(code: object): object | undefined;
  /** Whether a module is this library. */
  isLibrary(module: object): boolean;
}

/** More than this is not looked through. */
const MOST_VALUES = 10_000;
const MOST_BYTES = 1 << 20;

/** Code whose closures have to be read anew for each look: which variables of which scope, and their values. */
export interface ClosureWatch {
  subject: object;
  variables: { scope: number; name: string; value: unknown }[];
  privates: ReadonlyMap<string, unknown> | undefined;
}

class Obstacle extends Error {
  override readonly name = 'Obstacle';
}

/** One walk through all that pieces of code can read: what it finds, and what has to be compared to know that nothing changed. */
export class StateWalk {
  readonly slots: { owner: Record<PropertyKey, unknown>; name: PropertyKey; value: unknown }[] = [];
  readonly sizes: { owner: object; count: number }[] = [];
  readonly checks: (() => boolean)[] = [];
  readonly closures: ClosureWatch[] = [];
  /** Names and values, in the order of the walk. */
  readonly parts: [label: string, part: string][] = [];
  readonly #tf: Tf;
  readonly #declarations: Declarations;
  readonly #tfjs: ReadonlySet<unknown>;
  readonly #seen = new Set<object>();
  /** Functions whose closures never change. */
  readonly #fixed = new Set<object>();
  /** Whose closures are to be read next. */
  #pending: { subject: object; path: string; names: SourceNames | undefined }[] = [];
  #bytes = 0;
  /** All source text that was found. */
  #sources = '';
  /** Fields that no source named so far. */
  #passed: { owner: object; name: string; path: string }[] = [];

  constructor(tf: Tf, declarations: Declarations) {
    this.#tf = tf;
    this.#declarations = declarations;
    this.#tfjs = tfjsParts(tf);
  }

  add(value: unknown, path: string): void {
    this.#value(value, path);
  }

  finish(): void {
    this.#follow();
    // Sources that are found on the way may name others.
    for (let before = -1; before !== this.#passed.length;) {
      before = this.#passed.length;
      const named = this.#passed.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(this.#sources));
      this.#passed = this.#passed.filter((field) => !named.includes(field));
      for (const { owner, name, path } of named) {
        const { value } = propertyOf(owner, name);
        this.#slot(owner, name, value);
        this.#value(value, path);
      }
      this.#follow();
    }
  }

  #follow(): void {
    while (this.#pending.length > 0) {
      const pending = this.#pending;
      this.#pending = [];
      const closures = readClosures(pending.map(({ subject }) => subject));
      for (const [i, { subject, path, names }] of pending.entries()) {
        this.#closure(subject, path, names, closures[i] as Closure);
      }
    }
  }

  #note(label: string, part: string): void {
    if (this.parts.push([label, part]) > MOST_VALUES) {
      throw new Obstacle(`it reads more values than can be watched (through ${label})`);
    }
  }

  #value(value: unknown, path: string): void {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      const text =
        typeof value === 'string' ? JSON.stringify(value) : Object.is(value, -0) ? '-0' : String(value);
      this.#note(path, `${typeof value} ${text}`);
      return;
    }
    this.#note(path, `#${identityOf(value)}`);
    if (this.#seen.has(value)) return;
    this.#seen.add(value);
    if (this.#declarations.isEager(value)) throw new Obstacle(`${path} is marked with tensorcell.eager`);
    if (isOutside(value)) throw new Obstacle(`${path} is part of the process around it`);
    if (isProxy(value)) throw new Obstacle(`${path} is a Proxy`);
    if (this.#tfjs.has(value) || this.#declarations.isDeclared(value) || isLanguage(value)) return;
    if (typeof value === 'function') this.#function(value, path);
    else this.#object(value, path);
  }

  // ---- functions

  #function(fn: object, path: string): void {
    const inner = this.#declarations.standsFor(fn);
    if (inner !== undefined) {
      this.#value(inner, path);
      return;
    }
    const source = Function.prototype.toString.call(fn);
    if (/\{\s*\[native code\]\s*\}$/.test(source)) {
      // Bound functions look like this too.
      this.#pending.push({ subject: fn, path, names: undefined });
      return;
    }
    this.#sources += `${source}\n`;
    const names = sourceNames(source);
    if (names.evades !== undefined) throw new Obstacle(`${path} ${names.evades}`);
    this.#pending.push({ subject: fn, path, names });
    this.#fields(fn, path, (name) => name === 'prototype' || name === 'length' || name === 'name');
    const prototype: unknown = (fn as { prototype?: unknown }).prototype;
    if (names.isClass) {
      const parent: unknown = Object.getPrototypeOf(fn);
      if (parent !== Function.prototype && parent !== null) this.#value(parent, `${path}'s parent`);
    }
    if (typeof prototype === 'object' && prototype !== null && !this.#seen.has(prototype)) {
      this.#seen.add(prototype);
      this.#prototype(prototype, path, source);
    }
  }

  /** Methods that stand in the class's source are seen with it; others were put there later. */
  #prototype(prototype: object, path: string, source: string): void {
    this.sizes.push({ owner: prototype, count: Reflect.ownKeys(prototype).length });
    for (const name of Reflect.ownKeys(prototype)) {
      if (name === 'constructor') continue;
      const property = propertyOf(prototype, name);
      for (const part of [property.value, property.get, property.set]) {
        if (part === undefined) continue;
        if (typeof part === 'function' && source.includes(String(part)))
          this.#note(`${path}.${String(name)}`, '');
        else this.#value(part, `${path}.${String(name)}`);
      }
      if ('value' in property) this.#slot(prototype, name, property.value);
    }
  }

  #closure(subject: object, path: string, names: SourceNames | undefined, closure: Closure): void {
    const watch: ClosureWatch = { subject, variables: [], privates: undefined };
    if (names === undefined && typeof subject === 'function') {
      const { bound } = closure;
      if (bound === undefined)
        throw new Obstacle(`${path} is a native function (${(subject as { name: string }).name})`);
      this.#value(bound.target, path);
      this.#value(bound.self, `${path}'s this`);
      this.#value(bound.args, `${path}'s arguments`);
      return;
    }
    if (closure.privates.size > 0) {
      watch.privates = closure.privates;
      for (const [name, value] of closure.privates) this.#value(value, `${path}.${name}`);
    }
    for (const name of names?.names ?? []) {
      const scope = closure.scopes.findIndex((variables) => Object.hasOwn(variables, name));
      if (scope < 0) {
        this.#global(name, path);
        continue;
      }
      const value = (closure.scopes[scope] as Record<string, unknown>)[name];
      const looked = names?.lookups.get(name);
      if (looked !== undefined && isCellContext(value) && onlyLooksUp(names?.members.get(name))) {
        this.#lookUps(value, looked, path);
        continue;
      }
      if (isCellContext(value)) throw new Obstacle(`${path} asks the notebook while it runs`);
      // A name of the notebook has one box for the whole session.
      if (!isBox(name, value)) watch.variables.push({ scope, name, value });
      if (isModuleNamespaceObject(value)) this.#namespace(value as object, names?.members.get(name), name);
      else this.#value(value, isBox(name, value) ? '' : name);
    }
    if (this.#fixed.has(subject)) return;
    if (watch.variables.length > 0 || watch.privates !== undefined) this.closures.push(watch);
  }

  /** Names that a cell's function looks up when it runs. */
  #lookUps(context: CellContext, names: ReadonlySet<string>, path: string): void {
    for (const name of names) {
      const read = (): unknown => context.lookup(name, () => (globalThis as Record<string, unknown>)[name]);
      const value = read();
      this.checks.push(() => Object.is(read(), value));
      if (value === undefined || !Object.hasOwn(globalThis, name)) this.#value(value, name);
      else this.#global(name, path);
    }
  }

  #global(name: string, path: string): void {
    if (!Object.hasOwn(globalThis, name)) return;
    if (HARMLESS_GLOBALS.has(name)) return;
    const property = propertyOf(globalThis, name);
    if (STANDARD_GLOBALS.has(name)) {
      if (isLanguage(property.value)) return;
      throw new Obstacle(`${path} names ${name}, which is outside of what can be watched`);
    }
    if ('value' in property) this.#slot(globalThis, name, property.value);
    else this.#value(property.get, name);
    this.#value(property.value, name);
  }

  // ---- objects

  #slot(owner: object, name: PropertyKey, value: unknown): void {
    this.slots.push({ owner: owner as Record<PropertyKey, unknown>, name, value });
  }

  #object(value: object, path: string): void {
    const tf = this.#tf;
    if (value instanceof tf.Tensor) {
      this.checks.push(() => !value.isDisposed);
      return;
    }
    if (isModuleNamespaceObject(value)) {
      this.#namespace(value, 'any', path);
      return;
    }
    if (this.#declarations.isLibrary(value)) return;
    if (isTfjs(tf, value)) return;
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
      this.#memory(value, path);
      return;
    }
    if (isDate(value)) {
      const time = value.getTime();
      this.checks.push(() => Object.is(value.getTime(), time));
      this.#note(path, `date ${time}`);
    } else if (isMap(value) || isSet(value)) {
      this.#collection(value, path);
    }
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    // Iterators, generators, weak maps, promises and other objects with hidden state.
    if (!KINDS.has(kind)) throw new Obstacle(`${path} is a ${kind}, which cannot be inspected`);
    const prototype: unknown = Object.getPrototypeOf(value);
    const constructor = constructorOf(prototype);
    const ofTfjs = value instanceof tf.serialization.Serializable;
    if (prototype !== null && prototype !== Object.prototype && prototype !== Array.prototype) {
      this.#slot(value, '__proto__', prototype);
      if (typeof constructor === 'function') this.#value(constructor, constructor.name);
      else this.#value(prototype, `${path}'s prototype`);
      if (/#[\p{ID_Start}$_]/u.test(this.#sourceOf(constructor)))
        this.#pending.push({ subject: value, path, names: NO_NAMES });
    }
    if (!ofTfjs) {
      this.#fields(value, path, () => false);
      return;
    }
    // tfjs's own class: only settings, and what code of the user's was put into it.
    const builtIn = this.#tfjs.has(constructor);
    if (!builtIn) this.sizes.push({ owner: value, count: Reflect.ownKeys(value).length });
    const fitted = value instanceof tf.Optimizer && !isDirectly(tf, value);
    for (const name of Reflect.ownKeys(value)) {
      // Changed as the model runs, or inputs of what tfjs's own class does: they count where code names them.
      const passed = TFJS_FIELDS.has(String(name)) || (fitted && OPTIMIZER_INPUTS.has(String(name)));
      if (typeof name === 'string' && passed && name !== '_callHook') {
        this.#passed.push({ owner: value, name, path: `${path}.${name}` });
        continue;
      }
      const property = propertyOf(value, name);
      if (!('value' in property)) {
        this.#value(property.get ?? property.set, `${path}.${String(name)}`);
        continue;
      }
      const field: unknown = property.value;
      const plain = field === null || (typeof field !== 'object' && typeof field !== 'function');
      const parts: unknown[] = Array.isArray(field) ? field : [field];
      if (
        plain ||
        !builtIn ||
        typeof field === 'function' ||
        name === 'history' ||
        parts.some((part) => part instanceof tf.serialization.Serializable)
      ) {
        this.#slot(value, name, field);
        this.#value(field, `${path}.${String(name)}`);
      }
    }
  }

  /** The source of a class, and of those that it extends, up to tfjs's. */
  #sourceOf(constructor: unknown): string {
    let source = '';
    for (let at = constructor; typeof at === 'function' && !this.#tfjs.has(at) && !isLanguage(at);) {
      source += String(at);
      at = Object.getPrototypeOf(at) as unknown;
    }
    return source;
  }

  #fields(value: object, path: string, passed: (name: string) => boolean): void {
    const names = Reflect.ownKeys(value);
    this.sizes.push({ owner: value, count: names.length });
    for (const name of names) {
      if (typeof name === 'string' && passed(name)) continue;
      const property = propertyOf(value, name);
      const label = path === '' ? String(name).replace(/\$\d+$/, '') : `${path}.${String(name)}`;
      if ('value' in property) {
        this.#slot(value, name, property.value);
        this.#value(property.value, label);
      } else {
        const { get, set } = property;
        this.checks.push(() => propertyOf(value, name).get === get);
        // The box of an import: what its getter closes over is a constant of generated code.
        if (path === '' && typeof get === 'function') this.#fixed.add(get);
        if (get !== undefined) this.#value(get, label);
        if (set !== undefined) this.#value(set, label);
      }
    }
  }

  /** A module: its variables may change, and only those that are named count. */
  #namespace(module: object, members: ReadonlySet<string> | 'any' | undefined, path: string): void {
    // Our own library: its effects are noticed when it runs.
    if (this.#declarations.isLibrary(module)) return;
    for (const name of members === undefined || members === 'any' ? Object.keys(module) : members) {
      const value: unknown = (module as Record<string, unknown>)[name];
      this.#slot(module, name, value);
      this.#value(value, `${path}.${name}`);
    }
  }

  #collection(value: Map<unknown, unknown> | Set<unknown>, path: string): void {
    const entries: unknown[] = value instanceof Map ? [...value].flat() : [...value];
    this.checks.push(() => {
      const now: unknown[] = value instanceof Map ? [...value].flat() : [...value];
      return now.length === entries.length && now.every((entry, i) => Object.is(entry, entries[i]));
    });
    for (const [i, entry] of entries.entries()) this.#value(entry, `${path}[${i}]`);
  }

  #memory(value: ArrayBufferView | ArrayBufferLike, path: string): void {
    const bytes = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
    this.#bytes += bytes.length;
    if (this.#bytes > MOST_BYTES) throw new Obstacle(`${path} holds more numbers than can be watched`);
    const copy = Buffer.from(bytes);
    this.checks.push(() => copy.equals(bytes));
    this.#note(path, createHash('sha1').update(copy).digest('base64'));
  }
}

const NO_NAMES: SourceNames = {
  names: new Set(),
  members: new Map(),
  lookups: new Map(),
  evades: undefined,
  isClass: false,
  hasPrivateNames: false,
};
