import { createClientCodec } from '../../../kernel/wire/client-codec.ts';
import { createCodec } from '../../../kernel/wire/codec.ts';
import { createSigner } from '../../../kernel/wire/signature.ts';

const signer = createSigner('hmac-sha256', 'key');
const kernel = createCodec({ signer, session: 'k', username: 'kernel' });
const client = createClientCodec({ signer, username: 'me' });

test('a kernel reads what a client writes, and the client its answer', () => {
  const { id, frames } = client.encode({
    type: 'execute_request',
    content: { code: '1' },
    metadata: { count: 3 },
    buffers: [Buffer.from([1])],
  });
  const incoming = kernel.decode(frames);
  expect(incoming).toMatchObject({ type: 'execute_request', metadata: { count: 3 }, content: { code: '1' } });
  expect(incoming.parent.header.msg_id).toBe(id);
  const answer = kernel.encode({
    type: 'execute_reply',
    content: { status: 'ok' },
    parent: incoming.parent,
    identities: [Buffer.from('topic')],
    buffers: [Buffer.from([2])],
  });
  expect(client.decode(answer)).toMatchObject({
    type: 'execute_reply',
    parent: id,
    content: { status: 'ok' },
    buffers: [Buffer.from([2])],
  });
});

test('a requested id is used, others are all different', () => {
  expect(client.encode({ type: 'a', id: 'mine', content: {} }).id).toBe('mine');
  const ids = [1, 2, 3].map(() => client.encode({ type: 'a', content: {} }).id);
  expect(new Set(ids).size).toBe(3);
});

test('a message without a parent, and one with a foreign signature', () => {
  const frames = kernel.encode({ type: 'status', content: {}, parent: undefined, identities: [] });
  expect(client.decode(frames).parent).toBe('');
  const other = createClientCodec({ signer: createSigner('hmac-sha256', 'other'), username: 'me' });
  expect(() => other.decode(frames)).toThrow(/wrong signature/);
});
