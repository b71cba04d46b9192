/** From the server's findings to what a reader of a notebook needs. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Diagnostic as ServerDiagnostic } from 'vscode-languageserver-protocol';
import type { Diagnostic } from '../../contracts/language-service.ts';
import type { Refusal } from './declarations.ts';
import { withoutOwnNames } from './own-names.ts';

/**
 * Findings that are never shown, and why. Hints (unused names, `await` that is not needed, deprecations) are not in
 * the list: only errors and warnings are shown at all.
 */
export const DROPPED: Readonly<Record<number, string>> = {
  1375: 'top-level await is allowed in a cell',
  1378: 'top-level await is allowed in a cell',
  1432: 'top-level for await is allowed in a cell',
  2300: 'a name that is declared twice in one cell is a syntax error, which the compiler reports',
  2451: 'a name that is declared twice in one cell is a syntax error, which the compiler reports',
  2528: 'exports of a cell mean nothing',
  2539: 'functions and classes of earlier cells may be assigned, as within one cell',
  2630: 'functions may be assigned',
  2632: 'functions and classes of earlier cells are imported for the checker only (see `asRefused` for the rest)',
  2686: 'names such as tf are global in a notebook',
  2695: 'a value that is computed for show, as in `a, b`',
  5097: 'imports may end in .ts',
  6059: 'there is no root folder',
  7016: 'a package without types is any',
};

/** Errors that mean "there are no types for this file", when the file is there and loads. */
const UNTYPED_MODULE = new Set([2307, 2792, 2691, 2732, 7016]);

/** Longer texts are cut in the middle of a type, where they say nothing any more. */
const MESSAGE_LIMIT = 400;

export interface DiagnosticContext {
  execution: number;
  /** Lines of the cell; the document has one more before it, and some after. */
  lines: number;
  text: string;
  directory: string;
  /** Names that may not be assigned, and why. */
  refusals?: ReadonlyMap<string, Refusal>;
}

/** Selects the findings to show, in the order of the text, each once. */
export function selectDiagnostics(
  found: readonly ServerDiagnostic[],
  { execution, lines, text, directory, refusals }: DiagnosticContext,
): Diagnostic[] {
  const seen = new Set<string>();
  const lastColumn = text.split('\n')[lines]?.length ?? 0;
  return found
    .map((one) => asRefused(one, refusals))
    .filter(
      ({ severity, code }) => (severity ?? 1) <= 2 && !(Number(code) in DROPPED && code !== IMPORT_REFUSED),
    )
    .filter(({ range }) => range.start.line >= 1 && range.start.line <= lines)
    .filter(({ code, message }) => !(UNTYPED_MODULE.has(Number(code)) && loadsAnyway(message, directory)))
    .map(({ severity, code, message, range }): Diagnostic => ({
      severity: severity === 2 ? 'warning' : 'error',
      code: Number(code),
      message: shortMessage(textOf(message)),
      start: { line: range.start.line - 1, column: range.start.character },
      end: endWithin(range.end.line - 1, range.end.character, lines, lastColumn),
      execution,
    }))
    .filter(({ code, message, start }) => {
      const key = `${start.line}:${start.column}:${code}:${message}`;
      return !seen.has(key) && seen.add(key);
    })
    .sort((a, b) => a.start.line - b.start.line || a.start.column - b.start.column);
}

/** A number of TS2632 that is shown. */
const IMPORT_REFUSED = '2632';

/** Of an assignment to a name that the checker sees as an import: what it is in truth. */
function asRefused(one: ServerDiagnostic, refusals: DiagnosticContext['refusals']): ServerDiagnostic {
  if (Number(one.code) !== 2632) return one;
  const name = /'([^']+)'/.exec(textOf(one.message))?.[1];
  const refusal = name === undefined ? undefined : refusals?.get(name);
  if (!refusal) return one;
  return {
    ...one,
    code: String(refusal.code),
    message: `Cannot assign to '${name}' because it is ${refusal.words}.`,
  };
}

function textOf(message: ServerDiagnostic['message']): string {
  return typeof message === 'string' ? message : message.value;
}

/** An error about something that is never closed may reach behind the cell. */
function endWithin(line: number, column: number, lines: number, lastColumn: number): Diagnostic['end'] {
  return line < lines ? { line, column } : { line: lines - 1, column: lastColumn };
}

/** Files that the runtime process imports as text or data, and packages named in Deno's way. */
function loadsAnyway(message: ServerDiagnostic['message'], directory: string): boolean {
  const specifier = /'([^']+)'/.exec(textOf(message))?.[1];
  if (specifier === undefined) return false;
  if (/^(?:npm|data|https?|file):/.test(specifier)) return true;
  return /^\.{0,2}\//.test(specifier) && existsSync(resolve(directory, specifier));
}

/**
 * The first sentence and the last reason of a chain; no paths of our documents; types cut where they say nothing
 * any more.
 */
export function shortMessage(message: string): string {
  const chain = withoutOwnNames(message)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const first = chain[0] ?? message;
  const last = chain.at(-1) ?? first;
  const said = first === last ? first : `${first.replace(/\.$/, '')}: ${last}`;
  if (said.length <= MESSAGE_LIMIT) return said;
  return said.replace(/'([^']{120})[^']*'/g, "'$1…'").slice(0, 2 * MESSAGE_LIMIT);
}
