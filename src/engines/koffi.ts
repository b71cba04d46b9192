import type * as koffiModule from 'koffi';
import { createRequire } from 'node:module';

/** The foreign function interface. */
export type Koffi = typeof koffiModule;

/**
 * koffi runs C on separate stacks: 2 MiB for calls, 128 KiB for calls on other threads. XLA's compiler needs more; a
 * chain of 800 operations overflows the default and ends the process. The sizes are addresses that are reserved, not
 * memory that is used. koffi refuses to change them after it has loaded a library, so they are set for every engine.
 */
const STACK_BYTES = 16 * 2 ** 20;

let loaded: Koffi | undefined;

/** koffi, loaded on first use, so that a kernel without an engine never loads it. */
export function koffi(): Koffi {
  if (loaded === undefined) {
    const module = createRequire(import.meta.url)('koffi') as Koffi;
    const now = module.config();
    // Another bundle of this process may have loaded libraries with these sizes.
    if (now.sync_stack_size !== STACK_BYTES || now.async_stack_size !== STACK_BYTES) {
      module.config({ ...now, sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
    }
    loaded = module;
  }
  return loaded;
}
