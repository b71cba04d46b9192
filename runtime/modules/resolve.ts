import { existsSync, readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, extname, isAbsolute, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mapped, type Mapped, type UserConfig } from '../../kernel/tsconfig/index.ts';
import { shownPath } from '../shown-path.ts';
import type * as oxcResolver from 'oxc-resolver';
import type { ResolverFactory } from 'oxc-resolver';

/** A module that is not there, or that cannot be loaded from the importing file. */
export class ModuleNotFoundError extends Error {
  readonly code = 'ERR_MODULE_NOT_FOUND';
  readonly specifier: string;

  constructor(specifier: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ModuleNotFoundError';
    this.specifier = specifier;
  }
}

export type Resolution =
  | { kind: 'builtin'; name: string }
  /** The kernel's own: the library, the `tf` that is global, tslab's compatibility module. */
  | { kind: 'own'; name: 'tensorcell' | 'tf' | 'tslab' }
  /** Compiled and run by the kernel, so that edits are seen. */
  | { kind: 'local'; path: string }
  | { kind: 'json' | 'text'; path: string }
  /** Loaded by Node itself. */
  | { kind: 'node'; path: string }
  /** A package that ships only types. */
  | { kind: 'types'; name: string };

const TF_PACKAGES = new Set([
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-layers',
  '@tensorflow/tfjs-data',
  '@tensorflow/tfjs-converter',
  '@tensorflow/tfjs-node',
  '@tensorflow/tfjs-node-gpu',
]);

const COMPILED = new Set(['.ts', '.mts', '.cts', '.tsx', '.jsx', '.js', '.mjs', '.cjs']);

/** The kernel's module that a specifier names, without a search for files. */
export function ownModule(specifier: string): 'tensorcell' | 'tf' | 'tslab' | undefined {
  if (specifier === 'tensorcell') return 'tensorcell';
  if (specifier === 'tslab') return 'tslab';
  if (TF_PACKAGES.has(specifier)) return 'tf';
  // Deep imports such as `@tensorflow/tfjs-core/dist/ops/ops_for_converter` name parts of the same library.
  return undefined;
}

/** Name of the package in a specifier: `@scope/name/sub` -> `@scope/name`. */
export function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Whether npm may have a package of this name: no `@/x`, no `~/x`. */
function isPackageName(name: string): boolean {
  return /^(?:@[a-z0-9-][\w.~-]*\/)?[a-z0-9-][\w.~-]*$/iu.test(name);
}

/** `npm:@scope/name@1.2/sub` -> `@scope/name/sub`: Deno's way to name a package, without its version. */
function parseNpmSpecifier(specifier: string): { specifier: string; version: string | undefined } {
  const match = /^npm:\/?(?<name>(?:@[^/@]+\/)?[^/@]+)(?:@(?<version>[^/]+))?(?<sub>\/.*)?$/u.exec(specifier);
  if (!match?.groups) {
    throw new ModuleNotFoundError(
      specifier,
      `'${specifier}' names no package: write npm:name or npm:name@version`,
    );
  }
  const { name, version, sub } = match.groups;
  return { specifier: `${name}${sub ?? ''}`, version };
}

/** Finds modules for cells (from the notebook's folder) and for local files (from their own). */
export class ModuleResolver {
  readonly #home: string;
  readonly #config: () => UserConfig | undefined;
  #factory: ResolverFactory | undefined;
  #conditions = '';

  /**
   * @param home folder of the kernel's own packages
   * @param config the notebook folder's tsconfig.json
   */
  constructor(home: string, config: () => UserConfig | undefined) {
    this.#home = home;
    this.#config = config;
  }

  /** The file that a name means by `paths` of tsconfig.json; undefined where that says nothing, or names no file. */
  alias(specifier: string): string | undefined {
    const found = this.#mapped(specifier);
    return found && this.#mappedFile(found);
  }

