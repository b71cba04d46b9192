/**
 * Bounds the bytes of large messages that subscribers have not taken. libzmq counts messages, not bytes: 256 displays of 20 MB each
 * would be 5 GB for one subscriber that does not read. How much the system has not sent yet shows whether all of them keep up.
 */
import { readFileSync } from 'node:fs';

/** Smaller messages are bounded by their count. */
const LARGE_BYTES = 128 * 1024;
/** libzmq gets this much of large messages before its connections are looked at. */
const MOST_BYTES = 48 * 1024 * 1024;
/** The same while a subscriber does not read. */
const STALLED_BYTES = 24 * 1024 * 1024;
/** Less than this in the system's buffers: libzmq has handed over everything. */
const SENT_BYTES = 256 * 1024;
/** A subscriber that does not read holds up the next `STALLED_BYTES` for this long. */
const HOLD_MS = 2000;
const LOOK_MS = 10;

/**
 * A subscriber on the same machine whose connection takes no byte for this long loses it, and the messages that wait for it in
 * memory: some ten times `STALLED_BYTES`. Its socket connects again by itself when it reads on.
 */
export const SUBSCRIBER_STALLED_MS = 10 * HOLD_MS;

export class LargeMessages {
  readonly #unsent: () => number | undefined;
  readonly #holdMs: number;
  #bytes = 0;
  #limit = MOST_BYTES;

  /** @param unsent bytes in the system's buffers of the connection that has most of them; undefined when unknown */
  constructor(unsent: () => number | undefined, holdMs = HOLD_MS) {
    this.#unsent = unsent;
    this.#holdMs = holdMs;
  }

  /** Resolves when a message of this many bytes may be sent. */
  async room(bytes: number): Promise<void> {
    if (bytes < LARGE_BYTES) return;
    this.#bytes += bytes;
    if (this.#bytes <= this.#limit) return;
    const end = performance.now() + this.#holdMs;
    this.#limit = MOST_BYTES;
    let pause = LOOK_MS;
    // Between two writes of libzmq the buffers may be empty for a moment.
    for (let empty = 0; empty < 2;) {
      const unsent = this.#unsent();
      if (unsent === undefined) break;
      empty = unsent <= SENT_BYTES ? empty + 1 : 0;
      if (performance.now() > end) {
        this.#limit = STALLED_BYTES;
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, empty > 0 ? LOOK_MS : pause));
      pause = Math.min(2 * pause, 10 * LOOK_MS);
    }
    this.#bytes = bytes;
  }
}

/** Most bytes that wait in the system's buffers of a connection to a local TCP port. Linux only: undefined elsewhere. */
export function unsentBytes(port: number): number | undefined {
  let most: number | undefined;
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    try {
      most = Math.max(most ?? 0, parseUnsent(readFileSync(file, 'latin1'), port));
    } catch {
      // Not on this system, or without IPv6.
    }
  }
  return most;
}

/** Most bytes in a send queue of an established connection to a local port, in the text of /proc/net/tcp (proc(5)). */
export function parseUnsent(text: string, port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let most = 0;
  for (const line of text.split('\n')) {
    // sl, local_address, rem_address, st, tx_queue:rx_queue (in hexadecimal)
    const [, address, , state, queues] = line.trim().split(/ +/);
    if (state !== '01' || queues === undefined || !address?.endsWith(local)) continue;
    most = Math.max(most, Number.parseInt(queues, 16));
  }
  return most;
}
