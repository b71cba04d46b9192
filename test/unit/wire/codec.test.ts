import { createHmac } from 'node:crypto';
import { createCodec } from '../../../kernel/wire/codec.ts';
import { readContent } from '../../../kernel/wire/content.ts';
import { DELIMITER, LIMITS } from '../../../kernel/wire/framing.ts';
import { createSigner, ReplayGuard } from '../../../kernel/wire/signature.ts';
import { WireError } from '../../../kernel/wire/wire-error.ts';

const KEY = 'secret';

function client(
  content: unknown,
  options: { type?: string; key?: string; hash?: string; header?: object; id?: string } = {},
): Buffer[] {
  const header = options.header ?? {
    msg_id: options.id ?? 'm1',
    msg_type: options.type ?? 'execute_request',
    session: 's',
    username: 'u',
    date: '2026-01-01T00:00:00Z',
    version: '5.3',
  };
  const frames = [header, {}, {}, content].map((part) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)),
  );
  const hmac = createHmac(options.hash ?? 'sha256', options.key ?? KEY);
  for (const frame of frames) hmac.update(frame);
  return [Buffer.from('identity'), DELIMITER, Buffer.from(hmac.digest('hex')), ...frames];
}

const codec = (scheme = 'hmac-sha256') =>
  createCodec({ signer: createSigner(scheme, KEY), session: 'kernel', username: 'k' });

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
  return 'accepted';
}

test.each(['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512', 'hmac-sha3-256', 'hmac-blake2b512'])(
  'content that is JSON already is signed with %s and sent as it is',
  (scheme) => {
    const content = Buffer.from('{"text":"x"}');
    const message = { type: 'stream', parent: undefined, identities: [], content };
    const [, signature, ...parts] = codec(scheme).encodeJson(message);
    expect(parts.at(-1)).toBe(content);
    const hmac = createHmac(scheme.slice('hmac-'.length), KEY);
    for (const part of parts) hmac.update(part);
    expect(signature!.toString()).toBe(hmac.digest('hex'));
    expect(parts.map(String).slice(1)).toEqual(['{}', '{}', '{"text":"x"}']);
  },
);

test('a signed request comes out whole, with its identities and buffers', () => {
  const frames = [...client({ code: '1+1' }), Buffer.from([1, 2, 3])];
  const message = codec().decode(frames);
  expect(message).toEqual({
    type: 'execute_request',
    parent: {
      header: {
        msg_id: 'm1',
        msg_type: 'execute_request',
        session: 's',
        username: 'u',
        date: '2026-01-01T00:00:00Z',
        version: '5.3',
      },
      raw: frames[3],
      identities: [Buffer.from('identity')],
    },
    answers: undefined,
    metadata: {},
    content: { code: '1+1' },
    buffers: [Buffer.from([1, 2, 3])],
  });
});

test.each(['hmac-sha256', 'hmac-sha512', 'hmac-sha1', 'hmac-md5', 'hmac-sha3-256', 'hmac-blake2b512'])(
  'scheme %s signs what it verifies',
  (scheme) => {
    const hash = scheme.slice('hmac-'.length);
    expect(codec(scheme).decode(client({ code: '' }, { hash })).type).toBe('execute_request');
    expect(codeOf(() => codec(scheme).decode(client({ code: '' }, { hash, key: 'other' })))).toBe(
      'wrong-signature',
    );
  },
);

test('an unknown scheme is named', () => {
  expect(() => createSigner('hmac-nonsense', 'k')).toThrow(/"hmac-nonsense".*use hmac-sha256/);
});

test('without a key nothing is signed, and the same bytes may come twice', () => {
  const open = createCodec({ signer: createSigner('hmac-sha256', ''), session: 'kernel', username: 'k' });
  const frames = client({ code: '' });
  expect(open.decode(frames).type).toBe('execute_request');
  expect(open.decode(frames).type).toBe('execute_request');
  const sent = open.encode({ type: 'status', content: {}, parent: undefined, identities: [] });
  expect(sent[1]).toHaveLength(0);
});

