import { readFileSync } from 'node:fs';
import { DataFormatError } from './idx.ts';

export interface CsvOptions {
  /** What stands between cells. Default: a comma; a tab for files that end with `.tsv`. */
  separator?: string;
  /** Names of the columns, where the first line does not have them. */
  columns?: readonly string[];
  /** Cells that mean that nothing is known; they become null. Default: empty ones, NA, NaN, null. */
  missing?: readonly string[];
}

export type CsvCell = string | number | null;
export type CsvRow = Record<string, CsvCell>;

const MISSING = ['', 'NA', 'NaN', 'nan', 'null'];
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Reads a table of comma-separated values (RFC 4180) as an array with an object for each row. A column of which every
 * known cell is a number holds numbers, all others text.
 *
 * @throws DataFormatError for a row with more or fewer cells than there are columns, and for an open quote.
 */
export function readCsv(file: string | URL, options: CsvOptions = {}): CsvRow[] {
  const name = String(file);
  const separator = options.separator ?? (name.endsWith('.tsv') ? '\t' : ',');
  return parseCsv(readFileSync(file, 'utf8'), { ...options, separator }, name);
}

/** The same for text that is there already. */
export function parseCsv(text: string, options: CsvOptions = {}, name = 'the text'): CsvRow[] {
  const lines = cells(text.replace(/^\uFEFF/, ''), options.separator ?? ',', name);
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

/** Lines of cells. Quotes protect separators, line ends and, doubled, quotes. Empty lines are left out. */
function cells(text: string, separator: string, name: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"' && cell === '') quoted = true;
    else if (char === separator) {
      line.push(cell);
      cell = '';
    } else if (char === '\n' || char === '\r') {
      if (char === '\r' && text[at + 1] === '\n') at += 1;
      if (cell !== '' || line.length > 0) lines.push([...line, cell]);
      line = [];
      cell = '';
    } else cell += char;
  }
  if (quoted) throw new DataFormatError(`${name}: a quote is opened in row ${lines.length} and never closed`);
  if (cell !== '' || line.length > 0) lines.push([...line, cell]);
  return lines;
}
