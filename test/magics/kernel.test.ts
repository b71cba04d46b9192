// Magics in a real kernel over real sockets.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { thisMachine } from '../../src/machine/devices/index.ts';
import { detectRuntimes } from '../../src/machine/devices/runtimes.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import type { Cell, JupyterClient, Message } from '../kernel/jupyter-client.ts';

const noRuntime =
  detectRuntimes(thisMachine()).length > 0 ? false : 'no TensorFlow build is installed: npm run setup';

const shown = (cell: Cell): string => {
  const [display] = cell.of('display_data');
  assert.ok(
    display,
    `nothing was shown: ${JSON.stringify(cell.iopub.map(({ type, content }) => [type, content]))}`,
  );
  return display['data']['text/plain'] as string;
};

const failure = (cell: Cell): [string, string] => [cell.reply['ename'], cell.reply['evalue']];

async function subshell(client: JupyterClient): Promise<string> {
  const { reply } = await client.request('control', 'create_subshell_request', {});
  return reply!.content['subshell_id'] as string;
}

/** A cell that only an interrupt ends; resolves when it runs. */
async function startBusyCell(client: JupyterClient): Promise<string> {
  const id = await client.startCell("console.log('busy'); while (true);");
  await client.take(
    'iopub',
    ({ type, parent }) => type === 'stream' && parent === id,
    'output of the busy cell',
  );
  return id;
}

/** Ends a cell by an interrupt, and takes what it said; other late messages are for `mayCome` to know. */
async function interrupt(
  client: JupyterClient,
  id: string,
  mayCome: (message: Message) => boolean = () => false,
): Promise<void> {
  await client.request('control', 'interrupt_request', {});
  const reply = await client.take('shell', ({ parent }) => parent === id, 'the reply of the busy cell');
  assert.deepEqual([reply.content['status'], reply.content['ename']], ['error', 'Interrupted']);
  const ended = ({ parent, content }: Message): boolean =>
    parent === id && content['execution_state'] === 'idle';
  await client.take('iopub', ended, 'idle');
  for (const message of client.drain('iopub'))
    assert.ok(message.parent === id || mayCome(message), message.type);
}

test('%device before and after tf was used, and while a cell runs', { skip: noRuntime }, () =>
  withKernel(async (client) => {
    await client.cell('1');
    const before = shown(await client.cell('%device'));
    assert.match(before, /^backend {2}tensorflow, TensorFlow [\d.]+, build cpu [\d.]+/);
    assert.match(before, /\n\* cpu {2}\S/);
    await client.cell('const x = tf.ones([256, 256]).add(1); x.sum().dataSync();');
    const after = await client.cell('%gpu');
    assert.match(
      shown(after),
      /\ndevices {2}CPU:0\nthreads {2}\d+ within an op, \d+ between ops\ntensors {2}\d+, \S+ \wiB/,
    );
    assert.match(after.of('display_data')[0]!['data']['text/html'], /^<p><b>backend<\/b> tensorflow/);

    const header = { subshell_id: await subshell(client) };
    const busy = await startBusyCell(client);
    const during = await client.finishCell(await client.startCell('%device', {}, header));
    assert.match(shown(during), /\nnote {5}the runtime process is busy: as of \d+ s ago\n/);
    await interrupt(client, busy);
  }),
);

test('%device watch goes on while the runtime process is busy, and stops', () =>
  withKernel(async (client) => {
    const watch = await client.cell('%device watch');
    assert.match(shown(watch), /^cpu {2}utilization (unavailable|\d+ %), memory \S+ of \S+ \wiB/);
    const display = watch.of('display_data')[0]!['transient']['display_id'] as string;
    const busy = await startBusyCell(client);
    for (let update = 0; update < 2; update++) {
      const { content } = await client.late(watch.id, 'update_display_data');
      assert.equal(content['transient']['display_id'], display);
    }
    await interrupt(client, busy, (message) => message.parent === watch.id);
    const stop = await client.cell('%device watch stop');
    assert.deepEqual(stop.reply['status'], 'ok');
    const late = client.drain('iopub').filter(({ parent }) => parent === watch.id);
    assert.match(late.at(-1)!.content['data']['text/plain'], /\nstopped$/);
    assert.equal((await client.cell('%device watch stop')).text('stdout'), 'Nothing is being watched.\n');
  }));