test('invalid messages are refused, each for its reason', () => {
  const good = client({ code: '1' });
  const bad = (change: (frames: Buffer[]) => Buffer[]) => codeOf(() => codec().decode(change([...good])));
  expect({
    wrongKey: codeOf(() => codec().decode(client({ code: '1' }, { key: 'other' }))),
    changedContent: bad((frames) => [...frames.slice(0, 6), Buffer.from('{"code":"2"}')]),
    emptySignature: bad((frames) => frames.with(2, Buffer.alloc(0))),
    shortSignature: bad((frames) => frames.with(2, frames[2]!.subarray(0, 63))),
    noDelimiter: bad((frames) => frames.filter((_, at) => at !== 1)),
    truncated: bad((frames) => frames.slice(0, 6)),
    nothing: bad(() => []),
    manyIdentities: bad((frames) => [...Array.from({ length: 17 }, () => Buffer.from('i')), ...frames]),
    manyBuffers: bad((frames) => [
      ...frames,
      ...Array.from({ length: LIMITS.buffers + 1 }, () => Buffer.alloc(0)),
    ]),
    longHeader: bad((frames) => frames.with(3, Buffer.alloc(LIMITS.headerBytes + 1))),
    notJson: codeOf(() => codec().decode(client('{"code":'))),
    notAnObject: codeOf(() => codec().decode(client('[1]'))),
    notUtf8: codeOf(() => codec().decode(client({ code: '1' }, { header: { msg_id: 1, msg_type: 'x' } }))),
    noType: codeOf(() => codec().decode(client({}, { header: { msg_id: 'a' } }))),
    unknownType: codeOf(() => codec().decode(client({}, { type: 'make_coffee_request' }))),
    inherited: codeOf(() => codec().decode(client({}, { type: 'toString' }))),
  }).toEqual({
    wrongKey: 'wrong-signature',
    changedContent: 'wrong-signature',
    emptySignature: 'wrong-signature',
    shortSignature: 'wrong-signature',
    noDelimiter: 'malformed',
    truncated: 'malformed',
    nothing: 'malformed',
    manyIdentities: 'oversized',
    manyBuffers: 'oversized',
    longHeader: 'oversized',
    notJson: 'malformed',
    notAnObject: 'malformed',
    notUtf8: 'malformed',
    noType: 'malformed',
    unknownType: 'unknown-type',
    inherited: 'unknown-type',
  });
});

test('a recorded message sent again is refused', () => {
  const one = codec();
  const frames = client({ code: '1' });
  expect(one.decode(frames).type).toBe('execute_request');
  expect(codeOf(() => one.decode(frames))).toBe('replayed');
  expect(one.decode(client({ code: '1' }, { id: 'm2' })).type).toBe('execute_request');
});

test('the guard forgets the oldest tenth when it is full', () => {
  const guard = new ReplayGuard(10);
  for (let i = 0; i < 11; i++) guard.admit(Buffer.from(String(i)));
  expect(codeOf(() => guard.admit(Buffer.from('0')))).toBe('accepted');
  expect(codeOf(() => guard.admit(Buffer.from('5')))).toBe('replayed');
});

