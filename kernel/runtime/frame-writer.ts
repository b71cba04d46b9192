import { writeSync } from 'node:fs';
import { PACKET_HEADER } from './frames.ts';

/**
 * Writes of up to this size to a Unix socket are one buffer of the operating system: they go out whole or not at all
 * (Linux, `unix_stream_sendmsg`), whenever JavaScript is terminated.
 */
const ATOMIC = 32 * 1024;
const PAYLOAD = ATOMIC - PACKET_HEADER;

interface Unsent {
  frame: Buffer;
  number: number;
  /** Bytes of the payload that are known to be written. */
  offset: number;
}

/**
 * Blocking writer of frames: output is in order and complete, also out of a busy loop, and a slow reader slows the
 * writer.
 *
 * JavaScript may be terminated anywhere in here. What may not have been written then is kept and goes first next time;
 * packets are numbered, so the reader drops one that it gets twice.
 */
export class FrameWriter {
  readonly #fd: number;
  readonly #failed: ((error: unknown) => never) | undefined;
  readonly #scratch = Buffer.allocUnsafe(ATOMIC);
  #number = 0;
  #unsent: Unsent | undefined;

  /** @param failed is called when nobody can read any more (EPIPE); by default the error is thrown */
  constructor(fd: number, failed?: (error: unknown) => never) {
    this.#fd = fd;
    this.#failed = failed;
  }

  /** @param frame with room for a packet header in front */
  write(frame: Buffer): void {
    try {
      if (this.#unsent) this.#flush(this.#unsent);
      const unsent = { frame, number: ++this.#number, offset: 0 };
      this.#unsent = unsent;
      this.#flush(unsent);
    } catch (error) {
      if (!this.#failed) throw error;
      this.#failed(error);
    }
  }

  #flush(unsent: Unsent): void {
    const { frame, number } = unsent;
    const total = frame.length - PACKET_HEADER;
    if (total <= PAYLOAD) {
      writeHeader(frame, total, number, 0, total);
      writeAll(this.#fd, frame, frame.length);
    } else {
      while (unsent.offset < total) {
        const size = Math.min(PAYLOAD, total - unsent.offset);
        writeHeader(this.#scratch, size, number, unsent.offset, total);
        frame.copy(
          this.#scratch,
          PACKET_HEADER,
          PACKET_HEADER + unsent.offset,
          PACKET_HEADER + unsent.offset + size,
        );
        writeAll(this.#fd, this.#scratch, PACKET_HEADER + size);
        unsent.offset += size;
      }
    }
    this.#unsent = undefined;
  }
}

function writeHeader(packet: Buffer, size: number, number: number, offset: number, total: number): void {
  packet.writeUInt32LE(PACKET_HEADER - 4 + size, 0);
  packet.writeUInt32LE(number, 4);
  packet.writeUInt32LE(offset, 8);
  packet.writeUInt32LE(total, 12);
}

/** A blocking write, also where somebody made the descriptor non-blocking (child processes of Node do that). */
export function writeAll(fd: number, bytes: Buffer, length = bytes.length): void {
  for (let at = 0; at < length;) {
    try {
      at += writeSync(fd, bytes, at, length - at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
