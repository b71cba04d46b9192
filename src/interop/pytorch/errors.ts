export type StateDictErrorCode =
  /** A layer or its settings have no counterpart in PyTorch. */
  | 'unsupported-layer'
  /** Layers and modules do not pair up, or a shape differs. */
  | 'mismatch';

/** Weights could not be taken over from, or handed to, PyTorch; the message names layer, parameter and shapes. */
export class StateDictError extends Error {
  override readonly name = 'StateDictError';
  readonly code: StateDictErrorCode;

  constructor(code: StateDictErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
