/**
 * TypeScript's declarations of the language, as far as this Node has what they declare: cells run on the same Node as
 * the kernel, and completion offers nothing that fails when it runs.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** All of it is in every Node that we support. */
const BASE = 'es2023';

const has = (owner: unknown, name: string): boolean =>
  ((typeof owner === 'object' && owner !== null) || typeof owner === 'function') && name in owner;

const global = globalThis as Record<string, unknown>;

/** Libraries beyond the base, and whether this Node has what they are named for. */
const LIBRARIES: Readonly<Record<string, () => boolean>> = {
  'es2024.arraybuffer': () => has(ArrayBuffer.prototype, 'transfer'),
  'es2024.collection': () => has(Map, 'groupBy'),
  'es2024.object': () => has(Object, 'groupBy'),
  'es2024.promise': () => has(Promise, 'withResolvers'),
  'es2024.regexp': () => has(RegExp.prototype, 'unicodeSets'),
  'es2024.sharedmemory': () => has(Atomics, 'waitAsync'),
  'es2024.string': () => has(String.prototype, 'isWellFormed'),
  'es2025.collection': () => has(Set.prototype, 'union'),
  'es2025.float16': () => has(global, 'Float16Array'),
  'es2025.intl': () => has(Intl, 'DurationFormat'),
  'es2025.iterator': () => has(global, 'Iterator'),
  'es2025.promise': () => has(Promise, 'try'),
  'es2025.regexp': () => has(RegExp, 'escape'),
  'esnext.array': () => has(Array, 'fromAsync'),
  'esnext.collection': () => has(Map.prototype, 'getOrInsert'),
  'esnext.date': () => has(Date.prototype, 'toTemporalInstant'),
  // Decorators and `using` are compiled; the types that they need are always there.
  'esnext.decorators': () => true,
  'esnext.disposable': () => true,
  'esnext.error': () => has(Error, 'isError'),
  'esnext.intl': () => has(global, 'Temporal'),
  'esnext.sharedmemory': () => has(Atomics, 'pause'),
  'esnext.temporal': () => has(global, 'Temporal'),
  'esnext.typedarrays': () => has(Uint8Array, 'fromBase64'),
};

/** The option `lib` for this Node. */
export function nodeLibraries(): string[] {
  return [BASE, ...Object.entries(LIBRARIES).flatMap(([name, isPresent]) => (isPresent() ? [name] : []))];
}

/**
 * `WebAssembly`, which every Node has, and which TypeScript declares in its libraries for browsers only: that part of
 * them. Empty where it is not found, or where the user's libraries have it.
 *
 * @param lib The user's own `lib`.
 */
export function webAssemblyTypes(tscPath: string, lib: unknown): string {
  if (Array.isArray(lib) && lib.some((name) => /^(?:dom|webworker)$/i.test(String(name)))) return '';
  try {
    const text = readFileSync(join(dirname(tscPath), 'lib.webworker.d.ts'), 'utf8');
    const found = /^declare namespace WebAssembly \{$[\s\S]*?^\}$/m.exec(text)?.[0];
    if (!found) return '';
    return found.replace('{', '{\n    type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer;');
  } catch {
    return '';
  }
}
