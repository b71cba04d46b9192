import type { PythonErrorCode } from '../../src/interop/python/errors.ts';
import type { CellError } from '../contracts/values.ts';

/** The failure of a cell for which Python worked; the cell shows it unchanged. */
export class PythonFailure extends Error {
  readonly code: PythonErrorCode;
  readonly cellError: CellError;

  constructor(
    code: PythonErrorCode,
    message: string,
    details: Partial<CellError> & { cause?: unknown } = {},
  ) {
    const { name = 'PythonError', cause, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    this.code = code;
    this.cellError = {
      traceback: [`\u001b[31m${name}\u001b[39m: ${message}`],
      ...rest,
      name,
      message,
      code,
    };
  }
}

/** From the content of a reply with `status: 'error'`. */
export function failureFrom(content: Record<string, unknown>): PythonFailure {
  const text = (name: string, fallback: string): string =>
    typeof content[name] === 'string' ? content[name] : fallback;
  const name = text('ename', 'Error');
  const traceback = Array.isArray(content['traceback']) ? content['traceback'].map(String) : [];
  const code = text('code', name === 'KeyboardInterrupt' ? 'interrupted' : 'raised') as PythonErrorCode;
  return new PythonFailure(code, text('evalue', ''), {
    name,
    ...(traceback.length > 0 ? { traceback } : {}),
    ...(code === 'interrupted' ? { reason: 'interrupted' } : {}),
  });
}
