// `tensorcell runtime use --python` with real Python environments: their TensorFlow is the CPU runtime's own files, linked
// to where pip would put them. The long test lets pip do it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tensorflowOfPython } from '../../src/machine/runtimes/python-environment.ts';
import { findRuntime } from '../../src/machine/runtimes/store.ts';
import { report, reporting, reportOf } from './runtime-in-use.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

if (reporting) await report();
else {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-python-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const cpu = findRuntime('cpu');
  const skip = cpu ? false : 'the CPU runtime is not installed: tensorcell runtime install cpu';

  /** A fresh environment without packages, and its site-packages. */
  const environment = (): { python: string; site: string } => {
    const path = mkdtempSync(join(folder, 'env-'));
    const made = spawnSync('python3', ['-m', 'venv', '--without-pip', path], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    const lib = join(path, 'lib');
    return { python: join(path, 'bin', 'python'), site: join(lib, readdirSync(lib)[0]!, 'site-packages') };
  };

  /** Puts a TensorFlow of this version there, as pip would: a package, its metadata, and these libraries. */
  const putTensorflow = (site: string, version: string | undefined, libraries: readonly string[]): void => {
    const into = join(site, 'tensorflow');
    mkdirSync(into);
    // Importing it would be wrong: it takes seconds.
    writeFileSync(join(into, '__init__.py'), 'raise RuntimeError("imported")\n');
    for (const name of libraries) symlinkSync(join(cpu!.path, 'tensorflow', name), join(into, name));
    if (version === undefined) return;
    const info = join(site, `tensorflow_cpu-${version}.dist-info`);
    mkdirSync(info);
    writeFileSync(
      join(info, 'METADATA'),
      `Metadata-Version: 2.1\nName: tensorflow-cpu\nVersion: ${version}\n`,
    );
  };
  const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

  test('the TensorFlow of an environment serves a process from the next start on', { skip }, () => {
    const { python, site } = environment();
    putTensorflow(site, '2.21.0', LIBRARIES);
    const home = join(folder, 'home');
    const command = (...args: string[]): string => {
      const done = spawnSync(process.execPath, [join(root, 'dist', 'cli.js'), 'runtime', ...args], {
        encoding: 'utf8',
        env: { ...process.env, TENSORCELL_HOME: home, NODE_TEST_CONTEXT: undefined },
      });
      assert.equal(done.status, 0, done.stderr);
      return done.stdout;
    };
    // Its folder will do as well.
    assert.equal(
      command('use', '--python', dirname(dirname(python))),
      `TensorFlow 2.21.0 in ${site} is used from the next kernel start\n`,
    );
    assert.match(command('list'), new RegExp(String.raw`^chosen: TensorFlow 2\.21\.0 in ${site}$`, 'm'));
    const used = reportOf({ TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' });
    const { backend, runtime, tensorflowVersion, library, rejected } = used.description;
    assert.deepEqual(
      { backend, runtime, tensorflowVersion, library, rejected },
      {
        backend: 'tensorflow',
        runtime: { name: 'python', version: '2.21.0', path: site },
        tensorflowVersion: '2.21.0',
        library: join(site, 'tensorflow', 'libtensorflow_cc.so.2'),
        rejected: [],
      },
    );
    assert.ok(used.losses[1] < used.losses[0] / 10);
    assert.match(used.why, /^\* CPU with TensorFlow .* \(requested by tensorcell runtime use\)$/m);
    assert.deepEqual(used.warnings, []);

    // The environment goes away: what is left serves, and it is said.
    rmSync(dirname(dirname(python)), { recursive: true });
    const without = reportOf({ TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' });
    assert.equal(without.description.backend, 'cpu');
    assert.deepEqual(without.description.rejected, [
      { what: 'python', why: 'it was selected, but no longer exists', fix: 'tensorcell runtime use auto' },
    ]);
  });

  test('a message names what an environment lacks, and the next step', { skip }, () => {
    const refusal = (python: string): string => {
      try {
        tensorflowOfPython(python);
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'usage');
        return (error as Error).message;
      }
      throw new Error(`${python} was taken`);
    };
    const none = environment();
    assert.equal(
      refusal(none.python),
      `${none.python} has no TensorFlow: install it there with pip, or name another`,
    );
    // A folder with that name is no TensorFlow: Python takes it for a package without code.
    mkdirSync(join(none.site, 'tensorflow'));
    assert.match(refusal(none.python), /has no TensorFlow/);

    const old = environment();
    putTensorflow(old.site, '2.10.1', ['libtensorflow_framework.so.2']);
    assert.equal(
      refusal(old.python),
      `TensorFlow 2.10.1 in ${old.site} is too old: it can be used from 2.16 on (${old.python} -m pip install --upgrade tensorflow)`,
    );
    const broken = environment();
    putTensorflow(broken.site, '2.21.0', ['libtensorflow_cc.so.2']);
    assert.equal(
      refusal(broken.python),
      `TensorFlow 2.21.0 in ${broken.site} is not complete: libtensorflow_framework.so.2 is missing (${broken.python} -m pip install --force-reinstall --no-deps tensorflow)`,
    );
    const nameless = environment();
    putTensorflow(nameless.site, undefined, LIBRARIES);
    assert.deepEqual(tensorflowOfPython(nameless.python), { path: nameless.site, tensorflow: '?' });
    assert.equal(
      refusal('/nowhere/bin/python'),
      "/nowhere/bin/python does not run: name a Python or its environment's folder",
    );
    assert.ok(!existsSync('/nowhere'));
  });
}
