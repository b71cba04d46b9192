/**
 * `import()` in local CommonJS files. Node runs such files, and its own `import()` knows neither the aliases of tsconfig.json nor
 * TypeScript; the loader of cells knows both, and gives a cell and such a file the same module.
 */
import { createRequire } from 'node:module';
import type * as oxcParser from 'oxc-parser';
import { isHeavyFile } from '../../kernel/limits/weight.ts';

const LOADER = Symbol.for('tensorcell.import');

/** Resolves to the result of `import(specifier, options)` in the file `path`. */
export type ImportFrom = (
  path: string,
  specifier: unknown,
  attributes: Record<string, string> | undefined,
) => Promise<object>;

export function defineImport(importFrom: ImportFrom): void {
  const load = async (path: string, specifier: unknown, options?: unknown): Promise<object> => {
    const { with: attributes } = (options ?? {}) as { with?: Record<string, string> };
    return await importFrom(path, specifier, attributes);
  };
  Object.defineProperty(globalThis, LOADER, { value: load, configurable: true });
}

/**
 * The text of a CommonJS file whose `import()` is the loader's; undefined when it has none. Each call is to a function with a
 * name as long as `import`, which the last line declares: lines and columns stay as they are.
 */
export function withImports(source: string, path: string): string | undefined {
  // The parser could overflow its stack, which ends the process.
  if (!/\bimport\s*\(/u.test(source) || isHeavyFile(source)) return undefined;
  const { parseSync } = createRequire(import.meta.url)('oxc-parser') as typeof oxcParser;
  const { dynamicImports } = parseSync(path, source, { sourceType: 'script', lang: 'js' }).module;
  const name = freeName(source);
  let code = '';
  let at = 0;
  for (const { start } of dynamicImports) {
    // `import.source()` and `import.defer()` stay Node's.
    if (!/^import\s*\(/u.test(source.slice(start, start + 100))) continue;
    code += source.slice(at, start) + name;
    at = start + name.length;
  }
  if (code === '') return undefined;
  const from = JSON.stringify(path);
  const loader = `globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(LOADER))})]`;
  return `${code}${source.slice(at)}\nfunction ${name}(...values){return ${loader}(${from},...values)}`;
}

/** Six characters that the source does not hold. */
function freeName(source: string): string {
  for (let count = 0; ; count++) {
    const name = `$$${count.toString(36).padStart(4, '_')}`;
    if (!source.includes(name)) return name;
  }
}
