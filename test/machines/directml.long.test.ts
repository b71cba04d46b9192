// DirectML from the package index to a trained network, on a machine without a card: 241 MB are fetched.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pythonSymbols } from '../../scripts/python-symbols.mjs';
import { runtimeRelease } from '../../src/machine/runtimes/catalogue.ts';
import { installRuntime } from '../../src/machine/runtimes/install.ts';
import { PYTHON_SYMBOLS } from '../../src/machine/runtimes/python-symbols.ts';
import { damagedFiles, type InstalledRuntime } from '../../src/machine/runtimes/store.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { report, reporting, reportOf } from './runtime-in-use.ts';

const NOT_WSL = 'there is no /dev/dxg: DirectML works only inside WSL 2, where Windows shares its card';

if (reporting) await report();
else {
  let home: string;
  let installed: InstalledRuntime;
  const said: string[] = [];

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'tensorcell-directml-'));
    installed = await installRuntime(runtimeRelease('directml')!, {
      say: (line) => said.push(line),
      progress: () => {},
      environment: { ...process.env, TENSORCELL_HOME: home },
      // Wheels that are here already need not be fetched.
      ...(process.env['TENSORCELL_WHEELS'] ? { from: process.env['TENSORCELL_WHEELS'] } : {}),
    });
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  test('the kept files: two libraries, the plugin, our stand-in for Python, and the licences', () => {
    assert.deepEqual(damagedFiles(installed), []);
    assert.deepEqual(
      Object.keys(installed.files ?? {})
        .filter((file) => file.includes('.so'))
        .sort(),
      [
        'libtensorcell-python.so',
        'tensorflow-plugins/directml/libdirectml.d6f03b303ac3c4f2eeb8ca631688c9757b361310.so',
        'tensorflow-plugins/libtfdml_plugin.so',
        'tensorflow/libtensorflow_framework.so.2',
        'tensorflow/python/_pywrap_tensorflow_internal.so',
      ],
    );
    assert.ok(Object.keys(installed.files ?? {}).some((file) => file.endsWith('DirectML_LICENSE.txt')));
    assert.deepEqual(readdirSync(join(home, 'runtimes')), ['directml-2.10.1']);
    assert.deepEqual(
      said.map((line) => line.replace(/^(fetching|taking)/, 'got')),
      [
        'got tensorflow-cpu 2.10.1 (1 of 2, 214 MB)',
        'got tensorflow-directml-plugin 0.4.0.dev230202 (2 of 2, 27 MB)',
      ],
    );
  });

  test("the stand-in has exactly what TensorFlow's library asks of Python", () => {
    const library = join(installed.path, 'tensorflow/python/_pywrap_tensorflow_internal.so');
    assert.deepEqual(PYTHON_SYMBOLS, pythonSymbols(library));
  });

  test('in a notebook: one line gives the reason, TensorFlow prints nothing else, and %device why shows the device selection', () =>
    withKernel(
      async (client) => {
        const first = await client.cell('tf.ones([2, 2]).sum().arraySync()');
        assert.equal(first.result, '4');
        assert.equal(
          first.stderr,
          `directml-2.10.1 found no GPU: ${NOT_WSL}. tf computes on the CPU; \`%doctor\` shows details.\n`,
        );
        assert.equal(first.stdout, '');
        const why = await client.cell('%device why');
        const shown = why.iopub.find(({ header }) => header['msg_type'] === 'display_data');
        assert.ok(shown);
        const text = (shown.content['data'] as Record<string, string>)['text/plain'];
        assert.match(
          text!,
          /^- any GPU with DirectML {6}rejected: DirectML is available only inside WSL 2$/m,
        );
        assert.ok(text!.includes(`directml-2.10.1 found no GPU and computes on the CPU: ${NOT_WSL}`));
        const use = await client.cell('%device use directml');
        assert.equal(
          use.reply['evalue'],
          `%device use directml: this TensorFlow build has CPU:0 (${NOT_WSL}); %device why gives the reasons`,
        );
      },
      { environment: { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: 'directml' } },
    ));

  test('it loads without Python, enumerates no adapter, gives the reason, and trains on the CPU', () => {
    const { description, losses, why, warnings, missingOp, stderr } = reportOf({
      TENSORCELL_HOME: home,
      TENSORCELL_RUNTIME: 'directml',
    });
    const { backend, runtime, tensorflowVersion, devices, rejected } = description;
    assert.deepEqual(
      { backend, runtime, tensorflowVersion, devices, rejected },
      {
        backend: 'tensorflow',
        runtime: { name: 'directml', version: '2.10.1', path: installed.path },
        tensorflowVersion: '2.10.1',
        devices: [{ name: '/job:localhost/replica:0/task:0/device:CPU:0', type: 'CPU' }],
        rejected: [{ what: 'directml-2.10.1', why: NOT_WSL, fix: '%doctor' }],
      },
    );
    assert.ok(losses[1] < losses[0] / 10, `the loss went from ${losses[0]} to ${losses[1]}`);
    assert.match(why, /^- any GPU with DirectML {6}rejected: DirectML is available only inside WSL 2$/m);
    assert.deepEqual(warnings, [`directml-2.10.1 found no GPU and computes on the CPU: ${NOT_WSL}`]);
    assert.ok(
      stderr.includes(
        `directml-2.10.1 found no GPU: ${NOT_WSL}. tf computes on the CPU; \`%doctor\` shows details.`,
      ),
      stderr,
    );
    assert.deepEqual(missingOp, {
      name: 'TensorflowError',
      code: 'UNIMPLEMENTED',
      message:
        'TensorFlow 2.10.1 (build directml-2.10.1) has no op OpOfTheFuture. A newer TensorFlow build may have it: ' +
        '`tensorcell runtime list` shows the builds, `%device use cpu` or `%device use cuda` switches to it',
    });
  });
}
