import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of a script of Python's side: next to the bundles, or in the sources of a checkout. */
export function bridgeFile(name: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const built = join(here, 'python', name);
  return existsSync(built) ? built : join(here, 'bridge', name);
}
