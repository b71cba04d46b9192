import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { distribution, openNotebook, repository, type Notebook } from './notebook.ts';

/** How the runtime process can end under a cell, and how that is told. */
const deaths: Record<string, [code: string, words: RegExp]> = {
  'process.exit': ['process.exit(3);', /^the runtime process ended: process\.exit\(3\) was called\./u],
  'process.exit in a timer': [
    'setTimeout(() => process.exit(), 5); await cell.await(new Promise(() => {}));',
    /^the runtime process ended: process\.exit\(0\) was called\./u,
  ],
  abort: ['process.abort();', /^the runtime process ended: it aborted \(SIGABRT\)/u],
  'a segmentation fault': [
    "const { load } = require('koffi'); load('libc.so.6').func('size_t strlen(const void *)')(1n);",
    /^the runtime process ended: segmentation fault \(SIGSEGV\)/u,
  ],
  'kill -9': [
    'process.kill(process.pid, "SIGKILL"); for (;;);',
    /^the runtime process ended: it was killed \(SIGKILL\)/u,
  ],
  SIGTERM: [
    'process.kill(process.pid, "SIGTERM"); for (;;);',
    /^the runtime process ended: it was terminated from outside \(SIGTERM\)/u,
  ],
  'an exhausted heap': [
    'const a = []; for (;;) a.push(new Array(1e5).fill(Math.random()));',
    /^the runtime process ended: its JavaScript heap is exhausted/u,
  ],
};

function alive(pid: number): boolean {
  try {
    // A zombie answers signals, but does nothing.
    return !/^\d+ \(.*\) Z/u.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

describe('a death of the runtime process', () => {
  let notebook: Notebook;
  before(() => {
    // A small heap, so that it is exhausted soon.
    notebook = openNotebook({ environment: { ...process.env, NODE_OPTIONS: '--max-old-space-size=200' } });
  });
  after(() => notebook.host.dispose());

  for (const [name, [code, words]] of Object.entries(deaths)) {
    test(`by ${name} is told, and the next cell has a fresh runtime`, async () => {
      const pid = notebook.host.pid!;
      const times = notebook.replaced.length;
      assert.equal((await notebook.cell('let kept = 1;')).status, 'ok');
      const { execution, outcome } = notebook.begin(`console.log('last words'); ${code}`);
      const ended = await outcome;
      if (ended.status !== 'error') throw new Error('the cell ended well');
      assert.equal(ended.error.reason, 'runtime-died');
      assert.match(ended.error.message, words);
      assert.match(ended.error.message, /Variables are lost; the next cell runs in a new runtime process$/u);
      assert.equal(notebook.replaced.length, times + 1);
      // Its output came before, and none of Node's fatal report.
      assert.equal(notebook.text(execution), 'last words\n');
      assert.equal(notebook.text(execution, 'stderr'), '');
      assert.equal((await notebook.cell('typeof kept')).status, 'ok');
      assert.equal(notebook.shown, "'undefined'");
      assert.notEqual(notebook.host.pid, pid);
      assert.equal(alive(pid), false);
    });
  }

  test('ends every execution, question and expression that was under way', async () => {
    const first = notebook.begin('await cell.await(new Promise(() => {}));');
    const asked = assert.rejects(
      notebook.host.ask('memory').then(async () => notebook.host.ask('nothing answers this')),
      /the runtime process does not know the question 'nothing answers this'/u,
    );
    await asked;
    const second = notebook.begin('process.kill(process.pid, "SIGKILL"); for (;;);');
    for (const { outcome } of [first, second]) {
      const ended = await outcome;
      assert.equal(ended.status === 'error' && ended.error.reason, 'runtime-died');
    }
    assert.equal(notebook.host.busy, false);
  });

  test('while idle is noticed, and takes children along', async () => {
    await notebook.cell(
      "import { spawn } from 'node:child_process'; const child = spawn('sleep', ['1000']); child.pid",
    );
    const child = Number(notebook.shown);
    assert.ok(alive(child));
    const times = notebook.replaced.length;
    process.kill(notebook.host.pid!, 'SIGKILL');
    await notebook.until(() => notebook.replaced.length === times + 1);
    await notebook.until(() => !alive(child));
    assert.equal((await notebook.cell('1 + 1')).status, 'ok');
  });

  test('a cell that was sent to a process which was already dying runs in the fresh one', async () => {
    process.kill(notebook.host.pid!, 'SIGKILL');
    assert.deepEqual(await notebook.cell('6 * 7'), { status: 'ok', declared: [] });
    assert.equal(notebook.shown, '42');
  });

  test('a restart keeps the folder and the environment that cells have now', async () => {
    notebook.host.send({ type: 'directory', path: join(repository, 'test') });
    notebook.host.send({ type: 'environment', name: 'OF_THE_NOTEBOOK', value: 'set' });
    await notebook.host.restart('a test asked for it');
    assert.equal(notebook.replaced.at(-1), 'a test asked for it');
    await notebook.cell('[process.cwd(), process.env.OF_THE_NOTEBOOK].join()');
    assert.equal(notebook.shown, `'${join(repository, 'test')},set'`);
  });
});

test('shutting down while a cell runs ends the runtime and its children, daemons too', async () => {
  const notebook = openNotebook();
  await notebook.cell(
    `import { spawn } from 'node:child_process';
     [spawn('sleep', ['1000']).pid, spawn('sleep', ['1000'], { detached: true }).pid].join()`,
  );
  const children = String(notebook.shown).replaceAll("'", '').split(',').map(Number);
  const pid = notebook.host.pid!;
  const { outcome } = notebook.begin('for (;;);');
  await new Promise((resolve) => setTimeout(resolve, 100));
  const started = Date.now();
  await notebook.host.dispose();
  assert.ok(Date.now() - started < 20_000);
  await notebook.until(() => ![pid, ...children].some(alive));
  const ended = await outcome;
  assert.equal(ended.status === 'error' && ended.error.reason, 'runtime-died');
});

for (const state of ['idle', 'busy'] as const) {
  test(`the death of the kernel process ends the runtime (${state}) and its children`, async () => {
    // A separate kernel process, which prints the numbers of its runtime process and of that one's child.
    const script = `
      const { spawn } = require('node:child_process');
      const child = spawn(process.execPath, ['--no-force-async-hooks-checks', ${JSON.stringify(join(distribution, 'runtime.cjs'))}, ${JSON.stringify(join(distribution, 'control.cjs'))}],
        { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe', 'pipe'], detached: true });
      const v8 = require('node:v8');
      const code = "(cell) => { const c = require('node:child_process').spawn('sleep', ['1000']); require('node:fs').writeSync(1, process.pid + ' ' + c.pid + '\\\\n'); ${state === 'busy' ? 'for (;;);' : ''} }";
      const body = v8.serialize({ type: 'execute', execution: 1, silent: false, allowStdin: false, cell: { code, filename: 'cell 1', map: '', async: false, bindings: [] } });
      const frame = Buffer.alloc(8); frame.writeUInt32LE(4 + body.length, 0); frame.writeUInt32LE(1, 4);
      child.stdio[4].write(Buffer.concat([frame, body])); child.stdio[3].resume();`;
    const kernel = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve) => {
      let text = '';
      kernel.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('\n')) resolve(text);
      });
    });
    const pids = line.split('\n')[0]!.split(' ').map(Number);
    assert.equal(pids.every(alive), true);
    kernel.kill('SIGKILL');
    const deadline = Date.now() + 20_000;
    while (pids.some(alive) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(pids.filter(alive), []);
  });
}
