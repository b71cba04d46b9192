import type * as Library from './library.ts';
import type { LazyLibrary } from './lazy-library.ts';
import type { Modules } from './modules/index.ts';

const LIBRARY_NAMES = ['clearOutput', 'comms', 'confirm', 'display', 'input', 'prompt', 'python'] as const;

/** Names that cells use without an import. A cell may declare or assign any of them. */
export function defineGlobals(modules: Modules, library: LazyLibrary, tf: () => unknown): void {
  for (const name of LIBRARY_NAMES) defineLazy(name, () => library.required.tensorcell[name]);
  defineLazy('tensorcell', () => library.required.tensorcell);
  defineLazy('tf', tf);
  defineLazy('require', () => modules.require);
}

/** Plain values in place of getters, once the library is there. */
export function settleGlobals({ tensorcell }: typeof Library): void {
  const values: Record<string, unknown> = { tensorcell };
  for (const name of LIBRARY_NAMES) values[name] = tensorcell[name];
  for (const [name, value] of Object.entries(values)) {
    // A cell may have replaced it in the meantime.
    const present = Object.getOwnPropertyDescriptor(globalThis, name);
    if (present?.get) Object.defineProperty(globalThis, name, plain(value));
  }
}

function defineLazy(name: string, make: () => unknown): void {
  const set = (value: unknown): void => {
    Object.defineProperty(globalThis, name, plain(value));
  };
  Object.defineProperty(globalThis, name, { get: make, set, configurable: true, enumerable: false });
}

function plain(value: unknown): PropertyDescriptor {
  return { value, configurable: true, enumerable: false, writable: true };
}
