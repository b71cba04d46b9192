/** Messages to all front ends: one ordered path out, with printed text gathered into few messages. */
import type { Transport } from '../transport/transport.ts';
import type { Codec, Parent } from '../wire/codec.ts';
import type { IopubContents } from '../wire/messages.ts';

/** Printed text waits this long for more of it. */
const GATHER_MS = 4;
/** A stream message carries at most this many UTF-16 code units, so that a stalled front end holds little memory. */
const MAX_STREAM_LENGTH = 64 * 1024;
/** With more than this waiting for slow front ends, writers have to wait. */
const BACKLOG_BYTES = 2 * 1024 * 1024;

type StreamName = 'stdout' | 'stderr';

export class Iopub {
  readonly #codec: Codec;
  readonly #transport: Pick<Transport, 'publish' | 'backlog' | 'drained'>;
  #pending: { parent: Parent | undefined; name: StreamName; text: string } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #announced: (() => void)[] = [];

  constructor(codec: Codec, transport: Pick<Transport, 'publish' | 'backlog' | 'drained'>) {
    this.#codec = codec;
    this.#transport = transport;
  }

  publish<T extends keyof IopubContents>(
    type: T,
    content: IopubContents[T],
    parent: Parent | undefined,
    extra: { metadata?: Record<string, unknown>; buffers?: readonly Uint8Array[] } = {},
  ): void {
    this.flush();
    this.#send(type, content, parent, extra);
  }

  /**
   * The same, after what the caller does before it comes back to the event loop: to encode, sign and send takes as long as many
   * a cell, which begins earlier so. Whatever is published next comes after it.
   */
  announce<T extends keyof IopubContents>(
    type: T,
    content: IopubContents[T],
    parent: Parent | undefined,
  ): void {
    this.flush();
    if (this.#announced.length === 0) setImmediate(() => this.#sendAnnounced());
    this.#announced.push(() => this.#encodeAndSend(type, content, parent, {}));
  }

  #sendAnnounced(): void {
    for (const send of this.#announced.splice(0)) send();
  }

  /** Text of the same cell and stream is joined; anything else that is published comes after it. */
  stream(name: StreamName, text: string, parent: Parent | undefined): void {
    if (text === '') return;
    let pending = this.#pending;
    if (pending && pending.name === name && pending.parent === parent) {
      pending.text += text;
    } else {
      this.flush();
      pending = { parent, name, text };
      this.#pending = pending;
    }
    if (pending.text.length >= MAX_STREAM_LENGTH) {
      this.flush();
    } else {
      this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
    }
  }

  /** Text as the content of its message, JSON already, at most some 64 KiB of it. */
  longStream(name: StreamName, content: Buffer, parent: Parent | undefined): void {
    this.flush();
    this.#sendAnnounced();
    const identities = [Buffer.from(`stream.${name}`)];
    this.#transport.publish(this.#codec.encodeJson({ type: 'stream', content, parent, identities }));
  }

  flush(): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { name, text, parent } = pending;
    for (let start = 0; start < text.length;) {
      let end = Math.min(start + MAX_STREAM_LENGTH, text.length);
      const last = text.charCodeAt(end - 1);
      if (end < text.length && last >= 0xd800 && last < 0xdc00) end--;
      this.#send('stream', { name, text: text.slice(start, end) }, parent, {});
      start = end;
    }
  }

  /** Nothing while front ends keep up; else a promise that resolves when they have caught up. */
  backPressure(): Promise<void> | undefined {
    return this.#transport.backlog > BACKLOG_BYTES ? this.#transport.drained(BACKLOG_BYTES / 2) : undefined;
  }

  #send<T extends keyof IopubContents>(
    type: T,
    content: IopubContents[T],
    parent: Parent | undefined,
    extra: { metadata?: Record<string, unknown>; buffers?: readonly Uint8Array[] },
  ): void {
    this.#sendAnnounced();
    this.#encodeAndSend(type, content, parent, extra);
  }

  #encodeAndSend<T extends keyof IopubContents>(
    type: T,
    content: IopubContents[T],
    parent: Parent | undefined,
    extra: { metadata?: Record<string, unknown>; buffers?: readonly Uint8Array[] },
  ): void {
    const encode = (): Buffer[] =>
      this.#codec.encode({ type, content, parent, identities: [this.#topic(type, content)], ...extra });
    let frames: Buffer[];
    try {
      frames = encode();
    } catch (cause) {
      // Longer than a string can be, or not bytes where bytes have to be: never an error of the publisher.
      const evalue = `${type} could not be sent to the notebook: ${String(cause)}`;
      if (type === 'error') throw cause;
      const traceback = [`\u001b[31mOutputError\u001b[39m: ${evalue}`];
      this.#encodeAndSend('error', { ename: 'OutputError', evalue, traceback }, parent, {});
      return;
    }
    this.#transport.publish(frames);
  }

  /** Front ends subscribe to everything, as a rule; the topics are ipykernel's for those who do not. */
  #topic<T extends keyof IopubContents>(type: T, content: IopubContents[T]): Buffer {
    if (type === 'stream') return Buffer.from(`stream.${(content as IopubContents['stream']).name}`);
    if (type === 'iopub_welcome')
      return Buffer.from((content as IopubContents['iopub_welcome']).subscription);
    return Buffer.from(`kernel.${this.#codec.session}.${type}`);
  }
}
