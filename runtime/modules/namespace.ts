/** Namespace objects of modules that Node did not make: no prototype, enumerable getters, `Module` as tag. */
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { makeFast } from '../fast-object.ts';

const HERE = fileURLToPath(import.meta.url);

export type Namespace = Record<string, unknown>;

export function createNamespace(): Namespace {
  const namespace = Object.create(null) as Namespace;
  Object.defineProperty(namespace, Symbol.toStringTag, { value: 'Module' });
  return namespace;
}

export function defineExports(namespace: Namespace, getters: Record<string, () => unknown>): void {
  for (const [name, get] of Object.entries(getters)) {
    Object.defineProperty(namespace, name, { get, enumerable: true, configurable: true });
  }
  makeFast(namespace, Symbol.toStringTag);
}

/**
 * Reads a property anew for each use, with separate code for each property: V8 compiles a function that several
 * properties share into a look-up of 30 ns, and this into a load.
 */
function getterOf(from: unknown, name: string): () => unknown {
  // Under the name of this file, which stack traces leave out.
  const make = runInThisContext(`(from) => () => from[${JSON.stringify(name)}]`, HERE) as (
    from: unknown,
  ) => () => unknown;
  return make(from);
}

/** `export * from`: everything but `default`; what the module exports itself comes first. */
export function defineReexports(namespace: Namespace, from: Namespace): void {
  for (const name of Object.keys(from)) {
    if (name === 'default' || Object.hasOwn(namespace, name)) continue;
    const property = Object.getOwnPropertyDescriptor(from, name);
    const reading = property?.get ? property : { get: getterOf(from, name) };
    Object.defineProperty(namespace, name, { ...reading, enumerable: true, configurable: true });
  }
  makeFast(namespace, Symbol.toStringTag);
}

/** A namespace of fixed values with the whole as `default`, as Node makes one of a JSON file. */
export function namespaceOf(value: unknown): Namespace {
  const namespace = createNamespace();
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [name, entry] of Object.entries(value)) {
      if (name !== 'default') namespace[name] = entry;
    }
  }
  namespace['default'] = value;
  makeFast(namespace, Symbol.toStringTag);
  return namespace;
}

/**
 * Adds what a CommonJS module exports: every property by its name, and as `default` the whole, or the property `default`
 * of a module that was compiled from an ES module (`__esModule`). These are the rules of TypeScript's `esModuleInterop`,
 * but for a compiled module without a default, which the type check takes as a whole and Node does, too.
 */
export function defineCommonJs(namespace: Namespace, exports: unknown): void {
  const define = (name: string, get: () => () => unknown): void => {
    if (!Object.hasOwn(namespace, name))
      Object.defineProperty(namespace, name, { get: get(), enumerable: true, configurable: true });
  };
  const isCompiled = isCompiledModule(exports);
  for (const name of namesOf(exports)) {
    if (name !== 'default' || isCompiled) define(name, () => getterOf(exports, name));
  }
  if (!isCompiled) define('default', () => () => exports);
  makeFast(namespace, Symbol.toStringTag);
}

const ofCommonJs = new WeakMap<object, Namespace>();

/** The namespace of a CommonJS module, the same for the same exports. */
export function commonJsNamespace(exports: unknown): Namespace {
  const key = isObject(exports) ? exports : undefined;
  const namespace = (key && ofCommonJs.get(key)) ?? createNamespace();
  // Again for a module that has got more exports since.
  defineCommonJs(namespace, exports);
  if (key) ofCommonJs.set(key, namespace);
  return namespace;
}

const completed = new WeakMap<object, Namespace>();

/**
 * Node finds the names of a CommonJS module by reading its text, and misses what `module.exports = { a: 1 }` has; its
 * `default` is always the whole. Here every property can be imported by name, and `default` is what TypeScript means.
 */
export function withAllExports(namespace: Namespace, exports: unknown): Namespace {
  if (!isObject(exports)) return namespace;
  const known = completed.get(namespace);
  if (
    !known &&
    !isCompiledModule(exports) &&
    namesOf(exports).every((name) => Object.hasOwn(namespace, name))
  )
    return namespace;
  const whole = known ?? createNamespace();
  defineCommonJs(whole, exports);
  completed.set(namespace, whole);
  return whole;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function namesOf(exports: unknown): string[] {
  return isObject(exports) && !Array.isArray(exports) ? Object.keys(exports) : [];
}

/** Whether a CommonJS module was compiled from an ES module with a default. Reads no getter. */
function isCompiledModule(exports: unknown): boolean {
  if (!isObject(exports)) return false;
  return (
    Object.getOwnPropertyDescriptor(exports, '__esModule')?.value === true &&
    Object.hasOwn(exports, 'default')
  );
}
