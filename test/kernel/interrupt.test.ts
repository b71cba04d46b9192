// Interrupts as a client sees them: by message and by signal; variables stay, and the next cell works.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from './kernel-process.ts';

const SITUATIONS: Record<string, string> = {
  'a busy loop': 'for (;;);',
  'a busy loop after an await': 'await Promise.resolve(); for (;;);',
  'a pending await': 'await new Promise(() => {});',
  'a regular expression that explodes': '/(a+)+$/.test("a".repeat(40) + "b");',
  'a child process': 'import { execSync } from "node:child_process"; execSync("sleep 1000");',
  'a command': '!sleep 1000',
};

for (const way of ['message', 'signal'] as const) {
  for (const [name, code] of Object.entries(SITUATIONS)) {
    test(`${name}, by ${way}`, () =>
      withKernel(async (client, kernel) => {
        await client.cell('const earlier = 1;');
        const id = await client.startCell(
          `globalThis.before = 2;\nconsole.log("begun");\n${code}\nglobalThis.after = 3;`,
        );
        await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'begun');
        await new Promise((resolve) => setTimeout(resolve, 200));
        if (way === 'message') {
          const { reply } = await client.request('control', 'interrupt_request', {});
          assert.deepEqual(reply!.content, { status: 'ok' });
        } else {
          kernel.child.kill('SIGINT');
        }
        const cell = await client.finishCell(id);
        assert.equal(cell.reply['status'], 'error');
        assert.equal(cell.reply['ename'], 'Interrupted');
        assert.equal(
          (await client.cell('[earlier, globalThis.before, globalThis.after].join()')).result,
          "'1,2,'",
        );
      }));
  }
}

test('twice in a row, and while idle', () =>
  withKernel(async (client) => {
    await client.request('control', 'interrupt_request', {});
    for (let i = 0; i < 2; i++) {
      const id = await client.startCell('console.log("begun"); for (;;);');
      await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'begun');
      await client.request('control', 'interrupt_request', {});
      assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
      await client.request('control', 'interrupt_request', {});
    }
    assert.equal((await client.cell('1 + 1')).result, '2');
  }));

test('cells that wait behind an interrupted one are aborted', () =>
  withKernel(async (client) => {
    const ids = [await client.startCell('console.log("begun"); for (;;);'), await client.startCell('2')];
    await client.take('iopub', ({ type }) => type === 'stream', 'begun');
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finishCell(ids[0]!)).reply['ename'], 'Interrupted');
    assert.equal((await client.finishCell(ids[1]!)).reply['status'], 'aborted');
  }));

test('a flood of output can be interrupted', () =>
  withKernel(async (client) => {
    const id = await client.startCell('for (;;) console.log("x".repeat(1000));');
    await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'output');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
    assert.equal((await client.cell('1')).result, '1');
  }));
