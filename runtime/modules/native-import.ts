/** Of `runBundle`; absent in the units. */
declare const nativeImport: ((specifier: string) => Promise<Record<string, unknown>>) | undefined;

/** Node's own `import()`, which the bundle does not have. */
export function importNatively(specifier: string): Promise<Record<string, unknown>> {
  return typeof nativeImport === 'function'
    ? nativeImport(specifier)
    : (import(specifier) as Promise<Record<string, unknown>>);
}