test('a reply carries the request header byte for byte, and verifies', () => {
  const one = codec();
  const { parent } = one.decode(client({ code: '1' }));
  const frames = one.encode({
    type: 'execute_reply',
    content: { status: 'ok' },
    parent,
    identities: parent.identities,
    buffers: [new Uint8Array([7])],
  });
  const [identity, delimiter, signature, header, parentHeader, metadata, content, buffer] = frames;
  const hmac = createHmac('sha256', KEY);
  for (const frame of [header!, parentHeader!, metadata!, content!]) hmac.update(frame);
  expect(identity!.toString()).toBe('identity');
  expect(delimiter).toEqual(DELIMITER);
  expect(signature!.toString()).toBe(hmac.digest('hex'));
  expect(JSON.parse(header!.toString())).toEqual({
    msg_id: 'kernel_1',
    msg_type: 'execute_reply',
    session: 'kernel',
    username: 'k',
    version: '5.5',
    date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  expect(parentHeader).toEqual(parent.raw);
  expect(metadata!.toString()).toBe('{}');
  expect(content!.toString()).toBe('{"status":"ok"}');
  expect(buffer).toEqual(Buffer.from([7]));
});

test('content that JSON cannot say is sent all the same', () => {
  const circular: Record<string, unknown> = { big: 12n, [String.raw`\ud800`]: String.raw`\ud800` };
  circular['self'] = circular;
  circular['half'] = 'a\ud800b';
  const frames = codec().encode({ type: 'stream', content: circular, parent: undefined, identities: [] });
  expect(JSON.parse(frames[5]!.toString())).toEqual({
    big: '12',
    [String.raw`\ud800`]: String.raw`\ud800`,
    self: '[circular]',
    half: 'a\ufffdb',
  });
});

test('content that nests deeper than Python reads is cut, and named in errors, whatever JSON.stringify can do', () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level++) value = [value];
    return value;
  };
  for (const [levels, cut] of [
    [899, false],
    [900, true],
    [2_000, true],
    [100_000, true],
  ] as const) {
    const content = { deep: nested(levels) };
    const frames = codec().encode({ type: 'stream', content, parent: undefined, identities: [] });
    const text = frames[5]!.toString();
    expect([levels, text.includes('[nested too deeply]')]).toEqual([levels, cut]);
    expect(text.length).toBeLessThan(2_000);
    const shown = cut ? 'an array that nests too deeply' : '[[[[';
    expect(() => readContent('inspect_request', { code: '', detail_level: nested(levels + 1) })).toThrow(
      `detail_level must be one of 0, 1, not ${shown}`,
    );
  }
});

test('fields that a client leaves out are filled in', () => {
  expect(readContent('execute_request', { code: 'x' })).toEqual({
    code: 'x',
    silent: false,
    store_history: true,
    user_expressions: {},
    allow_stdin: true,
    stop_on_error: true,
  });
  expect(readContent('execute_request', { code: 'x', silent: true, store_history: true }).store_history).toBe(
    false,
  );
  expect(readContent('complete_request', { code: 'a😀b' })).toEqual({ code: 'a😀b', cursor_pos: 3 });
  expect(readContent('history_request', {})).toEqual({
    output: false,
    raw: true,
    hist_access_type: 'tail',
    session: 0,
    start: 1,
    stop: undefined,
    n: undefined,
    pattern: '*',
    unique: false,
  });
});

test.each([
  ['execute_request', {}, 'execute_request: code must be a string, not nothing'],
  ['execute_request', { code: 1 }, 'execute_request: code must be a string, not 1'],
  [
    'execute_request',
    { code: '', user_expressions: { a: 1 } },
    'execute_request: user_expressions must be an object of strings, not {"a":1}',
  ],
  ['execute_request', { code: '', silent: 'no' }, 'execute_request: silent must be true or false, not "no"'],
  [
    'inspect_request',
    { code: '', detail_level: 2 },
    'inspect_request: detail_level must be one of 0, 1, not 2',
  ],
  [
    'complete_request',
    { code: '', cursor_pos: -1 },
    'complete_request: cursor_pos must be an integer from 0, not -1',
  ],
  [
    'complete_request',
    { code: '', cursor_pos: 0.5 },
    'complete_request: cursor_pos must be an integer, not 0.5',
  ],
  ['input_reply', {}, 'input_reply: value must be a string, not nothing'],
] as const)('%s with %j is refused in words', (type, content, message) => {
  expect(() => readContent(type, content)).toThrow(new WireError('invalid-content', message));
});
