/**
 * Everything that goes out through one socket, in order. zeromq takes one send at a time (EBUSY), and says EAGAIN when
 * a reader is behind; both mean: try again, drop nothing.
 */

export interface SendQueueOptions {
  send: (frames: Buffer[]) => Promise<void>;
  log: (message: string) => void;
  /** Longest pause between two tries, in milliseconds. */
  maxPauseMs?: number;
  /**
   * Sends without regard to readers whose queue is full: they lose the message, and all that follows until they read
   * again. Called for a message that the socket has not taken for `patienceMs`; without it there is no such limit.
   */
  leaveBehind?: (frames: Buffer[]) => Promise<void>;
  patienceMs?: number;
  /** Resolves when a message of this many bytes may be sent; at once when left out. */
  room?: (bytes: number) => Promise<void>;
}

interface Waiting {
  frames: Buffer[];
  bytes: number;
}

export class SendQueue {
  readonly #options: SendQueueOptions;
  #waiting: Waiting[] = [];
  #next = 0;
  #bytes = 0;
  #running = false;
  #closed = false;
  #listeners: { below: number; resolve: () => void }[] = [];

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  /** Bytes that the socket has not taken yet. */
  get bytes(): number {
    return this.#bytes;
  }

  push(frames: Buffer[]): void {
    if (this.#closed) return;
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    this.#waiting.push({ frames, bytes });
    this.#bytes += bytes;
    if (!this.#running) void this.#run();
  }

  /** Resolves when at most `below` bytes wait (0: when all is sent), or when the queue is closed. */
  drained(below = 0): Promise<void> {
    if (this.#closed || (this.#bytes <= below && (below > 0 || !this.#running))) return Promise.resolve();
    return new Promise((resolve) => this.#listeners.push({ below, resolve }));
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#next = 0;
    this.#bytes = 0;
    this.#tell(true);
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      const item = this.#waiting[this.#next];
      if (!item) break;
      this.#next++;
      if (this.#next > 1024) {
        this.#waiting = this.#waiting.slice(this.#next);
        this.#next = 0;
      }
      if (this.#options.room) await this.#options.room(item.bytes);
      await this.#send(item.frames);
      if (this.#closed) break;
      this.#bytes -= item.bytes;
      this.#tell(false);
    }
    this.#waiting = [];
    this.#next = 0;
    this.#running = false;
    this.#tell(this.#closed);
  }

  async #send(frames: Buffer[]): Promise<void> {
    let pause = 1;
    const { leaveBehind, patienceMs = Number.POSITIVE_INFINITY } = this.#options;
    const began = performance.now();
    // Tries count as well: a process that had no time to try has not waited for any reader.
    const enough = patienceMs / (this.#options.maxPauseMs ?? 8) / 2;
    for (let tries = 0; !this.#closed; tries++) {
      try {
        const late = leaveBehind !== undefined && tries > enough && performance.now() - began > patienceMs;
        await (late ? leaveBehind(frames) : this.#options.send(frames));
        return;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code !== 'EAGAIN' && code !== 'EBUSY') {
          if (!this.#closed) this.#options.log(`cannot send a message: ${String(error)}`);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, this.#options.maxPauseMs ?? 8);
      }
    }
  }

  #tell(all: boolean): void {
    if (this.#listeners.length === 0) return;
    const idle = !this.#running || this.#bytes === 0;
    const ready = this.#listeners.filter(({ below }) => all || (below > 0 ? this.#bytes <= below : idle));
    this.#listeners = this.#listeners.filter((listener) => !ready.includes(listener));
    for (const { resolve } of ready) resolve();
  }
}
