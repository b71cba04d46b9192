// Types are checked while the cell runs: late output under it, or a gate before it, or nothing.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { Cell, JupyterClient } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

const WRONG = 'const wrong: number = "text";\nconsole.log(typeof wrong);';

/** Messages about types under a cell, in it or late. */
async function typeErrors(client: JupyterClient, cell: Cell): Promise<string> {
  let text = cell.stderr;
  while (!text.includes('TS2322')) {
    const { content } = await client.take(
      'iopub',
      ({ parent, type }) => parent === cell.id && type === 'stream',
      'type error',
      60_000,
    );
    text += content['text'];
  }
  return text;
}

test('warn: the cell runs, and what is wrong appears under it, once', () =>
  withKernel(async (client) => {
    const cell = await client.cell(WRONG);
    assert.equal(cell.stdout, 'string\n');
    assert.equal(cell.reply['status'], 'ok');
    const text = await typeErrors(client, cell);
    assert.match(text, /type error.* line 1:7 Type 'string' is not assignable to type 'number'/);
    assert.equal((await client.cell('wrong')).result, "'text'");
  }));

test('type errors of a long cell are shown while it runs, also those of the first cell', () =>
  withKernel(async (client) => {
    const id = await client.startCell(`${WRONG}\nawait new Promise(() => {});`);
    await client.take(
      'iopub',
      ({ parent, type, content }) =>
        parent === id && type === 'stream' && String(content['text']).includes('TS2322'),
      'type error',
      60_000,
    );
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
  }));

test('off: nothing is said', () =>
  withKernel(
    async (client) => {
      await client.cell('%typecheck off');
      assert.deepEqual((await client.cell(WRONG)).order, ['busy', 'execute_input', 'stdout', 'idle']);
    },
    // Replies wait for the check, so that nothing can come late.
    { environment: { TENSORCELL_HEADLESS: '1' } },
  ));

test('error: a cell with type errors does not run, and leaves nothing behind', () =>
  withKernel(async (client) => {
    await client.cell('%typecheck error');
    const cell = await client.cell(WRONG, {}, { ms: 60_000 });
    assert.deepEqual(cell.order, ['busy', 'execute_input', 'error', 'idle']);
    assert.equal(cell.reply['ename'], 'TypeCheckError');
    assert.match(
      cell.reply['traceback'].join('\n'),
      /line 1:7 Type 'string' is not assignable to type 'number'/,
    );
    assert.equal((await client.cell('const wrong = 5; wrong + 1')).result, '6');
    assert.equal((await client.cell('wrong.toFixed(1)')).result, "'5.0'");
  }));

test('replies that wait for the check have it inside of their cell', () =>
  withKernel(
    async (client) => {
      const cell = await client.cell(WRONG, {}, { ms: 60_000 });
      assert.deepEqual(cell.order, ['busy', 'execute_input', 'stdout', 'stderr', 'idle']);
      assert.match(cell.stderr, /TS2322/);
    },
    { environment: { TENSORCELL_HEADLESS: '1' } },
  ));

test('@ts-nocheck in the first lines silences its cell, and no other', () =>
  withKernel(
    async (client) => {
      for (const comment of ['// @ts-nocheck', '/* @ts-nocheck */', '// a cell\n// @ts-nocheck'])
        assert.deepEqual((await client.cell(`${comment}\n${WRONG}`, {}, { ms: 60_000 })).order, [
          'busy',
          'execute_input',
          'stdout',
          'idle',
        ]);
      assert.match((await client.cell(`${WRONG}\n// @ts-nocheck`)).stderr, /TS2322/);
    },
    { environment: { TENSORCELL_HEADLESS: '1' } },
  ));

test('cells that follow one another at once are all checked, in order, with the names of those before', () =>
  withKernel(async (client) => {
    const sources = Array.from(
      { length: 30 },
      (_, i) => `const value${i} = ${i === 0 ? 1 : `value${i - 1} + 1`}; const text${i}: string = value${i}`,
    );
    const ids: string[] = [];
    for (const source of sources) ids.push((await client.cell(source)).id);
    for (const [i, id] of ids.entries()) {
      const { content } = await client.take(
        'iopub',
        ({ parent, type }) => parent === id && type === 'stream',
        'type error',
        60_000,
      );
      assert.match(String(content['text']), /Type 'number' is not assignable to type 'string'/, `cell ${i}`);
    }
    const completed = await client.request('shell', 'complete_request', {
      code: 'value29.toF',
      cursor_pos: 11,
    });
    assert.deepEqual(completed.reply!.content['matches'], ['toFixed']);
    // A completion right behind a cell knows its names.
    await client.cell('const justNow = { first: 1 }');
    const { reply } = await client.request('shell', 'complete_request', { code: 'justNow.', cursor_pos: 8 });
    assert.deepEqual(reply!.content['matches'], ['first']);
  }));
