/** PJRT_Error_Code by number (xla/pjrt/c/pjrt_c_api.h): the codes of absl::Status. */
const CODES = [
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

/** A code of PJRT, or `BAD_PLUGIN`: the plugin cannot be loaded. */
export type PjrtErrorCode = (typeof CODES)[number] | 'BAD_PLUGIN';

/** An error of a PJRT plugin, or of the engine's own checks before it calls the plugin. */
export class PjrtError extends Error {
  override readonly name = 'PjrtError';
  readonly code: PjrtErrorCode;
  /** The plugin's whole message, where `message` is shorter. */
  readonly details: string | undefined;

  constructor(code: PjrtErrorCode, message: string, options: { details?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}

/** Lines of a plugin's message that help only its developers. */
const NOISE = [
  /^=== Source Location Trace: ===$/,
  /^(?:\.\/|xla\/|external\/)\S+:\d+$/,
  /^See https:\/\/openxla\.org\/xla\/errors\/\S+ for more details\.$/,
  // The parser adds this to every error in a program's text.
  /^<unknown>:0: error: Failed to parse using StableHLO v\S+, this could indicate forward incompatibility/,
  /^-:\d+:\d+: note: (?:prior use here|see current operation:.*)$/,
];

/** Longest message; a plugin may quote the whole program. */
const LONGEST = 600;

/** A plugin's message without source locations, links and repeated status names, and at most 600 characters long. */
export function shortMessage(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !NOISE.some((pattern) => pattern.test(line)))
    .map((line) =>
      line
        // `-` is the name of a program that came from memory.
        .replace(/^-:(\d+):(\d+): error: /, 'line $1, column $2 of the program: ')
        .replace(/^(?:[A-Z_]+: )?E\d{4}: (\w+):\s*/, '$1: '),
    );
  const joined = lines.join(' ').replace(/\s+/g, ' ').trim();
  return joined.length > LONGEST ? `${joined.slice(0, LONGEST)}…` : joined;
}

/** The next step for a code, where there is one. */
const REMEDIES: Partial<Record<PjrtErrorCode, string>> = {
  RESOURCE_EXHAUSTED:
    'Use a smaller batch or model, or free tensors: `tf.memory()` counts them, and `tf.tidy` frees them',
};

/**
 * The error for what a plugin returned.
 *
 * @param code PJRT_Error_Code @param what the action, for the message: `compiling add`
 */
export function pjrtError(code: number, text: string, what: string): PjrtError {
  const name = CODES[code] ?? 'UNKNOWN';
  const remedy = REMEDIES[name];
  const message = shortMessage(text);
  return new PjrtError(
    name,
    `${what} failed: ${message || name}${remedy === undefined ? '' : `. ${remedy}`}`,
    message === text ? {} : { details: text },
  );
}
