/**
 * Bytes of the channel between the kernel process and the runtime process, all numbers little endian; a length counts
 * what follows it.
 *
 * Runtime process to kernel process: a frame is `u8 kind, payload`; printed text has a separate kind, since it is most of the traffic
 * and costs a third of a serialized object. Long text is the content of a message already, which the kernel process sends on as it came.
 * Frames travel in packets `u32 length, u32 number of the frame, u32 offset
 * in it, u32 its length, bytes`: one packet, or several for a large frame. A packet may come twice.
 */
import { deserialize, serialize } from 'node:v8';
import type { MainMessage, RuntimeMessage } from '../contracts/messages.ts';
import { EncodingError, requireNesting } from '../limits/nesting.ts';

const FrameKind = {
  /** `v8.serialize` of a `RuntimeMessage`. */
  message: 0,
  /** `u32 execution`, then UTF-8 text. */
  stdout: 1,
  stderr: 2,
  /** `u32 sequence`: a message of the kernel process has been taken in. */
  received: 3,
  /** `v8.serialize` of an `InternalMessage`. */
  internal: 4,
  /** `u32 execution`, then the content of the message that front ends get: JSON in UTF-8. */
  longStdout: 5,
  longStderr: 6,
} as const;

/** Messages of the runtime process to the runtime host about the channel itself. */
export type InternalMessage =
  /** Everything before interrupt `sequence` has ended. */
  | { type: 'interrupted'; sequence: number }
  /**
   * JavaScript was terminated, perhaps in the middle of taking in messages: the runtime host sends the resume token and then
   * everything again that was not confirmed. Executions that are not listed are over.
   */
  | { type: 'terminated'; count: number; running: number[] }
  /** Message `sequence` could not be read. */
  | { type: 'unreadable'; sequence: number; why: string }
  /** `process.exit` was called. */
  | { type: 'exiting'; code: number }
  /** The runtime process ends itself, for a reason in words. */
  | { type: 'giving-up'; why: string };

/** Control thread -> runtime host, on the control socket. */
export type ControlReport =
  /** The interrupt has arrived: the process is not stopped. */
  | { type: 'heard'; sequence: number }
  /** The main thread has not ended its JavaScript: it is inside a native call. */
  | { type: 'stuck'; sequence: number };

/** Runtime host -> control thread. */
export type ControlRequest =
  /** `sent`: number of the last message to the main thread; cells up to it end too, begun or not. */
  | { type: 'interrupt'; sequence: number; sent: number }
  | { type: 'input-reply'; id: number; value: string | undefined; error?: string }
  | { type: 'shutdown' };

/**
 * `u32 length, u32 sequence, v8.serialize(message)`.
 * @throws EncodingError when the message cannot be sent; nothing was sent then
 */
export function encodeMain(sequence: number, message: MainMessage): Buffer {
  const body = serialized(message, nameOf(message));
  const frame = Buffer.allocUnsafe(8 + body.length);
  frame.writeUInt32LE(4 + body.length, 0);
  frame.writeUInt32LE(sequence, 4);
  body.copy(frame, 8);
  return frame;
}

