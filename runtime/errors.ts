import { calmProperty, isCalm } from '../src/display/calm.ts';
import { plainText } from '../src/display/plain-text.ts';
import type { CellError } from '../kernel/contracts/values.ts';
import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, types } from 'node:util';
import { memberHint } from './members.ts';
import type { Names } from './names.ts';
import { shownPath } from './shown-path.ts';
import { framesOf, originalPosition, sourceText, type StackFrame } from './stack.ts';

const BOLD_RED = '\u001B[1;31m';
const RED = '\u001B[31m';
const DIM = '\u001B[2m';
const RESET = '\u001B[0m';

/** Lines of a traceback for one error; a chain of causes is cut after this many. */
const MAX_DEPTH = 8;
const MAX_FRAMES = 15;
const MAX_MESSAGE = 20_000;

/**
 * Any thrown value as Jupyter shows it. Never throws, whatever the value's getters do.
 *
 * @param names of the session, for help with members that a value does not have
 */
export function describeError(thrown: unknown, names?: Names): CellError {
  try {
    const { name, message } = nameAndMessage(thrown);
    const hint =
      names && isError(thrown) ? guard(() => helpWith(thrown, message, names), undefined) : undefined;
    const lines = traceback(thrown, 0, new Set());
    return { name, message, traceback: lines, ...(hint === undefined ? {} : { hint }) };
  } catch (error) {
    const message = `an error that cannot be shown: reading it threw ${guard(() => String(error), 'again')}`;
    return { name: 'Error', message, traceback: [`${BOLD_RED}Error${RESET}: ${message}`] };
  }
}

function helpWith(error: Error, message: string, names: Names): string | undefined {
  if (!(types.isNativeError(error) && calmProperty(error, 'name') === 'TypeError')) return undefined;
  return memberHint(message, names, () => {
    const frame = framesOf(error).find(({ internal }) => !internal);
    if (!frame) return undefined;
    const row = sourceText(frame.file)?.split(/\r?\n/u, frame.line)[frame.line - 1];
    return row?.slice(0, frame.column - 1);
  });
}

function guard<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function isError(value: unknown): value is Error {
  return guard(() => {
    if (types.isNativeError(value)) return true;
    const isObject = typeof value === 'object' && value !== null;
    return isObject && calmProperty(value, 'stack') !== undefined && value instanceof Error;
  }, false);
}

function show(value: unknown): string {
  return guard(
    () => (isCalm(value) ? inspect(value, { depth: 2, breakLength: 100 }) : plainText(value)),
    '[value]',
  );
}

function nameAndMessage(thrown: unknown): { name: string; message: string } {
  if (!isError(thrown)) return { name: 'Thrown', message: clip(show(thrown)) };
  const name = guard(() => calmProperty(thrown, 'name'), undefined);
  const message = guard(() => calmProperty(thrown, 'message'), undefined);
  return {
    name: typeof name === 'string' && name !== '' ? name : 'Error',
    message: typeof message === 'string' ? clip(message) : '',
  };
}

/** V8 words its messages in terms of the generated code; here they name what the user wrote. */
function cleanMessage(raw: string): string {
  // A function that was compiled when the name was a variable assigns what is a constant now.
  const text = raw.replace(
    /^Cannot assign to read only property '([\p{L}\p{N}_$]+)\$1' of object '#<Object>'$/u,
    "Assignment to constant variable '$1'.",
  );
  if (!text.includes('$$')) return text;
  return text
    .replaceAll(/\(0 , (.+?)\)(?= is not)/gu, '$1')
    .replaceAll(/\$\$+([\p{L}\p{N}_$]+?)\$\d+(?:\.\1\$\d+)?/gu, '$1')
    .replaceAll(/\$\$+\d+\./gu, '');
}

function clip(whole: string): string {
  const text = cleanMessage(whole);
  return text.length <= MAX_MESSAGE
    ? text
    : `${text.slice(0, MAX_MESSAGE)}… (${text.length - MAX_MESSAGE} more characters)`;
}

function traceback(thrown: unknown, depth: number, seen: Set<unknown>): string[] {
  const { name, message } = nameAndMessage(thrown);
  const lines = [`${BOLD_RED}${name}${RESET}${message === '' ? '' : `: ${message}`}`];
  if (!isError(thrown)) return lines;
  seen.add(thrown);
  const frames = guard(() => (calmProperty(thrown, 'stack') === undefined ? [] : framesOf(thrown)), []);
  const place = syntaxErrorPlace(thrown);
  lines.push(...codeFrame(thrown, frames));
  if (place && !/^cell \d/u.test(place.file))
    lines.push(`    ${DIM}at${RESET} ${shownPath(place.file)}:${place.line}:${place.column}`);
  lines.push(...stackLines(frames), ...extraProperties(thrown), ...decoratorHint(frames));

  const errors = guard(() => calmProperty(thrown, 'errors'), undefined);
  if (Array.isArray(errors) && !types.isProxy(errors) && depth < MAX_DEPTH) {
    for (const [index, inner] of errors.slice(0, MAX_DEPTH).entries()) {
      lines.push('', `${DIM}error ${index + 1} of ${errors.length}:${RESET}`);
      lines.push(...nested(inner, depth, seen));
    }
  }
  const cause = guard(() => calmProperty(thrown, 'cause'), undefined);
  if (cause !== undefined && depth < MAX_DEPTH) {
    lines.push('', `${DIM}caused by:${RESET}`, ...nested(cause, depth, seen));
  }
  return lines;
}

