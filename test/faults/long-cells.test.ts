// Cells of 40 kB, of one kind of character or token each: every request is answered, control and heartbeat meanwhile, and the
// next cell is right. Long cells of data mean what they mean when they are short.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';
import { askAll, cellOf, KINDS } from './cell-kinds.ts';
import { processesOf } from './processes.ts';

const CHARACTERS = 40_000;
const LIMITS = { interruptAfterMs: 1500, ms: 90_000 };

/** Two kernels at a time, each with half of them. */
const half = (which: number): [string, string][] =>
  Object.entries(KINDS).filter((_, index) => index % 2 === which);

test('cells of 40 kB, each of one kind of character or token', { timeout: 1_200_000 }, async () => {
  const askHalf = (which: number): Promise<void> =>
    withKernel(
      async (client, { child }) => {
        for (const [name, unit] of half(which)) {
          await askAll(client, name, cellOf(unit, CHARACTERS), LIMITS);
          assert.equal(child.exitCode ?? child.signalCode, null, `the kernel process has ended by ${name}`);
        }
      },
      { mayLog: /^\[tensorcell\] (?:types|language server|TypeScript)/ },
    );
  await Promise.all([askHalf(0), askHalf(1)]);
});

test('a long cell shares its names with the cells before and after it', () =>
  withKernel(async (client, { child }) => {
    const rows = Array.from({ length: 20_000 }, (_, id) => `{"id": ${id}, "name": "row ${id}"}`).join(',\n');
    await client.cell('let total = 1; const add = (by: number) => (total += by); class Point { x = 1 }');
    const long = await client.cell(
      `const rows = [${rows}];\nadd(rows.length);\nlet kept = new Point();\nfunction reset() { total = 0 }\nrows[19_999].name + total`,
    );
    assert.equal(long.result, "'row 1999920001'");
    assert.equal((await client.cell('kept.x + rows.length + total')).result, '40002');
    assert.equal((await client.cell('reset(); kept = { x: 5 }; total + kept.x')).result, '5');
    // The compiler knows a name that is written twice although it was compiled elsewhere.
    assert.equal((await client.cell('const rows = 2; rows')).result, '2');
    // Errors name the lines of the cell.
    const wrong = await client.cell(`const more = [${rows}];\nmore[20_000].name`);
    assert.equal(wrong.reply['ename'], 'TypeError');
    assert.match(wrong.reply['traceback'].join('\n'), /20001/);
    const broken = await client.cell(`const less = [${rows}];\nless[`);
    assert.equal(broken.reply['ename'], 'SyntaxError');
    assert.ok(broken.reply['traceback'].join('\n').length < 5000, 'a traceback does not hold the cell');
    // The kernel process itself has parsed none of it.
    const compilers = processesOf(child.pid!).filter(({ line }) => line.includes('compiler-process'));
    assert.equal(compilers.length, 1);
  }));

test('later cells see the names of a cell that is too long for types, or nests too deeply for them', () =>
  withKernel(async (client) => {
    const headless = { allow_stdin: false };
    const long = await client.cell(`const numbers = [${'1,'.repeat(60_000)}]; numbers.length`, headless);
    assert.equal(long.result, '60000');
    const deep = await client.cell(`const sum = ${'1 + '.repeat(3000)}1; sum`, headless);
    assert.equal(deep.result, '3001');
    const later = await client.cell('const [a, b]: [number, number] = [numbers[0], sum]; a + b', headless);
    assert.deepEqual([later.result, later.stderr], ['3002', '']);
    // Shorter heavy cells are checked like others.
    const checked = await client.cell(`const list = [${'1,'.repeat(1000)}]; list.lenght`, headless);
    assert.match(checked.stderr, /TS2551/);
    const code = `${'list.at(0);\n'.repeat(1500)}list.leng`;
    const completion = await client.request('shell', 'complete_request', { code, cursor_pos: code.length });
    assert.deepEqual(completion.reply!.content['matches'], ['length']);
  }));

test('an interrupt ends the compiling of a cell and keeps all variables', () =>
  withKernel(async (client) => {
    await client.cell('const kept = 41');
    const id = await client.startCell('\\'.repeat(1_000_000));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
    assert.equal((await client.cell('kept + 1')).result, '42');
  }));

test('comments before a cell take linear time', () =>
  withKernel(async (client) => {
    const code = `${'/* a */ '.repeat(60)}6 * 7`;
    assert.equal((await client.cell(code)).result, '42');
    const complete = await client.request('shell', 'is_complete_request', { code });
    assert.equal(complete.reply!.content['status'], 'complete');
  }));
