/** Namespace objects of modules that Node did not make: no prototype, enumerable getters, `Module` as tag. */

export type Namespace = Record<string, unknown>;

export function createNamespace(): Namespace {
  const namespace = Object.create(null) as Namespace;
  Object.defineProperty(namespace, Symbol.toStringTag, { value: 'Module' });
  return namespace;
}

export function defineExports(namespace: Namespace, getters: Record<string, () => unknown>): void {
  for (const name of Object.keys(getters)) {
    Object.defineProperty(namespace, name, { get: getters[name]!, enumerable: true, configurable: true });
  }
}

/** `export * from`: everything but `default`; what the module exports itself comes first. */
export function defineReexports(namespace: Namespace, from: Namespace): void {
  for (const name of Object.keys(from)) {
    if (name === 'default' || Object.hasOwn(namespace, name)) continue;
    Object.defineProperty(namespace, name, { get: () => from[name], enumerable: true, configurable: true });
  }
}

/** A namespace of fixed values with the whole as `default`, as Node makes one of a JSON file or a CommonJS module. */
export function namespaceOf(value: unknown): Namespace {
  const namespace = createNamespace();
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [name, entry] of Object.entries(value)) {
      if (name !== 'default') namespace[name] = entry;
    }
  }
  namespace['default'] = value;
  return namespace;
}

const completed = new WeakMap<object, Namespace>();

/**
 * Node finds the names of a CommonJS module by reading its text, and misses what `module.exports = { a: 1 }` has. Here
 * every property of its exports can be imported by name.
 */
export function withAllExports(namespace: Namespace, exports: unknown): Namespace {
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return namespace;
  const missing = Object.keys(exports).filter((name) => !Object.hasOwn(namespace, name));
  if (missing.length === 0) return namespace;
  const known = completed.get(namespace);
  if (known) return known;
  const whole = createNamespace();
  for (const name of Object.keys(namespace)) {
    Object.defineProperty(whole, name, { get: () => namespace[name], enumerable: true, configurable: true });
  }
  for (const name of missing) {
    Object.defineProperty(whole, name, {
      get: () => (exports as Namespace)[name],
      enumerable: true,
      configurable: true,
    });
  }
  completed.set(namespace, whole);
  return whole;
}
