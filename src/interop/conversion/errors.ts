export type ConversionErrorCode =
  /** The value has no counterpart on the other side, or would lose something there. */
  | 'cannot-convert'
  /** The other side answered what this version does not understand. */
  | 'malformed'
  /** Memory could not be shared. */
  | 'memory';

/** A value could not be converted for the other language; `code` gives the reason. */
export class ConversionError extends Error {
  override readonly name = 'ConversionError';
  readonly code: ConversionErrorCode;

  constructor(code: ConversionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
