/**
 * Local TypeScript and JavaScript files. They are compiled and run here rather than by Node, so that an edit is seen
 * by the next import, through any number of files between.
 */
import { readFileSync, statSync } from 'node:fs';
import { constants as vmConstants, Script } from 'node:vm';
import type { CompiledModule, ModuleContext } from '../../kernel/contracts/compiled-cells.ts';
import { registerSource } from '../stack.ts';
import {
  createNamespace,
  defineCommonJs,
  defineExports,
  defineReexports,
  type Namespace,
} from './namespace.ts';

export interface LocalModuleServices {
  /** Passes a promise on that never settles once the calling execution was interrupted. */
  guard: <T>(promise: Promise<T>) => Promise<T>;
  /** `now`: for `require`, which does not wait. */
  compile(source: string, path: string, now: boolean): CompiledModule;
  /** Any import of a local file; `from` lets cycles be recognised. `names` have to be exported. */
  importFrom(
    specifier: unknown,
    attributes: Record<string, string> | undefined,
    from: LocalModule,
    names: readonly string[] | undefined,
  ): Promise<Namespace>;
  /** The same at once, for a file that was required. */
  importNow(
    specifier: string,
    attributes: Record<string, string> | undefined,
    from: LocalModule,
    names: readonly string[] | undefined,
  ): Namespace;
  /** The namespace of a local file that is imported statically, at once; undefined for all else. */
  link: (specifier: string, from: LocalModule) => Namespace | undefined;
  meta(path: string): ImportMeta;
  require(from: LocalModule): NodeJS.Require;
  /** The value of `module` in a file. */
  createNode(path: string): NodeJS.Module;
  /** `require.cache`. */
  cache: NodeJS.Require['cache'];
  /** Whether a file that Node loaded, or one below it, was edited since. */
  edited: (path: string) => boolean;
  /** A changed file was evaluated again; `old` may still be held by values. */
  onReplaced: (path: string, old: Namespace) => void;
}

export interface LocalModule {
  readonly path: string;
  readonly namespace: Namespace;
  /** `module` of its code. */
  node: NodeJS.Module;
  /** It exports as CommonJS does: `require` gives `module.exports`. */
  common: boolean;
  /** It stands in `require.cache`; a program that deletes it there wants it to be loaded again. */
  cached: boolean;
  state: 'loading' | 'done' | 'failed';
  finished: Promise<void>;
  /** Modules that it imported. */
  readonly imports: Set<LocalModule>;
  /** Files that Node loaded for it. */
  readonly natives: Set<string>;
  /** The modules for which it waits right now. */
  readonly waitsFor: Set<LocalModule>;
  /** Of the file as it was compiled. */
  stamp: FileStamp;
}

interface FileStamp {
  modified: number;
  size: number;
  source: string;
}

export class LocalModules {
  readonly #services: LocalModuleServices;
  readonly #modules = new Map<string, LocalModule>();
  /** Out of date, and not yet loaded anew. */
  readonly #replaced = new Map<string, LocalModule>();
  readonly #loading = new Set<Namespace>();

  constructor(services: LocalModuleServices) {
    this.#services = services;
  }

  /** JavaScript was terminated: what was loading will never finish, and the next import starts anew. */
  abandon(): void {
    // One that was just failing would never settle either.
    for (const module of this.#modules.values()) if (module.state !== 'done') this.#drop(module);
  }

  /** Whether a namespace has all its names: false within a circle of modules that are loading. */
  isComplete(namespace: Namespace): boolean {
    return !this.#loading.has(namespace);
  }

  /**
   * The result of `require` of a file: `module.exports`, or the namespace of an ES module. `node` is the object that Node
   * has made for it, when a file that Node runs required it.
   *
   * @throws CompileError for a file whose top level awaits
   */
  require(path: string, from: LocalModule | undefined, node?: NodeJS.Module): unknown {
    const module = this.#current(path, from, true, node);
    if (node && module.node !== node) {
      node.exports = module.node.exports;
      module.node = node;
    }
    this.#register(module);
    if (from && !from.node.children.includes(module.node)) from.node.children.push(module.node);
    return module.common || module.state === 'done' ? module.node.exports : module.namespace;
  }

  /** The namespace of a file, loaded at once. */
  importNow(path: string, from: LocalModule): Namespace {
    return this.#current(path, from, true).namespace;
  }

  /** Loads a file, or gives the module that is loaded already while neither it nor anything it imports has changed. */
  async load(path: string, from?: LocalModule): Promise<Namespace> {
    const module = this.#current(path, from, false);
    if (module.state === 'done') return module.namespace;
    if (!from) {
      await module.finished;
      return module.namespace;
    }
    // A cycle: the importer gets what is there so far, as in an ES module; its bindings are live.
    if (waitsOn(module, from, new Set())) return module.namespace;
    from.waitsFor.add(module);
    try {
      await module.finished;
    } finally {
      from.waitsFor.delete(module);
    }
    return module.namespace;
  }

  /** Starts loading where necessary, and gives the namespace, which fills up later. */
  link(path: string, from: LocalModule): Namespace {
    return this.#current(path, from, false).namespace;
  }

  #current(path: string, from: LocalModule | undefined, now: boolean, node?: NodeJS.Module): LocalModule {
    let module = this.#modules.get(path);
    if (module?.state === 'done' && this.#changed(module, new Map())) module = this.#modules.get(path);
    module ??= this.#start(path, now, node);
    from?.imports.add(module);
    return module;
  }

  /** Drops what is out of date, from the leaves up. */
  #changed(module: LocalModule, seen: Map<LocalModule, boolean>): boolean {
    const known = seen.get(module);
    if (known !== undefined) return known;
    seen.set(module, false);
    let changed = this.#modules.get(module.path) !== module || !sameFile(module) || this.#isForgotten(module);
    for (const path of module.natives) if (this.#services.edited(path)) changed = true;
    for (const dependency of module.imports) if (this.#changed(dependency, seen)) changed = true;
    seen.set(module, changed);
    if (changed && this.#modules.get(module.path) === module) {
      this.#drop(module);
      this.#replaced.set(module.path, module);
    }
    return changed;
  }

  #isForgotten({ cached, node, path }: LocalModule): boolean {
    return cached && this.#services.cache[path] !== node;
  }

  #drop(module: LocalModule): void {
    const { cache } = this.#services;
    const { path, node } = module;
    if (this.#modules.get(path) === module) this.#modules.delete(path);
    if (cache[path] === node) delete cache[path];
    this.#loading.delete(module.namespace);
  }

  #register(module: LocalModule): void {
    if (module.cached || module.state === 'failed') return;
    module.cached = true;
    this.#services.cache[module.path] = module.node;
  }

