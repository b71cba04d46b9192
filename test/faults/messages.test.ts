// Parts of messages that a client or Python chooses freely: names, and data that nests. Nothing is lost, and no prototype is set.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { Exchange, JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { python } from '../python/python-kernel.ts';

/** Names that an object has already, or that set its prototype. */
const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '__defineGetter__', ''];

/** Sends a request whose content and metadata are these JSON texts. */
async function sendJson(
  client: JupyterClient,
  type: string,
  content: string,
  { metadata = '{}' } = {},
): Promise<string> {
  const { id, frames } = client.frames(type, {});
  frames[4] = Buffer.from(metadata);
  frames[5] = Buffer.from(content);
  frames[1] = Buffer.from(client.sign(frames.slice(2, 6)));
  await client.sendFrames('shell', frames);
  return id;
}

const own = (object: object, name: string): any => Object.getOwnPropertyDescriptor(object, name)?.value;
const quoted = JSON.stringify;

test('user expressions of any name', () =>
  withKernel(async (client) => {
    for (const name of NAMES) {
      const expressions = `{${quoted(name)}: "6 * 7", ${quoted(`bad ${name}`)}: "(() => { throw new RangeError() })()", "wrong": ")"}`;
      const id = await sendJson(
        client,
        'execute_request',
        `{"code": "1", "user_expressions": ${expressions}}`,
        { metadata: `{${quoted(name)}: {"polluted": 1}}` },
      );
      const { user_expressions: found } = (await client.finishCell(id)).reply;
      assert.deepEqual(Object.keys(found).toSorted(), [name, `bad ${name}`, 'wrong'].toSorted());
      assert.deepEqual([own(found, name).status, own(found, name).data['text/plain']], ['ok', '42'], name);
      assert.equal(found[`bad ${name}`].ename, 'RangeError');
      assert.equal(found['wrong'].ename, 'SyntaxError');
    }
    assert.equal(
      (await client.cell('[({}).polluted, Object.keys(Object.prototype).length]')).result,
      '[ undefined, 0 ]',
    );
  }));

test('comms whose ids, targets, data and metadata have any name', () =>
  withKernel(async (client) => {
    await client.cell(`globalThis.heard = [];
      for (const name of ${quoted(NAMES)}) comms.on(name, (comm, data) => {
        heard.push([comm.id, Object.keys(data), Object.getPrototypeOf(data) === Object.prototype]);
        comm.onMessage((more) => { comm.send(more); });
      });`);
    for (const name of NAMES) {
      const object = `{${quoted(name)}: {"polluted": 1}}`;
      const options = { metadata: object };
      const open = `{"comm_id": ${quoted(name)}, "target_name": ${quoted(name)}, "data": ${object}}`;
      await client.finish(await sendJson(client, 'comm_open', open, options), 'shell', { reply: false });
      const message = `{"comm_id": ${quoted(name)}, "data": ${object}}`;
      const sent = await sendJson(client, 'comm_msg', message, options);
      const { iopub } = await client.finish(sent, 'shell', { reply: false });
      const answer = iopub.find(({ type }) => type === 'comm_msg') ?? (await client.late(sent, 'comm_msg'));
      assert.equal(answer.content['comm_id'], name);
      assert.deepEqual(own(answer.content['data'], name), { polluted: 1 }, name);
    }
    const info: Exchange = await client.request('shell', 'comm_info_request', {});
    const listed = info.reply!.content['comms'] as object;
    for (const name of NAMES) assert.deepEqual(own(listed, name), { target_name: name }, name);
    const heard = await client.cell('JSON.stringify(heard)');
    assert.deepEqual(
      JSON.parse(heard.result!.slice(1, -1)),
      NAMES.map((name) => [name, [name], true]),
    );
    const clean = await client.cell('[({}).polluted, Object.keys(Object.prototype).length]');
    assert.equal(clean.result, '[ undefined, 0 ]');
  }));

test('names in what cells show: displays, metadata and errors', () =>
  withKernel(async (client) => {
    const object = `JSON.parse('{"__proto__": {"polluted": 1}}')`;
    const [shown] = (await client.cell(`display.json(${object})`)).of('display_data');
    assert.deepEqual(own(shown!['data']['application/json'], '__proto__'), { polluted: 1 });
    // A cycle takes the path that copies what JSON cannot say.
    const big = await client.cell(
      `const o = ${object}; comms.open('t', Object.defineProperty(o, 'n', { value: 12n, enumerable: true }))`,
    );
    assert.deepEqual(own(big.of('comm_open')[0]!['data'], '__proto__'), { polluted: 1 });
    const failed = await client.cell(
      `const e = new Error('with more'); Object.defineProperty(e, '__proto__', { value: 'extra', enumerable: true }); throw e`,
    );
    assert.match(failed.reply['traceback'].join('\n'), /__proto__.*extra/);
  }));

