// npm run bench -- <name> [options]: builds, then runs test/bench/<name>/main.ts in a separate process. Without a name it
// lists them: each begins with a comment whose first line is its usage and whose second paragraph what it measures.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build-state.mjs';
import { runSource } from './bundle-source.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = (/** @type {string} */ name) => join(root, 'test', 'bench', name, 'main.ts');
const benches = readdirSync(join(root, 'test', 'bench')).filter((name) => existsSync(main(name)));

/**
 * A bench's usage and the first sentence of its description.
 *
 * @param {string} name
 */
function description(name) {
  const comment = /^\/\*\*\n([\s\S]*?)\*\//.exec(readFileSync(main(name), 'utf8'))?.[1] ?? '';
  const [usage = '', about = ''] = comment.replaceAll(/^ \* ?/gm, '').split('\n\n');
  return `  ${usage.trim()}\n      ${about
    .replaceAll('\n', ' ')
    .split(/(?<=\.) /)[0]
    ?.trim()}`;
}

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !benches.includes(name)) {
  console.error(`${name === undefined ? 'The benchmarks' : `Unknown benchmark ${name}. The benchmarks`}:\n`);
  console.error(benches.map(description).join('\n'));
  process.exit(name === undefined ? 0 : 2);
}
buildIfStale(root);
await runSource(main(name), `bench-${name}`, args);
