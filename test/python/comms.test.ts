// Comms between the front end and Python, both ways: what widgets and progress bars are made of.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { python, withPython } from './python-kernel.ts';

const ECHO = `
from ipykernel.comm import Comm
comm = Comm(target_name="echo", data={"hello": 1}, buffers=[b"\\x01\\x02"])
@comm.on_msg
def answer(message):
    print("got", message["content"]["data"]["n"])
    comm.send({"twice": 2 * message["content"]["data"]["n"]}, buffers=[bytes(b + 1 for b in message["buffers"][0])])
`;

test('opened by Python: messages and buffers both ways, handlers print under the message that called them', () =>
  withPython(async (client) => {
    const cell = await client.cell(python(ECHO));
    assert.equal(cell.reply['status'], 'ok', cell.reply['evalue']);
    const open = cell.iopub.find(({ type }) => type === 'comm_open')!;
    const id = open.content['comm_id'] as string;
    assert.equal(open.content['target_name'], 'echo');
    assert.deepEqual(open.content['data'], { hello: 1 });
    assert.deepEqual([...open.buffers[0]!], [1, 2]);
    const info = await client.request('shell', 'comm_info_request', { target_name: 'echo' });
    assert.deepEqual(info.reply!.content['comms'], { [id]: { target_name: 'echo' } });

    const sent = await client.send(
      'shell',
      'comm_msg',
      { comm_id: id, data: { n: 21 } },
      { buffers: [Buffer.from([9])] },
    );
    const answer = await client.late(sent, 'comm_msg');
    assert.deepEqual(answer.content, { comm_id: id, data: { twice: 42 } });
    assert.deepEqual([...answer.buffers[0]!], [10]);
    assert.equal((await client.late(sent, 'stream')).content['text'], 'got 21\n');
    client.drain('iopub');

    // A fresh runtime does not close what Python holds; a fresh Python does.
    await client.cell('%restart');
    client.drain('iopub');
    const still = await client.request('shell', 'comm_info_request', {});
    assert.deepEqual(Object.keys(still.reply!.content['comms']), [id]);
    const restart = await client.cell('%python restart');
    const close = restart.iopub.find(({ type }) => type === 'comm_close');
    assert.equal(close?.content['comm_id'], id);
  }));

test('a comm of TypeScript and one of Python do not get in each other’s way', () =>
  withPython(async (client) => {
    await client.cell('comms.on("mine", (comm, data) => { comm.send({ from: "TypeScript", data }); });');
    await client.cell(python(ECHO));
    const opened = await client.request(
      'shell',
      'comm_open',
      { comm_id: 'c1', target_name: 'mine', data: { x: 1 } },
      { reply: false },
    );
    const answer =
      opened.iopub.find(({ type }) => type === 'comm_msg') ?? (await client.late(opened.id, 'comm_msg'));
    assert.deepEqual(answer.content, { comm_id: 'c1', data: { from: 'TypeScript', data: { x: 1 } } });
  }));

test('widgets: a front end that is loaded anew asks Python for what it has', () =>
  withPython(async (client) => {
    await client.cell(
      python(`
def opened(comm, message):
    comm.send({"method": "update_states", "states": {}})
get_ipython().kernel.comm_manager.register_target("jupyter.widget.control", opened)`),
    );
    const opened = await client.send('shell', 'comm_open', {
      comm_id: 'w1',
      target_name: 'jupyter.widget.control',
      data: {},
    });
    const answer = await client.late(opened, 'comm_msg');
    assert.deepEqual(answer.content, { comm_id: 'w1', data: { method: 'update_states', states: {} } });
    client.drain('iopub');
  }));
