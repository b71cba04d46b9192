import { deserialize } from 'node:v8';
import {
  decodeRuntimeFrame,
  encodeInternal,
  encodeMain,
  encodeMessage,
  encodeReceived,
  encodeStream,
  FrameSplitter,
} from '../../../kernel/runtime/frames.ts';

const frames = [
  encodeStream('stdout', 7, 'ä line\n'),
  encodeReceived(42),
  encodeMessage({ type: 'clear', execution: 3, wait: true }),
  encodeInternal({ type: 'terminated', count: 2, running: [5] }),
  encodeStream('stderr', 8, 'x'.repeat(100_000)),
];
const decoded = [
  { kind: 'message', message: { type: 'stream', execution: 7, name: 'stdout', text: 'ä line\n' } },
  { kind: 'received', sequence: 42 },
  { kind: 'message', message: { type: 'clear', execution: 3, wait: true } },
  { kind: 'internal', message: { type: 'terminated', count: 2, running: [5] } },
  { kind: 'message', message: { type: 'stream', execution: 8, name: 'stderr', text: 'x'.repeat(100_000) } },
];

test.each([1, 2, 3, 5, 7, 13, 4096, 1_000_000])(
  'frames survive being cut into chunks of %d bytes',
  (size) => {
    const bytes = Buffer.concat(frames);
    const splitter = new FrameSplitter();
    const found: unknown[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      splitter.push(bytes.subarray(at, at + size));
      for (let body = splitter.next(); body; body = splitter.next()) found.push(decodeRuntimeFrame(body));
    }
    expect(found).toEqual(decoded);
    expect(splitter.pending).toBe(0);
  },
);

test('messages of the kernel carry their number', () => {
  const splitter = new FrameSplitter();
  splitter.push(encodeMain(9, { type: 'preload' }));
  const body = splitter.next()!;
  expect([body.readUInt32LE(0), deserialize(body.subarray(4))]).toEqual([9, { type: 'preload' }]);
});

test('an unknown kind is refused by name', () => {
  expect(() => decodeRuntimeFrame(Buffer.from([99]))).toThrow('unknown frame kind 99');
});
