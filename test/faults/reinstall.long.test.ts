/**
 * Damaged runtimes and the remedy that the messages name: after `tensorcell runtime install cpu` models are trained on TensorFlow
 * again. The wheel is made of the installed runtime, so that nothing is fetched; a local package index serves it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runtimeCommand } from '../../cli/runtime.ts';
import { runtimeRelease, type Wheel } from '../../src/machine/runtimes/catalogue.ts';
import { installedRuntimes } from '../../src/machine/runtimes/store.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { servePackages, type PackageIndex } from '../setup/package-index.ts';
import { copyRuntime, cut, LIBRARY, noRuntime, runtime } from './runtime-copy.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-reinstall-'));
let index: PackageIndex | undefined;

const PACK = `
import os, sys, zipfile
source, target = sys.argv[1:]
with zipfile.ZipFile(target, 'w', zipfile.ZIP_STORED) as z:
    for path, _, names in os.walk(source):
        for name in names:
            if name != 'runtime.json':
                z.write(os.path.join(path, name), os.path.relpath(os.path.join(path, name), source))
    info = next(name for name in z.namelist() if name.endswith('.dist-info/METADATA'))[:-len('METADATA')]
    z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: false\\n')
    z.writestr(info + 'RECORD', '')
`;

before(async () => {
  if (runtime === undefined) return;
  const [wheel] = runtimeRelease('cpu')!.wheels as [Wheel];
  const wheels = join(folder, 'wheels');
  mkdirSync(wheels);
  const path = join(wheels, wheel.file);
  execFileSync('python3', ['-c', PACK, runtime.path, path]);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  // The catalogue of this process names it instead of the original.
  Object.assign(wheel, { bytes: statSync(path).size, sha256: hash.digest('hex') });
  index = await servePackages(wheels, [wheel]);
  process.env['PIP_INDEX_URL'] = index.url;
  process.env['PIP_CONFIG_FILE'] = '/dev/null';
  delete process.env['PIP_FIND_LINKS'];
});
after(() => {
  index?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** How a runtime is damaged. */
const DAMAGE: Record<string, (target: string) => void> = {
  'the library is cut short': (target) => cut(target, LIBRARY, 50_000_000),
  'the library is empty': (target) => cut(target, LIBRARY, 0),
  'the library is missing': (target) => rmSync(join(target, LIBRARY)),
  'its second library is cut short': (target) =>
    cut(target, 'tensorflow/libtensorflow_framework.so.2', 1_000_000),
};

const TRAIN = `{
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  await model.fit(tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]]), { epochs: 200, verbose: 0 });
  const [slope, bias] = model.getWeights().map((one) => one.dataSync()[0]);
  console.log(tf.getBackend(), Math.round(slope), Math.round(bias));
}`;

for (const [name, damage] of Object.entries(DAMAGE)) {
  test(
    `${name}: the remedy that the cell names, and training on TensorFlow`,
    { skip: noRuntime, timeout: 600_000 },
    async () => {
      const home = mkdtempSync(join(folder, 'home-'));
      damage(copyRuntime(home));
      const environment = { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' };
      let remedy: string | undefined;
      await withKernel(
        async (client) => {
          const { stdout, stderr } = await client.cell(TRAIN, {}, { ms: 60_000 });
          assert.match(stdout, /cpu 2 1\n/);
          [, remedy] = /tensorcell runtime (install(?: cpu)?)/.exec(`${stdout}${stderr}`) ?? [];
          assert.ok(remedy !== undefined, `${stdout}${stderr}`);
        },
        { environment, mayLog: /tf runs in plain JavaScript/ },
      );
      const before = { ...process.env };
      Object.assign(process.env, environment);
      try {
        assert.equal(await runtimeCommand(remedy!.split(' ')), 0);
        assert.deepEqual(
          installedRuntimes().map(({ id, files }) => [id, files]),
          [[runtime!.id, runtime!.files]],
        );
      } finally {
        for (const key of Object.keys(environment)) {
          if (before[key] === undefined) delete process.env[key];
          else process.env[key] = before[key];
        }
      }
      await withKernel(
        async (client) => {
          assert.equal((await client.cell(TRAIN, {}, { ms: 60_000 })).stdout, 'tensorflow 2 1\n');
        },
        { environment },
      );
      rmSync(home, { recursive: true });
    },
  );
}

test(
  'a kernel that computes goes on while the runtime below it is installed again',
  { skip: noRuntime, timeout: 600_000 },
  async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    const target = copyRuntime(home);
    const environment = { TENSORCELL_HOME: home, TENSORCELL_RUNTIME: '' };
    await withKernel(
      async (client) => {
        await client.cell('const kept = tf.ones([2]).add(1);');
        rmSync(join(target, 'tensorflow/THIRD_PARTY_NOTICES.txt'));
        writeFileSync(join(target, 'tensorflow/THIRD_PARTY_NOTICES.txt'), 'cut');
        process.env['TENSORCELL_HOME'] = home;
        try {
          assert.equal(await runtimeCommand(['install', 'cpu']), 0);
        } finally {
          delete process.env['TENSORCELL_HOME'];
        }
        assert.match((await client.cell(TRAIN, {}, { ms: 60_000 })).stdout, /^tensorflow 2 1\n$/);
        assert.equal((await client.cell('[...kept.dataSync()].join()')).result, "'2,2'");
      },
      { environment },
    );
  },
);
