// npm run soak [-- MINUTES]: one kernel under load for an hour. See test/soak/main.ts.
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build-state.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
buildIfStale(root);
const folder = join(root, '.cache', 'soak-build');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, 'soak.mjs');
await build({
  entryPoints: [join(root, 'test', 'soak', 'main.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: 'inline',
  logLevel: 'error',
  // As in scripts/run-tests.mjs: files find the repository from where their source is.
  define: { 'import.meta.url': JSON.stringify(`file://${join(root, 'test', 'soak', 'main.ts')}`) },
});
const child = spawn(process.execPath, ['--enable-source-maps', outfile, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
