// tcp, ipc, other signatures, none at all, CurveZMQ, the registration handshake, topics, heartbeat.
import { strict as assert } from 'node:assert';
import { createHmac, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as zmq from 'zeromq';
import { JupyterClient, within } from './jupyter-client.ts';
import { KernelProcess, withKernel } from './kernel-process.ts';

test('the heartbeat answers, also while a cell keeps the runtime busy', () =>
  withKernel(async (client) => {
    await client.heartbeat();
    const id = await client.startCell(
      'console.log("busy"); const end = Date.now() + 1500; while (Date.now() < end);',
    );
    await client.take('iopub', ({ type }) => type === 'stream', 'busy');
    for (let i = 0; i < 20; i++) await client.heartbeat(1000);
    await client.take('shell', ({ parent }) => parent === id, 'reply');
    await client.take('iopub', ({ content }) => content['execution_state'] === 'idle', 'idle');
    await client.take('iopub', ({ content }) => content['execution_state'] === 'busy', 'busy');
    await client.take('iopub', ({ type }) => type === 'execute_input', 'input');
  }));

test('ipc: sockets are files, which are gone afterwards', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tc-ipc-'));
  try {
    await withKernel(
      async (client) => {
        assert.equal((await client.cell('1')).result, '1');
        await client.heartbeat();
        assert.equal(readdirSync(folder).length, 5);
      },
      { connection: { transport: 'ipc', ip: join(folder, 'k') } },
    );
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const [name, connection] of [
  ['hmac-sha512', { signature_scheme: 'hmac-sha512' }],
  ['hmac-md5', { signature_scheme: 'hmac-md5' }],
  ['no signature', { key: '' }],
] as const) {
  test(`messages with ${name}`, () =>
    withKernel(async (client) => assert.equal((await client.cell('1')).result, '1'), { connection }));
}

test('an unknown signature scheme ends the kernel with a sentence', async () => {
  const kernel = new KernelProcess({ connection: { signature_scheme: 'hmac-rot13' } });
  try {
    assert.deepEqual(await within(kernel.exited, 'end of the kernel'), { code: 1, signal: null });
    assert.match(
      kernel.stderr,
      /unknown signature_scheme "hmac-rot13" in the connection file: use hmac-sha256/,
    );
  } finally {
    kernel.kill();
  }
});

test('the kernel listens only where the connection file says', () =>
  withKernel(
    async (client) => {
      const local = readFileSync('/proc/net/tcp', 'utf8') + readFileSync('/proc/net/tcp6', 'utf8');
      for (const port of ['shell_port', 'control_port', 'stdin_port', 'iopub_port', 'hb_port'] as const) {
        const hex = client.connection[port].toString(16).toUpperCase().padStart(4, '0');
        const listening = local
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter((fields) => fields[3] === '0A' && fields[1]?.endsWith(`:${hex}`))
          .map((fields) => fields[1]);
        assert.deepEqual(listening, [`0200007F:${hex}`], port);
      }
    },
    { connection: { ip: '127.0.0.2' } },
  ));

test('CurveZMQ: with the right key all channels work, without it none', async () => {
  const { publicKey, secretKey } = zmq.curveKeyPair();
  await withKernel(
    async (client) => {
      assert.equal((await client.cell('1')).result, '1');
      await client.heartbeat();
      const { curve_publickey: _, ...open } = client.connection;
      const stranger = new JupyterClient({ ...open });
      try {
        await assert.rejects(within(stranger.connect(), 'welcome', 1000), /no welcome/);
        await assert.rejects(stranger.heartbeat(1000), /no heartbeat/);
      } finally {
        stranger.close();
      }
    },
    { connection: { curve_publickey: publicKey, curve_secretkey: secretKey } },
  );
});

for (const curve of [false, true]) {
  test(`the registration handshake${curve ? ', encrypted' : ''}`, async () => {
    const keys = zmq.curveKeyPair();
    const service = new zmq.Router({
      linger: 0,
      ...(curve ? { curveServer: true, curvePublicKey: keys.publicKey, curveSecretKey: keys.secretKey } : {}),
    });
    await service.bind('tcp://127.0.0.1:*');
    const key = randomUUID();
    const sign = (frame: Buffer) => createHmac('sha256', key).update(frame).digest('hex');
    const kernel = new KernelProcess({
      connection: {
        kernel_id: 'kernel-77',
        registration_ip: '127.0.0.1',
        registration_port: Number(service.lastEndpoint!.split(':').at(-1)),
        key,
        ...(curve ? { curve_publickey: keys.publicKey, curve_secretkey: keys.secretKey } : {}),
      },
    });
    try {
      const [identity, delimiter, signature, content] = await within(service.receive(), 'registration');
      assert.equal(delimiter!.toString(), '<IDS|MSG>');
      assert.equal(signature!.toString(), sign(content!));
      const said = JSON.parse(content!.toString());
      assert.equal(said.kernel_id, 'kernel-77');
      const acknowledgement = Buffer.from('{"status":"ok"}');
      await service.send([identity!, delimiter!, sign(acknowledgement), acknowledgement]);
      const own = join(kernel.folder, 'kernel-kernel-77.json');
      const written = JSON.parse(readFileSync(own, 'utf8'));
      const client = new JupyterClient(written);
      try {
        assert.deepEqual(
          ['shell_port', 'control_port', 'stdin_port', 'iopub_port', 'hb_port'].map((port) =>
            String(written[port]),
          ),
          ['shell_port', 'control_port', 'stdin_port', 'iopub_port', 'hb_port'].map((port) => said[port]),
        );
        await client.connect();
        assert.equal((await client.cell('1')).result, '1');
        await client.request('control', 'shutdown_request', { restart: false });
        assert.deepEqual(await within(kernel.exited, 'end of the kernel'), { code: 0, signal: null });
        assert.equal(existsSync(own), false);
      } finally {
        client.close();
      }
    } finally {
      service.close();
      kernel.kill();
    }
  });
}

test('subscriptions to a topic get a welcome and that topic only', () =>
  withKernel(async (client) => {
    const listener = new JupyterClient(client.connection);
    try {
      const welcome = await listener.connect('stream.stdout');
      assert.deepEqual(welcome.content, { subscription: 'stream.stdout' });
      assert.deepEqual([welcome.parent, welcome.identities], ['', ['stream.stdout']]);
      await client.take(
        'iopub',
        ({ type }) => type === 'iopub_welcome',
        'the welcome, which everybody hears',
      );
      const cell = await client.cell('console.log("out"); console.error("err"); 1');
      const heard = await listener.take('iopub', () => true, 'stream');
      assert.deepEqual([heard.type, heard.content], ['stream', { name: 'stdout', text: 'out\n' }]);
      assert.deepEqual(listener.leftOver(), []);
      assert.equal(cell.result, '1');
    } finally {
      listener.close();
    }
  }));
