import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { environmentIsReady } from '../../cli/environment.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const requirements = join(root, 'requirements', 'lab.txt');

test("the checkout's environment is complete, and JupyterLab's own JavaScript runs in it", () => {
  const environment = join(root, '.venv');
  assert.ok(environmentIsReady(environment, [requirements]));
  // It is CommonJS and lies below our package.json, which says that all files are ES modules.
  const find =
    'import jupyter_builder, os; print(os.path.join(os.path.dirname(jupyter_builder.__file__), "yarn.js"))';
  const yarn = spawnSync(join(environment, 'bin', 'python'), ['-c', find], {
    encoding: 'utf8',
  }).stdout.trim();
  const done = spawnSync(process.execPath, [yarn, '--version'], { encoding: 'utf8', cwd: tmpdir() });
  assert.equal(done.status, 0, done.stderr.slice(-500));
  assert.match(done.stdout, /^\d+\.\d+/);
});

test('another lock file makes it incomplete, so the next set-up installs again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-requirements-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const changed = join(folder, 'lab.txt');
  writeFileSync(changed, `${readFileSync(requirements, 'utf8')}\n# changed\n`);
  assert.equal(environmentIsReady(join(root, '.venv'), [changed]), false);
});