  #mapped(specifier: string): Mapped | undefined {
    const config = this.#config();
    if (!config || specifier.startsWith('.') || isAbsolute(specifier) || /^\w+:/u.test(specifier))
      return undefined;
    return mapped(specifier, config.paths);
  }

  #mappedFile({ candidates }: Mapped): string | undefined {
    for (const candidate of candidates) {
      const path = this.#find(dirname(candidate), candidate, false);
      // Declarations are for the checker alone: the code is elsewhere.
      if (path !== undefined && !/\.d\.[cm]?ts$/u.test(path)) return path;
    }
    return undefined;
  }

  /** `rootDirs` of tsconfig.json: folders that count as one. */
  #otherRoot(directory: string, specifier: string): string | undefined {
    const roots = this.#config()?.options['rootDirs'];
    if (!Array.isArray(roots) || isAbsolute(specifier)) return undefined;
    const target = join(directory, specifier);
    for (const root of roots as string[]) {
      if (!target.startsWith(`${root}${sep}`)) continue;
      for (const other of roots as string[]) {
        const path = this.#find(other, join(other, target.slice(root.length)), false);
        if (path !== undefined) return path;
      }
    }
    return undefined;
  }

  /** A file by a relative or absolute path, as TypeScript finds it: without its extension, or a folder's index. */
  file(specifier: string, directory: string): string | undefined {
    return this.#find(directory, specifier, false) ?? this.#otherRoot(directory, specifier);
  }

  /** Newly installed packages are found after a failure, since nothing of it is remembered. */
  forget(): void {
    this.#factory?.clearCache();
  }

  /**
   * @param directory folder of the importing notebook or file
   * @throws ModuleNotFoundError with what to do next
   */
  resolve(requested: string, directory: string, attributes?: Record<string, string>): Resolution {
    let specifier = requested;
    let version: string | undefined;
    if (specifier.startsWith('npm:')) ({ specifier, version } = parseNpmSpecifier(specifier));
    if (specifier.startsWith('node:') || isBuiltin(specifier)) return { kind: 'builtin', name: specifier };
    const own = ownModule(specifier);
    if (own) return { kind: 'own', name: own };
    if (/^(?:https?|data|blob|jsr):/u.test(specifier)) return unsupported(specifier);
    if (specifier.startsWith('file:')) specifier = fileURLToPath(specifier);

    if (specifier.startsWith('.') || isAbsolute(specifier)) {
      const path = this.#find(directory, specifier, false) ?? this.#otherRoot(directory, specifier);
      if (path === undefined) {
        throw new ModuleNotFoundError(
          requested,
          `cannot find '${requested}' from ${shownPath(directory)}: is the path right? Relative paths start at the folder of the notebook or file`,
        );
      }
      return classify(path, attributes);
    }
    const alias = this.#mapped(specifier);
    const path =
      (alias && this.#mappedFile(alias)) ??
      this.#find(directory, specifier, false) ??
      this.#find(this.#home, specifier, false);
    if (path !== undefined) return classify(path, attributes);
    const name = packageName(specifier);
    if (specifier === name || specifier.startsWith('@types/')) {
      if (hasOnlyTypes(name, directory)) return { kind: 'types', name };
    }
    throw this.notFound(requested, directory, version);
  }

  /** The error for a name that is neither a file nor a package. */
  notFound(
    requested: string,
    directory: string,
    version?: string,
    options?: ErrorOptions,
  ): ModuleNotFoundError {
    const specifier = requested.startsWith('npm:') ? parseNpmSpecifier(requested).specifier : requested;
    const name = packageName(specifier);
    const installed = packageFolder(name, directory);
    const message = installed
      ? `package '${name}' has no '${specifier}': it is installed in ${shownPath(installed)}, but its package.json does not export that`
      : (this.#aliasProblem(specifier, name) ??
        `cannot find package '${name}': install it with  %install ${name}${version ? `@${version}` : ''}`);
    return new ModuleNotFoundError(requested, message, options);
  }

  /** Undefined for a name that can only mean a package. */
  #aliasProblem(specifier: string, name: string): string | undefined {
    const found = this.#mapped(specifier);
    const problem = this.#config()?.problem;
    const broken = problem === undefined ? '' : ` (tsconfig.json cannot be read: ${problem})`;
    if (found) {
      const tried = found.candidates.map((candidate) => shownPath(candidate)).join(', ');
      if (!found.onlyBase)
        return `cannot find '${specifier}': tsconfig.json maps '${found.pattern}' to files, and none of them exists; tried ${tried} (with .ts, .tsx, .js, .json and other extensions, and as a folder with an index file)`;
      if (isPackageName(name))
        return `cannot find '${specifier}': there is no file ${tried} (baseUrl of tsconfig.json) and no package '${name}'; a package is installed with  %install ${name}`;
    }
    if (specifier.startsWith('#'))
      return `cannot find '${specifier}': "imports" of the nearest package.json has no such name`;
    if (isPackageName(name))
      return problem === undefined
        ? undefined
        : `cannot find package '${name}': install it with  %install ${name}${broken}`;
    return `cannot find '${specifier}': this is not the name of a package; for an alias, add it to "paths" in the tsconfig.json of the notebook folder${broken}`;
  }

  #find(directory: string, specifier: string, retried: boolean): string | undefined {
    const conditions = this.#config()?.options['customConditions'];
    const custom = Array.isArray(conditions) ? conditions.map(String) : [];
    if (this.#conditions !== custom.join()) this.#factory = undefined;
    this.#conditions = custom.join();
    this.#factory ??= createFactory(custom);
    const found = this.#factory.sync(directory, specifier);
    if (found.path !== undefined) return found.path;
    if (retried) return undefined;
    // It may have been installed or written a moment ago.
    this.#factory.clearCache();
    return this.#find(directory, specifier, true);
  }
}

