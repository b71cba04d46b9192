// npm run setup: everything that a fresh clone needs. Only Node built-ins here: nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build-state.mjs';
import { requireMachine } from './machine.mjs';
import { installNodePackages } from './node-packages.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Node packages and bundles: what has to be there before our own command can do the rest. */
export function prepareCheckout() {
  requireMachine();
  try {
    installNodePackages(root);
    if (buildIfStale(root)) console.log('built dist/');
  } catch (error) {
    console.error(`tensorcell: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

/**
 * Runs our command in the foreground and returns its exit code.
 *
 * @param {string[]} args
 */
export function command(...args) {
  const done = spawnSync(process.execPath, [join(root, 'dist', 'cli.js'), ...args], { stdio: 'inherit' });
  return done.status ?? 1;
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  prepareCheckout();
  const code = command('setup', ...process.argv.slice(2));
  if (code === 0) console.log('ready: npm run lab opens JupyterLab on the tutorials');
  process.exit(code);
}
