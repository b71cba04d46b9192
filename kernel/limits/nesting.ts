/**
 * How deeply data may be nested that goes from one process to another. Python's `json`, which every other front end uses,
 * gives up at about 1,000 levels; V8's serializer and `JSON.stringify` overflow their stack at a few thousand, each at
 * its own depth, so that one side could read what the other side has sent, or not.
 */
const MAX_NESTING = 900;

/** True when arrays and objects in `value` are nested deeper than `limit`, which includes those that hold themselves. */
function isNestedTooDeeply(value: unknown, limit = MAX_NESTING): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if (limit === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isNestedTooDeeply(item, limit - 1));
  if (value instanceof Map || value instanceof Set) {
    for (const item of value) if (isNestedTooDeeply(item, limit - 1)) return true;
    return false;
  }
  for (const key of Object.keys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    // A getter is called once, when the value is encoded.
    if (property && 'value' in property && isNestedTooDeeply(property.value, limit - 1)) return true;
  }
  return false;
}

/** Data that cannot go to the other process. */
export class EncodingError extends Error {
  readonly code: 'nested' | 'size' | 'value';

  constructor(code: EncodingError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EncodingError';
    this.code = code;
  }
}

/** Throws EncodingError that names `what` when the value is nested too deeply. */
export function requireNesting(value: unknown, what: string): void {
  if (!isNestedTooDeeply(value)) return;
  throw new EncodingError(
    'nested',
    `${what} is nested more than ${MAX_NESTING} levels deep, or contains itself: make it flatter, or send it as text or as a buffer`,
  );
}
