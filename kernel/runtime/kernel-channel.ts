import { deserialize } from 'node:v8';
import type { MainMessage, RuntimeMessage } from '../interfaces.ts';
import {
  encodeInternal,
  encodeMessage,
  encodeReceived,
  encodeStream,
  FrameSplitter,
  resumeToken,
  type InternalMessage,
} from './frames.ts';
import type { FrameWriter } from './frame-writer.ts';

/** What an interrupt ends before it began. */
const ENDED = new Set<MainMessage['type']>(['execute', 'evaluate']);

/**
 * The main thread's end of the channel to the kernel process. Incoming messages are numbered and confirmed one by one:
 * a termination may hit the code that takes them in, and then they come again.
 */
export class KernelChannel {
  readonly #writer: FrameWriter;
  readonly #splitter = new FrameSplitter();
  readonly #inbox: { sequence: number; message: MainMessage }[] = [];
  #confirmed = 0;
  #endedUpTo = 0;
  /** Set after a termination: bytes are passed over until the token with this count. */
  #resumeAt: number | undefined;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** @throws Error with code EPIPE when the kernel process is gone */
  send(message: RuntimeMessage): void {
    let frame: Buffer;
    try {
      frame = encodeMessage(message);
    } catch {
      // Something in it cannot be copied (a function in display data); JSON drops what the front end could not use.
      frame = encodeMessage(JSON.parse(JSON.stringify(message)) as RuntimeMessage);
    }
    this.#writer.write(frame);
  }

  stream(name: 'stdout' | 'stderr', execution: number, text: string): void {
    this.#writer.write(encodeStream(name, execution, text));
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
      this.#inbox.push({ sequence, message: deserialize(frame.subarray(4)) as MainMessage });
    }
  }

  /** The next message that was taken in; `ended` says that an interrupt has ended what it asks for. */
  next(): { message: MainMessage; ended: boolean } | undefined {
    const first = this.#inbox[0];
    if (!first) return undefined;
    if (first.sequence > this.#confirmed) this.#confirmed = first.sequence;
    this.#inbox.shift();
    this.#writer.write(encodeReceived(first.sequence));
    const { message, sequence } = first;
    return { message, ended: sequence <= this.#endedUpTo && ENDED.has(message.type) };
  }

  /** Cells up to this number were interrupted, also those that are still on their way here. */
  endUpTo(sequence: number): void {
    this.#endedUpTo = Math.max(this.#endedUpTo, sequence);
  }

  /** After a termination: what was being taken in is asked for again. */
  resynchronize(count: number, running: number[]): void {
    this.#resumeAt = count;
    this.internal({ type: 'terminated', count, running });
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
