// Subshells: a cell runs while another one awaits. https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from './kernel-process.ts';

test('create, list, delete', () =>
  withKernel(async (client) => {
    const list = async () => (await client.request('control', 'list_subshell_request', {})).reply!.content;
    const one = (await client.request('control', 'create_subshell_request', {})).reply!.content;
    assert.deepEqual(Object.keys(one), ['status', 'subshell_id']);
    const two = (await client.request('control', 'create_subshell_request', {})).reply!.content;
    assert.deepEqual(await list(), { status: 'ok', subshell_id: [one['subshell_id'], two['subshell_id']] });
    const gone = await client.request('control', 'delete_subshell_request', {
      subshell_id: one['subshell_id'],
    });
    assert.deepEqual(gone.reply!.content, { status: 'ok' });
    assert.deepEqual(await list(), { status: 'ok', subshell_id: [two['subshell_id']] });
    const again = await client.request('control', 'delete_subshell_request', {
      subshell_id: one['subshell_id'],
    });
    assert.equal(again.reply!.content['status'], 'error');
    const unknown = await client.cell('1', {}, { header: { subshell_id: one['subshell_id'] } });
    assert.equal(unknown.reply['status'], 'error');
  }));

test('a subshell runs a cell while another one awaits', () =>
  withKernel(async (client) => {
    const { subshell_id } = (await client.request('control', 'create_subshell_request', {})).reply!.content;
    const waiting = await client.startCell(
      'console.log("begun"); await new Promise((resolve) => { globalThis.go = resolve; }); console.log("ended"); 1',
    );
    await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === waiting, 'begun');
    const beside = await client.cell('console.log("beside"); 2', {}, { header: { subshell_id } });
    assert.equal(beside.result, '2');
    assert.equal(beside.stdout, 'beside\n');
    const release = await client.startCell('globalThis.go(); 3', {}, { subshell_id });
    assert.equal((await client.finishCell(release)).result, '3');
    const first = await client.finish(waiting, 'shell');
    // The main shell was still busy when the subshell's cells ended.
    const order = first.iopub.map(({ type, content }) =>
      type === 'status' ? content['execution_state'] : type,
    );
    assert.deepEqual(
      order.filter((each) => each !== 'busy'),
      ['execute_input', 'stream', 'execute_result', 'idle'],
    );
    assert.equal(first.reply!.content['status'], 'ok');
  }));

test('an error in a subshell aborts nothing in the main shell', () =>
  withKernel(async (client) => {
    const { subshell_id } = (await client.request('control', 'create_subshell_request', {})).reply!.content;
    const slow = await client.startCell('await new Promise((resolve) => setTimeout(resolve, 500)); 1');
    const queued = await client.startCell('2');
    const failing = await client.cell('throw new Error("x")', {}, { header: { subshell_id } });
    assert.equal(failing.reply['status'], 'error');
    assert.equal((await client.finishCell(slow)).reply['status'], 'ok');
    assert.equal((await client.finishCell(queued)).result, '2');
  }));
