/** An error thrown in the kernel process, as the error of a cell. */
import type { CellError } from '../contracts/values.ts';

/** Magics and our own code throw sentences for the user; their stacks are of no use to anybody. */
export function toCellError(thrown: unknown): CellError {
  if (typeof thrown === 'object' && thrown !== null && 'cellError' in thrown)
    return thrown.cellError as CellError;
  const name = thrown instanceof Error ? thrown.name : 'Error';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const interrupted = name === 'Interrupted' || name === 'AbortError';
  return {
    name: interrupted ? 'Interrupted' : name,
    message,
    traceback: [`\u001b[31m${name}\u001b[39m: ${message}`],
    ...(interrupted ? { reason: 'interrupted' } : {}),
  };
}

export function interruptedError(): CellError {
  const message = 'the cell was interrupted';
  return {
    name: 'Interrupted',
    message,
    traceback: [`\u001b[31mInterrupted\u001b[39m: ${message}`],
    reason: 'interrupted',
  };
}
