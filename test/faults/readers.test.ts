// A client that stops reading: it alone loses messages; all others get everything, idle included, and memory is bounded.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import * as zmq from 'zeromq';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { residentBytes } from '../kernel/slow-reader.ts';

/** What the queues of three clients that do not read may hold (16 MiB each), and what the kernel needs anyway. */
const MEMORY = 300 * 2 ** 20;
const MEGABYTES = Number(process.env['TENSORCELL_FAULTS_MEGABYTES'] ?? 50);

/** Subscribes without any key, takes the welcome, and reads nothing more. */
async function suspendedSubscriber(client: JupyterClient, topic: string): Promise<zmq.Subscriber> {
  const subscriber = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 1 });
  subscriber.connect(client.endpoint(client.connection.iopub_port));
  subscriber.subscribe(topic);
  await subscriber.receive();
  await client.take('iopub', ({ type }) => type === 'iopub_welcome', 'its welcome');
  return subscriber;
}

for (const topics of [['', 'stream', 'kernel']]) {
  test(`${MEGABYTES} MB printed beside ${topics.length} suspended ${topics.length === 1 ? 'subscriber' : 'subscribers'}`, () =>
    withKernel(
      async (client, kernel) => {
        const suspended = [];
        for (const topic of topics) suspended.push(await suspendedSubscriber(client, topic));
        const id = await client.startCell(
          `for (let i = 0; i < ${MEGABYTES}; i++) process.stdout.write(String(i).padEnd(1_000_000, '.'));`,
        );
        let peak = 0;
        const watch = setInterval(() => (peak = Math.max(peak, residentBytes(kernel.child.pid!))), 100);
        const cell = await client.finishCell(id, 120_000);
        clearInterval(watch);
        assert.equal(cell.reply['status'], 'ok');
        const text = cell.stdout;
        assert.equal(text.length, MEGABYTES * 1_000_000);
        for (let i = 0; i < MEGABYTES; i++) {
          assert.ok(text.startsWith(`${i}.`, i * 1_000_000), `megabyte ${i} is in its place`);
        }
        assert.ok(peak < MEMORY, `the kernel held ${Math.round(peak / 2 ** 20)} MiB`);
        // The next cells do not wait again, and a suspended one that reads on gets what is said then.
        assert.equal((await client.cell('1 + 1')).result, '2');
        assert.match(kernel.stderr, /a client has stopped reading/);
        const [first] = suspended;
        let last = '';
        while (!last.includes('back again')) {
          const received = first!.receive();
          const pause = new Promise<void>((resolve) => setTimeout(resolve, 300));
          const frames = (await Promise.race([received, pause])) ?? undefined;
          if (frames) last = String(frames[6]);
          else {
            await client.cell('console.log("back again")');
            last = String((await received)[6]);
          }
        }
        for (const each of suspended) each.close();
      },
      { mayLog: /a client has stopped reading/ },
    ));
}

test('an interrupt ends a cell that prints for ever beside a suspended subscriber', () =>
  withKernel(
    async (client) => {
      const suspended = await suspendedSubscriber(client, '');
      const id = await client.startCell("for (;;) console.log('x'.repeat(100_000));");
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await client.request('control', 'interrupt_request', {});
      assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
      suspended.close();
    },
    { mayLog: /a client has stopped reading/ },
  ));

test('a client that asks on shell, control and stdin and reads no answer stops nobody', () =>
  withKernel(async (client) => {
    const { connection } = client;
    const silent = new zmq.Dealer({ linger: 0, receiveHighWaterMark: 1 });
    silent.connect(client.endpoint(connection.shell_port));
    for (let i = 0; i < 2000; i++) {
      await silent.send(client.frames('kernel_info_request', {}).frames);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await client.cell('1 + 1')).result, '2');
    await client.heartbeat();
    silent.close();
    client.drain('iopub');
  }));
