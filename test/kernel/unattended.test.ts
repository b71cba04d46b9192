// A client that allows no input is a program that executes a notebook: it reads a cell's output until idle only.
import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cell } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

const program = { allow_stdin: false };
const QUIET = { environment: { TENSORCELL_SETTLE_SECONDS: '1' } };

const sleep = (ms: number): string => `new Promise((done) => setTimeout(done, ${ms}))`;

/** Work that a cell leaves behind, and text that the cell's output must have. */
const LEFT_BEHIND: [name: string, code: string, stdout: string][] = [
  ['a timer', 'setTimeout(() => console.log("late"), 300);', 'late\n'],
  [
    'a timer that starts a timer',
    'setTimeout(() => setTimeout(() => console.log("late"), 150), 150);',
    'late\n',
  ],
  ['an immediate', 'setImmediate(() => console.log("late"));', 'late\n'],
  ['a floating promise', `void (async () => { await ${sleep(300)}; console.log("late"); })();`, 'late\n'],
  [
    'a promise of node:timers/promises',
    `import { setTimeout as wait } from 'node:timers/promises'; void wait(300).then(() => console.log('late'));`,
    'late\n',
  ],
  [
    'a callback of a file',
    `import { readFile } from 'node:fs'; readFile('/proc/self/stat', () => console.log('late'));`,
    'late\n',
  ],
  [
    'a request to a server of the cell',
    `import { createServer } from 'node:http';
const server = createServer((request, response) => setTimeout(() => response.end('late'), 300));
await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
void fetch('http://127.0.0.1:' + (server.address() as { port: number }).port).then(async (answer) => { console.log(await answer.text()); server.close(); });`,
    'late\n',
  ],
  [
    'a child process behind a promise',
    `import { exec } from 'node:child_process'; import { promisify } from 'node:util';
void promisify(exec)('sleep 0.3; echo late').then(({ stdout }) => process.stdout.write(stdout));`,
    'late\n',
  ],
  [
    'a training',
    `const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
model.compile({ loss: 'meanSquaredError', optimizer: 'sgd' });
void model.fit(tf.ones([64, 1]), tf.ones([64, 1]), { epochs: 40, verbose: 0 }).then(() => console.log('late'));`,
    'late\n',
  ],
];

test('the end of a cell waits for what it left behind', async (t) => {
  await withKernel(async (client) => {
    for (const [name, code, stdout] of LEFT_BEHIND) {
      await t.test(name, async () => {
        const cell = await client.cell(code, program);
        assert.deepEqual([cell.reply['status'], cell.stdout], ['ok', stdout]);
      });
    }
  });
});

/** Work that may never end does not count. */
const ENDLESS: [name: string, code: string][] = [
  ['an interval', 'const interval = setInterval(() => {}, 20);'],
  ['an unreferenced timer', 'const timer = setTimeout(() => {}, 60_000).unref();'],
  [
    'a server',
    `import { createServer } from 'node:http'; const server = createServer(() => {}); server.listen(0, '127.0.0.1');`,
  ],
  ['a promise that nothing settles', 'const never = new Promise(() => {});'],
];

test('intervals, servers, unreferenced timers and hopeless promises do not hold a cell', async (t) => {
  await withKernel(
    async (client) => {
      for (const [name, code] of ENDLESS) {
        await t.test(name, async () => {
          const start = performance.now();
          assert.equal((await client.cell(code, program)).reply['status'], 'ok');
          assert.ok(performance.now() - start < 15_000, 'it waited for the whole limit');
        });
      }
    },
    { environment: { TENSORCELL_SETTLE_SECONDS: '60' } },
  );
});

test('output behind the limit goes to the cell that runs then, and the kept one to the next', () =>
  withKernel(async (client, kernel) => {
    // The first check of types takes longer than the timers below.
    await client.cell('0', program);
    const first = await client.cell('setTimeout(() => console.log("late"), 2500); "first"', program);
    assert.equal(first.stdout, '');
    assert.equal((await client.cell(`await ${sleep(3000)}`, program)).stdout, 'late\n');
    // The next cell comes right after the output: it is kept for half a second.
    const printed = join(kernel.folder, 'printed');
    await client.cell(
      `setTimeout(() => { console.log('between'); process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(printed)}, ''); }, 2500); 1`,
      program,
    );
    for (let waited = 0; !existsSync(printed) && waited < 2000; waited++) await pause(10);
    assert.equal((await client.cell('2', program)).stdout, 'between\n');
  }, QUIET));

