// Questions to the person at the front end.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { JupyterClient } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

const allow = { allow_stdin: true };

async function answer(client: JupyterClient, value: string): Promise<Record<string, unknown>> {
  const question = await client.take('stdin', ({ type }) => type === 'input_request', 'input_request');
  await client.send('stdin', 'input_reply', { value });
  return { ...question.content, parent: question.parent };
}

test('input(), prompt() and confirm() ask and continue with the answer', () =>
  withKernel(async (client) => {
    const id = await client.startCell(
      'const a = await input("Name? "); const b = prompt("Age?"); const c = confirm("Sure?"); [a, b, c].join()',
      allow,
    );
    const first = await answer(client, 'Ada');
    assert.deepEqual(first, { prompt: 'Name? ', password: false, parent: id });
    assert.match(String((await answer(client, '36'))['prompt']), /Age\?/);
    assert.match(String((await answer(client, 'y'))['prompt']), /Sure\?/);
    assert.match((await client.finishCell(id)).result!, /Ada,36,true/);
  }));

test('a request for a password is marked as one', () =>
  withKernel(async (client) => {
    const id = await client.startCell('(await input("Key: ", { password: true })).length', allow);
    assert.deepEqual(await answer(client, 'secret'), { prompt: 'Key: ', password: true, parent: id });
    assert.equal((await client.finishCell(id)).result, '6');
  }));

test('without a front end that allows input they throw at once', () =>
  withKernel(async (client) => {
    for (const code of ['await input("x")', 'prompt("x")', 'confirm("x")']) {
      const cell = await client.cell(code, { stop_on_error: false, allow_stdin: false });
      assert.equal(cell.reply['status'], 'error', code);
      assert.match(cell.reply['evalue'], /input/i);
    }
  }));

for (const [name, code] of [
  ['input()', 'await input("x")'],
  ['prompt()', 'prompt("x")'],
] as const) {
  test(`an interrupt ends ${name}, and the next question gets its own answer`, () =>
    withKernel(async (client) => {
      const id = await client.startCell(`globalThis.kept = 1; ${code}`, allow);
      await client.take('stdin', ({ type }) => type === 'input_request', 'input_request');
      await client.request('control', 'interrupt_request', {});
      const cell = await client.finishCell(id);
      assert.equal(cell.reply['status'], 'error');
      assert.equal(cell.reply['ename'], 'Interrupted');
      const next = await client.startCell(`${code} + globalThis.kept`, allow);
      await answer(client, 'new');
      assert.match((await client.finishCell(next)).result!, /new1/);
    }));
}
