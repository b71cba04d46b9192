/**
 * A value of which a process has one. The runtime process has some modules twice, in its own bundle and in that of the library: what
 * they keep at module level would exist twice.
 *
 * @param name of the value, in all bundles
 * @param make called by the first that asks
 */
export function processWide<T>(name: string, make: () => T): T {
  const key = Symbol.for(`tensorcell.${name}`);
  if (!Object.hasOwn(globalThis, key))
    Object.defineProperty(globalThis, key, { value: make(), enumerable: false });
  return Reflect.get(globalThis, key) as T;
}
