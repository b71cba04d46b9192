// Beginning and end: shutdown, signals, the parent's death; nothing stays behind.
import { strict as assert } from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { within } from './jupyter-client.ts';
import { KernelProcess, withKernel } from './kernel-process.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A user id of which the system knows nothing, as containers use them. */
const NO_ENTRY = 54_321;

/** Every process below one, by /proc. */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has just ended.
    }
  }
  const below = (of: number): number[] =>
    (children.get(of) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}

async function goneWithin(pids: number[], ms: number): Promise<void> {
  const end = Date.now() + ms;
  while (pids.some(alive)) {
    if (Date.now() > end) assert.fail(`still alive after ${ms} ms: ${pids.filter(alive).join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ENDLESS = `
  import { spawn, spawnSync } from 'node:child_process';
  spawn('sleep', ['1000']);
  console.log('begun');
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (;;);`;

test('shutdown while idle: the reply comes, on iopub too, and nothing is left', () =>
  withKernel(async (client, kernel) => {
    await client.cell('1');
    const processes = descendants(kernel.child.pid!);
    assert.ok(processes.length >= 1);
    const { reply, iopub } = await client.request('control', 'shutdown_request', { restart: true });
    assert.deepEqual(reply!.content, { status: 'ok', restart: true });
    assert.deepEqual(
      iopub.map(({ type, content }) => [type, content]),
      [
        ['status', { execution_state: 'busy' }],
        ['shutdown_reply', { status: 'ok', restart: true }],
        ['status', { execution_state: 'idle' }],
      ],
    );
    assert.deepEqual(await within(kernel.exited, 'end of the kernel'), { code: 0, signal: null });
    await goneWithin(processes, 2000);
    assert.deepEqual(kernel.filesLeft(), []);
  }));

for (const [name, end] of [
  ['shutdown_request', undefined],
  ['SIGTERM', 'SIGTERM'],
] as const) {
  test(`${name} while a cell runs: all gone within 2 s, children included`, () =>
    withKernel(async (client, kernel) => {
      const id = await client.startCell(ENDLESS);
      await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'begun');
      const processes = [kernel.child.pid!, ...descendants(kernel.child.pid!)];
      assert.ok(processes.length >= 3, 'kernel, runtime, sleep');
      if (end) kernel.child.kill(end);
      else await client.request('control', 'shutdown_request', { restart: false });
      await goneWithin(processes, 2000);
      await within(kernel.exited, 'end of the kernel');
      assert.deepEqual(kernel.filesLeft(), []);
      client.drain();
    }));
}

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`the parent dies of ${signal}: kernel and runtime are gone within 2 s`, async () => {
    // A parent in between, which starts the kernel as Jupyter would.
    const kernel = new KernelProcess({ connection: {} });
    kernel.child.kill('SIGKILL');
    await kernel.exited;
    const script = join(kernel.folder, 'parent.cjs');
    writeFileSync(
      script,
      `const { spawn } = require('node:child_process');
       spawn(process.execPath, ${JSON.stringify(kernel.child.spawnargs.slice(1))}, { stdio: 'ignore' });
       setInterval(() => {}, 1000);`,
    );
    const file = JSON.parse(readFileSync(kernel.connectionFile, 'utf8'));
    writeFileSync(
      kernel.connectionFile,
      JSON.stringify({ ...file, shell_port: 0, control_port: 0, stdin_port: 0, iopub_port: 0, hb_port: 0 }),
    );
    const parent = spawn(process.execPath, [script], {
      stdio: 'ignore',
      env: { ...process.env, TENSORCELL_HISTORY: ':memory:' },
    });
    try {
      const ready = async (): Promise<number[]> => {
        for (;;) {
          const processes = descendants(parent.pid!);
          if (
            processes.length >= 2 &&
            JSON.parse(readFileSync(kernel.connectionFile, 'utf8')).shell_port > 0
          ) {
            return processes;
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      const processes = await within(ready(), 'start of the kernel');
      parent.kill(signal);
      await goneWithin(processes, 2000);
    } finally {
      parent.kill('SIGKILL');
      kernel.kill();
    }
  });
}

test('SIGINT to the whole group, while the kernel starts and while it is idle, ends nothing', async () => {
  const kernel = new KernelProcess({ ownGroup: true });
  try {
    const storm = async (ms: number): Promise<void> => {
      const end = Date.now() + ms;
      while (Date.now() < end) {
        process.kill(-kernel.child.pid!, 'SIGINT');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    // Node's own start cannot be protected; the kernel's first act is to handle signals, its second to start this.
    while (descendants(kernel.child.pid!).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await storm(400);
    const client = await kernel.client();
    // Its answer comes when the signals before it have been dealt with.
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.cell('1 + 1')).result, '2');
    await storm(200);
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.cell('1 + 2')).result, '3');
    await kernel.stop();
  } finally {
    kernel.kill();
  }
});

test('a user id without an entry in the password database, and without a home', (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can run a process as another user');
  // As under /root, where other users cannot read the checkout.
  const readable = spawnSync('ls', [join(root, 'dist', 'kernel.cjs')], { uid: NO_ENTRY, gid: NO_ENTRY });
  if (readable.status !== 0) return t.skip('the checkout lies in a folder that other users cannot read');
  return withKernel(
    async (client) => {
      const info = await client.request('shell', 'kernel_info_request', {});
      assert.equal(info.reply!.header['username'], `uid-${NO_ENTRY}`);
      assert.equal((await client.cell('process.getuid!()')).result, String(NO_ENTRY));
      assert.equal((await client.cell('await input("? ")', { allow_stdin: false })).reply['status'], 'error');
      assert.equal((await client.cell('%pwd')).reply['status'], 'ok');
    },
    { user: NO_ENTRY },
  );
});