const failed = ({ reply }: Cell): unknown[] => [reply['status'], reply['ename'], reply['evalue']];

test('an error that no code handles fails its cell, or the one that runs then', () =>
  withKernel(async (client) => {
    const own = await client.cell(`void Promise.reject(new RangeError('lost'));`, program);
    assert.deepEqual(failed(own), ['error', 'RangeError', 'lost (unhandled, from cell 1)']);
    assert.match(own.reply['traceback'].join('\n'), /in cell 1: no code awaits or catches it/);
    assert.equal(own.of('error').length, 1);
    const timer = await client.cell(`setTimeout(() => { throw new TypeError('thrown'); }, 100);`, program);
    assert.deepEqual(failed(timer), ['error', 'TypeError', 'thrown (unhandled, from cell 2)']);
    await client.cell(`setTimeout(() => { throw new Error('later'); }, 2500);`, program);
    const other = await client.cell(`await ${sleep(3000)}; console.log('done')`, program);
    assert.deepEqual(failed(other), ['error', 'Error', 'later (unhandled, from cell 3)']);
    assert.equal(other.stdout, 'done\n');
    assert.match(other.reply['traceback'].join('\n'), /in cell 3, which had ended/);
    assert.deepEqual((await client.cell('1 + 1', program)).reply['status'], 'ok');
  }, QUIET));

test('an own error and an unhandled one are both shown', () =>
  withKernel(async (client) => {
    const both = await client.cell(
      `void Promise.reject(new Error('lost')); await ${sleep(20)}; throw new Error('own')`,
      program,
    );
    assert.deepEqual(failed(both), ['error', 'Error', 'own']);
    assert.deepEqual(
      both.of('error').map(({ evalue }) => evalue),
      ['lost (unhandled, from cell 1)', 'own'],
    );
  }, QUIET));

test('an interrupt ends the wait', () =>
  withKernel(async (client) => {
    const id = await client.startCell('setTimeout(() => {}, 100_000); console.log("on")', program);
    await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'output');
    await pause(200);
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
    assert.equal((await client.cell('1 + 1', program)).result, '2');
  }));

test('type errors are in the output of an executed notebook', () =>
  withKernel(async (client) => {
    const cell = await client.cell('const text: string = 5;', program);
    assert.equal(cell.reply['status'], 'ok');
    assert.match(cell.stderr, /type error.*is not assignable to type 'string'/);
  }));

test('with a person, a cell ends at once and late output stays under it', () =>
  withKernel(async (client) => {
    const cell = await client.cell('setTimeout(() => console.log("late"), 300); 1');
    assert.deepEqual([cell.result, cell.stdout], ['1', '']);
    assert.equal((await client.late(cell.id, 'stream')).content['text'], 'late\n');
  }));

test('a listener of the user handles errors, and removing all listeners does not end the session', () =>
  withKernel(async (client) => {
    await client.cell(`const seen: unknown[] = [];
process.on('unhandledRejection', (reason) => seen.push(String(reason)));
process.on('uncaughtException', (error) => seen.push(String(error)));`);
    await client.cell(
      `void Promise.reject(new Error('one')); setTimeout(() => { throw new Error('two'); }, 10); await ${sleep(100)};`,
    );
    assert.equal((await client.cell('seen')).result, "[ 'Error: one', 'Error: two' ]");
    await client.cell('process.removeAllListeners()');
    const cell = await client.cell(
      `setTimeout(() => { throw new Error('three'); }, 10); await ${sleep(100)}; 'on'`,
    );
    assert.equal(cell.result, "'on'");
    assert.deepEqual(
      cell.of('error').map(({ evalue }) => evalue),
      ['three'],
    );
    assert.equal((await client.cell('seen.length')).result, '2');
  }));

test('promises print as in Node', () =>
  withKernel(async (client) => {
    const cell = await client.cell(
      'const waiting = new Promise(() => {}); console.log(waiting, { ...waiting }, Reflect.ownKeys(waiting))',
    );
    assert.equal(cell.stdout, 'Promise { <pending> } {} []\n');
  }));
