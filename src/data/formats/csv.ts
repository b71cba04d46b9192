import type { FilePath } from '../../base/files/index.ts';
import { DataFormatError, readTextFile } from './format-error.ts';

export interface CsvOptions {
  /** The separator of cells. Default: a comma; a tab for files that end with `.tsv`. */
  separator?: string;
  /** Names of the columns, where the first line does not have them. */
  columns?: readonly string[];
  /** Cells that mean that nothing is known; they become null. Default: empty ones, NA, NaN, null. */
  missing?: readonly string[];
}

export type CsvCell = string | number | null;
export type CsvRow = Record<string, CsvCell>;

export const MISSING: readonly string[] = ['', 'NA', 'NaN', 'nan', 'null'];
export const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Reads a table of comma-separated values (RFC 4180) as an array with an object for each row. A column of which every
 * known cell is a number holds numbers, all others text.
 *
 * @throws DataFormatError for a row with more or fewer cells than there are columns, and for an open quote.
 */
export function readCsv(file: FilePath, options: CsvOptions = {}): CsvRow[] {
  const name = String(file);
  const separator = options.separator ?? (name.endsWith('.tsv') ? '\t' : ',');
  return parseCsv(readTextFile(file), { ...options, separator }, name);
}

/** The same for text that is there already. */
export function parseCsv(text: string, options: CsvOptions = {}, name = 'the text'): CsvRow[] {
  const lines = csvCells(text.replace(/^\uFEFF/, ''), options.separator ?? ',', name);
  const columns = options.columns ?? lines.shift() ?? [];
  const missing = new Set(options.missing ?? MISSING);
  for (const [index, line] of lines.entries()) {
    if (line.length !== columns.length) {
      throw new DataFormatError(
        `${name}: row ${index + 1} has ${line.length} cells, but there are ${columns.length} columns (${columns.join(', ')})`,
      );
    }
  }
  const numeric = columns.map((_, column) => {
    const known = lines.map((line) => line[column] as string).filter((cell) => !missing.has(cell));
    return known.length > 0 && known.every((cell) => NUMBER.test(cell));
  });
  return lines.map((line) =>
    Object.fromEntries(
      columns.map((column, index) => {
        const cell = line[index] as string;
        return [column, missing.has(cell) ? null : numeric[index] === true ? Number(cell) : cell];
      }),
    ),
  );
}

/**
 * Lines of cells, as text. Quotes protect separators, line ends and, doubled, quotes. Empty lines are left out.
 *
 * @throws DataFormatError for a quote that is never closed.
 */
export function csvCells(text: string, separator: string, name: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  const separatorCode = separator.charCodeAt(0);
  let at = 0;
  while (at < text.length) {
    let cell = '';
    // Most cells are not quoted and are one piece of the text; what follows a closing quote belongs to the cell.
    while (text.charCodeAt(at) === QUOTE && cell === '') {
      const [inside, next] = quotedCell(text, at, lines.length, name);
      cell = inside;
      at = next;
    }
    const start = at;
    let code = Number.NaN;
    for (; at < text.length; at++) {
      code = text.charCodeAt(at);
      if (code === separatorCode || code === NEWLINE || code === RETURN) break;
    }
    if (at > start) cell += text.slice(start, at);
    const ended = at >= text.length;
    at += 1;
    if (!ended && code === separatorCode) {
      line.push(cell);
      continue;
    }
    if (code === RETURN && text.charCodeAt(at) === NEWLINE) at += 1;
    if (cell !== '' || line.length > 0) lines.push([...line, cell]);
    line = [];
  }
  // The text ended with a separator.
  if (line.length > 0) lines.push([...line, '']);
  return lines;
}

const QUOTE = 0x22;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** The text of a cell whose opening quote is at `open`, and where its closing quote ends. */
function quotedCell(text: string, open: number, row: number, name: string): [cell: string, next: number] {
  let cell = '';
  for (let from = open + 1; ;) {
    const close = text.indexOf('"', from);
    if (close < 0) throw new DataFormatError(`${name}: a quote is opened in row ${row} and never closed`);
    cell += text.slice(from, close);
    if (text.charCodeAt(close + 1) !== QUOTE) return [cell, close + 1];
    cell += '"';
    from = close + 2;
  }
}
