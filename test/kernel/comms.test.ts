// Comms, both ways, with buffers.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from './kernel-process.ts';

test('opened by the kernel: open, message, close, with buffers and the parent of the cell', () =>
  withKernel(async (client) => {
    const cell = await client.cell(`
      const comm = comms.open('chart', { start: 1 });
      comm.send({ step: 2 }, { buffers: [new Uint8Array([1, 2, 3]), new Float32Array([0.5])] });
      const heard = [];
      comm.onMessage((data, buffers) => { heard.push(data, ...buffers.map((b) => [...new Uint8Array(b.buffer, b.byteOffset, b.byteLength)])); });
    `);
    assert.deepEqual(cell.order, ['busy', 'execute_input', 'comm_open', 'comm_msg', 'idle']);
    const [open] = cell.of('comm_open');
    const id = open!['comm_id'];
    assert.deepEqual(open, { comm_id: id, target_name: 'chart', data: { start: 1 } });
    const message = cell.iopub.find(({ type }) => type === 'comm_msg')!;
    assert.deepEqual(message.content, { comm_id: id, data: { step: 2 } });
    assert.deepEqual(
      message.buffers.map((buffer) => [...buffer]),
      [
        [1, 2, 3],
        [0, 0, 0, 63],
      ],
    );
    const info = await client.request('shell', 'comm_info_request', { target_name: 'chart' });
    assert.deepEqual(info.reply!.content['comms'], { [id]: { target_name: 'chart' } });
    const other = await client.request('shell', 'comm_info_request', { target_name: 'other' });
    assert.deepEqual(other.reply!.content['comms'], {});

    await client.request(
      'shell',
      'comm_msg',
      { comm_id: id, data: { click: true } },
      {
        reply: false,
        buffers: [Buffer.from([9, 8])],
      },
    );
    assert.equal(
      (await client.cell('JSON.stringify(heard)')).result!.replaceAll("'", ''),
      '[{"click":true},[9,8]]',
    );
    const closing = await client.cell('comm.close({ bye: 1 })');
    assert.deepEqual(closing.of('comm_close'), [{ comm_id: id, data: { bye: 1 } }]);
    const after = await client.request('shell', 'comm_info_request', {});
    assert.deepEqual(after.reply!.content['comms'], {});
  }));

test('opened by the client: the target answers, and what it prints goes under the message', () =>
  withKernel(async (client) => {
    await client.cell(`
      comms.on('echo', (comm, data) => {
        console.log('opened with', data.hello);
        comm.onMessage((again) => comm.send({ echo: again }));
      });
    `);
    const open = await client.request(
      'shell',
      'comm_open',
      {
        comm_id: 'c1',
        target_name: 'echo',
        data: { hello: 'world' },
      },
      { reply: false },
    );
    const printed =
      open.iopub.find(({ type }) => type === 'stream') ?? (await client.late(open.id, 'stream'));
    assert.equal(printed.content['text'], 'opened with world\n');
    const sent = await client.request('shell', 'comm_msg', { comm_id: 'c1', data: 42 }, { reply: false });
    const isEcho = ({ type }: { type: string }): boolean => type === 'comm_msg';
    const echo = sent.iopub.find(isEcho) ?? (await client.take('iopub', isEcho, 'echo'));
    assert.equal(echo.parent, sent.id);
    assert.deepEqual(echo.content, { comm_id: 'c1', data: { echo: 42 } });
    await client.request('shell', 'comm_close', { comm_id: 'c1', data: {} }, { reply: false });
    const info = await client.request('shell', 'comm_info_request', {});
    assert.deepEqual(info.reply!.content['comms'], {});
  }));

test('a target without a handler is closed again', () =>
  withKernel(async (client) => {
    const open = await client.request(
      'shell',
      'comm_open',
      { comm_id: 'c2', target_name: 'nobody', data: {} },
      {
        reply: false,
      },
    );
    const close =
      open.iopub.find(({ type }) => type === 'comm_close') ?? (await client.late(open.id, 'comm_close'));
    assert.equal(close.content['comm_id'], 'c2');
    const printed = client.leftOver().filter(({ type }) => type === 'stream');
    for (const _ of printed) await client.late(open.id, 'stream');
  }));
