/** Takes a minute: Jupyter tries a kernel that dies at its start five times, and waits for its first answer. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { notebookJson } from '../notebooks/notebook-file.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-dead-kernel-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a kernel that dies at its start ends the run with a sentence', () => {
  const spec = join(folder, 'jupyter', 'kernels', 'broken');
  mkdirSync(spec, { recursive: true });
  const argv = [process.execPath, '-e', 'process.exit(3)', '{connection_file}'];
  writeFileSync(
    join(spec, 'kernel.json'),
    JSON.stringify({ argv, display_name: 'Broken', language: 'none' }),
  );
  const path = join(folder, 'broken.ipynb');
  writeFileSync(path, notebookJson(["console.log('never')"]));
  const done = spawnSync(
    process.execPath,
    [join(root, 'dist', 'cli.js'), 'run', path, '--kernel', 'broken'],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, JUPYTER_PATH: join(folder, 'jupyter') },
      timeout: 300_000,
    },
  );
  assert.deepEqual([done.status, done.stdout], [1, '']);
  assert.match(
    done.stderr,
    /tensorcell: the kernel "broken" (died|is not reachable any more): see what the server/,
  );
});
