import { deserialize } from 'node:v8';
import type { MainMessage, RuntimeMessage } from '../kernel/contracts/messages.ts';
import {
  encodeInternal,
  encodeLongStream,
  encodeMessage,
  encodeReceived,
  encodeStream,
  FrameSplitter,
  resumeToken,
  type InternalMessage,
} from '../kernel/channel/frames.ts';
import { EncodingError } from '../kernel/limits/nesting.ts';
import type { FrameWriter } from '../kernel/channel/frame-writer.ts';
import { required } from '../src/base/required.ts';

/**
 * The main thread's end of the channel to the kernel process. Incoming messages are numbered and confirmed one by one:
 * a termination may hit the code that takes them in, and then they come again.
 */
export class KernelChannel {
  readonly #writer: FrameWriter;
  readonly #splitter = new FrameSplitter();
  readonly #inbox: { sequence: number; message: MainMessage }[] = [];
  #confirmed = 0;
  /** Set after a termination: bytes are skipped until the token with this count. */
  #resumeAt: number | undefined;
  #resumptions = 0;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /**
   * @throws EncodingError when the message cannot be encoded: nothing was sent then
   * @throws Error with code EPIPE when the kernel process is gone
   */
  send(message: RuntimeMessage): void {
    this.#writer.write(encode(message));
  }

  /** A long text goes in pieces, of which front ends get each in one message. */
  stream(name: 'stdout' | 'stderr', execution: number, text: string): void {
    for (let start = 0; start < text.length;) {
      let end = Math.min(start + PIECE, text.length);
      const last = text.charCodeAt(end - 1);
      if (end < text.length && last >= 0xd800 && last < 0xdc00) end--;
      const encode = end - start < LONG ? encodeStream : encodeLongStream;
      // A frame of long text that waits has the bytes that the next one takes.
      this.#writer.settle();
      this.#writer.write(encode(name, execution, text.slice(start, end)));
      start = end;
    }
  }

  internal(message: InternalMessage): void {
    this.#writer.write(encodeInternal(message));
  }

  /** Bytes from the kernel process. */
  take(chunk: Buffer): void {
    this.#splitter.push(chunk);
    if (this.#resumeAt !== undefined && !this.#findToken(this.#resumeAt)) return;
    for (let frame = this.#splitter.next(); frame; frame = this.#splitter.next()) {
      const sequence = frame.readUInt32LE(0);
      if (sequence <= Math.max(this.#confirmed, this.#inbox.at(-1)?.sequence ?? 0)) continue;
      try {
        this.#inbox.push({ sequence, message: deserialize(frame.subarray(4)) as MainMessage });
      } catch (error) {
        this.internal({ type: 'unreadable', sequence, why: String(error) });
      }
    }
  }

  /** Whether there is a message that was taken in and not yet handled. */
  get waiting(): boolean {
    return this.#inbox.length > 0;
  }

  /** The next one; only while `waiting`. */
  next(): { message: MainMessage; sequence: number } {
    const first = required(this.#inbox[0], 'a message that waits');
    if (first.sequence > this.#confirmed) this.#confirmed = first.sequence;
    this.#inbox.shift();
    this.#writer.write(encodeReceived(first.sequence));
    return first;
  }

  /** After a termination: the kernel process repeats the unfinished message. */
  resynchronize(running: number[]): void {
    this.#resumeAt = ++this.#resumptions;
    this.internal({ type: 'terminated', count: this.#resumeAt, running });
  }

  #findToken(count: number): boolean {
    const bytes = this.#splitter.take();
    const token = resumeToken(count);
    const at = bytes.indexOf(token);
    if (at === -1) {
      // The token may be cut in two.
      this.#splitter.push(Buffer.from(bytes.subarray(Math.max(0, bytes.length - token.length))));
      return false;
    }
    this.#resumeAt = undefined;
    this.#splitter.push(bytes.subarray(at + token.length));
    return true;
  }
}

/** UTF-16 code units of printed text in one frame; as JSON without escapes it fits into two packets of `FrameWriter`. */
const PIECE = 65_000;
/** Shorter text is joined with what is printed next. */
const LONG = 32 * 1024;

function encode(message: RuntimeMessage): Buffer {
  try {
    return encodeMessage(message);
  } catch (error) {
    if (error instanceof EncodingError) throw error;
    // Something in it cannot be copied (a function in display data); JSON drops what the front end could not use.
    let text: string;
    try {
      text = JSON.stringify(message);
    } catch (cause) {
      throw new EncodingError('value', `a value cannot be sent to the notebook: ${String(cause)}`, { cause });
    }
    return encodeMessage(JSON.parse(text) as RuntimeMessage);
  }
}
