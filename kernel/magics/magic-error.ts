import type { CellError } from '../contracts/values.ts';

export type MagicErrorCode =
  | 'unknown-magic'
  | 'wrong-kind'
  | 'usage'
  | 'not-found'
  | 'command-failed'
  | 'cell-failed'
  | 'write-failed'
  | 'interrupted'
  | 'unavailable';

/** The error that makes the cell of a magic fail: a sentence for the reader, no stack. */
export class MagicError extends Error {
  readonly code: MagicErrorCode;

  constructor(code: MagicErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = code === 'interrupted' ? 'Interrupted' : 'MagicError';
    this.code = code;
  }
}

/** TypeScript that a magic ran (`%%time`) failed: the cell's error is the one to show, not the magic's. */
export class CellFailedError extends MagicError {
  readonly cellError: CellError;

  constructor(cellError: CellError) {
    super('cell-failed', cellError.message);
    this.name = cellError.name;
    this.cellError = cellError;
  }
}
