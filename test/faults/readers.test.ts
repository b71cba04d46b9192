// A client that stops reading: it alone loses messages; all others get everything, idle included, and memory is bounded.
import { strict as assert } from 'node:assert';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import * as zmq from 'zeromq';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { residentBytes } from '../kernel/slow-reader.ts';
import { openTransport } from '../../kernel/transport/transport.ts';
import { suspendedSubscriber } from './suspended.ts';

/** Memory for the queues of three clients that do not read (16 MiB each), and for the kernel itself. */
const MEMORY = 300 * 2 ** 20;
const MEGABYTES = Number(process.env['TENSORCELL_FAULTS_MEGABYTES'] ?? 50);

for (const topics of [['', 'stream', 'kernel']]) {
  test(`${MEGABYTES} MB printed with ${topics.length} suspended ${topics.length === 1 ? 'subscriber' : 'subscribers'}`, () =>
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

test('an interrupt ends a cell that prints for ever with a suspended subscriber', () =>
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

/** Takes what iopub says about requests of another client, until each of them is over. */
async function takeIdles(client: JupyterClient, count: number): Promise<void> {
  for (let idles = 0; idles < count;) {
    const { content } = await client.take('iopub', ({ type }) => type === 'status', `idle ${idles}`);
    if (content['execution_state'] === 'idle') idles++;
  }
}

test('a client that asks on shell, control and stdin and reads no answer stops no other client', () =>
  withKernel(async (client) => {
    const { connection } = client;
    const silent = new zmq.Dealer({ linger: 0, receiveHighWaterMark: 1 });
    silent.connect(client.endpoint(connection.shell_port));
    const requests = 1000;
    for (let i = 0; i < requests; i++) {
      await silent.send(client.frames('kernel_info_request', {}).frames);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await client.cell('1 + 1')).result, '2');
    await client.heartbeat();
    await takeIdles(client, requests);
    silent.close();
  }));

test('clients of shell, control and stdin that are suspended, or read a byte now and then, hold up no other', () =>
  withKernel(
    async (client) => {
      const { connection } = client;
      const connected = [];
      for (const port of [connection.shell_port, connection.control_port, connection.stdin_port]) {
        const silent = new zmq.Dealer({ linger: 0, receiveHighWaterMark: 1 });
        silent.connect(client.endpoint(port));
        for (let i = 0; i < 200; i++) await silent.send(client.frames('kernel_info_request', {}).frames);
        connected.push(silent);
      }
      // A peer that speaks no ZeroMQ, one that stops in its greeting, and one that takes a byte at a time.
      const sockets: Socket[] = [];
      for (const port of [connection.iopub_port, connection.shell_port, connection.control_port]) {
        for (const greeting of ['', 'GET / HTTP/1.1\r\n\r\n', '\xff\0\0\0']) {
          const socket = createConnection(port, connection.ip);
          socket.on('error', () => undefined).pause();
          socket.write(Buffer.from(greeting, 'latin1'));
          sockets.push(socket);
        }
      }
      const drip = setInterval(() => {
        for (const socket of sockets) socket.read(1);
      }, 100);
      const cell = await client.cell("for (let i = 0; i < 200; i++) console.log('x'.repeat(10_000)); 1 + 1");
      assert.equal(cell.result, '2');
      assert.equal(cell.stdout.length, 200 * 10_001);
      await client.heartbeat();
      assert.equal(
        (await client.request('control', 'kernel_info_request', {})).reply!.content['status'],
        'ok',
      );
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
      // Requests on stdin are none.
      await takeIdles(client, 2 * 200);
      for (const each of connected) each.close();
    },
    { mayLog: /stdin: message dropped|more messages dropped/ },
  ));

test('a client that never reads its replies loses the next ones alone, which is logged once', async () => {
  const logged: string[] = [];
  const transport = await openTransport(
    {
      kind: 'connection',
      transport: 'tcp',
      ip: '127.0.0.1',
      key: '',
      signatureScheme: 'hmac-sha256',
      curve: undefined,
      ports: { shell: 0, control: 0, stdin: 0, iopub: 0, hb: 0 },
      fields: {},
    },
    (message) => logged.push(message),
  );
  const silent = new zmq.Dealer({ linger: 0, receiveHighWaterMark: 1, routingId: 'silent' });
  const reader = new zmq.Dealer({ linger: 0, receiveHighWaterMark: 0, routingId: 'reader' });
  const gone = new zmq.Dealer({ linger: 0, routingId: 'gone' });
  try {
    const met = new Set<string>();
    transport.receive('shell', ([identity]) => met.add(String(identity)));
    for (const each of [silent, reader, gone]) {
      each.connect(`tcp://127.0.0.1:${transport.ports.shell}`);
      await each.send('hello');
    }
    while (met.size < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    gone.close();
    const reply = Buffer.alloc(1000, '.');
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 60_000; i++) {
      transport.send('shell', [Buffer.from('silent'), reply]);
      if (i % 100 === 0) transport.send('shell', [Buffer.from('reader'), Buffer.from(String(i))]);
      if (i % 1000 === 0) transport.send('shell', [Buffer.from('gone'), reply]);
      if (i % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (let i = 0; i < 60_000; i += 100) assert.equal(String(await reader.receive()), String(i));
    assert.equal(logged.length, 1, logged.join('\n'));
    assert.match(logged[0]!, /^shell: a client has not read 10000 replies/);
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    assert.ok(grown < 200, `${Math.round(grown)} MiB more`);
    // It reads again: what fitted comes, then what is sent now.
    for (let i = 0; i < 10_000; i++) assert.equal((await silent.receive())[0]!.length, 1000);
    transport.send('shell', [Buffer.from('silent'), Buffer.from('back')]);
    const end = Date.now() + 20_000;
    for (let last = ''; last !== 'back';) {
      assert.ok(Date.now() < end, 'nothing after it reads again');
      last = String((await silent.receive())[0]).slice(0, 4);
    }
  } finally {
    for (const each of [silent, reader, gone]) each.close();
    await transport.close(0);
  }
});
