/** JSON as Jupyter's clients read it: UTF-8, objects at the top, no lone surrogates. */
import { WireError } from './wire-error.ts';

/** Python's `json` reads about 1,000 levels. */
const MAX_DEPTH = 900;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Parses one frame that has to be a JSON object. Throws WireError `malformed`. */
export function parseObject(frame: Buffer, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(frame));
  } catch (cause) {
    throw new WireError('malformed', `${what} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WireError(
      'malformed',
      `${what} must be a JSON object, not ${Array.isArray(value) ? 'an array' : typeof value}`,
    );
  }
  return value as Record<string, unknown>;
}

/**
 * One frame. Values without a form in JSON never fail a message: big integers become text, and half of a surrogate pair
 * becomes U+FFFD (Python's clients fail on such text when they encode it again).
 */
export function encodeJson(value: unknown): Buffer {
  const text = withoutLoneSurrogates(stringified(value));
  return Buffer.from(text, 'utf8');
}

function stringified(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? 'null';
    if (text.length <= 2 * MAX_DEPTH || !nestsDeeper(value, MAX_DEPTH)) return text;
  } catch {
    // The copy has no cycle, big integer or failing getter.
  }
  return JSON.stringify(plain(value, new Set()));
}

function withoutLoneSurrogates(text: string): string {
  // JSON.stringify escapes \ud800 to \udfff only where they stand alone; `.` eats escaped backslashes.
  if (!text.includes('\\ud')) return text;
  return text.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (escape) => (escape.length === 6 ? '\ufffd' : escape));
}

/**
 * Whether arrays and objects nest deeper than `levels`. Not a matter of what `JSON.stringify` throws: whether and
 * where it overflows the stack differs between versions of Node.
 */
function nestsDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => nestsDeeper(item, levels - 1));
}

/** The beginning of a value's JSON, for messages. */
export function shownJson(value: unknown): string {
  if (nestsDeeper(value, MAX_DEPTH))
    return Array.isArray(value) ? 'an array that nests too deeply' : 'an object that nests too deeply';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** A copy without what JSON.stringify throws at: cycles, big integers, failing getters. */
function plain(value: unknown, above: Set<unknown>): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (above.has(value)) return '[circular]';
  if (above.size >= MAX_DEPTH) return '[nested too deeply]';
  above.add(value);
  try {
    if (Array.isArray(value)) return value.map((item) => plain(item, above));
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      let item: unknown;
      try {
        item = plain((value as Record<string, unknown>)[key], above);
      } catch (error) {
        item = `[failed: ${String(error)}]`;
      }
      // Not an assignment: a property named `__proto__` would set the prototype.
      Object.defineProperty(copy, key, {
        value: item,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return copy;
  } finally {
    above.delete(value);
  }
}
