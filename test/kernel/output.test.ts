// Whatever a cell prints reaches that cell, in order and complete, before its idle; also what comes late.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { joinedStreams } from './joined-streams.ts';
import { withKernel } from './kernel-process.ts';

const lines = (count: number, prefix = ''): string =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}\n`).join('');

test('10,000 lines are complete and in order before idle', () =>
  withKernel(async (client) => {
    const cell = await client.cell('for (let i = 0; i < 10_000; i++) console.log(i);');
    assert.equal(cell.stdout, lines(10_000));
    assert.ok(cell.of('stream').length < 2000, `${cell.of('stream').length} messages for 10,000 lines`);
  }));

test('two queued cells of 2,000 lines each never mix', () =>
  withKernel(async (client) => {
    const ids = [];
    for (const name of ['a', 'b']) {
      ids.push(await client.startCell(`for (let i = 0; i < 2000; i++) console.log('${name}' + i);`));
    }
    assert.equal((await client.finishCell(ids[0]!)).stdout, lines(2000, 'a'));
    assert.equal((await client.finishCell(ids[1]!)).stdout, lines(2000, 'b'));
  }));

test('stdout and stderr alternate as they were written', () =>
  withKernel(async (client) => {
    const cell = await client.cell(
      'process.stdout.write("1\\n"); console.error("2"); console.log("3"); process.stderr.write("4\\n"); console.warn("5");',
    );
    const written = joinedStreams(cell.of('stream') as { name: string; text: string }[]);
    assert.deepEqual(written, [
      ['stdout', '1\n'],
      ['stderr', '2\n'],
      ['stdout', '3\n'],
      ['stderr', '4\n5\n'],
    ]);
  }));

test('text, displays, results and clear_output keep their order', () =>
  withKernel(async (client) => {
    const cell = await client.cell(
      'console.log("a"); const d = display.html("<b>1</b>"); console.log("b"); d.update.html("<b>2</b>"); clearOutput({ wait: true }); console.log("c"); 5',
    );
    assert.deepEqual(cell.order, [
      'busy',
      'execute_input',
      'stdout',
      'display_data',
      'stdout',
      'update_display_data',
      'clear_output',
      'stdout',
      'execute_result',
      'idle',
    ]);
    const [shown] = cell.of('display_data');
    const [updated] = cell.of('update_display_data');
    assert.equal(shown!['data']['text/html'], '<b>1</b>');
    assert.equal(updated!['data']['text/html'], '<b>2</b>');
    assert.equal(typeof shown!['transient']['display_id'], 'string');
    assert.deepEqual(updated!['transient'], shown!['transient']);
    assert.deepEqual(cell.of('clear_output'), [{ wait: true }]);
  }));

test('output of awaited code comes before the idle status', () =>
  withKernel(async (client) => {
    const cell = await client.cell(
      'for (let i = 0; i < 5; i++) { await new Promise((resolve) => setTimeout(resolve, 20)); console.log(i); }',
    );
    assert.equal(cell.stdout, lines(5));
  }));

test('late output from timers and promises carries the parent of its cell', () =>
  withKernel(async (client) => {
    const first = await client.cell(`
      setTimeout(() => console.log('timer'), 300);
      Promise.resolve().then(async () => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        console.log('promise');
      });
      'not awaited';
    `);
    const second = await client.cell(
      'console.log("second"); await new Promise((resolve) => setTimeout(resolve, 700));',
    );
    assert.equal(second.stdout, 'second\n');
    let late = '';
    while (!late.endsWith('promise\n')) late += (await client.late(first.id, 'stream')).content['text'];
    assert.equal(late, 'timer\npromise\n');
  }));

test('an unhandled rejection and an error in a timer appear under their cell, and end nothing', () =>
  withKernel(async (client) => {
    const cell = await client.cell(`
      globalThis.kept = 1;
      setTimeout(() => { throw new RangeError('in a timer'); }, 200);
      setTimeout(() => { Promise.reject(new TypeError('nobody listens')); }, 400);
      0`);
    const timer = await client.late(cell.id, 'error');
    assert.deepEqual([timer.content['ename'], timer.content['evalue']], ['RangeError', 'in a timer']);
    const rejection = await client.late(cell.id, 'error');
    assert.deepEqual(
      [rejection.content['ename'], rejection.content['evalue']],
      ['TypeError', 'nobody listens'],
    );
    assert.equal((await client.cell('globalThis.kept')).result, '1');
  }));

test('native output reaches the cell before its idle', () =>
  withKernel(async (client) => {
    const cell = await client.cell(
      'import { spawnSync } from "node:child_process"; spawnSync("sh", ["-c", "echo from a child; echo wrong >&2"], { stdio: "inherit" }).status',
    );
    assert.equal(cell.stdout, 'from a child\n');
    assert.equal(cell.stderr, 'wrong\n');
    assert.equal(cell.result, '0');
  }));

test('a string of 20 MB arrives whole', () =>
  withKernel(async (client) => {
    const cell = await client.cell('process.stdout.write("é".repeat(10_000_000))');
    assert.equal(cell.stdout, 'é'.repeat(10_000_000));
  }));

test('text with half a pair and with zeros does not break anything', () =>
  withKernel(async (client) => {
    const cell = await client.cell('process.stdout.write("a\\ud800b\\0c")');
    assert.equal(cell.stdout, 'a\ufffdb\0c');
  }));
