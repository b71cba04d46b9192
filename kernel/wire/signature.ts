/**
 * Signatures: HMAC over the four JSON frames, as hexadecimal text.
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol
 */
import { createHmac, getHashes, timingSafeEqual } from 'node:crypto';
import { WireError } from './wire-error.ts';

const NONE = Buffer.alloc(0);

export interface Signer {
  readonly signs: boolean;
  /** The signature frame for these frames; empty without a key. */
  sign(frames: readonly Uint8Array[]): Buffer;
  /** Compares in constant time. Throws WireError `wrong-signature`. */
  verify(signature: Buffer, frames: readonly Uint8Array[]): void;
}

/**
 * `scheme` is `hmac-` and any digest that node:crypto has (`hmac-sha256`, `hmac-sha512`, `hmac-blake2b512`…).
 * An empty key means unsigned messages. Throws a RangeError for a scheme that is not known.
 */
export function createSigner(scheme: string, key: string): Signer {
  if (key === '') {
    return { signs: false, sign: () => NONE, verify: () => undefined };
  }
  const digest = /^hmac-(.+)$/.exec(scheme)?.[1];
  // OpenSSL takes milliseconds for its list.
  const isCommon = digest !== undefined && COMMON.has(digest);
  const algorithm = isCommon
    ? digest
    : digest && getHashes().find((hash) => hash.toLowerCase() === digest.toLowerCase());
  if (!algorithm) {
    throw new RangeError(
      `unknown signature_scheme ${JSON.stringify(scheme)} in the connection file: use hmac-sha256`,
    );
  }
  const sign = (frames: readonly Uint8Array[]): Buffer => {
    const hmac = createHmac(algorithm, key);
    for (const frame of frames) hmac.update(frame);
    return Buffer.from(hmac.digest('hex'), 'latin1');
  };
  return {
    signs: true,
    sign,
    verify(signature, frames) {
      const expected = sign(frames);
      if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
        throw new WireError(
          'wrong-signature',
          `wrong signature ${printable(signature)}: the message is not for this kernel`,
        );
      }
    },
  };
}

/** Digests that every build of Node has. */
const COMMON: ReadonlySet<string> = new Set(['sha1', 'sha256', 'sha384', 'sha512']);

function printable(signature: Buffer): string {
  return JSON.stringify(signature.subarray(0, 16).toString('latin1'));
}

/**
 * Refuses a signature that was seen before, as a recorded message sent again would carry. Like jupyter_client it
 * remembers the last 65,536 and then forgets the oldest tenth.
 */
export class ReplayGuard {
  readonly #seen = new Set<string>();
  readonly #limit: number;

  constructor(limit = 65_536) {
    this.#limit = limit;
  }

  /** Throws WireError `replayed`. */
  admit(signature: Buffer): void {
    const text = signature.toString('latin1');
    if (this.#seen.has(text))
      throw new WireError('replayed', `signature ${text.slice(0, 16)}… was used before`);
    this.#seen.add(text);
    if (this.#seen.size <= this.#limit) return;
    let surplus = Math.ceil(this.#limit / 10);
    for (const old of this.#seen) {
      if (surplus-- === 0) break;
      this.#seen.delete(old);
    }
  }
}
