// npm run bench -- <name> [options]: builds, then runs test/bench/<name>/main.ts in a process of its own.
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build-state.mjs';

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
const folder = join(root, '.cache', 'bench-build');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `${name}.mjs`);
await build({
  entryPoints: [join(root, 'test', 'bench', name, 'main.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: 'inline',
  logLevel: 'error',
});
const child = spawn(process.execPath, ['--enable-source-maps', outfile, ...args], {
  cwd: root,
  stdio: 'inherit',
});
child.on('close', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
