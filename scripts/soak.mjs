// npm run soak [-- MINUTES]: one kernel under load for an hour. See test/soak/main.ts.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build-state.mjs';
import { runSource } from './bundle-source.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
buildIfStale(root);
await runSource(join(root, 'test', 'soak', 'main.ts'), 'soak', process.argv.slice(2));