  #start(path: string, now: boolean, node = this.#services.createNode(path)): LocalModule {
    const source = readFileSync(path, 'utf8');
    const module: LocalModule = {
      path,
      namespace: createNamespace(),
      node,
      common: false,
      cached: false,
      state: 'loading',
      finished: Promise.resolve(),
      imports: new Set(),
      natives: new Set(),
      waitsFor: new Set(),
      stamp: stampOf(path, source),
    };
    this.#modules.set(path, module);
    this.#loading.add(module.namespace);
    if (now) this.#startNow(module, source);
    else module.finished = this.#finish(module, source);
    // Every importer awaits it; an importer that was interrupted does not.
    module.finished.catch(() => {});
    return module;
  }

  /** For `require`: when it returns, the module is loaded. */
  #startNow(module: LocalModule, source: string): void {
    try {
      const compiled = this.#services.compile(source, module.path, true);
      void this.#run(module, compiled);
    } catch (error) {
      this.#failed(module);
      module.finished = Promise.reject(error);
      module.finished.catch(() => {});
      throw error;
    }
    this.#done(module);
  }

  async #finish(module: LocalModule, source: string): Promise<void> {
    const services = this.#services;
    try {
      // Code of an interrupted cell's import must not begin to run later.
      await services.guard(Promise.resolve());
      const compiled = services.compile(source, module.path, false);
      await this.#run(module, compiled);
    } catch (error) {
      this.#failed(module);
      throw error;
    }
    this.#done(module);
  }

  /** A module that failed is tried again by the next import, unlike in Node: the file may be mended by then. */
  #failed(module: LocalModule): void {
    module.state = 'failed';
    this.#drop(module);
  }

  #done(module: LocalModule): void {
    const { node, path, namespace } = module;
    // An ES module that assigns `exports` as well has both.
    if (!module.common && node.exports !== module.namespace && hasKeys(node.exports)) module.common = true;
    if (module.common) defineCommonJs(namespace, node.exports);
    else node.exports = namespace;
    node.loaded = true;
    module.state = 'done';
    this.#loading.delete(namespace);
    const old = this.#replaced.get(path);
    this.#replaced.delete(path);
    if (old) this.#services.onReplaced(path, old.namespace);
  }

  #run(module: LocalModule, compiled: CompiledModule): Promise<void> | void {
    const services = this.#services;
    registerSource(compiled.filename, compiled.map);
    module.common = compiled.common;
    if (compiled.common) this.#register(module);
    const body = new Script(compiled.code, {
      filename: compiled.filename,
      importModuleDynamically: vmConstants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }).runInThisContext() as (context: ModuleContext) => Promise<void> | void;
    const { namespace, node } = module;
    const require = services.require(module);
    Object.defineProperty(node, 'require', { value: require, configurable: true, writable: true });
    return body({
      link: (specifier) => services.link(specifier, module),
      export: (getters) => defineExports(namespace, getters),
      exportAll: (from) => defineReexports(namespace, from),
      reexport: (from, names) => {
        // A type: it has no value, and its export need not have the word `type`.
        if (!this.isComplete(from)) return;
        for (const [exported, name] of Object.entries(names)) if (!(name in from)) delete namespace[exported];
      },
      import: (specifier, attributes, names) =>
        services.guard(services.importFrom(specifier, attributes, module, names)),
      importNow: (specifier, attributes, names) => services.importNow(specifier, attributes, module, names),
      meta: services.meta(module.path),
      require,
      module: node,
    });
  }
}

function hasKeys(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && Object.keys(value).length > 0)
  );
}

/** Whether `module` waits, over any number of steps, for `target`. */
function waitsOn(module: LocalModule, target: LocalModule, seen: Set<LocalModule>): boolean {
  if (module === target) return true;
  if (seen.has(module)) return false;
  seen.add(module);
  for (const next of module.waitsFor) if (waitsOn(next, target, seen)) return true;
  return false;
}

function stampOf(path: string, source: string): FileStamp {
  const { mtimeMs, size } = statSync(path);
  return { modified: mtimeMs, size, source };
}

function sameFile(module: LocalModule): boolean {
  try {
    const { mtimeMs, size } = statSync(module.path);
    if (mtimeMs === module.stamp.modified && size === module.stamp.size) return true;
    const stamp = stampOf(module.path, readFileSync(module.path, 'utf8'));
    if (stamp.source !== module.stamp.source) return false;
    module.stamp = stamp;
    return true;
  } catch {
    return false;
  }
}