function createFactory(conditions: readonly string[]): ResolverFactory {
  const require = createRequire(import.meta.url);
  const { ResolverFactory: Factory } = require('oxc-resolver') as typeof oxcResolver;
  return new Factory({
    conditionNames: [...conditions, 'node', 'import', 'module-sync', 'default'],
    mainFields: ['main'],
    extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.mts', '.cts', '.jsx', '.json', '.node'],
    extensionAlias: {
      '.js': ['.js', '.ts', '.tsx'],
      '.mjs': ['.mjs', '.mts'],
      '.cjs': ['.cjs', '.cts'],
      '.jsx': ['.jsx', '.tsx'],
    },
    symlinks: true,
  });
}

function unsupported(specifier: string): never {
  throw new ModuleNotFoundError(
    specifier,
    `cannot import '${specifier}': modules come from files and installed packages; install it with  %install <package>`,
  );
}

function classify(path: string, attributes: Record<string, string> | undefined): Resolution {
  const type = attributes?.['type'];
  if (type === 'text') return { kind: 'text', path };
  const extension = extname(path);
  if (extension === '.json' || type === 'json') return { kind: 'json', path };
  const inPackage = path.includes('/node_modules/');
  if (inPackage) return { kind: 'node', path };
  if (COMPILED.has(extension) && !/\.d\.[cm]?ts$/u.test(path)) {
    return { kind: 'local', path };
  }
  if (extension === '.node' || extension === '.wasm') return { kind: 'node', path };
  return { kind: 'text', path };
}

/** The folder `node_modules/<name>` that Node would use. */
function packageFolder(name: string, directory: string): string | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

function hasOnlyTypes(name: string, directory: string): boolean {
  const folder = packageFolder(name, directory);
  if (folder) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        types?: string;
        typings?: string;
      };
      return (
        manifest.types !== undefined ||
        manifest.typings !== undefined ||
        existsSync(join(folder, 'index.d.ts'))
      );
    } catch {
      return false;
    }
  }
  const scoped = name.startsWith('@') ? name.slice(1).replace('/', '__') : name;
  return packageFolder(`@types/${scoped}`, directory) !== undefined;
}