/** `u32 length, v8.serialize(message)`, both ways on the control socket. */
export function encodeControl(message: ControlRequest | ControlReport): Buffer {
  const body = serialize(message);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** Room that every encoded frame leaves for the header of its packet. */
export const PACKET_HEADER = 16;

function frameOf(kind: number, payload: number): Buffer {
  const frame = Buffer.allocUnsafe(PACKET_HEADER + 1 + payload);
  frame[PACKET_HEADER] = kind;
  return frame;
}

export function encodeStream(name: 'stdout' | 'stderr', execution: number, text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const frame = frameOf(name === 'stdout' ? FrameKind.stdout : FrameKind.stderr, 4 + bytes);
  frame.writeUInt32LE(execution, PACKET_HEADER + 1);
  frame.write(text, PACKET_HEADER + 5);
  return frame;
}

const CONTENT = { stdout: '{"name":"stdout","text":', stderr: '{"name":"stderr","text":' } as const;
/** Bytes of UTF-8 that a UTF-16 code unit takes at most. */
const UTF8_MOST = 3;
let scratch: Buffer | undefined;

/**
 * Text whose JSON has an escape that begins like that of half a surrogate pair goes as text.
 *
 * @returns a frame whose bytes change with the next call: new memory for each piece of a long text would keep the garbage collector busy
 */
export function encodeLongStream(name: 'stdout' | 'stderr', execution: number, text: string): Buffer {
  const json = JSON.stringify(text);
  if (json.includes('\\ud')) return encodeStream(name, execution, text);
  const most = PACKET_HEADER + 5 + CONTENT[name].length + UTF8_MOST * json.length + 1;
  if (!scratch || scratch.length < most) scratch = Buffer.allocUnsafeSlow(most);
  scratch[PACKET_HEADER] = name === 'stdout' ? FrameKind.longStdout : FrameKind.longStderr;
  scratch.writeUInt32LE(execution, PACKET_HEADER + 1);
  let end = PACKET_HEADER + 5;
  for (const part of [CONTENT[name], json, '}']) end += scratch.write(part, end);
  return scratch.subarray(0, end);
}

class LongText {
  readonly type = 'stream';
  readonly execution: number;
  readonly name: 'stdout' | 'stderr';
  readonly content: Buffer;

  constructor(execution: number, name: 'stdout' | 'stderr', content: Buffer) {
    this.execution = execution;
    this.name = name;
    this.content = content;
  }

  get text(): string {
    return (JSON.parse(this.content.toString()) as { text: string }).text;
  }
}

export function encodeReceived(sequence: number): Buffer {
  const frame = frameOf(FrameKind.received, 4);
  frame.writeUInt32LE(sequence, PACKET_HEADER + 1);
  return frame;
}

/** @throws EncodingError when the message cannot be sent; nothing was sent then */
export function encodeMessage(message: RuntimeMessage): Buffer {
  const body = serialized(message, nameOf(message));
  const frame = frameOf(FrameKind.message, body.length);
  body.copy(frame, PACKET_HEADER + 1);
  return frame;
}

/** The content of a message, in words for the user who caused it. */
function nameOf({ type }: MainMessage | RuntimeMessage): string {
  switch (type) {
    case 'comm':
      return 'data of a comm';
    case 'display':
      return 'the displayed value';
    case 'result':
      return "the cell's result";
    case 'ask':
    case 'answered':
      return 'a reply';
    case 'magic-reply':
      return 'the value of a magic';
    default:
      return `a message (${type})`;
  }
}

/** Lengths are 32 bits, and one frame has to fit in memory twice. */
const MAX_BODY = 2 ** 31;

function serialized(message: MainMessage | RuntimeMessage, what: string): Buffer {
  requireNesting(message, what);
  const body = serialize(message);
  if (body.length > MAX_BODY) {
    throw new EncodingError(
      'size',
      `${what} has ${body.length} bytes, at most ${MAX_BODY} can be sent: write it to a file`,
    );
  }
  return body;
}

export function encodeInternal(message: InternalMessage): Buffer {
  const body = serialize(message);
  const frame = frameOf(FrameKind.internal, body.length);
  body.copy(frame, PACKET_HEADER + 1);
  return frame;
}

export type RuntimeFrame =
  | { kind: 'message'; message: RuntimeMessage }
  | { kind: 'received'; sequence: number }
  | { kind: 'internal'; message: InternalMessage };

/** Decodes a frame: `u8 kind, payload`. */
export function decodeRuntimeFrame(body: Buffer): RuntimeFrame {
  const kind = body[0];
  switch (kind) {
    case FrameKind.stdout:
    case FrameKind.stderr:
      return {
        kind: 'message',
        message: {
          type: 'stream',
          execution: body.readUInt32LE(1),
          name: kind === FrameKind.stdout ? 'stdout' : 'stderr',
          text: body.toString('utf8', 5),
        },
      };
    case FrameKind.longStdout:
    case FrameKind.longStderr: {
      const name = kind === FrameKind.longStdout ? 'stdout' : 'stderr';
      return { kind: 'message', message: new LongText(body.readUInt32LE(1), name, body.subarray(5)) };
    }
    case FrameKind.received:
      return { kind: 'received', sequence: body.readUInt32LE(1) };
    case FrameKind.internal:
      return { kind: 'internal', message: deserialize(body.subarray(1)) as InternalMessage };
    case FrameKind.message:
      return { kind: 'message', message: deserialize(body.subarray(1)) as RuntimeMessage };
    default:
      throw new Error(`unknown frame kind ${kind} from the runtime process`);
  }
}

/**
 * Cuts a byte stream into frames. Bodies are views into what was pushed, or copies where a frame spans chunks; a large
 * frame is gathered without joining its chunks more than once.
 */
export class FrameSplitter {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Bytes that wait for the rest of their frame. */
  get pending(): number {
    return this.#length;
  }

  reset(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next whole frame without its length, or undefined. */
  next(): Buffer | undefined {
    const first = this.#chunks[0];
    if (!first || this.#length < 4) return undefined;
    const head = first.length >= 4 ? first : this.#join();
    const size = head.readUInt32LE(0) + 4;
    if (this.#length < size) return undefined;
    const whole = head.length >= size ? head : this.#join();
    const rest = whole.subarray(size);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    this.#length -= size;
    return whole.subarray(4, size);
  }

  /** Everything that is pending, taken out. */
  take(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.reset();
    return all;
  }

  #join(): Buffer {
    const first = this.#chunks[0];
    if (first && this.#chunks.length === 1) return first;
    const joined = Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [joined];
    return joined;
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * Joins frames of the runtime process from their packets. Bodies are views into what was pushed; a frame of several packets, or one that
 * spans chunks, is copied once.
 */
export class FrameAssembler {
  #chunk: Buffer = EMPTY;
  #at = 0;
  /** Number of the last whole frame. */
  #last = 0;
  /** The frame that comes in now, and how much of it has come. */
  #frame: Buffer = EMPTY;
  #length = 0;
  /** The packet that comes in now: its frame's number, how many bytes of it are still to come, and whether they are new. */
  #number = 0;
  #left = 0;
  #isNew = false;

  push(chunk: Buffer): void {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    this.#at = 0;
  }

  /** The next whole frame. */
  next(): Buffer | undefined {
    for (;;) {
      if (this.#left === 0) {
        const whole = this.#begin();
        if (whole) return whole;
        if (this.#left === 0) return undefined;
      }
      const end = Math.min(this.#at + this.#left, this.#chunk.length);
      if (this.#isNew) this.#length += this.#chunk.copy(this.#frame, this.#length, this.#at, end);
      this.#left -= end - this.#at;
      this.#at = end;
      if (this.#left > 0) return undefined;
      if (!this.#isNew || this.#length < this.#frame.length) continue;
      const frame = this.#frame;
      this.#frame = EMPTY;
      this.#length = 0;
      this.#last = this.#number;
      return frame;
    }
  }

  /** Takes the header of a packet. Returns its bytes when they are all here, and a whole frame. */
  #begin(): Buffer | undefined {
    const chunk = this.#chunk;
    const at = this.#at;
    if (chunk.length - at < PACKET_HEADER) return undefined;
    const size = chunk.readUInt32LE(at) + 4 - PACKET_HEADER;
    const number = chunk.readUInt32LE(at + 4);
    const offset = chunk.readUInt32LE(at + 8);
    const total = chunk.readUInt32LE(at + 12);
    this.#at = at + PACKET_HEADER;
    // Written twice, since it was unknown whether the first write had succeeded.
    this.#isNew = number > this.#last && offset === this.#length;
    if (this.#isNew && size === total && chunk.length - this.#at >= size) {
      this.#last = number;
      this.#at += size;
      return chunk.subarray(this.#at - size, this.#at);
    }
    if (this.#isNew && offset === 0) this.#frame = Buffer.allocUnsafeSlow(total);
    this.#number = number;
    this.#left = size;
    return undefined;
  }
}

const TOKEN = Buffer.from('tensorcell\u0000resume\u0000\u0001', 'latin1');

/** After it, the runtime process's main thread reads frames again. It carries the count of terminations it answers. */
export function resumeToken(count: number): Buffer {
  const token = Buffer.alloc(TOKEN.length + 4);
  TOKEN.copy(token);
  token.writeUInt32LE(count, TOKEN.length);
  return token;
}
