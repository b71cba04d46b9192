/** How a message to the runtime process, or a cell in it, can fail. */
import type { ExecuteOutcome } from '../contracts/runtime-host.ts';
import type { CellError } from '../contracts/values.ts';

/** The runtime process does not answer, or could not. */
export class RuntimeError extends Error {
  readonly code: 'timeout' | 'died' | 'failed' | 'disposed';

  constructor(code: RuntimeError['code'], message: string) {
    super(message);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

/** An answer that belongs to another kind of question: a defect of the kernel. */
export function unexpectedAnswer(type: string): RuntimeError {
  return new RuntimeError('failed', `internal error: the runtime process answered with '${type}'`);
}

/** The outcome of a cell that did not end by itself. */
export function failed(error: CellError): ExecuteOutcome {
  return { status: 'error', declared: [], error };
}

/** The error of a cell whose message could not be sent. */
export function unsentError({ name, message }: Error): CellError {
  return { name, message, traceback: [`\u001B[1;31m${name}\u001B[0m: ${message}`] };
}

/** The error of a cell whose process ended. */
export function diedError(why: string): CellError {
  const message = `${why}. Variables are lost; the next cell runs in a new runtime process`;
  return {
    name: 'RuntimeDied',
    message,
    traceback: [`\u001B[1;31mRuntimeDied\u001B[0m: ${message}`],
    reason: 'runtime-died',
  };
}

/** The error of a cell that an interrupt hit between its arrival and its start. */
export function interruptedBeforeStart(): CellError {
  const message = 'the cell was interrupted before it started';
  return {
    name: 'Interrupted',
    message,
    traceback: [`\u001B[1;31mInterrupted\u001B[0m: ${message}`],
    reason: 'interrupted',
  };
}
