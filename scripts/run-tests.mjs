// Runs tests that need real processes, sockets or libraries:
//
//   node scripts/run-tests.mjs test/kernel test/runtime/deaths.test.ts [--node PATH] [node --test arguments…]
//
// Each *.test.ts is bundled (packages stay outside) and run by `node --test` in a separate process, from the
// checkout's root. In our files `import.meta.url` and `.dirname` mean the source file, as if it were not bundled.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildIfStale } from './build-state.mjs';
import { bundleSource } from './bundle-source.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** How often this process has run tests: two runs at once have a folder each. */
let runs = 0;

/** @typedef {{ pass: number, fail: number, skipped: number, todo: number }} Counts */

/**
 * @typedef {object} Outcome
 * @property {number} files
 * @property {number} code exit code of `node --test`
 * @property {Record<string, number>} [milliseconds] by file
 */

/**
 * Every test file under a path that the user named, sorted.
 *
 * @param {string} path
 * @returns {string[]}
 */
export function testFiles(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => name.endsWith('.test.ts') && !name.includes('/node_modules/'))
    .sort();
}

/**
 * Runs the tests under `paths` and resolves to `{ pass, fail, skipped, todo, files, code }`.
 * `node` is the binary to test with, `args` go to `node --test`, `output` is 'inherit' or a function that takes text.
 *
 * @param {readonly string[]} paths
 * @param {{ node?: string | undefined, args?: readonly string[], output?: 'inherit' | ((text: string) => void), env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<Counts & Outcome>}
 */
export async function runTests(
  paths,
  { node = process.execPath, args = [], output = 'inherit', env = {} } = {},
) {
  const files = paths.flatMap((path) => testFiles(resolve(root, path)));
  const none = { pass: 0, fail: 0, skipped: 0, todo: 0 };
  if (files.length === 0) return { ...none, files: 0, code: 1 };
  const folder = join(root, '.cache', 'tests', `${process.pid}-${runs++}`);
  mkdirSync(folder, { recursive: true });
  try {
    await bundleSource(
      Object.fromEntries(files.map((file) => [relative(root, file).replace(/\.ts$/, ''), file])),
      folder,
    );
    const counts = join(folder, 'counts.json');
    const child = spawn(
      node,
      [
        '--enable-source-maps',
        '--test',
        // Tests start processes: on a small machine, more at once make deadlines pass.
        '--test-concurrency=1',
        '--test-timeout=600000',
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        `--test-reporter=${pathToFileURL(join(root, 'scripts', 'test-count.mjs'))}`,
        `--test-reporter-destination=${counts}`,
        ...args,
        ...files.map((file) => join(folder, relative(root, file).replace(/\.ts$/, '.mjs'))),
      ],
      {
        cwd: root,
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
        stdio: output === 'inherit' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      },
    );
    if (output !== 'inherit') {
      child.stdout?.setEncoding('utf8').on('data', output);
      child.stderr?.setEncoding('utf8').on('data', output);
    }
    /** @type {number} */
    const code = await new Promise((done, failed) => {
      child.on('error', failed);
      child.on('close', (status, signal) => done(status ?? (signal ? 1 : 0)));
    });
    let read = none;
    try {
      read = JSON.parse(readFileSync(counts, 'utf8'));
    } catch {
      // The runner itself died, which the exit code shows.
    }
    return { ...read, files: files.length, code };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const at = args.indexOf('--node');
  const node = at < 0 ? process.execPath : args.splice(at, 2)[1];
  const paths = args.filter((arg) => !arg.startsWith('-'));
  if (paths.length === 0) {
    console.error(
      'usage: node scripts/run-tests.mjs <folder or file…> [--node PATH] [node --test arguments]',
    );
    process.exit(2);
  }
  buildIfStale(root);
  const result = await runTests(paths, { node, args: args.filter((arg) => arg.startsWith('-')) });
  if (result.files === 0) console.error(`no *.test.ts under ${paths.join(', ')}`);
  process.exit(result.code === 0 && result.pass === 0 ? 1 : result.code);
}
