import type * as library from '../../src/index.ts';
import type { Modules } from './modules/index.ts';

/** Names that cells use without an import. A cell may declare or assign any of them. */
export function defineGlobals(modules: Modules, tensorcell: typeof library): void {
  const { clearOutput, comms, confirm, display, input, prompt } = tensorcell;
  for (const [name, value] of Object.entries({
    clearOutput,
    comms,
    confirm,
    display,
    input,
    prompt,
    tensorcell,
  })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, enumerable: false, writable: true });
  }
  defineLazy('require', () => modules.require);
}

/** A global that is made on first use; assigning it replaces it. */
export function defineLazy(name: string, make: () => unknown): void {
  const set = (value: unknown): void => {
    Object.defineProperty(globalThis, name, { value, configurable: true, enumerable: false, writable: true });
  };
  Object.defineProperty(globalThis, name, { get: make, set, configurable: true, enumerable: false });
}
