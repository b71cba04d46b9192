import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openNotebook, type Notebook, type SinkMessage } from './notebook.ts';
import { joinedStreams } from '../kernel/joined-streams.ts';

const ok = { status: 'ok', declared: [] };

describe('output', () => {
  let notebook: Notebook;
  before(() => {
    notebook = openNotebook();
  });
  after(() => notebook.host.dispose());

  test('10,000 lines arrive in order and before the end of the cell', async () => {
    assert.deepEqual(await notebook.cell('for (let i = 0; i < 10_000; i++) console.log("line", i);'), ok);
    const expected = Array.from({ length: 10_000 }, (_, i) => `line ${i}\n`).join('');
    assert.equal(notebook.text(notebook.last), expected);
  });

  test('of console and process.stdout and stderr keeps its order, in text and bytes', async () => {
    await notebook.cell(`
      console.log('a %d', 1, { b: [1, 'x'] }); console.error('e'); process.stdout.write('b'); process.stdout.write(Buffer.from('c\\n'));
      const euro = Buffer.from('€'); process.stdout.write(euro.subarray(0, 1)); process.stdout.write(euro.subarray(1)); console.warn('w');
      console.group('g'); console.info('in'); console.groupEnd(); console.debug('out');`);
    const order = notebook.messages.filter(
      (message) => message.type === 'stream' && message.execution === notebook.last,
    ) as Extract<SinkMessage, { type: 'stream' }>[];
    assert.deepEqual(joinedStreams(order), [
      ['stdout', "a 1 { b: [ 1, 'x' ] }\n"],
      ['stderr', 'e\n'],
      ['stdout', 'bc\n€'],
      ['stderr', 'w\n'],
      ['stdout', 'g\n  in\nout\n'],
    ]);
  });

  test('of streams that are piped, of write callbacks, and of native descriptors', async () => {
    assert.deepEqual(
      await notebook.cell(`
        import { Readable } from 'node:stream'; import { pipeline } from 'node:stream/promises'; import { writeSync } from 'node:fs'; import { execSync, spawn } from 'node:child_process';
        await new Promise((done) => Readable.from(['piped\\n']).pipe(process.stdout).on('unpipe', done));
        await new Promise<void>((done) => process.stdout.write('written\\n', () => done()));
        writeSync(1, 'native out\\n'); writeSync(2, 'native error, no end of line');
        execSync('echo from a child', { stdio: 'inherit' });
        await new Promise((done) => spawn('sh', ['-c', 'echo spawned; echo wrong >&2'], { stdio: 'inherit' }).on('close', done));`),
      { status: 'ok', declared: ['Readable', 'pipeline', 'writeSync', 'execSync', 'spawn'] },
    );
    const lines = notebook.text(notebook.last).split('\n').sort();
    assert.deepEqual(lines, ['', 'from a child', 'native out', 'piped', 'spawned', 'written']);
    assert.equal(notebook.text(notebook.last, 'stderr'), 'native error, no end of linewrong\n');
  });

  test('of printf in native code is flushed before the cell ends', async () => {
    await notebook.cell(
      "import koffi from 'koffi'; const puts = koffi.load('libc.so.6').func('int puts(const char *)'); puts('from C'); 0;",
    );
    assert.equal(notebook.text(notebook.last), 'from C\n');
  });

  test('of child processes is whole before the cell ends, however slow the client is', async () => {
    const slow = openNotebook({
      onMessage: ({ type }) =>
        type === 'stream' ? new Promise((resolve) => setTimeout(resolve, 20)) : undefined,
    });
    try {
      await slow.cell(`
        import { execSync } from 'node:child_process';
        execSync('head -c 3000000 /dev/zero | tr "\\\\0" x; printf end >&2', { stdio: 'inherit' });`);
      assert.equal(slow.text(1), 'x'.repeat(3_000_000));
      assert.equal(slow.text(1, 'stderr'), 'end');
    } finally {
      await slow.host.dispose();
    }
  });

  test('of a child process that goes on for ever does not keep its cell from ending', async () => {
    await notebook.cell(
      "import { spawn as start } from 'node:child_process'; const child = start('sh', ['-c', 'while :; do echo y; done'], { stdio: 'inherit' });",
    );
    const cell = notebook.last;
    await notebook.until(() => notebook.text(cell).includes('y\ny\n'));
    await notebook.cell("await new Promise((done) => child.on('exit', done) && child.kill());");
    assert.match(notebook.text(cell), /^(?:y\n)+$/u);
  });

  test('that comes late carries its own cell, also while another runs', async () => {
    const cells: number[] = [];
    for (const source of [
      'setTimeout(() => console.log("timer 1"), 40);',
      'void (async () => { for (let i = 0; i < 3; i++) { await new Promise((r) => setTimeout(r, 15)); console.log("step", i); } })();',
      'let n = 0; const t = setInterval(() => { console.log("tick"); if (++n === 2) clearInterval(t); }, 20);',
      'setImmediate(() => queueMicrotask(() => process.nextTick(() => console.log("nested"))));',
    ]) {
      await notebook.cell(source);
      cells.push(notebook.last);
    }
    await notebook.cell(
      'for (let i = 0; i < 8; i++) { await new Promise((r) => setTimeout(r, 15)); console.log("own", i); }',
    );
    await notebook.until(() => notebook.text(cells[2]!).split('tick').length === 3);
    assert.equal(notebook.text(cells[0]!), 'timer 1\n');
    assert.equal(notebook.text(cells[1]!), 'step 0\nstep 1\nstep 2\n');
    assert.equal(notebook.text(cells[3]!), 'nested\n');
    assert.equal(notebook.text(notebook.last), Array.from({ length: 8 }, (_, i) => `own ${i}\n`).join(''));
  });

  test('of two cells that run at once never mixes', async () => {
    const loop = (name: string): string =>
      `for (let i = 0; i < 200; i++) { console.log('${name}', i); await cell.await(new Promise((r) => setTimeout(r, i % 3))); }`;
    const first = notebook.begin(loop('a'));
    const second = notebook.begin(loop('b'));
    assert.deepEqual([await first.outcome, await second.outcome], [ok, ok]);
    for (const [name, { execution }] of [
      ['a', first],
      ['b', second],
    ] as const) {
      assert.equal(
        notebook.text(execution),
        Array.from({ length: 200 }, (_, i) => `${name} ${i}\n`).join(''),
      );
    }
  });

  test('displays, results and tables are ordered with text', async () => {
    await notebook.cell(
      "console.log('before'); display.html('<b>x</b>'); console.log('after'); console.table([{ a: 1 }]); 'result'",
    );
    const kinds = notebook.messages
      .filter((message) => 'execution' in message && message.execution === notebook.last)
      .map((message) => (message.type === 'stream' ? message.text : message.type));
    assert.deepEqual(kinds, ['before\n', 'display', 'after\n', 'display', 'result']);
    assert.equal(notebook.shown, "'result'");
  });

  test('waits for a slow client: nothing is lost, memory stays flat, an interrupt gets through', async () => {
    let stall = false;
    let release = (): void => {};
    let characters = 0;
    const slow = openNotebook({
      onMessage: (message) => {
        if (message.type !== 'stream') return undefined;
        characters += message.text.length;
        slow.messages.length = 0;
        if (!stall) return undefined;
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    });
    try {
      stall = true;
      const { outcome } = slow.begin(
        'const line = "x".repeat(999); for (let i = 0; i < 100_000; i++) console.log(line);',
      );
      await slow.until(() => characters > 0);
      const before = process.memoryUsage().rss;
      await new Promise((resolve) => setTimeout(resolve, 500));
      const grown = process.memoryUsage().rss - before;
      // 100 MB were on their way; what the pipe and one read hold is all that may be here.
      assert.ok(grown < 30e6, `the kernel process grew by ${grown} bytes`);
      assert.ok(characters < 5e6, `${characters} characters went to a client that does not read`);
      stall = false;
      release();
      assert.deepEqual(await outcome, ok);
      assert.equal(characters, 100_000_000);

      stall = true;
      characters = 0;
      const endless = slow.begin('for (;;) console.log("y".repeat(5000));');
      await slow.until(() => characters > 0);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const interrupted = slow.host.interrupt();
      // The runtime ends although the client still does not read; its output waits in the kernel process.
      await new Promise((resolve) => setTimeout(resolve, 200));
      stall = false;
      release();
      await interrupted;
      const ended = await endless.outcome;
      assert.equal(ended.status === 'error' && ended.error.reason, 'interrupted');
      assert.equal(characters % 5001, 0);
    } finally {
      await slow.host.dispose();
    }
  });

  test('of a client that fails to take it ends nothing', async () => {
    const failing = openNotebook({
      onMessage: (message) => {
        if (message.type === 'stream') throw new Error('the socket is closed');
      },
    });
    try {
      assert.deepEqual(await failing.run('console.log("x"); cell.result(1);'), ok);
      assert.equal(failing.result(1), '1');
    } finally {
      await failing.host.dispose();
    }
  });
});
