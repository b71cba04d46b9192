// Whether dist/ is as the sources are. Folders count too: their time changes when a file comes or goes.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The sources of dist/, relative to the checkout. */
const SOURCES = [
  'cli',
  'kernel',
  'runtime',
  'src',
  'scripts/build.mjs',
  'scripts/build-tfjs.mjs',
  ...readdirSync(import.meta.dirname)
    .filter((name) => name.startsWith('tfjs-'))
    .map((name) => join('scripts', name)),
  'scripts/vendored-types.mjs',
  'scripts/vendored-packages.mjs',
  'scripts/licences.mjs',
  'scripts/tutorial-data.mjs',
  'tsconfig.types.json',
  'notebooks',
  'requirements',
  'package.json',
  'package-lock.json',
];

/**
 * Newest modification time under `path`, in milliseconds; 0 when there is nothing.
 *
 * @param {string} path
 * @returns {number}
 */
function newest(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return 0;
  if (!found.isDirectory()) return found.mtimeMs;
  return readdirSync(path).reduce((time, name) => Math.max(time, newest(join(path, name))), found.mtimeMs);
}

/**
 * True when dist/ holds bundles that are newer than every source.
 *
 * @param {string} root
 */
function isBuilt(root) {
  const bundle = ['kernel.js', 'tensorcell.js', 'cli.js']
    .map((name) => join(root, 'dist', name))
    .find((path) => existsSync(path));
  if (!bundle) return false;
  const built = statSync(bundle).mtimeMs;
  return SOURCES.every((source) => newest(join(root, source)) <= built);
}

/**
 * Builds when something changed since.
 *
 * @param {string} root
 * @throws Error when the build fails; its messages are on stderr by then
 */
export function buildIfStale(root) {
  if (isBuilt(root)) return false;
  const done = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], {
    cwd: root,
    stdio: 'inherit',
  });
  if (done.status !== 0) throw new Error('the build failed: its messages are above');
  return true;
}
