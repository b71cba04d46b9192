// The CUDA runtime from the package index, on a machine without a driver: 3.3 GB are fetched, 5.2 GB kept meanwhile.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CUDA_WHEEL, parseBuildInfo } from '../../src/machine/devices/runtimes.ts';
import { runtimeRelease } from '../../src/machine/runtimes/catalogue.ts';
import { downloadBytes, installRuntime } from '../../src/machine/runtimes/install.ts';
import { damagedFiles, sizeOnDisk, type InstalledRuntime } from '../../src/machine/runtimes/store.ts';
import { report, reporting, reportOf } from './runtime-in-use.ts';

const NO_DRIVER = 'no NVIDIA driver (libcuda.so.1) was found';
const driver = existsSync('/usr/lib/wsl/lib/libcuda.so.1') || existsSync('/proc/driver/nvidia/version');
const skip = driver ? 'this machine has an NVIDIA driver' : false;

if (reporting) await report();
else {
  const release = runtimeRelease('cuda')!;
  let home: string;
  let installed: InstalledRuntime;
  const steps = new Map<string, number>();

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'tensorcell-cuda-'));
    installed = await installRuntime(release, {
      say: () => {},
      progress: (step, done, total) => {
        if (done === total) steps.set(step, (steps.get(step) ?? 0) + 1);
      },
      environment: { ...process.env, TENSORCELL_HOME: home },
      ...(process.env['TENSORCELL_WHEELS'] ? { from: process.env['TENSORCELL_WHEELS'] } : {}),
    });
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  test('the locked wheels have what the catalogue says, in as much room as it says', () => {
    assert.deepEqual(damagedFiles(installed), []);
    assert.equal(steps.get('unpacked'), release.wheels.length);
    const size = sizeOnDisk(installed.path);
    assert.ok(Math.abs(size - release.installedBytes) < 0.02 * release.installedBytes, `${size} bytes`);
    assert.ok(downloadBytes(release) < size);
    assert.equal(statSync(join(installed.path, 'nvidia/cuda_nvcc/bin/ptxas')).mode & 0o111, 0o111);
  });

  test('the assumed target before an installation is the target that the wheel names', () => {
    const file = join(installed.path, 'tensorflow/python/platform/build_info.py');
    assert.deepEqual(parseBuildInfo(readFileSync(file, 'utf8')), CUDA_WHEEL);
  });

  test('without a driver it loads, computes on the CPU, and gives the reason', { skip }, () => {
    const { description, losses, why, warnings, stderr } = reportOf({
      TENSORCELL_HOME: home,
      TENSORCELL_RUNTIME: 'cuda',
      TF_CPP_MIN_LOG_LEVEL: '3',
    });
    const { backend, runtime, tensorflowVersion, devices, rejected } = description;
    assert.deepEqual(
      { backend, runtime, tensorflowVersion, devices, rejected },
      {
        backend: 'tensorflow',
        runtime: { name: 'cuda', version: '2.21.0', path: installed.path },
        tensorflowVersion: '2.21.0',
        devices: [{ name: '/job:localhost/replica:0/task:0/device:CPU:0', type: 'CPU' }],
        rejected: [{ what: 'cuda-2.21.0', why: NO_DRIVER, fix: '%doctor' }],
      },
    );
    assert.ok(losses[1] < losses[0] / 10, `the loss went from ${losses[0]} to ${losses[1]}`);
    assert.match(why, /^- NVIDIA GPU with CUDA {7}rejected: /m);
    assert.deepEqual(warnings, [`cuda-2.21.0 found no GPU and computes on the CPU: ${NO_DRIVER}`]);
    assert.ok(
      stderr.includes(
        `cuda-2.21.0 found no GPU: ${NO_DRIVER}. tf computes on the CPU; \`%doctor\` shows details.`,
      ),
      stderr,
    );
  });

  test('where no setting requests it, it serves the CPU when nothing else is installed', { skip }, () => {
    const { description } = reportOf({ TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' });
    assert.deepEqual(
      [description.runtime?.name, description.rejected],
      ['cuda', [{ what: 'cuda-2.21.0', why: NO_DRIVER }]],
    );
  });
}
