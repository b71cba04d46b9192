/**
 * Local TypeScript and JavaScript files. They are compiled and run here rather than by Node, so that an edit is seen
 * by the next import, through any number of files between.
 */
import { readFileSync, statSync } from 'node:fs';
import { constants as vmConstants, Script } from 'node:vm';
import type { CompiledModule, ModuleContext } from '../../interfaces.ts';
import { registerSource } from '../stack.ts';
import { createNamespace, defineExports, defineReexports, type Namespace } from './namespace.ts';

export interface LocalModuleServices {
  /** Passes a promise on that never settles once the calling execution was interrupted. */
  guard: <T>(promise: Promise<T>) => Promise<T>;
  compile(source: string, path: string): Promise<CompiledModule>;
  /** Any import of a local file; `from` lets cycles be recognised. */
  importFrom(
    specifier: unknown,
    attributes: Record<string, string> | undefined,
    from: LocalModule,
  ): Promise<Namespace>;
  /** The namespace of a local file that is imported statically, at once; undefined for all else. */
  link: (specifier: string, from: LocalModule) => Namespace | undefined;
  meta(path: string): ImportMeta;
  require(path: string): (specifier: string) => unknown;
  /** A changed file was evaluated again; `old` may still be held by values. */
  onReplaced: (path: string, old: Namespace) => void;
}

export interface LocalModule {
  readonly path: string;
  readonly namespace: Namespace;
  state: 'loading' | 'done' | 'failed';
  finished: Promise<void>;
  /** Modules that it imported. */
  readonly imports: Set<LocalModule>;
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

  constructor(services: LocalModuleServices) {
    this.#services = services;
  }

  /** JavaScript was terminated: what was loading will never finish, and the next import starts anew. */
  abandon(): void {
    for (const [path, module] of this.#modules) if (module.state === 'loading') this.#modules.delete(path);
  }

  /** Loads a file, or gives the module that is loaded already while neither it nor anything it imports has changed. */
  async load(path: string, from?: LocalModule): Promise<Namespace> {
    const module = this.#current(path, from);
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
    return this.#current(path, from).namespace;
  }

  #current(path: string, from: LocalModule | undefined): LocalModule {
    let module = this.#modules.get(path);
    if (module?.state === 'done' && this.#changed(module, new Map())) module = this.#modules.get(path);
    module ??= this.#start(path);
    from?.imports.add(module);
    return module;
  }

  /** Drops what is out of date, from the leaves up. */
  #changed(module: LocalModule, seen: Map<LocalModule, boolean>): boolean {
    const known = seen.get(module);
    if (known !== undefined) return known;
    seen.set(module, false);
    let changed = this.#modules.get(module.path) !== module || !sameFile(module);
    for (const dependency of module.imports) if (this.#changed(dependency, seen)) changed = true;
    seen.set(module, changed);
    if (changed && this.#modules.get(module.path) === module) {
      this.#modules.delete(module.path);
      this.#replaced.set(module.path, module);
    }
    return changed;
  }

  #start(path: string): LocalModule {
    const source = readFileSync(path, 'utf8');
    const module: LocalModule = {
      path,
      namespace: createNamespace(),
      state: 'loading',
      finished: Promise.resolve(),
      imports: new Set(),
      waitsFor: new Set(),
      stamp: stampOf(path, source),
    };
    this.#modules.set(path, module);
    module.finished = this.#finish(module, source);
    // Every importer awaits it; an importer that was interrupted does not.
    module.finished.catch(() => {});
    return module;
  }

  async #finish(module: LocalModule, source: string): Promise<void> {
    const { path } = module;
    try {
      await this.#evaluate(module, source);
    } catch (error) {
      // A module that failed is tried again by the next import, unlike in Node: the file may be mended by then.
      module.state = 'failed';
      if (this.#modules.get(path) === module) this.#modules.delete(path);
      throw error;
    }
    module.state = 'done';
    const old = this.#replaced.get(path);
    this.#replaced.delete(path);
    if (old) this.#services.onReplaced(path, old.namespace);
  }

  async #evaluate(module: LocalModule, source: string): Promise<void> {
    const services = this.#services;
    // Code of an interrupted cell's import must not begin to run later.
    const compiled = await services.guard(services.compile(source, module.path));
    registerSource(compiled.filename, compiled.map);
    const body = new Script(compiled.code, {
      filename: compiled.filename,
      importModuleDynamically: vmConstants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }).runInThisContext() as (context: ModuleContext) => Promise<void>;
    const context: ModuleContext = {
      link: (specifier) => services.link(specifier, module),
      export: (getters) => defineExports(module.namespace, getters),
      exportAll: (namespace) => defineReexports(module.namespace, namespace),
      import: (specifier, attributes) => services.guard(services.importFrom(specifier, attributes, module)),
      meta: services.meta(module.path),
      require: services.require(module.path),
    };
    await body(context);
  }
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