function nested(inner: unknown, depth: number, seen: Set<unknown>): string[] {
  if (seen.has(inner)) return ['(an error shown above)'];
  return traceback(inner, depth + 1, seen);
}

function stackLines(frames: StackFrame[]): string[] {
  // Below the last frame of a cell is only what called the cell.
  const last = frames.findLastIndex((frame) => frame.compiled);
  const shown = (last === -1 ? frames : frames.slice(0, last + 1)).filter(
    (frame) => !frame.internal && !isDecoratorHelper(frame),
  );
  const lines = shown.slice(0, MAX_FRAMES).map((frame) => `    ${DIM}at${RESET} ${frame.text}`);
  if (shown.length > MAX_FRAMES) lines.push(`    ${DIM}… ${shown.length - MAX_FRAMES} more${RESET}`);
  return lines;
}

/** Helpers that swc adds to call decorators of the two kinds. */
const LEGACY_HELPER = /^(?:_ts_decorate|_ts_param)\b/u;
const STANDARD_HELPER = /^(?:_apply_decs_\w+|applyDec|applyMemberDecs)\b/u;

function isDecoratorHelper({ compiled, text }: StackFrame): boolean {
  return compiled && (LEGACY_HELPER.test(text) || STANDARD_HELPER.test(text));
}

/** Of an error that a decorator threw: there are two kinds, which are called with different arguments. */
function decoratorHint(frames: readonly StackFrame[]): string[] {
  const helper = frames.find(isDecoratorHelper);
  if (!helper) return [];
  const text = LEGACY_HELPER.test(helper.text)
    ? 'tsconfig.json sets experimentalDecorators, so the decorator received (target, key, descriptor); if it expects the arguments of a standard decorator (value, context), remove that option'
    : 'the decorator received the arguments of a standard decorator (value, context); if it expects those of a legacy one (target, key, descriptor), as in class-validator, TypeORM and NestJS, put  { "compilerOptions": { "experimentalDecorators": true, "emitDecoratorMetadata": true } }  into tsconfig.json of the notebook folder';
  return [`hint: ${text}`];
}

/** Two lines before, the line, and a caret under the column. */
function codeFrame(error: Error, frames: StackFrame[]): string[] {
  // Of a file that cannot be parsed, the file's line and not that of its import.
  const place =
    syntaxErrorPlace(error) ??
    frames.find((candidate) => candidate.compiled && !isDecoratorHelper(candidate));
  if (!place) return [];
  const text = guard(() => sourceText(place.file) ?? fileText(place.file), undefined);
  const rows = text?.split(/\r?\n/u);
  if (!rows || place.line < 1 || place.line > rows.length) return [];
  const from = Math.max(1, place.line - 2);
  const width = String(place.line + 1).length;
  const lines: string[] = [];
  for (let number = from; number <= Math.min(rows.length, place.line + 1); number++) {
    const row = rows[number - 1];
    if (row === undefined || row.length > 400) return [];
    const mark = number === place.line ? `${RED}>${RESET}` : ' ';
    lines.push(`${mark} ${DIM}${String(number).padStart(width)} |${RESET} ${row}`.trimEnd());
    if (number === place.line) {
      const pad = row.slice(0, place.column - 1).replaceAll(/[^\t]/gu, ' ');
      lines.push(`  ${' '.repeat(width)} ${DIM}|${RESET} ${pad}${RED}^${RESET}`);
    }
  }
  return lines;
}

/** Text of a file on the disk: packages, and files that the parser could not read. */
function fileText(file: string): string | undefined {
  return isAbsolute(file) ? readFileSync(file, 'utf8') : undefined;
}

/** V8 puts `file:line` on the first row of the stack of a syntax error found while compiling a script. */
function syntaxErrorPlace(error: Error): { file: string; line: number; column: number } | undefined {
  if (calmProperty(error, 'name') !== 'SyntaxError') return undefined;
  const rows = guard(() => String(calmProperty(error, 'stack')).split('\n', 3), []);
  const match = /^(?<file>.+):(?<line>\d+)$/u.exec(rows[0] ?? '');
  const { file: written, line: number } = match?.groups ?? {};
  if (written === undefined) return undefined;
  const file = written.startsWith('file:') ? guard(() => fileURLToPath(written), written) : written;
  const line = Number(number);
  const column = Math.max(1, (rows[2]?.indexOf('^') ?? 0) + 1);
  return { file, ...(originalPosition(file, line, column) ?? { line, column }) };
}

const SHOWN_ELSEWHERE = new Set(['name', 'message', 'stack', 'cause', 'errors', 'domain', 'domainThrown']);

/** Our errors, whose message is complete. */
const OWN_ERRORS = new Set(['TensorflowError', 'ModuleNotFoundError', 'InputError']);

/** `code`, `path`, `status`…: what libraries add to their errors. */
function extraProperties(error: Error): string[] {
  if (OWN_ERRORS.has(String(calmProperty(error, 'name')))) return [];
  // A local file that cannot be compiled: the message holds its lines.
  if (calmProperty(error, 'code') === 'syntax' && Object.hasOwn(error, 'frame')) return [];
  const entries: [string, unknown][] = [];
  for (const key of guard(() => Object.keys(error), [])) {
    if (SHOWN_ELSEWHERE.has(key)) continue;
    const property = Object.getOwnPropertyDescriptor(error, key);
    if (property && 'value' in property && property.value !== undefined) entries.push([key, property.value]);
  }
  if (entries.length === 0) return [];
  // Not assignments: a property named `__proto__` would set the prototype.
  const text = show(Object.fromEntries(entries));
  return text.length > 2000 ? [] : [text];
}
