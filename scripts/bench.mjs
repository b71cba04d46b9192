// npm run bench -- <name> [options]: builds, then runs test/bench/<name>/main.ts in a process of its own.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build-state.mjs';
import { runSource } from './bundle-source.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const benches = readdirSync(join(root, 'test', 'bench')).filter((name) =>
  existsSync(join(root, 'test', 'bench', name, 'main.ts')),
);
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !benches.includes(name)) {
  console.error(`usage: npm run bench -- <${benches.join('|')}> [options]`);
  process.exit(2);
}
buildIfStale(root);
await runSource(join(root, 'test', 'bench', name, 'main.ts'), `bench-${name}`, args);
