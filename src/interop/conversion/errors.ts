export type CrossingErrorCode =
  /** The value has no counterpart on the other side, or would lose something there. */
  | 'cannot-cross'
  /** The other side answered what this version does not understand. */
  | 'malformed'
  /** Memory could not be shared. */
  | 'memory';

/** A value could not cross to the other language; `code` says why. */
export class CrossingError extends Error {
  override readonly name = 'CrossingError';
  readonly code: CrossingErrorCode;

  constructor(code: CrossingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
