/** `import`, `import()` and `require` of cells and local files. */
import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire, isBuiltin } from 'node:module';
import { dirname, extname, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import type { CompiledModule } from '../../kernel/contracts/compiled-cells.ts';
import type { UserConfig } from '../../kernel/tsconfig/index.ts';
import { forget, isEdited, remember } from './edited-files.ts';
import { isCompiled, isModuleSyntax, parseJson } from './file-kinds.ts';
import { LocalModules, type LocalModule } from './local-modules.ts';
import { missingExport } from './missing-exports.ts';
import {
  commonJsNamespace,
  createNamespace,
  namespaceOf,
  withAllExports,
  type Namespace,
} from './namespace.ts';
import { importNatively } from './native-import.ts';
import { quietly } from '../../src/base/quietly.ts';
import { shownPath } from '../shown-path.ts';
import { installLocalFiles, installRedirects, isInPackage } from './redirects.ts';
import { ModuleNotFoundError, ModuleResolver, ownModule, packageName, type Resolution } from './resolve.ts';
import { reserveDescriptors, withSpareDescriptors } from '../../src/base/spare-descriptors.ts';

/** `now`: for `require`. */
export type ModuleCompiler = (source: string, path: string, now: boolean) => CompiledModule;

export interface ModulesOptions {
  /** Folder of the notebook; relative imports start here. */
  directory: () => string;
  /** A file of the kernel's own package, from which its packages are found. */
  home: string;
  loadCompiler: () => ModuleCompiler;
  /** The notebook folder's tsconfig.json. */
  config: () => UserConfig | undefined;
  guard: <T>(promise: Promise<T>) => Promise<T>;
  /** Namespaces of the kernel's own modules. */
  own: Record<'tensorcell' | 'tf' | 'tslab', () => Namespace>;
  onReplaced: (path: string, old: Namespace) => void;
}

export class Modules {
  readonly #options: ModulesOptions;
  readonly #resolver: ModuleResolver;
  readonly #local: LocalModules;
  readonly #homeRequire: NodeJS.Require;
  #redirected = false;
  #compiler: ModuleCompiler | undefined;
  #loadingCompiler = false;
  #cell: { directory: string; require: NodeJS.Require; meta: ImportMeta } | undefined;
  /** `module` of cells, which is also `require.main`. */
  readonly #main: NodeJS.Module;

  constructor(options: ModulesOptions) {
    this.#options = options;
    reserveDescriptors();
    this.#resolver = new ModuleResolver(dirname(options.home), options.config);
    this.#homeRequire = createRequire(options.home);
    this.#main = createNode(notebookPath(options.directory()));
    this.#main.id = '.';
    this.#local = new LocalModules({
      guard: options.guard,
      compile: (source, path, now) => this.#compile(source, path, now),
      importFrom: (specifier, attributes, from, names) =>
        this.#import(specifier, attributes, dirname(from.path), from, names),
      importNow: (specifier, attributes, from, names) => this.#importNow(specifier, attributes, from, names),
      link: (specifier, from) => {
        const found = this.#resolver.resolve(specifier, dirname(from.path));
        if (found.kind !== 'local' || !isModuleSyntax(found.path)) return undefined;
        return this.#local.link(found.path, from);
      },
      meta: (path) => this.#metaOf(path),
      require: (from) => this.#requireFrom(from.path, from),
      createNode,
      cache: this.#homeRequire.cache,
      edited: isEdited,
      onReplaced: options.onReplaced,
    });
  }

  /** Resolves to the result of a cell's `import`: the namespace, which has all of `names`. */
  import(
    specifier: unknown,
    attributes?: Record<string, string>,
    names?: readonly string[],
  ): Promise<Namespace> {
    return this.#import(specifier, attributes, this.#options.directory(), undefined, names);
  }

  /** A termination now would leave the compiler half loaded for ever. */
  get loadingCompiler(): boolean {
    return this.#loadingCompiler;
  }

  #compile(source: string, path: string, now: boolean): CompiledModule {
    if (!this.#compiler) {
      this.#loadingCompiler = true;
      try {
        this.#compiler = this.#options.loadCompiler();
      } finally {
        this.#loadingCompiler = false;
      }
    }
    return this.#compiler(source, path, now);
  }

  /** `require` of a cell. */
  get require(): NodeJS.Require {
    return this.#forCells().require;
  }

  /** `module` of a cell. */
  get module(): NodeJS.Module {
    this.#forCells();
    return this.#main;
  }

  /** `import.meta` of a cell: that of the notebook. */
  get meta(): ImportMeta {
    return this.#forCells().meta;
  }

  /** JavaScript was terminated: nothing that was loading is going to finish. */
  abandon(): void {
    this.#local.abandon();
    // A CommonJS module that was being evaluated would stay half made in the cache.
    const { cache } = this.#homeRequire;
    for (const path of Object.keys(cache)) if (cache[path] && !cache[path].loaded) delete cache[path];
  }

  async #import(
    requested: unknown,
    attributes: Record<string, string> | undefined,
    directory: string,
    from: LocalModule | undefined,
    names: readonly string[] | undefined,
  ): Promise<Namespace> {
    // As in JavaScript: whatever is given is turned into a string.
    const specifier = requested instanceof URL ? requested.href : String(requested);
    const namespace = await this.#namespace(specifier, attributes, directory, from);
    this.#requireNames(specifier, namespace, from, names);
    return namespace;
  }

  /** @throws SyntaxError that names the nearest exports; in a circle, names may still come */
  #requireNames(
    specifier: string,
    namespace: Namespace,
    from: LocalModule | undefined,
    names: readonly string[] = [],
  ): void {
    if (!this.#local.isComplete(namespace)) return;
    const missing = names.find((name) => !(name in namespace));
    if (missing !== undefined)
      throw missingExport(specifier, missing, namespace, from && shownPath(from.path));
  }

  async #namespace(
    specifier: string,
    attributes: Record<string, string> | undefined,
    directory: string,
    from: LocalModule | undefined,
  ): Promise<Namespace> {
    const resolution = this.#resolver.resolve(specifier, directory, attributes);
    switch (resolution.kind) {
      case 'builtin':
        return await importNatively(resolution.name);
      case 'local':
        if (!isModuleSyntax(resolution.path)) return commonJsNamespace(this.#native(resolution.path, from));
        return this.#local.load(resolution.path, from);
      case 'node':
        return this.#package(specifier, resolution);
      default:
        return this.#atOnce(resolution);
    }
  }

  /** Modules that need no loading: those of the kernel, data, and files with types only. */
  #atOnce(resolution: Exclude<Resolution, { kind: 'builtin' | 'local' | 'node' }>): Namespace {
    switch (resolution.kind) {
      case 'own':
        return this.#options.own[resolution.name]();
      case 'json':
        return namespaceOf(parseJson(readFileSync(resolution.path, 'utf8'), resolution.path));
      case 'text':
        return namespaceOf(readFileSync(resolution.path, 'utf8'));
      case 'types':
        return createNamespace();
      default:
        return resolution satisfies never;
    }
  }

  async #package(specifier: string, resolution: Extract<Resolution, { kind: 'node' }>): Promise<Namespace> {
    this.#redirect();
    const { path } = resolution;
    if (extname(path) === '.node') return namespaceOf(this.#homeRequire(path));
    try {
      const namespace = (await withSpareDescriptors(() =>
        importNatively(pathToFileURL(path).href),
      )) as Namespace;
      const module = this.#homeRequire.cache[path];
      return module ? withAllExports(namespace, module.exports) : namespace;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ERR_UNKNOWN_FILE_EXTENSION' || code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') {
        throw new ModuleNotFoundError(
          specifier,
          `package '${packageName(specifier)}' holds TypeScript sources (${shownPath(path)}): Node runs packages only as JavaScript`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  /** For `require` of a local ES module: what its imports give, at once. */
  #importNow(
    specifier: string,
    attributes: Record<string, string> | undefined,
    from: LocalModule,
    names: readonly string[] | undefined,
  ): Namespace {
    const resolution = this.#resolver.resolve(specifier, dirname(from.path), attributes);
    const namespace = this.#namespaceNow(resolution, from);
    this.#requireNames(specifier, namespace, from, names);
    return namespace;
  }

  #namespaceNow(resolution: Resolution, from: LocalModule): Namespace {
    switch (resolution.kind) {
      case 'builtin':
        return commonJsNamespace(this.#homeRequire(resolution.name));
      case 'local':
        return isModuleSyntax(resolution.path)
          ? this.#local.importNow(resolution.path, from)
          : commonJsNamespace(this.#native(resolution.path, from));
      case 'node': {
        this.#redirect();
        const exports: unknown = quietly(/\brequire\(\)/u, (): unknown => this.#homeRequire(resolution.path));
        return types.isModuleNamespaceObject(exports) ? (exports as Namespace) : commonJsNamespace(exports);
      }
      default:
        return this.#atOnce(resolution);
    }
  }

  /** A local CommonJS file: Node runs it, from a fresh cache entry when it or a file below it was edited. */
  #native(path: string, from: LocalModule | undefined): unknown {
    this.#redirect();
    const { cache } = this.#homeRequire;
    if (isEdited(path)) forget(cache, path);
    from?.natives.add(path);
    const exports: unknown = this.#homeRequire(path);
    remember(cache, path);
    return exports;
  }

  #redirect(): void {
    if (this.#redirected) return;
    this.#redirected = true;
    installRedirects((name) => this.#options.own[name]());
    installLocalFiles({
      alias: (specifier) => this.#resolver.alias(specifier),
      file: (specifier, directory) => this.#resolver.file(specifier, directory),
      load: (path, module) => this.#local.require(path, undefined, module),
      importFrom: (path, specifier, attributes) =>
        this.#options.guard(this.#import(specifier, attributes, dirname(path), undefined, undefined)),
    });
  }

  #forCells(): { directory: string; require: NodeJS.Require; meta: ImportMeta } {
    const directory = this.#options.directory();
    if (this.#cell?.directory !== directory) {
      const path = notebookPath(directory);
      Object.assign(this.#main, { filename: path, path: directory, paths: pathsFrom(directory) });
      const require = this.#requireFrom(path, undefined);
      Object.defineProperty(this.#main, 'require', { value: require, configurable: true, writable: true });
      this.#cell = { directory, require, meta: this.#metaOf(path) };
    }
    return this.#cell;
  }

  #metaOf(path: string): ImportMeta {
    const directory = dirname(path);
    const resolve = (specifier: string): string => {
      const found = this.#resolver.resolve(specifier, directory);
      switch (found.kind) {
        case 'builtin':
          return found.name.startsWith('node:') ? found.name : `node:${found.name}`;
        case 'own':
        case 'types':
          return `tensorcell:${found.name}`;
        default:
          return pathToFileURL(found.path).href;
      }
    };
    return { url: pathToFileURL(path).href, filename: path, dirname: directory, resolve } as ImportMeta;
  }

  /** `require` of a cell or a local file: Node's, and the kernel's own loader for what has to be compiled. */
  #requireFrom(path: string, from: LocalModule | undefined): NodeJS.Require {
    const base = createRequire(path);
    const require = (specifier: string): unknown => {
      const own = ownModule(specifier);
      if (own) return this.#options.own[own]();
      this.#redirect();
      const found = this.#requirePath(specifier, base, path);
      if (!isAbsolute(found) || isInPackage(found)) {
        // Node 20 and 22 warn that `require` of an ES module is experimental.
        return quietly(/\brequire\(\)/u, (): unknown => base(found));
      }
      if (isCompiled(found)) return this.#local.require(found, from);
      if (/\.[cm]?js$/u.test(found)) return this.#native(found, from);
      return base(found);
    };
    return Object.assign(require, {
      resolve: Object.assign((specifier: string) => this.#requirePath(specifier, base, path), {
        paths: (specifier: string) => base.resolve.paths(specifier),
      }),
      cache: base.cache,
      extensions: base.extensions,
      main: this.#main,
    }) as NodeJS.Require;
  }

  #requirePath(specifier: string, base: NodeJS.Require, path: string): string {
    if (typeof specifier !== 'string' || isBuiltin(specifier)) return base.resolve(specifier);
    const isPath = /^\.{1,2}(?:\/|$)/u.test(specifier) || isAbsolute(specifier);
    const found = isPath ? this.#resolver.file(specifier, dirname(path)) : this.#resolver.alias(specifier);
    if (found !== undefined) return found;
    try {
      return base.resolve(specifier);
    } catch (error) {
      if (isPath || (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
      try {
        return this.#homeRequire.resolve(specifier);
      } catch {
        throw this.#resolver.notFound(specifier, dirname(path), undefined, { cause: error });
      }
    }
  }
}

/** Node's object for a module. */
function createNode(path: string): NodeJS.Module {
  const node = new Module(path);
  node.filename = path;
  node.paths = pathsFrom(dirname(path));
  return node;
}

/** The folders in which packages are looked for. */
function pathsFrom(directory: string): string[] {
  return (Module as unknown as { _nodeModulePaths(from: string): string[] })._nodeModulePaths(directory);
}

/**
 * Path of the notebook. Jupyter's server names it in JPY_SESSION_NAME; other front ends do not, and then a name
 * replaces it.
 */
export function notebookPath(directory: string): string {
  const name = process.env['JPY_SESSION_NAME'];
  if (name?.endsWith('.ipynb')) {
    const base = name.slice(name.lastIndexOf('/') + 1);
    if (existsSync(join(directory, base))) return join(directory, base);
  }
  return join(directory, 'notebook.ts');
}
