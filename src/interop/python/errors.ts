import { ReportedError } from '../../base/reported-error.ts';
import type { ErrorReport } from '../../base/reported-error.ts';

export type PythonErrorCode =
  /** Python code has thrown; `name` and `traceback` are Python's. */
  | 'raised'
  /** Python has no variable of that name. */
  | 'unknown-name'
  /** A value that the other side has no counterpart for. */
  | 'cannot-convert'
  /** Memory could not be shared between the two. */
  | 'memory'
  /** There is no Python at the path, or it does not run. */
  | 'no-environment'
  /** Python is there, and lacks ipykernel. */
  | 'no-ipykernel'
  /** It did not come up, or did not come up in time. */
  | 'not-started'
  /** The process has ended. */
  | 'died'
  | 'interrupted'
  /** Outside a notebook there is no kernel process, which runs Python. */
  | 'no-notebook';

const CODES: ReadonlySet<string> = new Set<PythonErrorCode>([
  'unknown-name',
  'cannot-convert',
  'memory',
  'no-environment',
  'no-ipykernel',
  'not-started',
  'died',
  'interrupted',
  'no-notebook',
]);

/**
 * An error on Python's side or on the way to it. `name` is the Python exception's (`ZeroDivisionError`) where
 * there was one, and `traceback` the text that a Python notebook would show.
 */
export class PythonError extends ReportedError {
  readonly code: PythonErrorCode;

  constructor(
    code: PythonErrorCode,
    message: string,
    details: { name?: string; traceback?: string[]; cause?: unknown } = {},
  ) {
    const { name = 'PythonError', traceback = [`\u001b[31m${name}\u001b[39m: ${message}`], cause } = details;
    super({ name, message, traceback, code }, cause === undefined ? undefined : { cause });
    this.code = code;
  }

  /** From what the other process says of it. */
  static from({ name, message, traceback, code }: ErrorReport, cause?: unknown): PythonError {
    const known = code !== undefined && CODES.has(code) ? (code as PythonErrorCode) : 'raised';
    return new PythonError(known, message, { name, traceback, cause });
  }
}
