// npm ci when node_modules is not what package-lock.json says. No install script of any package is run.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs the packages of package-lock.json. node_modules contains the lock file that it was made from, written last:
 * without it the installation was cut off.
 *
 * @param {string} root
 */
export function installNodePackages(root) {
  const lock = join(root, 'package-lock.json');
  const marker = join(root, 'node_modules', '.tensorcell-lock');
  if (existsSync(marker) && readFileSync(marker).equals(readFileSync(lock))) return;
  console.log('installing the Node packages (about 130 MB to fetch)');
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  if (done.error || done.status !== 0) {
    const text = done.stderr ?? '';
    throw new Error(explain(done.error, text) ?? `npm ci failed; it said:\n${text.trim()}`);
  }
  copyFileSync(lock, `${marker}.new`);
  renameSync(`${marker}.new`, marker);
}

/**
 * One sentence for what npm could not do, or undefined when its own words are better.
 *
 * @param {Error | { code: string } | undefined} error of the start of npm
 * @param {string} text of its stderr
 */
export function explain(error, text) {
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    return 'npm was not found: it comes with Node, so install Node again, for example with "nvm install 22"';
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/.test(text)) {
    return "the npm registry could not be reached, so the Node packages could not be fetched: check the network (and npm's proxy settings) and run this again";
  }
  if (/ENOSPC/.test(text))
    return 'the disk is full, so the Node packages could not be installed: free about 1 GB and run this again';
  return undefined;
}