test('%memory names the cell that leaks', { skip: noRuntime }, () =>
  withKernel(async (client) => {
    await client.cell('tf.ones([2]).add(1).dataSync();');
    const first = shown(await client.cell('%memory mark'));
    assert.match(
      first,
      /^our tensors {2}\d+, \d+ bytes, peak \d+ bytes \(sum of our handles and variables\)\n/,
    );
    assert.equal(first.includes('unknown'), false, first);
    const leak = await client.cell(
      'const kept = []; for (let i = 0; i < 5; i++) kept.push(tf.fill([100, 100], i).add(1));',
    );
    await client.cell('tf.tidy(() => tf.ones([500, 500]).add(1).sum().dataSync());');
    const text = shown(await client.cell('%memory'));
    const number = leak.reply['execution_count'] as number;
    assert.match(
      text,
      new RegExp(String.raw`\nsince the mark in cell \d+ +cell ${number}: \+10 tensors, \+391 KiB\n`),
    );
    assert.match(text, new RegExp(String.raw`\n39\.1 KiB +\[100, 100\] +float32 +${number} +\d+ s\n`));
    await client.cell('tf.dispose(kept);');
    assert.match(shown(await client.cell('%memory')), new RegExp(`cell ${number}: \\+5 tensors`));
  }),
);

test('%config counts after a restart, and %device use changes the backend', { skip: noRuntime }, () =>
  withKernel(
    async (client) => {
      await client.cell('%typecheck off');
      await client.cell('tf.ones([2]).add(1).dataSync();');
      assert.equal(
        (await client.cell('%config threads=1')).text('stdout'),
        'threads: 1. TensorFlow is already loaded: %restart applies the setting (variables are lost).\n',
      );
      await client.cell('const gone = 1');
      assert.equal((await client.cell('%restart')).reply['status'], 'ok');
      assert.equal((await client.cell('typeof gone')).result, "'undefined'");
      await client.cell('tf.ones([2]).add(1).dataSync();');
      assert.match(shown(await client.cell('%device')), /\nthreads {2}1 within an op, /);

      await client.cell('const lost = 1');
      const use = await client.cell('%device use js');
      assert.equal(
        use.text('stdout'),
        'Switching to plain JavaScript needs a new runtime process: 1 variable is lost.\n',
      );
      assert.equal((await client.cell('tf.getBackend()')).result, "'cpu'");
      assert.equal((await client.cell('tf.ones([2]).add(1).dataSync()[1]')).result, '2');
      assert.match(shown(await client.cell('%device')), /^backend {2}cpu \(plain JavaScript\)\n/);
      await client.cell('%device use cpu');
      assert.equal((await client.cell('tf.getBackend()')).result, "'tensorflow'");
      assert.deepEqual(failure(await client.cell('%device use tpu')), [
        'MagicError',
        '%device use tpu: write cuda, cuda:1, directml, cpu or js',
      ]);
    },
    { mayLog: /./ },
  ),
);

test('commands: output, failure, folder, environment, interrupt', () =>
  withKernel(async (client) => {
    assert.equal((await client.cell('!echo one; echo two >&2')).text('stdout'), 'one\n');
    assert.deepEqual(failure(await client.cell('%%bash\nexit 4')), [
      'MagicError',
      'the bash script failed: exit code 4',
    ]);
    const folder = mkdtempSync(join(tmpdir(), 'tensorcell-magics-'));
    try {
      await client.cell(`%cd ${folder}\n%env GREETING=hello $HOME`);
      assert.equal((await client.cell('!pwd')).text('stdout'), `${folder}\n`);
      assert.equal(
        (await client.cell('[process.cwd(), process.env.GREETING].join()')).result,
        `'${folder},hello ${process.env['HOME']}'`,
      );
    } finally {
      await client.cell('%cd /');
      rmSync(folder, { recursive: true });
    }
    const slow = await client.startCell('!echo started; sleep 300');
    await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === slow, 'output');
    await interrupt(client, slow);
    const next = await client.cell('1 + 1');
    assert.equal(next.result, '2', JSON.stringify(next.reply));
    assert.deepEqual(failure(await client.cell('%devcie')), [
      'MagicError',
      'unknown magic %devcie: did you mean %device?',
    ]);
  }));

test("%install puts a package into the notebook's folder, there for the next import", () =>
  withKernel(async (client, kernel) => {
    await client.cell('%typecheck off');
    const source = join(kernel.folder, 'source');
    mkdirSync(source);
    writeFileSync(
      join(source, 'package.json'),
      '{"name":"tiny-greeter","version":"1.0.0","main":"index.js"}',
    );
    writeFileSync(join(source, 'index.js'), 'exports.greet = (name) => `hello ${name}`;');
    const missing = await client.cell("import { greet } from 'tiny-greeter'; greet('x')");
    assert.equal(missing.reply['status'], 'error');
    const install = await client.cell('%install ./source --offline --install-links');
    assert.deepEqual(
      [install.reply['status'], install.text('stderr')],
      ['ok', install.text('stderr')],
      install.text('stdout'),
    );
    assert.equal((await client.cell("import { greet } from 'tiny-greeter'; greet('x')")).result, "'hello x'");
  }));
