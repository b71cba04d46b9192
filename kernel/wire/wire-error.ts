/** Why a message was refused. `invalid-content` is answered with an error reply; the others are logged and dropped. */
export type WireErrorCode =
  | 'malformed'
  | 'oversized'
  | 'wrong-signature'
  | 'replayed'
  | 'unknown-type'
  | 'invalid-content';

/** A message that is not what the specification says. The message names the value and what it should have been. */
export class WireError extends Error {
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WireError';
    this.code = code;
  }
}
