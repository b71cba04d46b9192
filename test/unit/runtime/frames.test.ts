import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deserialize } from 'node:v8';
import { FrameWriter } from '../../../kernel/channel/frame-writer.ts';
import {
  decodeRuntimeFrame,
  encodeInternal,
  encodeLongStream,
  encodeMain,
  encodeMessage,
  encodeReceived,
  encodeStream,
  FrameAssembler,
  FrameSplitter,
  PACKET_HEADER,
} from '../../../kernel/channel/frames.ts';

const frames = [
  encodeStream('stdout', 7, 'ä line\n'),
  encodeReceived(42),
  encodeMessage({ type: 'clear', execution: 3, wait: true }),
  encodeInternal({ type: 'terminated', count: 2, running: [5] }),
  encodeStream('stderr', 8, 'x'.repeat(100_000)),
  // Half of a surrogate pair is no JSON that every client reads.
  encodeLongStream('stdout', 9, `${'y'.repeat(100_000)}\ud800`),
];
const decoded = [
  { kind: 'message', message: { type: 'stream', execution: 7, name: 'stdout', text: 'ä line\n' } },
  { kind: 'received', sequence: 42 },
  { kind: 'message', message: { type: 'clear', execution: 3, wait: true } },
  { kind: 'internal', message: { type: 'terminated', count: 2, running: [5] } },
  { kind: 'message', message: { type: 'stream', execution: 8, name: 'stderr', text: 'x'.repeat(100_000) } },
  {
    kind: 'message',
    message: { type: 'stream', execution: 9, name: 'stdout', text: `${'y'.repeat(100_000)}\ufffd` },
  },
];

/** Packets of frames 1, 2, 3…, each frame cut into payloads of `size` bytes. */
function packetsOf(all: readonly Buffer[], size: number): Buffer[] {
  return all.flatMap((frame, index) => {
    const payload = frame.subarray(PACKET_HEADER);
    const packets: Buffer[] = [];
    for (let at = 0; at < payload.length; at += size) {
      const part = payload.subarray(at, at + size);
      const header = Buffer.alloc(PACKET_HEADER);
      [PACKET_HEADER - 4 + part.length, index + 1, at, payload.length].forEach((value, place) =>
        header.writeUInt32LE(value, place * 4),
      );
      packets.push(Buffer.concat([header, part]));
    }
    return packets;
  });
}

function assemble(bytes: Buffer, chunk: number): unknown[] {
  const assembler = new FrameAssembler();
  const found: unknown[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    assembler.push(bytes.subarray(at, at + chunk));
    for (let body = assembler.next(); body; body = assembler.next()) found.push(decodeRuntimeFrame(body));
  }
  return found;
}

test.each([
  ['quotes, controls and pairs', `"ä"\n\u0000😀${'z'.repeat(50_000)}`],
  ['controls alone, six bytes each', '\u0001'.repeat(70_000)],
  ['three bytes for each code unit', '€'.repeat(70_000)],
])('long text is sent as the content that clients get: %s', (_, text) => {
  const frame = decodeRuntimeFrame(encodeLongStream('stderr', 9, text).subarray(PACKET_HEADER));
  if (frame.kind !== 'message' || frame.message.type !== 'stream')
    throw new Error(`a frame of kind ${frame.kind}`);
  const { execution, name, text: read, content } = frame.message;
  expect({ execution, name, read }).toEqual({ execution: 9, name: 'stderr', read: text });
  expect(content!.toString()).toBe(JSON.stringify({ name: 'stderr', text }));
});

test('writes are cut into packets, and frames that share their memory arrive separately', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-frames-'));
  try {
    const file = join(folder, 'channel');
    const fd = openSync(file, 'w');
    const writer = new FrameWriter(fd);
    const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(70_000));
    for (const text of texts) writer.write(encodeLongStream('stdout', 1, text));
    writer.write(encodeReceived(42));
    closeSync(fd);
    expect(assemble(readFileSync(file), 64 * 1024)).toEqual([
      ...texts.map((text) => ({
        kind: 'message',
        message: expect.objectContaining({ type: 'stream', execution: 1, name: 'stdout', text }),
      })),
      { kind: 'received', sequence: 42 },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([7, 13, 4096, 1_000_000])('frames survive being cut into chunks of %d bytes', (size) => {
  expect(assemble(Buffer.concat(packetsOf(frames, 1_000_000)), size)).toEqual(decoded);
  expect(assemble(Buffer.concat(packetsOf(frames, 1000)), size)).toEqual(decoded);
});

test('a packet that comes twice is dropped', () => {
  for (const size of [1000, 1_000_000]) {
    const twice = packetsOf(frames, size).flatMap((packet) => [packet, packet]);
    expect(assemble(Buffer.concat(twice), 4096)).toEqual(decoded);
  }
});

test('messages of the kernel carry their number', () => {
  const splitter = new FrameSplitter();
  splitter.push(encodeMain(9, { type: 'preload' }));
  const body = splitter.next()!;
  expect([body.readUInt32LE(0), deserialize(body.subarray(4))]).toEqual([9, { type: 'preload' }]);
});

test('an unknown kind is refused by name', () => {
  expect(() => decodeRuntimeFrame(Buffer.from([99]))).toThrow('unknown frame kind 99');
});
