// Data that cannot go from one process to the other is an error of its cell; every cell still ends, and the next one works.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';

/** Defines `nest(levels)`: arrays in arrays. */
const NEST = 'const nest = (levels) => { let v = 1; for (let i = 0; i < levels; i++) v = [v]; return v; };';

interface Case {
  code: string;
  /** Of the reply; `ok` when nothing is wrong with it. */
  expected: string;
}

const levels = [800, 2_500, 5_000, 20_000, 200_000];
const nested = (code: (levels: number) => string): Record<string, Case> =>
  Object.fromEntries(
    levels.map((count) => [
      code(count),
      {
        code: code(count),
        expected:
          count < 900
            ? 'ok'
            : code(count).startsWith('display') && count > 3_000
              ? 'RangeError'
              : 'EncodingError',
      },
    ]),
  );

const CASES: Record<string, Case> = {
  ...nested((count) => `display.json(nest(${count}))`),
  ...nested((count) => `comms.open('t', { data: nest(${count}) })`),
  ...nested((count) => `comms.open('t', {}, { metadata: { deep: nest(${count}) } })`),
  'an object that holds itself, as JSON': {
    code: 'const o = {}; o.o = o; display.json(o)',
    expected: 'TypeError',
  },
  'an object that holds itself': {
    code: "const o = {}; o.o = o; comms.open('t', o)",
    expected: 'EncodingError',
  },
  'a big integer as JSON': { code: 'display.json({ n: 12n })', expected: 'TypeError' },
  'a big integer': { code: "comms.open('t', { n: 12n })", expected: 'ok' },
  'toJSON that throws': {
    code: "comms.open('t', { toJSON() { throw new RangeError('no'); }, f() {} })",
    expected: 'EncodingError',
  },
  'a getter that throws': {
    code: "comms.open('t', { get x() { throw new RangeError('no'); } })",
    expected: 'EncodingError',
  },
  'a proxy': { code: "comms.open('t', new Proxy({ a: 1 }, {}))", expected: 'ok' },
  'half of a pair': { code: "display.json('\\ud800'); console.log('\\ud800');", expected: 'ok' },
  'a buffer that is none': {
    code: "comms.open('t', {}, { buffers: [[1, 2]] })",
    expected: 'TypeError',
  },
  'a buffer of shared memory': {
    code: "comms.open('t', {}, { buffers: [new Uint8Array(new SharedArrayBuffer(4))] })",
    expected: 'ok',
  },
  'a symbol as data': { code: "comms.open('t', Symbol('s'))", expected: 'ok' },
  'a deep result': { code: 'nest(5_000)', expected: 'ok' },
};

async function alive(client: JupyterClient): Promise<void> {
  assert.equal((await client.cell('kept')).result, '42');
}

test('from a cell: nested, cyclic, and what throws while it is encoded', () =>
  withKernel(async (client) => {
    await client.cell(`%typecheck off\n${NEST} const kept = 42;`);
    for (const [name, { code, expected }] of Object.entries(CASES)) {
      const cell = await client.cell(`{ ${code} }`.replace(/^\{ (nest.*) \}$/, '$1'));
      const got = cell.reply['status'] === 'ok' ? 'ok' : cell.reply['ename'];
      assert.equal(got, expected, `${name}: ${cell.reply['evalue']}`);
      if (/EncodingError|RangeError/.test(expected)) {
        assert.match(cell.reply['evalue'], /levels deep|cannot be sent|nested too deeply/, name);
      }
      await alive(client);
    }
  }));

test('from a cell: values of expressions, and results whose display throws', () =>
  withKernel(async (client) => {
    await client.cell(`%typecheck off\n${NEST} const kept = 42;`);
    const cell = await client.cell('0', {
      user_expressions: { deep: 'nest(50_000)', bad: '({ get x() { throw 1; } })', good: 'kept' },
    });
    assert.equal(cell.reply['status'], 'ok');
    assert.equal(cell.reply['user_expressions']['good']['data']['text/plain'], '42');
    const shown = await client.cell('({ get then() { throw new RangeError("then"); } })');
    assert.equal(shown.reply['status'], 'ok');
    await alive(client);
  }));

test('from a client: comm messages 5,000 levels deep, and interrupts after them', () =>
  withKernel(async (client) => {
    await client.cell(
      `%typecheck off\nconst kept = 42; comms.onOpen?.('t', () => {}); globalThis[Symbol.for('tensorcell.host')].onComm('t', () => {});`,
    );
    for (const count of [800, 5_000, 100_000]) {
      const deep = `${'['.repeat(count)}1${']'.repeat(count)}`;
      const { id, frames } = client.frames('comm_open', {});
      frames[5] = Buffer.from(`{"comm_id":"c${count}","target_name":"t","data":{"deep":${deep}}}`);
      frames[1] = Buffer.from(client.sign(frames.slice(2, 6)));
      await client.sendFrames('shell', frames);
      const { iopub } = await client.finish(id, 'shell', { reply: false });
      const types = iopub.map(({ type }) => type).filter((type) => type !== 'status');
      assert.deepEqual(types, count < 900 ? [] : ['comm_close', 'error'], String(count));
      if (count > 900) assert.match(iopub.at(-2)!.content['evalue'], /levels deep/);
      await client.request('control', 'interrupt_request', {});
      const busy = await client.startCell('for (;;);');
      await new Promise((resolve) => setTimeout(resolve, 200));
      await client.request('control', 'interrupt_request', {});
      assert.equal((await client.finishCell(busy)).reply['ename'], 'Interrupted');
      await alive(client);
    }
  }));
