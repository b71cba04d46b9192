// `tensorcell runtime use --python` with an environment that pip filled: 270 MB are fetched.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { tensorflowOfPython } from '../../src/machine/runtimes/python-environment.ts';
import { chooseRuntime } from '../../src/machine/runtimes/store.ts';
import { report, reporting, reportOf } from './runtime-in-use.ts';

const VERSION = '2.21.0';

if (reporting) await report();
else {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-python-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('TensorFlow as pip installs it computes', () => {
    const run = (program: string, ...args: string[]): void => {
      const done = spawnSync(program, args, { encoding: 'utf8' });
      assert.equal(done.status, 0, done.stderr + done.stdout);
    };
    const environment = join(folder, 'env');
    run('python3', '-m', 'venv', environment);
    // Only TensorFlow itself: its Python packages are not needed.
    run(join(environment, 'bin/pip'), 'install', '-q', '--no-deps', `tensorflow-cpu==${VERSION}`);
    const found = tensorflowOfPython(environment);
    assert.equal(found.tensorflow, VERSION);
    const home = join(folder, 'home');
    mkdirSync(join(home, 'runtimes'), { recursive: true });
    chooseRuntime({ runtime: 'python', ...found }, { ...process.env, TENSORCELL_HOME: home });
    const { description, losses } = reportOf({ TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' });
    assert.deepEqual(
      [description.backend, description.runtime, description.tensorflowVersion],
      ['tensorflow', { name: 'python', version: VERSION, path: found.path }, VERSION],
    );
    assert.equal(dirname(description.library!), join(found.path, 'tensorflow'));
    assert.ok(losses[1] < losses[0] / 10);
  });
}
