/** `import`, `import()` and `require` of cells and local files. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as oxcParser from 'oxc-parser';
import type { CompiledModule } from '../../interfaces.ts';
import { LocalModules, type LocalModule } from './local-modules.ts';
import { createNamespace, namespaceOf, withAllExports, type Namespace } from './namespace.ts';
import { shownPath } from '../shown-path.ts';
import { installRedirects } from './redirects.ts';
import { ModuleNotFoundError, ModuleResolver, ownModule, packageName, type Resolution } from './resolve.ts';

export interface ModulesOptions {
  /** Folder of the notebook; relative imports start here. */
  directory: () => string;
  /** A file of the kernel's own package, from which its packages are found. */
  home: string;
  loadCompiler: () => (source: string, path: string) => CompiledModule;
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
  #compiler: ((source: string, path: string) => CompiledModule) | undefined;
  #loadingCompiler = false;
  #cell: { directory: string; require: NodeJS.Require; meta: ImportMeta } | undefined;

  constructor(options: ModulesOptions) {
    this.#options = options;
    this.#resolver = new ModuleResolver(dirname(options.home));
    this.#homeRequire = createRequire(options.home);
    this.#local = new LocalModules({
      guard: options.guard,
      compile: (source, path) => this.#compile(source, path),
      importFrom: (specifier, attributes, from) =>
        this.#import(specifier, attributes, dirname(from.path), from),
      link: (specifier, from) => {
        const found = this.#resolver.resolve(specifier, dirname(from.path));
        if (found.kind !== 'local' || !isModuleSyntax(found.path)) return undefined;
        return this.#local.link(found.path, from);
      },
      meta: (path) => this.#metaOf(path),
      require: (path) => this.#requireFrom(path),
      onReplaced: options.onReplaced,
    });
  }

  /** What a cell's `import` gives: the namespace. */
  import(specifier: unknown, attributes?: Record<string, string>): Promise<Namespace> {
    return this.#import(specifier, attributes, this.#options.directory(), undefined);
  }

  /** A termination now would leave the compiler half loaded for ever. */
  get loadingCompiler(): boolean {
    return this.#loadingCompiler;
  }

  async #compile(source: string, path: string): Promise<CompiledModule> {
    if (!this.#compiler) {
      this.#loadingCompiler = true;
      try {
        this.#compiler = this.#options.loadCompiler();
      } finally {
        this.#loadingCompiler = false;
      }
    }
    return this.#compiler(source, path);
  }

  /** `require` of a cell. */
  get require(): NodeJS.Require {
    return this.#forCells().require;
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
  ): Promise<Namespace> {
    // As in JavaScript: whatever is given is turned into a string.
    const specifier = requested instanceof URL ? requested.href : String(requested);
    const resolution = this.#resolver.resolve(specifier, directory, attributes);
    switch (resolution.kind) {
      case 'builtin':
        return (await import(resolution.name)) as Namespace;
      case 'own':
        return this.#options.own[resolution.name]();
      case 'local':
        if (!isModuleSyntax(resolution.path)) return this.#commonJs(resolution.path);
        return this.#local.load(resolution.path, from);
      case 'json':
        return namespaceOf(parseJson(readFileSync(resolution.path, 'utf8'), resolution.path));
      case 'text':
        return namespaceOf(readFileSync(resolution.path, 'utf8'));
      case 'types':
        return createNamespace();
      default:
        return this.#native(specifier, resolution);
    }
  }

  async #native(specifier: string, resolution: Extract<Resolution, { kind: 'node' }>): Promise<Namespace> {
    this.#redirect();
    const { path } = resolution;
    if (extname(path) === '.node') return namespaceOf(this.#homeRequire(path));
    try {
      const namespace = (await import(pathToFileURL(path).href)) as Namespace;
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

  /** A local CommonJS file: Node runs it, from a fresh cache entry when it or a file below it was edited. */
  #commonJs(path: string): Namespace {
    this.#redirect();
    forgetEdited(this.#homeRequire.cache, path);
    const exports: unknown = this.#homeRequire(path);
    remember(this.#homeRequire.cache, path);
    return namespaceOf(exports);
  }

  #redirect(): void {
    if (this.#redirected) return;
    this.#redirected = true;
    installRedirects((name) => this.#options.own[name]());
  }

  #forCells(): { directory: string; require: NodeJS.Require; meta: ImportMeta } {
    const directory = this.#options.directory();
    if (this.#cell?.directory !== directory) {
      const path = notebookPath(directory);
      this.#cell = { directory, require: this.#requireFrom(path), meta: this.#metaOf(path) };
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

  /** Node's `require` from a file, then from the kernel's own packages. */
  #requireFrom(path: string): NodeJS.Require {
    const base = createRequire(path);
    const require = (specifier: string): unknown => {
      const own = ownModule(specifier);
      if (own) return this.#options.own[own]();
      this.#redirect();
      const found = this.#requirePath(specifier, base);
      const isLocal = found.startsWith(sep) && !found.includes(`${sep}node_modules${sep}`);
      if (isLocal && /\.[cm]?tsx?$/u.test(found)) {
        throw new Error(
          `require('${specifier}') names a TypeScript file: write  import … from '${specifier}'  instead`,
        );
      }
      if (isLocal) forgetEdited(base.cache, found);
      const exports: unknown = base(found);
      if (isLocal) remember(base.cache, found);
      return exports;
    };
    return Object.assign(require, {
      resolve: Object.assign((specifier: string) => this.#requirePath(specifier, base), {
        paths: (specifier: string) => base.resolve.paths(specifier),
      }),
      cache: base.cache,
      extensions: base.extensions,
      main: undefined,
    }) as NodeJS.Require;
  }

  #requirePath(specifier: string, base: NodeJS.Require): string {
    try {
      return base.resolve(specifier);
    } catch (error) {
      if (!specifier.startsWith('.')) {
        try {
          return this.#homeRequire.resolve(specifier);
        } catch {
          throw new ModuleNotFoundError(
            specifier,
            `cannot find package '${packageName(specifier)}': install it with  %install ${packageName(specifier)}`,
            { cause: error },
          );
        }
      }
      throw error;
    }
  }
}

/**
 * Path of the notebook. Jupyter's server names it in JPY_SESSION_NAME; other clients do not, and then a name stands
 * for it.
 */
function notebookPath(directory: string): string {
  const name = process.env['JPY_SESSION_NAME'];
  if (name?.endsWith('.ipynb')) {
    const base = name.slice(name.lastIndexOf('/') + 1);
    if (existsSync(join(directory, base))) return join(directory, base);
  }
  return join(directory, 'notebook.ts');
}

/** How Node tells: extension, then package.json, then what the file says. */
function isModuleSyntax(path: string): boolean {
  const extension = extname(path);
  if (extension !== '.js') return true;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) {
      try {
        const { type } = JSON.parse(readFileSync(manifest, 'utf8')) as { type?: string };
        if (type === 'module') return true;
        if (type === 'commonjs') return false;
      } catch {
        // A broken manifest says nothing.
      }
      break;
    }
    if (dirname(folder) === folder) break;
  }
  const { parseSync } = createRequire(import.meta.url)('oxc-parser') as typeof oxcParser;
  return parseSync(path, readFileSync(path, 'utf8'), { sourceType: 'unambiguous' }).module.hasModuleSyntax;
}

