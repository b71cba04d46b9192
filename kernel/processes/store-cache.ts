import { existsSync } from 'node:fs';
import type { MissingCache } from './code-cache.ts';
import { writeWhole } from '../../src/base/files/index.ts';

/** Writes what V8 has compiled, for the next process. Where it cannot be written (a folder of another user), processes start without. */
export function storeCache({ bundle, file, content }: MissingCache, log: (message: string) => void): void {
  try {
    // A build has replaced the folder: writing would make a part of the old one anew.
    if (existsSync(bundle)) writeWhole(file, content());
  } catch (error) {
    log(`code cache: ${(error as Error).message}`);
  }
}
