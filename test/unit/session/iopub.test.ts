import { Iopub } from '../../../kernel/session/iopub.ts';
import { createCodec } from '../../../kernel/wire/codec.ts';
import type { Parent } from '../../../kernel/wire/codec.ts';
import { createSigner } from '../../../kernel/wire/signature.ts';

function setUp() {
  const sent: { topic: string; parent: string; content: Record<string, unknown> }[] = [];
  const transport = {
    backlog: 0,
    drained: () => Promise.resolve(),
    publish(frames: Buffer[]) {
      sent.push({
        topic: frames[0]!.toString(),
        parent: JSON.parse(frames[4]!.toString()).msg_id ?? '',
        content: JSON.parse(frames[6]!.toString()),
      });
    },
  };
  const codec = createCodec({ signer: createSigner('hmac-sha256', 'k'), session: 'K', username: '' });
  return { sent, transport, iopub: new Iopub(codec, transport) };
}

function parent(id: string): Parent {
  const header = { msg_id: id, msg_type: 'x', session: '', username: '', date: '', version: '5.3' };
  return { header, raw: Buffer.from(JSON.stringify(header)), identities: [] };
}

test('text of one cell and stream is joined; anything else comes after it', () => {
  const { sent, iopub } = setUp();
  const [a, b] = [parent('a'), parent('b')];
  iopub.stream('stdout', '1', a);
  iopub.stream('stdout', '2', a);
  iopub.stream('stderr', '3', a);
  iopub.stream('stdout', '4', a);
  iopub.stream('stdout', '5', b);
  iopub.stream('stdout', '6', a);
  iopub.publish('status', { execution_state: 'idle' }, a);
  expect(sent).toEqual([
    { topic: 'stream.stdout', parent: 'a', content: { name: 'stdout', text: '12' } },
    { topic: 'stream.stderr', parent: 'a', content: { name: 'stderr', text: '3' } },
    { topic: 'stream.stdout', parent: 'a', content: { name: 'stdout', text: '4' } },
    { topic: 'stream.stdout', parent: 'b', content: { name: 'stdout', text: '5' } },
    { topic: 'stream.stdout', parent: 'a', content: { name: 'stdout', text: '6' } },
    { topic: 'kernel.K.status', parent: 'a', content: { execution_state: 'idle' } },
  ]);
});

test('text does not wait for more than a few milliseconds', async () => {
  const { sent, iopub } = setUp();
  iopub.stream('stdout', 'x', parent('a'));
  expect(sent).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(sent.map(({ content }) => content['text'])).toEqual(['x']);
});

test('long text is cut, never inside of a pair', () => {
  const { sent, iopub } = setUp();
  const text = `x${'😀'.repeat(100_000)}`;
  iopub.stream('stdout', text, parent('a'));
  iopub.flush();
  const pieces = sent.map(({ content }) => content['text'] as string);
  expect(pieces.join('')).toBe(text);
  expect(pieces.length).toBeGreaterThan(1);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024);
});

test('text that is JSON already comes in its order, as its own message', () => {
  const { sent, iopub } = setUp();
  const a = parent('a');
  iopub.stream('stdout', '1', a);
  iopub.longStream('stdout', Buffer.from('{"name":"stdout","text":"2\\n"}'), a);
  iopub.longStream('stderr', Buffer.from('{"name":"stderr","text":"3"}'), a);
  iopub.stream('stdout', '4', a);
  iopub.flush();
  expect(sent).toEqual([
    { topic: 'stream.stdout', parent: 'a', content: { name: 'stdout', text: '1' } },
    { topic: 'stream.stdout', parent: 'a', content: { name: 'stdout', text: '2\n' } },
    { topic: 'stream.stderr', parent: 'a', content: { name: 'stderr', text: '3' } },
    { topic: 'stream.stdout', parent: 'a', content: { name: 'stdout', text: '4' } },
  ]);
});

test('a welcome goes to the topic that was subscribed to', () => {
  const { sent, iopub } = setUp();
  iopub.publish('iopub_welcome', { subscription: 'stream.stdout' }, undefined);
  expect(sent).toEqual([{ topic: 'stream.stdout', parent: '', content: { subscription: 'stream.stdout' } }]);
});

test('writers wait only when clients are behind', () => {
  const { transport, iopub } = setUp();
  expect(iopub.backPressure()).toBeUndefined();
  transport.backlog = 100_000_000;
  expect(iopub.backPressure()).toBeInstanceOf(Promise);
});

test('an announced message is sent before all that is published next, and by itself in the next turn', async () => {
  const { sent, iopub } = setUp();
  const a = parent('a');
  const states = (): unknown[] => sent.map(({ content }) => content['execution_state'] ?? content['text']);
  iopub.stream('stdout', 'earlier', a);
  iopub.announce('status', { execution_state: 'busy' }, a);
  iopub.announce('execute_input', { code: '1', execution_count: 1 }, a);
  expect(states()).toEqual(['earlier']);
  iopub.stream('stdout', 'later', a);
  iopub.publish('status', { execution_state: 'idle' }, a);
  expect(sent.map(({ topic }) => topic)).toEqual([
    'stream.stdout',
    'kernel.K.status',
    'kernel.K.execute_input',
    'stream.stdout',
    'kernel.K.status',
  ]);
  iopub.announce('status', { execution_state: 'busy' }, a);
  await new Promise((resolve) => setImmediate(resolve));
  expect(states().at(-1)).toBe('busy');
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toHaveLength(6);
});
