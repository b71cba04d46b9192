/** Names of TF_Code (tensorflow/c/tf_status.h), by number. */
const codeNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type TensorflowErrorCode = (typeof codeNames)[number] | 'NO_RUNTIME' | 'BAD_RUNTIME';

/** What TensorFlow, or the way to it, says went wrong. */
export class TensorflowError extends Error {
  override readonly name = 'TensorflowError';
  /** TensorFlow's status code by name (`INVALID_ARGUMENT`, `RESOURCE_EXHAUSTED`, …), or one of ours about the runtime. */
  readonly code: TensorflowErrorCode;
  /** The TensorFlow op that failed, where there was one. */
  readonly op: string | undefined;

  constructor(code: TensorflowErrorCode, message: string, options: { op?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.op = options.op;
  }
}

/**
 * TensorFlow's message without what only its own developers can use: the wrapper function's name and the device that
 * stand before it, the empty op name after it.
 */
export function readableMessage(message: string): string {
  return message
    .replace(/^\{\{function_node [^}]*\}\}\s*/, '')
    .replace(/\s*\[Op:\w+\](?: name: .*)?$/s, '')
    .trim();
}

/** Adds to an out of memory message what only others know: what is free, and what holds memory. */
let explain: ((message: string) => string) | undefined;

/** Set once the backend is there. The explanation may take a moment, and must not compute with tensors. */
export function onOutOfMemory(explanation: (message: string) => string): void {
  explain = explanation;
}

function explained(message: string): string {
  try {
    return explain?.(message) ?? message;
  } catch {
    return message; // what went wrong first is what has to be told
  }
}

/** What TensorFlow says of an op that it does not know, op by op and in a graph. */
const UNKNOWN_OP = /'(\w+)' is neither a type of a primitive operation|Op type not registered '(\w+)'/;

let running = 'this TensorFlow';

/** Which TensorFlow runs, for messages: `TensorFlow 2.10.1 (runtime directml-2.10.1)`. */
export function nameTensorflow(name: string): void {
  running = name;
}

/** The error for a status of TensorFlow's C API. */
export function statusError(code: number, said: string, op?: string): TensorflowError {
  const text = readableMessage(said);
  const name = codeNames[code] ?? 'UNKNOWN';
  const unknown = UNKNOWN_OP.exec(text);
  if (unknown !== null) {
    const missing = unknown[1] ?? unknown[2] ?? op;
    return new TensorflowError(
      'UNIMPLEMENTED',
      `${running} has no op ${missing}. A newer runtime may have it: \`tensorcell runtime list\` shows what there is, ` +
        '`%device use cpu` or `%device use cuda` switches to it',
      missing === undefined ? {} : { op: missing },
    );
  }
  const message = op === undefined ? text : `${op}: ${text}`;
  return new TensorflowError(
    name,
    name === 'RESOURCE_EXHAUSTED' ? explained(message) : message,
    op === undefined ? {} : { op },
  );
}

/** Whatever was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(typeof thrown === 'string' ? thrown : 'unknown error');
}
