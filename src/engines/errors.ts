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

/** An error of TensorFlow, or of the way to it. */
export class TensorflowError extends Error {
  override readonly name = 'TensorflowError';
  /** TensorFlow's status code by name (`INVALID_ARGUMENT`, `RESOURCE_EXHAUSTED`, …), or a code of this library about the TensorFlow build. */
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
    return message; // the first error has to be told
  }
}

/** TensorFlow's message for an op that it does not know, eagerly and in a graph. */
const UNKNOWN_OP = /'(\w+)' is neither a type of a primitive operation|Op type not registered '(\w+)'/;

/** TensorFlow's message for a dtype that an op does not have, with those that it has. */
const WRONG_DTYPE = /Value for attr '\w+' of (\w+) is not in the list of allowed values: ([\w, ]+)/;

/** TensorFlow's names of the dtypes that tfjs has, by tfjs's names. */
const DTYPES = { float32: 'float', int32: 'int32', complex64: 'complex64', bool: 'bool', string: 'string' };

/** Ops that count truth values in some libraries, and combine them in others. */
const ARITHMETIC = new Set(['Add', 'AddV2', 'AddN', 'Mul', 'RealDiv', 'SquaredDifference', 'Sub']);

/** Its message for a dtype that an op has, and has no kernel for: the op's dtypes, and those of the kernels of each device. */
const NO_KERNEL = /Could not find device for node: [^=]*= \w+\[(?:[^\]]*, )?T=DT_(\w+)/;
const KERNEL = /device='(?:CPU|GPU)'; (?:[^\n]*; )?T in \[([^\]]*)\]/g;

/** The dtype that an op was given and those that it takes, in TensorFlow's names; undefined for other messages. */
function dtypesIn(text: string): { given: string; allowed: Set<string> } | undefined {
  const [, given, list = ''] = WRONG_DTYPE.exec(text) ?? [];
  const names = (all: string) => all.split(',').map((one) => one.trim().replace(/^DT_/, '').toLowerCase());
  if (given !== undefined) return { given, allowed: new Set(names(list)) };
  const [, missing] = NO_KERNEL.exec(text) ?? [];
  if (missing === undefined) return undefined;
  const lists = [...text.matchAll(KERNEL)].map(([, all = '']) => names(all));
  return { given: missing.toLowerCase(), allowed: new Set(lists.flat()) };
}

/** The same with tfjs's names, and with what to do; undefined for other messages. */
function wrongDtype(text: string, op: string): string | undefined {
  const dtypes = dtypesIn(text);
  if (dtypes === undefined) return undefined;
  const { given, allowed } = dtypes;
  const named = Object.entries(DTYPES).find(([, theirs]) => theirs === given)?.[0] ?? given;
  const possible = Object.entries(DTYPES).flatMap(([ours, theirs]) => (allowed.has(theirs) ? [ours] : []));
  if (possible.length === 0 || possible.includes(named)) return undefined;
  const target = named === 'string' ? undefined : possible.find((dtype) => dtype !== 'complex64');
  const cast = target === undefined ? '' : `: cast first, as in x.cast('${target}')`;
  const combine =
    named === 'bool' && ARITHMETIC.has(op)
      ? ', or combine truth values with tf.logicalAnd, tf.logicalOr or tf.logicalXor'
      : '';
  return `${op} takes no tensors of dtype ${named}; TensorFlow has it for ${possible.join(', ')}${cast}${combine}`;
}

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
      `${running} has no op ${missing}. A newer TensorFlow build may have it: \`tensorcell runtime list\` shows the builds, ` +
        '`%device use cpu` or `%device use cuda` switches to it',
      missing === undefined ? {} : { op: missing },
    );
  }
  const message = op === undefined ? text : (wrongDtype(text, op) ?? `${op}: ${text}`);
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
