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

/**
 * The main thread's end of the channel to the kernel process. Incoming messages are numbered and confirmed one by one:
 * a termination may hit the code that takes them in, and then they come again.
 */
export class KernelChannel {
  readonly #writer: FrameWriter;
  readonly #splitter = new FrameSplitter();
  readonly #inbox: { sequence: number; message: MainMessage }[] = [];
  #confirmed = 0;
  /** Set after a termination: bytes are passed over until the token with this count. */
  #resumeAt: number | undefined;
  #resumptions = 0;

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

  /** Whether there is a message that was taken in and not yet handled. */
  get waiting(): boolean {
    return this.#inbox.length > 0;
  }

  /** The next one; only while `waiting`. */
  next(): { message: MainMessage; sequence: number } {
    const first = this.#inbox[0]!;
    if (first.sequence > this.#confirmed) this.#confirmed = first.sequence;
    this.#inbox.shift();
    this.#writer.write(encodeReceived(first.sequence));
    return first;
  }

  /** After a termination: what was being taken in is asked for again. */
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
