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
 * JavaScript may be terminated anywhere in here. Bytes that may not have been written then are kept and go first next time;
 * packets are numbered, so the reader drops one that it gets twice.
 */
export class FrameWriter {
  readonly #fd: number;
  readonly #failed: ((error: unknown) => never) | undefined;
  #number = 0;
  #unsent: Unsent | undefined;

  /** @param failed is called when the reader is gone (EPIPE); by default the error is thrown */
  constructor(fd: number, failed?: (error: unknown) => never) {
    this.#fd = fd;
    this.#failed = failed;
  }

  /** Sends what a termination has kept back. */
  settle(): void {
    try {
      if (this.#unsent) this.#flush(this.#unsent);
    } catch (error) {
      if (!this.#failed) throw error;
      this.#failed(error);
    }
  }

  /** @param frame with room for a packet header in front; it is overwritten, and free again when the call returns */
  write(frame: Buffer): void {
    this.settle();
    try {
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
    while (unsent.offset < total) {
      const { offset } = unsent;
      const size = Math.min(PAYLOAD, total - offset);
      // Over the end of the packet before, which is written.
      const packet = frame.subarray(offset, offset + PACKET_HEADER + size);
      writeHeader(packet, size, number, offset, total);
      writeAll(this.#fd, packet);
      unsent.offset = offset + size;
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

/** A blocking write, also where the descriptor was made non-blocking (child processes of Node do that). */
export function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at, bytes.length - at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
