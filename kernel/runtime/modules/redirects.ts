/**
 * Third-party packages that need `tensorcell` or tfjs get the ones that are global, however they name them: two copies
 * of tfjs know nothing of each other's tensors.
 *
 * CommonJS packages: `Module._load`, which both `require` and Node's import of a CommonJS file go through, so it also
 * covers ES packages that import an installed tfjs (its entry is CommonJS). ES packages that import a tfjs which is
 * not installed beside them need `module.registerHooks` (Node 22.15, 23.5 and later).
 */
import Module from 'node:module';
import type { Namespace } from './namespace.ts';
import { ownModule } from './resolve.ts';

type Own = 'tensorcell' | 'tf' | 'tslab';
type Load = (request: string, parent: unknown, isMain: boolean) => unknown;

interface ResolveResult {
  url: string;
  format?: string;
  shortCircuit?: boolean;
}
interface HookedModule {
  _load: Load;
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