/** @throws SyntaxError whose stack begins with the file's line, as that of a script does */
function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const at = Number(/at position (\d+)/u.exec(message)?.[1] ?? text.length);
    const before = text.slice(0, at).split('\n');
    const row = text.split('\n')[before.length - 1] ?? '';
    const failure = new SyntaxError(`${shownPath(path)}: ${message}`);
    const caret = `${' '.repeat(before.at(-1)!.length)}^`;
    failure.stack = `${path}:${before.length}\n${row}\n${caret}\n\n${failure.stack ?? ''}`;
    throw failure;
  }
}

const loadedAt = new Map<string, { modified: number; files: string[] }>();

/** Notes the state of a CommonJS file and of the local files that it required. */
function remember(cache: NodeJS.Require['cache'], path: string): void {
  const files: string[] = [];
  const visit = (file: string): void => {
    if (files.includes(file) || file.includes('/node_modules/')) return;
    files.push(file);
    for (const child of cache[file]?.children ?? []) visit(child.filename);
  };
  visit(path);
  for (const file of files) loadedAt.set(file, { modified: modifiedAt(file), files });
}

function forgetEdited(cache: NodeJS.Require['cache'], path: string): void {
  const known = loadedAt.get(path);
  if (!known) return;
  const edited = known.files.some((file) => loadedAt.get(file)?.modified !== modifiedAt(file));
  if (edited) for (const file of known.files) delete cache[file];
}

function modifiedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
