/**
 * Third-party packages that need `tensorcell` or tfjs get the ones that are global, however they name them: two copies
 * of tfjs know nothing of each other's tensors.
 *
 * CommonJS packages: `Module._load`, which both `require` and Node's import of a CommonJS file go through, so it also
 * covers ES packages that import an installed tfjs (its entry is CommonJS). ES packages that import a tfjs which is
 * not installed next to them need `module.registerHooks` (Node 22.15, 23.5 and later).
 */
import Module, { isBuiltin } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, sep } from 'node:path';
import { defineImport, withImports, type ImportFrom } from './dynamic-imports.ts';
import type { Namespace } from './namespace.ts';
import { ownModule } from './resolve.ts';
import { required } from '../../src/base/required.ts';

type Own = 'tensorcell' | 'tf' | 'tslab';
type Load = (request: string, parent: unknown, isMain: boolean) => unknown;

interface ResolveResult {
  url: string;
  format?: string;
  shortCircuit?: boolean;
}
type ResolveFilename = (
  request: string,
  parent: { filename?: string } | undefined,
  ...rest: unknown[]
) => string;
type Extension = (module: CompilingModule, filename: string) => void;

interface CompilingModule extends NodeJS.Module {
  _compile(code: string, filename: string): unknown;
}

interface HookedModule {
  _load: Load;
  _resolveFilename: ResolveFilename;
  _extensions: Record<string, Extension | undefined>;
  _cache: Record<string, { exports: unknown; loaded: boolean } | undefined>;
  registerHooks?(hooks: {
    resolve(
      specifier: string,
      context: unknown,
      next: (specifier: string, context: unknown) => ResolveResult,
    ): ResolveResult;
    load(url: string, context: unknown, next: (url: string, context: unknown) => unknown): unknown;
  }): void;
}

const SCHEME = 'tensorcell-own:';
const REGISTRY = Symbol.for('tensorcell.modules');
/** Main files of tfjs packages, as an import of the installed package reaches them. */
const INSTALLED =
  /\/node_modules\/(?<name>@tensorflow\/tfjs(?:-core|-layers|-data|-converter|-node|-node-gpu)?)\/dist\/(?:tf\.node|tf-core\.node|tf-layers\.node|tf-data\.node|tf-converter\.node|index)\.js$/u;

export function installRedirects(own: (name: Own) => Namespace): void {
  const hooked = Module as unknown as HookedModule;
  const load = hooked._load;
  hooked._load = function redirectedLoad(this: unknown, request, parent, isMain) {
    const name = ownModule(request) ?? (INSTALLED.test(request) ? 'tf' : undefined);
    if (name) {
      const exports = own(name);
      // An import of a CommonJS file takes what the module in the cache exports, not what this returns.
      const cached = hooked._cache[request];
      if (cached && !cached.loaded) Object.assign(cached, { exports, loaded: true });
      return exports;
    }
    return Reflect.apply(load, this, [request, parent, isMain]);
  };
  if (!hooked.registerHooks) return;
  Object.defineProperty(globalThis, REGISTRY, { value: own, configurable: true });
  hooked.registerHooks({
    resolve(specifier, context, next) {
      const name = ownModule(specifier);
      if (name) return { url: `${SCHEME}${name}`, format: 'module', shortCircuit: true };
      return next(specifier, context);
    },
    load(url, context, next) {
      if (!url.startsWith(SCHEME)) return next(url, context);
      const name = url.slice(SCHEME.length) as Own;
      return { format: 'module', source: reexport(name, own(name)), shortCircuit: true };
    },
  });
}

export interface LocalFiles {
  /** The file that a name means by tsconfig.json. */
  alias: (specifier: string) => string | undefined;
  file: (specifier: string, directory: string) => string | undefined;
  /** Compiles and runs a file; what `require` of it gives. */
  load: (path: string, module: NodeJS.Module) => unknown;
  /** The implementation of `import()` in a file. */
  importFrom: ImportFrom;
}

export function isInPackage(path: string): boolean {
  return path.includes(`${sep}node_modules${sep}`);
}

/** Local CommonJS files, which Node runs, find TypeScript files and aliases as cells do. */
export function installLocalFiles({ alias, file, load, importFrom }: LocalFiles): void {
  const hooked = Module as unknown as HookedModule;
  const resolveFilename = hooked._resolveFilename;
  hooked._resolveFilename = function localFilename(this: unknown, request, parent, ...rest) {
    const from = parent?.filename;
    const isLocal = typeof from === 'string' && isAbsolute(from) && !isInPackage(from);
    if (typeof request !== 'string' || !isLocal || isBuiltin(request))
      return Reflect.apply(resolveFilename, this, [request, parent, ...rest]);
    const isPath = /^\.{1,2}(?:\/|$)/u.test(request) || isAbsolute(request);
    const mapped = isPath ? undefined : alias(request);
    if (mapped !== undefined) return mapped;
    try {
      return Reflect.apply(resolveFilename, this, [request, parent, ...rest]);
    } catch (error) {
      const found = isPath ? file(request, dirname(from)) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  };
  defineImport(importFrom);
  // Also that of `.cjs`.
  const run = required(hooked._extensions['.js'], "Node's loader of JavaScript files");
  hooked._extensions['.js'] = (module, filename) => {
    const code = isInPackage(filename) ? undefined : withImports(readFileSync(filename, 'utf8'), filename);
    if (code === undefined) run(module, filename);
    else module._compile(code, filename);
  };
  for (const extension of ['.ts', '.cts', '.mts', '.tsx', '.jsx']) {
    const before = hooked._extensions[extension];
    hooked._extensions[extension] = (module, filename) => {
      if (!isInPackage(filename)) load(filename, module);
      else (before ?? required(hooked._extensions['.js'], 'a loader of JavaScript files'))(module, filename);
    };
  }
}

/** An ES module with the names of a namespace. */
function reexport(name: Own, namespace: Namespace): string {
  const names = Object.keys(namespace).filter((key) => key !== 'default' && /^[A-Za-z_$][\w$]*$/u.test(key));
  const lines = [`const own = globalThis[Symbol.for('tensorcell.modules')](${JSON.stringify(name)});`];
  for (const [index, key] of names.entries()) {
    lines.push(`const v${index} = own[${JSON.stringify(key)}]; export { v${index} as ${key} };`);
  }
  lines.push('export default own.default ?? own;');
  return lines.join('\n');
}