test('displays, metadata and prompts: data that nests or is long is an error of its cell, or arrives', () =>
  withKernel(async (client) => {
    await client.cell(
      'const kept = 42; const nest = (n: number) => { let v: unknown = 1; for (let i = 0; i < n; i++) v = [v]; return v; }',
    );
    const host = "globalThis[Symbol.for('tensorcell.host')]";
    for (const levels of [800, 5_000, 100_000]) {
      for (const code of [
        `display.json(nest(${levels}))`,
        `(${host} as any).display({ data: { 'text/plain': 'a' }, metadata: { deep: nest(${levels}) } })`,
        `(${host} as any).display({ data: { 'a/b': nest(${levels}) }, metadata: {} })`,
      ]) {
        const cell = await client.cell(`{ ${code} }`);
        assert.equal(cell.reply['status'], levels < 900 ? 'ok' : 'error', `${code}: ${cell.reply['evalue']}`);
        if (levels > 900) assert.match(cell.reply['evalue'], /levels deep|nested too deeply/);
        else assert.equal(cell.of('display_data').length, 1, code);
        assert.equal((await client.cell('kept')).result, '42');
      }
    }
    const prompt = 'x'.repeat(2_000_000);
    const id = await client.startCell(`await input('x'.repeat(${prompt.length}))`);
    const question = await client.take('stdin', ({ type }) => type === 'input_request', 'question');
    assert.equal(question.content['prompt'].length, prompt.length);
    const { frames } = client.frames('input_reply', { value: '__proto__' }, { parent: question.header });
    await client.sendFrames('stdin', frames);
    assert.equal((await client.finishCell(id)).result, "'__proto__'");
  }));

test('requests whose content, metadata or parent nests 100,000 levels', () =>
  withKernel(
    async (client) => {
      await client.cell('const kept = 42');
      const deep = `${'['.repeat(100_000)}1${']'.repeat(100_000)}`;
      for (const [type, content] of [
        ['execute_request', `{"code": "kept", "user_expressions": {}, "more": ${deep}}`],
        ['complete_request', `{"code": "kept", "cursor_pos": 4, "more": ${deep}}`],
        ['inspect_request', `{"code": "kept", "cursor_pos": 4, "detail_level": ${deep}}`],
      ] as const) {
        const id = await sendJson(client, type, content, { metadata: `{"deep": ${deep}}` });
        const { reply } = await client.finish(id, 'shell');
        assert.equal(reply!.content['status'], type === 'inspect_request' ? 'error' : 'ok', type);
        if (type === 'inspect_request')
          assert.match(reply!.content['evalue'], /detail_level must be .* nests too deeply/);
      }
      // No answer is possible to a header that cannot be read: it is logged, and the next one is.
      const { frames } = client.frames('kernel_info_request', {});
      frames[2] = Buffer.from(
        `{"msg_id": "x", "msg_type": "kernel_info_request", "session": ${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
      );
      frames[1] = Buffer.from(client.sign(frames.slice(2, 6)));
      await client.sendFrames('shell', frames);
      assert.equal((await client.cell('kept')).result, '42');
    },
    { mayLog: /header\.session must be a string, not an array that nests too deeply/ },
  ));

test('from Python: values, displays, metadata, comms and errors that nest thousands of levels', () =>
  withKernel(async (client) => {
    const ok = async (code: string): Promise<void> => {
      const { reply } = await client.cell(code);
      assert.equal(reply['status'], 'ok', `${code.slice(0, 80)}: ${reply['evalue']}`);
    };
    await ok(
      'const kept = 42; const nest = (n: number) => { let v: unknown = 1; for (let i = 0; i < n; i++) v = [v]; return v; }',
    );
    await ok(
      python(`import sys
from IPython.display import display
sys.setrecursionlimit(1_000_000)
def nest(n):
    v = 1
    for _ in range(n): v = [v]
    return v`),
    );
    for (const levels of [150, 300, 5_000, 100_000]) {
      const set = await client.cell(`await python.set('deep', nest(${levels}))`);
      assert.equal(set.reply['status'], levels < 200 ? 'ok' : 'error', `to Python, ${levels}`);
      if (levels > 200) assert.match(set.reply['evalue'], /nested more than 200 deep/);
      await ok(`%%python\nmade = nest(${levels})`);
      const got = await client.cell(`await python.get('made'); 1`);
      assert.equal(got.reply['status'], levels < 200 ? 'ok' : 'error', `from Python, ${levels}`);
      if (levels > 200) assert.match(got.reply['evalue'], /nested more than 200 deep/);
    }
    // As deep as Python's json goes: whatever comes of it, cells end and the next ones work.
    for (const levels of [800, 950, 3_000]) {
      for (const line of [
        `display({'application/json': nest(${levels}), 'text/plain': 'a'}, raw=True)`,
        `display({'text/plain': 'a'}, raw=True, metadata={'deep': nest(${levels})})`,
        `from comm import create_comm\ncreate_comm(target_name='t', data={'deep': nest(${levels})}, metadata={'deep': nest(${levels})})`,
        `raise ValueError(nest(${levels}))`,
      ]) {
        await client.cell(`%%python\n${line}`);
        assert.equal((await client.cell('%%python\nprint(6 * 7)')).stdout, '42\n', line);
        assert.equal((await client.cell('kept')).result, '42', line);
      }
    }
    client.drain();
  }));
