/** A full disk below writers that a running kernel or the command uses: connection files, memory for Python, caches, logs. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createPrivateConnection } from '../../kernel/python/connection.ts';
import { prepareTutorials } from '../../cli/tutorials.ts';
import { installRuntime } from '../../src/machine/runtimes/install.ts';
import { installedRuntimes } from '../../src/machine/runtimes/store.ts';
import { XlaGate } from '../../src/engines/tensorflow/xla/gate.ts';
import { loadTf, onBackendNotice } from '../../src/api/tensorflow.ts';
import { KernelProcess, withKernel } from '../kernel/kernel-process.ts';
import { python } from '../python/python-kernel.ts';
import { makeWheel } from '../setup/package-index.ts';
import { readSummaries } from '../tensorflow/event-files.ts';
import { contents, smallDisk, smallDiskProblem, type SmallDisk } from './small-disk.ts';

const skip = smallDiskProblem() ?? false;
/** tfjs's enumeration, which it does not export. */
const QUIET = 0 as never;

async function onSmallDisk(action: (disk: SmallDisk) => Promise<void>, kilobytes = 512): Promise<void> {
  const disk = smallDisk(kilobytes);
  try {
    await action(disk);
  } finally {
    disk.close();
  }
}

/** `TMPDIR` or another variable of this process while an action runs. */
async function withVariable(name: string, value: string, action: () => Promise<void>): Promise<void> {
  const before = process.env[name];
  process.env[name] = value;
  try {
    await action();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

test("the kernel's connection file: it does not start, and names the file", { skip }, () =>
  onSmallDisk(async (disk) => {
    const file = join(disk.folder, 'connection.json');
    // The launcher's file lies there already; the kernel writes its ports into it.
    const connection = { ip: '127.0.0.1', transport: 'tcp', key: 'k', signature_scheme: 'hmac-sha256' };
    const ports = { shell_port: 0, control_port: 0, stdin_port: 0, iopub_port: 0, hb_port: 0 };
    writeFileSync(file, JSON.stringify({ ...connection, ...ports }));
    const before = contents(disk.folder);
    disk.fill();
    const started = new KernelProcess({ connectionFile: file });
    try {
      assert.equal((await started.exited).code, 1);
      assert.match(
        started.stderr,
        /cannot write .*connection\.json: no space left on device \(ENOSPC\); the file that was there is kept: free some space/,
      );
      assert.deepEqual(contents(disk.folder), before);
    } finally {
      started.kill();
    }
  }),
);

test("Python's connection file: the error names it, and no folder is left", { skip }, () =>
  onSmallDisk((disk) =>
    withVariable('TMPDIR', disk.folder, async () => {
      disk.fill();
      assert.throws(createPrivateConnection, /cannot write .*connection\.json: no space left on device/);
      assert.deepEqual(readdirSync(disk.folder), []);
      disk.free();
      createPrivateConnection().remove();
    }),
  ),
);

test('memory for Python that lies in files: the cell has the error, and all variables stay', { skip }, () =>
  onSmallDisk(
    (disk) =>
      withKernel(
        async (client) => {
          await client.cell('const kept = 42; const numbers = new Float32Array(500_000).fill(1);');
          await client.cell(python('import numpy; small = 1'));
          disk.fill();
          const full = await client.cell("await python.set('numbers', numbers)", { stop_on_error: false });
          assert.equal(full.reply['status'], 'error');
          assert.match(full.reply['evalue'], /no room for \d+ bytes of shared memory: ENOSPC/);
          assert.equal((await client.cell('kept')).result, '42');
          disk.free();
          await client.cell("await python.set('numbers', numbers)");
          assert.equal((await client.cell('%%python\nprint(numbers.sum())')).stdout, '500000.0\n');
          assert.equal((await client.cell('kept')).result, '42');
        },
        {
          environment: {
            TENSORCELL_HOME: disk.folder,
            TENSORCELL_INTEROP: 'file',
            TENSORCELL_RUNTIME: 'js',
          },
        },
      ),
    12_288,
  ),
);

test('the result of a trial of XLA holds, and is not remembered', { skip }, () =>
  onSmallDisk(async (disk) => {
    const script = join(disk.folder, '..', 'trial.mjs');
    writeFileSync(script, `process.stdout.write('{}\\n'); process.exit(3);`);
    const about = { device: 'a GPU', capabilities: ['8.9'], cuda: '12.8', driver: 'd', build: 'b' };
    disk.fill();
    const gate = new XlaGate({
      subject: () => ({
        about,
        build: { cudaVersion: '12.5.1', cudnnVersion: null, machineCode: [89], ptx: [] },
      }),
      script,
      environment: { ...process.env, TENSORCELL_HOME: disk.folder },
    });
    const alive = setInterval(() => undefined, 1000);
    gate.look();
    await gate.settled();
    clearInterval(alive);
    assert.equal(gate.look(), 'shut');
    assert.match(gate.why!, /exit code 3/);
    assert.deepEqual([...contents(disk.folder).keys()], []);
  }),
);

test('tutorials: half a copy is no copy, and the next run goes on', { skip }, () =>
  onSmallDisk(async (disk) => {
    const dist = join(disk.folder, '..', 'dist');
    mkdirSync(join(dist, 'notebooks'), { recursive: true });
    for (const name of ['a', 'b', 'c'])
      writeFileSync(join(dist, 'notebooks', `${name}.ipynb`), name.repeat(60_000));
    writeFileSync(join(dist, 'notebooks', 'package.json'), '{"dependencies":{}}');
    const target = join(disk.folder, 'tutorials');
    const report = { say: () => undefined } as never;
    disk.fill();
    disk.free(150_000);
    assert.throws(
      () => prepareTutorials({ dist } as never, target, report),
      /cannot write .*c\.ipynb: no space left/,
    );
    assert.deepEqual(readdirSync(target), ['a.ipynb', 'b.ipynb']);
    disk.free();
    prepareTutorials({ dist } as never, target, report);
    assert.equal(readFileSync(join(target, 'c.ipynb'), 'utf8'), 'c'.repeat(60_000));
  }),
);

test(
  'a runtime that is unpacked while the disk becomes full: no runtime, a reason, and the next run goes on',
  { skip },
  () =>
    onSmallDisk(async (disk) => {
      const wheels = join(disk.folder, '..', 'wheels');
      const file = 'tensorflow_small-2.0-cp312-cp312-manylinux_2_17_x86_64.whl';
      const library = 'tensorflow/libtensorflow_cc.so.2';
      const wheel = makeWheel(wheels, file, { [library]: 'library '.repeat(12_000) }, [/^tensorflow\/lib/]);
      const release = {
        name: 'cpu',
        version: '2.0',
        tensorflow: '2.0.0',
        summary: 'small',
        wheels: [wheel],
        required: [library],
        // Other programs fill the disk after the look at its room.
        installedBytes: 0,
      };
      const environment = { ...process.env, TENSORCELL_HOME: disk.folder };
      const options = { from: wheels, say: () => undefined, progress: () => undefined, environment };
      disk.fill();
      disk.free(60_000);
      await assert.rejects(installRuntime(release, options), {
        name: 'SetupError',
        code: 'disk-full',
        message: /the disk or the quota is full, so .*small.*whl could not be fetched: free some space/,
      });
      assert.deepEqual(installedRuntimes(environment), []);
      disk.free();
      await installRuntime(release, options);
      assert.equal(installedRuntimes(environment).length, 1);
    }),
);

/** The content of a summary writer's file when the disk is full in the steps 10 to 19 of 30. */
async function summaries(
  write: (disk: SmallDisk, step: (at: number) => void) => Promise<void>,
): Promise<{ said: string[]; steps: number[] }> {
  const said: string[] = [];
  onBackendNotice((line) => said.push(line));
  let steps: number[] = [];
  await onSmallDisk(async (disk) => {
    await write(disk, (at) => {
      if (at === 10) disk.fill();
      if (at === 20) disk.free();
    });
    const logs = readdirSync(disk.folder, { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    );
    assert.equal(logs.length, 1);
    // Each record has its checksums, and the last one ends where the file ends.
    steps = readSummaries(logs[0]!.parentPath).map(({ step }) => step);
  }, 256);
  return { said, steps };
}

const REPORT = /summaryFileWriter: cannot write .*events\.out.*: no space left on device \(ENOSPC\)/;
/** Names so long that few records fit into what is left of the last page. */
const LONG = 'n'.repeat(3000);

test(
  'summaryFileWriter: one message, every record is whole, and later ones are written again',
  { skip },
  async () => {
    const tf = loadTf();
    const { said, steps } = await summaries(async (disk, step) => {
      const writer = tf.node.summaryFileWriter(join(disk.folder, 'log'));
      for (let at = 0; at < 30; at++) {
        step(at);
        if (at % 2 === 0) writer.scalar(LONG, at, at);
        else writer.histogram(LONG, tf.tensor1d([1, 2, at]), at);
        writer.flush();
      }
    });
    assert.equal(said.filter((line) => REPORT.test(line)).length, 1, said.join('\n'));
    assert.deepEqual(
      steps.filter((at) => at < 10 || at > 19),
      [...Array(10).keys(), ...Array.from({ length: 10 }, (_, at) => 20 + at)],
    );
    assert.ok(steps.length < 25, steps.join());
  },
);

test('tensorBoard(): the training goes on', { skip }, async () => {
  const tf = loadTf();
  const { said, steps } = await summaries(async (disk, step) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const watch = new tf.CustomCallback({ onEpochBegin: async (epoch: number) => step(epoch) });
    const log = tf.node.tensorBoard(join(disk.folder, 'log'));
    const end = log.onEpochEnd.bind(log);
    log.onEpochEnd = async (epoch, logs) => {
      Object.assign(logs!, { [LONG]: 1 });
      await end(epoch, logs);
      delete logs![LONG];
    };
    const { epoch } = await model.fit(tf.ones([2, 1]), tf.ones([2, 1]), {
      epochs: 30,
      verbose: QUIET,
      callbacks: [watch, log] as never,
    });
    assert.equal(epoch.length, 30);
  });
  assert.equal(said.filter((line) => REPORT.test(line)).length, 1, said.join('\n'));
  assert.deepEqual([...new Set(steps)].filter((at) => at < 10 || at > 19).length, 20, steps.join());
});

test('summaryFileWriter refuses a folder that it can never write to', () => {
  const tf = loadTf();
  assert.throws(() => tf.node.summaryFileWriter('/dev/null/log'), {
    name: 'FileError',
    message:
      /cannot write summaries to \/dev\/null\/log: not a directory \(ENOTDIR\): a part of the path is a file/,
  });
  assert.ok(!existsSync('/dev/null/log'));
});

test("model.save('file://…') and tf.loadLayersModel: the old model stays", { skip }, () =>
  onSmallDisk(async (disk) => {
    const tf = loadTf();
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 90, inputShape: [200] })] });
    const folder = `file://${join(disk.folder, 'model')}`;
    await model.save(folder);
    const before = contents(disk.folder);
    disk.fill();
    await assert.rejects(model.save(folder), {
      name: 'FileError',
      code: 'ENOSPC',
      message: /cannot write .*model.*: no space left on device \(ENOSPC\).*: free some space/,
    });
    assert.deepEqual(contents(disk.folder), before);
    await tf.loadLayersModel(`${folder}/model.json`);
  }),
);
