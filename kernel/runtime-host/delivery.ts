import type { OutputSink } from '../contracts/runtime-host.ts';

export type SinkMessage = Parameters<OutputSink['output']>[0];

/** Printed text is put together up to this many characters before it goes to the sink. */
const STREAM_LIMIT = 256 * 1024;

/**
 * Output on its way to the sink, in order. Each message waits for the one before; what has to happen after a message
 * (the end of a cell) is queued as an action.
 */
export class Delivery {
  readonly #sink: OutputSink;
  readonly #failed: (error: unknown) => void;
  readonly #drained: () => void;
  #queue: (SinkMessage | (() => void | Promise<void>))[] = [];
  #at = 0;
  #pumping = false;

  constructor(sink: OutputSink, events: { failed: (error: unknown) => void; drained: () => void }) {
    this.#sink = sink;
    this.#failed = events.failed;
    this.#drained = events.drained;
  }

  /** Nothing waits for the sink. */
  get idle(): boolean {
    return !this.#pumping && this.#at === this.#queue.length;
  }

  push(item: SinkMessage | (() => void | Promise<void>)): void {
    const last = this.#queue.at(-1);
    if (
      typeof item !== 'function' &&
      item.type === 'stream' &&
      !item.content &&
      this.#at < this.#queue.length &&
      typeof last === 'object' &&
      last.type === 'stream' &&
      !last.content &&
      last.execution === item.execution &&
      last.name === item.name &&
      last.text.length < STREAM_LIMIT
    ) {
      last.text += item.text;
      return;
    }
    this.#queue.push(item);
  }

  /** Starts delivering what was pushed. As long as the sink is quick it happens in this very call. */
  pump(): void {
    if (!this.#pumping) void this.#run();
  }

  async #run(): Promise<void> {
    this.#pumping = true;
    let waited = false;
    for (let item = this.#queue[this.#at]; item !== undefined; item = this.#queue[this.#at]) {
      this.#queue[this.#at++] = noop;
      try {
        const taken = typeof item === 'function' ? item() : this.#sink.output(item);
        if (taken) {
          waited = true;
          await taken;
        }
      } catch (error) {
        this.#failed(error);
      }
      if (this.#at === this.#queue.length) {
        this.#queue = [];
        this.#at = 0;
      } else if (this.#at > 1024) {
        this.#queue = this.#queue.slice(this.#at);
        this.#at = 0;
      }
    }
    this.#pumping = false;
    if (waited) this.#drained();
  }
}

function noop(): void {}
