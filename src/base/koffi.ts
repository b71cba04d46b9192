import type * as koffiModule from 'koffi';
import { createRequire } from 'node:module';

/** The foreign function interface. */
export type Koffi = typeof koffiModule;

/**
 * koffi runs C on separate stacks: 2 MiB for calls, 128 KiB for calls on other threads. XLA's compiler needs more; a
 * chain of 800 operations overflows the default and ends the process. The sizes are addresses that are reserved, not
 * memory that is used. koffi refuses to change them after it has loaded a library, so the first user of koffi in this
 * process sets them, whatever it is about to load.
 */
const STACK_BYTES = 16 * 2 ** 20;

let loaded: Koffi | undefined;

function hasLargeStacks(module: Koffi): boolean {
  const { sync_stack_size: here = 0, async_stack_size: elsewhere = 0 } = module.config();
  return here >= STACK_BYTES && elsewhere >= STACK_BYTES;
}

/** koffi, loaded on first use, so that a kernel without an engine never loads it. */
export function koffi(): Koffi {
  if (loaded === undefined) {
    const module = createRequire(import.meta.url)('koffi') as Koffi;
    // Another bundle of this process may have set them.
    if (!hasLargeStacks(module)) {
      try {
        module.config({ ...module.config(), sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
      } catch {
        // A cell has loaded a library with koffi before. XLA's users ask `largeStacks`.
      }
    }
    loaded = module;
  }
  return loaded;
}

/** Whether C runs on stacks that are large enough for XLA's compiler. */
export function largeStacks(): boolean {
  return hasLargeStacks(koffi());
}
