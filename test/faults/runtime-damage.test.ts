/** A TensorFlow runtime whose library was cut short: no process dies, everything names the damage and its remedy. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { damagedFiles, libraryDamage } from '../../src/machine/runtimes/store.ts';
import { libraryFileProblem } from '../../src/engines/library-file.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { copyRuntime, cut, LIBRARY, noRuntime } from './runtime-copy.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'tensorcell-damaged-'));
after(() => {
  rmSync(home, { recursive: true, force: true });
});
const environment = { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' };

test('a library that was cut short', { skip: noRuntime }, async () => {
  const target = copyRuntime(home);
  const whole = statSync(join(target, LIBRARY)).size;
  cut(target, LIBRARY, 50_000_000);
  assert.equal(libraryDamage(target), `${LIBRARY} has 50000000 of ${whole} bytes`);
  await withKernel(
    async (client) => {
      await client.cell('const kept = 1');
      // TensorFlow is loaded in the idle process, a few seconds after its start.
      await sleep(5000);
      const { result } = await client.cell('kept + 1');
      assert.equal(result, '2');
      const { stdout, stderr } = await client.cell('console.log([...tf.ones([2]).add(1).dataSync()].join())');
      assert.match(`${stdout}${stderr}`, /2,2/);
      assert.match(
        `${stdout}${stderr}`,
        /is damaged: tensorflow\/libtensorflow_cc\.so\.2 has 50000000 of \d+ bytes/,
      );
      assert.match(`${stdout}${stderr}`, /tensorcell runtime install cpu/);
      assert.equal((await client.cell('kept + 1')).result, '2');
    },
    { environment, mayLog: /tf runs in plain JavaScript/ },
  );
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'dist', 'cli.js'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
      timeout: 120_000,
    });
  const doctor = cli('doctor').stdout;
  assert.match(
    doctor,
    /✘ runtime-libraries +TensorFlow build cpu .* is damaged: tensorflow\/libtensorflow_cc\.so\.2 has 50000000 of/,
  );
  assert.match(doctor, /→ tensorcell runtime install cpu/);
  assert.match(
    cli('runtime', 'list').stdout,
    /damaged: tensorflow\/libtensorflow_cc\.so\.2 \(tensorcell runtime install cpu/,
  );
  // The remedy does not say that all is installed; the folder of wheels is empty here.
  const install = cli('runtime', 'install', 'cpu', '--from', home);
  assert.match(
    install.stdout + install.stderr,
    /is damaged \(tensorflow\/libtensorflow_cc\.so\.2\): installing it again/,
  );
  assert.match(install.stdout + install.stderr, /tensorflow.*\.whl is not in/);
  assert.notEqual(install.status, 0);
});

test('every library of a runtime is looked at, and no other file', { skip: noRuntime }, () => {
  const target = join(home, 'small');
  mkdirSync(join(target, 'nvidia/cudnn/lib'), { recursive: true });
  const files = { 'nvidia/cudnn/lib/libcudnn.so.9': 100, 'a/licence.txt': 5 };
  writeFileSync(join(target, 'runtime.json'), JSON.stringify({ name: 'cuda', version: '1', files }));
  writeFileSync(join(target, 'nvidia/cudnn/lib/libcudnn.so.9'), Buffer.alloc(99));
  assert.equal(libraryDamage(target), 'nvidia/cudnn/lib/libcudnn.so.9 has 99 of 100 bytes');
  writeFileSync(join(target, 'nvidia/cudnn/lib/libcudnn.so.9'), Buffer.alloc(100));
  assert.equal(libraryDamage(target), undefined);
  assert.deepEqual(damagedFiles({ path: target, files }), ['a/licence.txt']);
});

test('a library without a record of its size: its own tables say where it ends', () => {
  const whole = join(home, 'whole.so');
  copyFileSync('/bin/sh', whole);
  assert.equal(libraryFileProblem(whole), undefined);
  const { size } = statSync(whole);
  for (const bytes of [0, 10, 64, 4096, Math.floor(size / 2), size - 64]) {
    const path = join(home, 'cut.so');
    copyFileSync(whole, path);
    truncateSync(path, bytes);
    assert.match(String(libraryFileProblem(path)), /^it (has|was cut short)/, `${bytes} bytes`);
  }
  assert.ok(readdirSync(home).length > 0);
});
