// The runtime process's findings before it loads TensorFlow: from stand-ins for the drivers' libraries, each case in
// a separate process, since a library that was opened stays.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cudaDriverProblem } from '../../src/engines/tensorflow/cuda-driver.ts';
import { directmlProblem } from '../../src/engines/tensorflow/directml-driver.ts';
import { CUDA_WHEEL } from '../../src/machine/devices/runtimes.ts';
import { fakeLibrary, hasCompiler } from './fake-libraries.ts';

const [, , question, ...places] = process.argv;
if (question === 'cuda') {
  console.log(JSON.stringify(cudaDriverProblem(CUDA_WHEEL, places) ?? null));
} else if (question === 'directml') {
  console.log(JSON.stringify(directmlProblem(places[0], places[1]) ?? null));
} else {
  const skip = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-driver-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const ask = (asked: string, paths: string[], environment: Record<string, string> = {}): unknown => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [process.argv[1]!, asked, ...paths], {
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...environment },
      timeout: 20_000,
    });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1)!);
  };

  test(
    'the CUDA driver: absent, refusing, without a card, too old, with a card that is too old, and well',
    { skip },
    () => {
      const library = fakeLibrary('cuda');
      const nowhere = join(folder, 'libcuda.so.1');
      const cuda = (environment: Record<string, string>): unknown =>
        ask('cuda', [nowhere, library], { FAKE_NVML: '', FAKE_CUDA: '', ...environment });
      assert.equal(ask('cuda', [nowhere]), 'no NVIDIA driver (libcuda.so.1) was found');
      assert.equal(
        cuda({ FAKE_CUDA: 'init=100' }),
        'the NVIDIA driver answers with error 100 (cuInit: no CUDA-capable device is detected)',
      );
      assert.equal(cuda({ FAKE_NVML: 'none' }), 'the NVIDIA driver finds no GPU');
      assert.equal(
        cuda({ FAKE_NVML: 'old-driver' }),
        'the driver runs CUDA up to 11.4; the TensorFlow build needs 12.5.1 (first driver for it: 525.60.13 on Linux, 527.41 on Windows)',
      );
      assert.equal(
        cuda({ FAKE_NVML: 'kepler' }),
        'NVIDIA GeForce RTX 4070 Laptop GPU has compute capability 3.7; the TensorFlow build starts at 6.0',
      );
      assert.equal(cuda({ FAKE_NVML: 'minor-driver' }), null);
      assert.equal(cuda({}), null);
    },
  );

  test('DirectX: no device, a library that is missing, and both in the folder of WSL', { skip }, () => {
    const dxg = join(folder, 'dxg');
    assert.equal(
      ask('directml', [dxg, folder]),
      `there is no ${dxg}: DirectML works only inside WSL 2, where Windows shares its card`,
    );
    writeFileSync(dxg, '');
    assert.equal(
      ask('directml', [dxg, folder]),
      'DirectX cannot be loaded: libdxcore.so: cannot open shared object file: No such file or directory',
    );
    copyFileSync(fakeLibrary('dxcore'), join(folder, 'libdxcore.so'));
    writeFileSync(join(folder, 'libd3d12.so'), 'no library');
    assert.equal(
      ask('directml', [dxg, folder]),
      `DirectX cannot be loaded: ${folder}/libd3d12.so: it has 10 bytes and does not begin as a library`,
    );
    copyFileSync(fakeLibrary('dxcore'), join(folder, 'libd3d12.so'));
    assert.equal(ask('directml', [dxg, folder]), null);
  });
}
