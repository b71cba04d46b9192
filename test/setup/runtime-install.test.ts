import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeRelease } from '../../src/machine/runtimes/catalogue.ts';
import { installRuntime, type InstallOptions } from '../../src/machine/runtimes/install.ts';
import {
  chooseRuntime,
  chosenRuntime,
  damagedFiles,
  findRuntime,
  installedRuntimes,
  removeRuntime,
} from '../../src/machine/runtimes/store.ts';
import { makeWheel, servePackages, type PackageIndex } from './package-index.ts';

const CHILD = 'TENSORCELL_TEST_INSTALL';

const quiet = { say: () => {}, progress: () => {} };

/** In a separate process, this file installs what it is told and ends: the one that is killed half-way. */
const task = process.env[CHILD];
if (task !== undefined) {
  const read = JSON.parse(task) as RuntimeRelease;
  const wheels = read.wheels.map((wheel) => ({ ...wheel, keep: [/./], drop: [] }));
  await installRuntime({ ...read, wheels }, quiet);
  process.exit(0);
}

let folder: string;
let index: PackageIndex;
let release: RuntimeRelease;
let environment: NodeJS.ProcessEnv;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tensorcell-install-'));
  const wheels = [
    makeWheel(
      join(folder, 'wheels'),
      'tensorflow_small-2.0-cp312-cp312-manylinux_2_17_x86_64.whl',
      {
        'tensorflow/libtensorflow_cc.so.2': 'library '.repeat(5000),
        'tensorflow/include/header.h': 'not kept',
        'tensorflow/THIRD_PARTY_NOTICES.txt': 'notices',
      },
      [/^tensorflow\/lib/],
    ),
    makeWheel(
      join(folder, 'wheels'),
      'nvidia_small-1.5-py3-none-manylinux2014_x86_64.whl',
      {
        'nvidia/small/lib/libsmall.so.1': 'small',
        'nvidia/small/lib/libunused.so.1': 'unused',
        'nvidia/small/bin/ptxas': '#!/bin/sh',
      },
      [/^nvidia\/[^/]+\/(lib|bin)\//],
      [/libunused/],
    ),
  ];
  release = {
    name: 'cpu',
    version: '2.0',
    tensorflow: '2.0.0',
    summary: 'small',
    wheels,
    required: ['tensorflow/libtensorflow_cc.so.2'],
    installedBytes: 1e6,
  };
  index = await servePackages(join(folder, 'wheels'), wheels);
  process.env['PIP_INDEX_URL'] = index.url;
  process.env['PIP_CONFIG_FILE'] = '/dev/null';
  process.env['PIP_RETRIES'] = '0';
  delete process.env['PIP_FIND_LINKS'];
});
after(() => {
  index.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A separate home for each test. */
function freshHome(): string {
  const home = mkdtempSync(join(folder, 'home-'));
  environment = { ...process.env, TENSORCELL_HOME: home };
  index.requested.length = 0;
  index.stall.clear();
  return home;
}

function install(more: Partial<InstallOptions> = {}, what = release): Promise<unknown> {
  return installRuntime(what, { ...quiet, environment, ...more });
}

test('a runtime from the package index: only what is needed is kept, and the second time nothing is fetched', async () => {
  const home = freshHome();
  await install();
  const path = join(home, 'runtimes', 'cpu-2.0');
  const files = {
    'tensorflow/libtensorflow_cc.so.2': 40_000,
    'tensorflow/THIRD_PARTY_NOTICES.txt': 7,
    'tensorflow_small-2.0.dist-info/METADATA': 58,
    'nvidia/small/lib/libsmall.so.1': 5,
    'nvidia/small/bin/ptxas': 9,
    'nvidia_small-1.5.dist-info/METADATA': 54,
  };
  assert.deepEqual(installedRuntimes(environment), [
    { id: 'cpu-2.0', path, name: 'cpu', version: '2.0', tensorflow: '2.0.0', files },
  ]);
  const there = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort();
  assert.deepEqual(there, [...Object.keys(files), 'runtime.json'].sort());
  assert.equal(statSync(join(path, 'nvidia/small/bin/ptxas')).mode & 0o111, 0o111);
  assert.deepEqual(readdirSync(join(home, 'runtimes')), ['cpu-2.0']);
  assert.deepEqual(
    index.requested,
    release.wheels.map(({ file }) => file),
  );
  await install();
  assert.equal(index.requested.length, 2);
});

test('a run that is killed while it fetches leaves no runtime, and the next one goes on from there', async () => {
  const home = freshHome();
  const [first, second] = release.wheels.map(({ file }) => file);
  index.stall.add(second!);
  const child = spawn(process.execPath, [process.argv[1]!], {
    env: { ...environment, [CHILD]: JSON.stringify(release), NODE_TEST_CONTEXT: '' },
    stdio: 'inherit',
    detached: true,
  });
  for (let waited = 0; !index.requested.includes(second!); waited++) {
    assert.ok(waited < 200, 'the second wheel was never asked for');
    await sleep(100);
  }
  process.kill(-child.pid!, 'SIGKILL');
  await new Promise((done) => child.once('close', done));
  assert.deepEqual(installedRuntimes(environment), []);
  assert.deepEqual(index.requested, [first, second]);
  index.stall.clear();
  await install();
  assert.deepEqual(index.requested, [first, second, second]);
  assert.equal(installedRuntimes(environment).length, 1);
  assert.deepEqual(readdirSync(join(home, 'runtimes')), ['cpu-2.0']);
});

test('two set-ups at once: one fetches, the other waits', async () => {
  freshHome();
  const said: string[] = [];
  const both = await Promise.all([
    install({ say: (line) => said.push(line) }),
    install({ say: (line) => said.push(line) }),
  ]);
  assert.deepEqual(both[0], both[1]);
  assert.equal(index.requested.length, 2);
  assert.ok(said.includes(`waiting for process ${process.pid}, which is fetching the same files`));
});

test('a wheel with another content than the locked one is refused', async () => {
  freshHome();
  const [first, second] = release.wheels;
  const wrong = { ...release, wheels: [first!, { ...second!, sha256: '0'.repeat(64) }] };
  await assert.rejects(install({}, wrong), { name: 'SetupError', code: 'damaged' });
  assert.deepEqual(installedRuntimes(environment), []);
});

test('without a network the sentence names the reason', async () => {
  freshHome();
  const url = process.env['PIP_INDEX_URL'];
  process.env['PIP_INDEX_URL'] = 'http://127.0.0.1:9/simple';
  try {
    await assert.rejects(install(), {
      name: 'SetupError',
      code: 'no-network',
      message: `the package index could not be reached, so ${release.wheels[0]!.file} could not be fetched: check the network (and pip's proxy settings) and run this again; what was fetched so far is kept`,
    });
  } finally {
    process.env['PIP_INDEX_URL'] = url;
  }
});

test('a disk without room is noticed before anything is fetched', async () => {
  freshHome();
  await assert.rejects(
    install({}, { ...release, installedBytes: 1e18 }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'disk-full');
      assert.match(
        error.message,
        /^the cpu build of TensorFlow needs 1000000000\.0 GB in .*: free some space, or set TENSORCELL_HOME/,
      );
      return true;
    },
  );
  assert.deepEqual(index.requested, []);
});

test('wheels from a folder need no network; what is missing or damaged there is named', async () => {
  freshHome();
  await install({ from: join(folder, 'wheels') });
  assert.deepEqual(index.requested, []);
  assert.equal(findRuntime('cpu', environment)?.id, 'cpu-2.0');
  freshHome();
  const from = mkdtempSync(join(folder, 'from-'));
  const file = release.wheels[0]!.file;
  await assert.rejects(install({ from }), {
    code: 'usage',
    message: new RegExp(`^${file} is not in ${from}`),
  });
  writeFileSync(join(from, file), 'half');
  await assert.rejects(install({ from }), {
    code: 'damaged',
    message: new RegExp(`^${join(from, file)} is not the file`),
  });
});

test('a removed runtime is gone with its choice, and damage is seen', async () => {
  const home = freshHome();
  await install();
  const runtime = findRuntime('cpu-2.0', environment)!;
  chooseRuntime({ runtime: 'cpu' }, environment);
  assert.deepEqual(chosenRuntime(environment), { runtime: 'cpu' });
  assert.deepEqual(damagedFiles(runtime), []);
  writeFileSync(join(runtime.path, 'tensorflow/libtensorflow_cc.so.2'), 'cut');
  assert.deepEqual(damagedFiles(runtime), ['tensorflow/libtensorflow_cc.so.2']);
  removeRuntime(runtime, environment);
  assert.equal(chosenRuntime(environment), undefined);
  assert.deepEqual(readdirSync(join(home, 'runtimes')), []);
});

test('a folder without its marker is no runtime', async () => {
  const home = freshHome();
  await install();
  rmSync(join(home, 'runtimes', 'cpu-2.0', 'runtime.json'));
  assert.deepEqual(installedRuntimes(environment), []);
  await install();
  assert.ok(existsSync(join(home, 'runtimes', 'cpu-2.0', 'runtime.json')));
  assert.match(
    readFileSync(join(home, 'runtimes', 'cpu-2.0', 'tensorflow/libtensorflow_cc.so.2'), 'utf8'),
    /^library/,
  );
});
