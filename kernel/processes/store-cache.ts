import { existsSync } from 'node:fs';
import type { MissingCache } from './code-cache.ts';
import { writeWhole } from '../../src/base/files/index.ts';

/**
 * Stores a code cache once, when `hasRun` holds: by then V8 has compiled the code that cells need.
 *
 * @param cache undefined where the cache is complete: then the result does nothing
 * @param store writes the file
 * @returns to be called now and then
 */
export function storeOnce(
  cache: MissingCache | undefined,
  hasRun: () => boolean,
  store: (cache: MissingCache) => void,
): () => void {
  let missing = cache;
  return () => {
    if (!missing || !hasRun()) return;
    const present = missing;
    missing = undefined;
    store(present);
  };
}

/** Writes the code that V8 has compiled, for the next process. Where it cannot be written (a folder of another user), processes start without. */
export function storeCache({ bundle, file, content }: MissingCache, log: (message: string) => void): void {
  try {
    // A build has replaced the folder: writing would make a part of the old one anew.
    if (existsSync(bundle)) writeWhole(file, content());
  } catch (error) {
    log(`code cache: ${(error as Error).message}`);
  }
}
