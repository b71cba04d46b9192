// Magics as messages: they run in the kernel process, on behalf of a cell.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from './kernel-process.ts';

test('line magics, commands, and a value in between', () =>
  withKernel(async (client) => {
    const cell = await client.cell('const a = 1;\n%env TC_TEST=hello\n!echo $TC_TEST from the shell\na + 1');
    assert.equal(cell.reply['status'], 'ok');
    assert.match(cell.stdout, /hello from the shell\n/);
    assert.equal(cell.result, '2');
    assert.equal((await client.cell('process.env.TC_TEST')).result, "'hello'");
  }));

test('%cd moves cells, commands and imports', () =>
  withKernel(
    async (client, kernel) => {
      await client.cell('%cd inner.folder');
      assert.equal((await client.cell('process.cwd()')).result, `'${kernel.folder}/inner.folder'`);
      assert.equal((await client.cell('!pwd')).stdout, `${kernel.folder}/inner.folder\n`);
    },
    { folders: ['inner.folder'] },
  ));

test('%%time runs its body as part of the cell, and its names live on', () =>
  withKernel(async (client) => {
    const cell = await client.cell('%%time\nconst timed = 6 * 7;\ntimed');
    assert.equal(cell.result, '42');
    assert.match(cell.stdout + cell.stderr, /Wall time: /);
    assert.equal((await client.cell('timed')).result, '42');
    const failing = await client.cell('%%time\nthrow new RangeError("inside")');
    assert.deepEqual([failing.reply['ename'], failing.reply['evalue']], ['RangeError', 'inside']);
  }));

test('%%bash streams, fails with its code, and can be interrupted', () =>
  withKernel(async (client) => {
    const good = await client.cell('%%bash\nfor i in 1 2 3; do echo $i; done; echo oops >&2');
    assert.deepEqual([good.stdout, good.stderr, good.reply['status']], ['1\n2\n3\n', 'oops\n', 'ok']);
    const bad = await client.cell('%%bash\nexit 3');
    assert.equal(bad.reply['status'], 'error');
    assert.match(bad.reply['evalue'], /3/);
    const id = await client.startCell('%%bash\necho begun; sleep 1000');
    await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'begun');
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
  }));

test('an unknown magic names the nearest one', () =>
  withKernel(async (client) => {
    const cell = await client.cell('%%tiem\n1');
    assert.equal(cell.reply['status'], 'error');
    assert.match(cell.reply['evalue'], /unknown magic %%tiem: did you mean %%time\?/);
  }));

test('%restart gives a fresh runtime, and its own cell ends well', () =>
  withKernel(async (client) => {
    await client.cell('const gone = 1;');
    const cell = await client.cell('%restart');
    assert.equal(cell.reply['status'], 'ok', JSON.stringify(cell.reply));
    assert.equal((await client.cell('typeof gone')).result, "'undefined'");
    assert.equal((await client.cell('1 + 1')).reply['execution_count'], 4);
  }));

test('magics answer while the runtime is stuck, in a subshell', () =>
  withKernel(async (client) => {
    const { subshell_id } = (await client.request('control', 'create_subshell_request', {})).reply!.content;
    const stuck = await client.startCell('console.log("begun"); for (;;);');
    await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === stuck, 'begun');
    const cell = await client.cell('%lsmagic', {}, { header: { subshell_id } });
    assert.equal(cell.reply['status'], 'ok');
    assert.match(cell.stdout + JSON.stringify(cell.of('display_data')), /lsmagic/);
    await client.request('control', 'interrupt_request', {});
    assert.equal((await client.finish(stuck, 'shell')).reply!.content['ename'], 'Interrupted');
  }));

test('help: ?name, name? and magics, in the pager', () =>
  withKernel(async (client) => {
    await client.cell('/** Says hello. */\nfunction hello(name: string) { return name; }');
    for (const code of ['?hello', 'hello?', '??hello']) {
      const { payload } = (await client.cell(code)).reply;
      assert.equal(payload.length, 1);
      assert.deepEqual([payload[0].source, payload[0].start], ['page', 0]);
      assert.match(payload[0].data['text/plain'], /hello\(name: string\): string[^]*Says hello\./);
    }
    assert.match((await client.cell('?%cd')).reply['payload'][0].data['text/plain'], /%cd/);
    assert.equal((await client.cell('?nothingOfThatName')).reply['ename'], 'NotFound');
  }));
