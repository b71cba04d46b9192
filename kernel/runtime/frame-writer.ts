import { writeSync } from 'node:fs';

/**
 * Writes of up to this size to a Unix socket are one buffer of the operating system: they go out whole or not at all
 * (Linux, `unix_stream_sendmsg`), so a termination in the middle of a frame leaves an exact position behind.
 */
const ATOMIC = 32 * 1024;

/**
 * Blocking writer of whole frames: output is in order and complete, also out of a busy loop, and a slow reader slows
 * the writer.
 *
 * JavaScript may be terminated anywhere in here. What was not written then stays in `#rest` and goes first next time;
 * the position is moved on before each write, since the write itself completes even when its caller does not.
 */
export class FrameWriter {
  readonly #fd: number;
  #rest: Buffer | undefined;
  #offset = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Throws when the kernel process is gone (EPIPE). */
  write(frame: Buffer): void {
    if (this.#rest) this.#flush();
    this.#offset = 0;
    this.#rest = frame;
    this.#flush();
  }

  #flush(): void {
    const frame = this.#rest!;
    while (this.#offset < frame.length) {
      const start = this.#offset;
      const size = Math.min(ATOMIC, frame.length - start);
      this.#offset = start + size;
      let written: number;
      try {
        written = writeSync(this.#fd, frame, start, size);
      } catch (error) {
        this.#offset = start;
        // Somebody made the descriptor non-blocking; wait a moment as the blocking write would have.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        continue;
      }
      if (written < size) this.#offset = start + written;
    }
    this.#rest = undefined;
  }
}
