import { closeSync, openSync, readSync } from 'node:fs';
import { openRegular } from '../../base/files/index.ts';
import { csvCells, NUMBER } from '../formats/csv.ts';
import { DataFormatError } from '../formats/format-error.ts';
import { openParquet } from '../formats/parquet.ts';
import { MOST_CLASSES } from './jobs.ts';
import type { Answers, ColumnSurvey, Encoding, SharedTable, TableChunk, TablePlan } from './jobs.ts';

/** Bytes of CSV that are decoded at once, about. */
const CSV_CHUNK = 4 * 2 ** 20;
const READ = 2 ** 20;

const QUOTE = 0x22;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Where the rows of a CSV file lie: only bytes are looked at, and a newline within quotes ends no row. */
interface RowScan {
  /** Ends of chunks of whole rows, with their rows. */
  ends: { end: number; rows: number }[];
  /** Where the line of names ends; negative where the file has none. */
  namesEnd: number;
}

/** @param named whether the first row has the names. @throws DataFormatError for an open quote. */
function scanRows(handle: number, file: string, separatorByte: number, named: boolean): RowScan {
  const buffer = Buffer.alloc(READ);
  const ends: RowScan['ends'] = [];
  let quoted = false;
  /** A quote was seen within quotes: an end, or the first of two. */
  let pending = false;
  let emptyCell = true;
  let emptyLine = true;
  let rows = 0;
  let last = 0;
  let offset = 0;
  let namesEnd = named ? -1 : 0;
  const endRow = (end: number): void => {
    if (!emptyLine && namesEnd < 0) {
      namesEnd = end;
      last = end;
    } else if (!emptyLine) rows += 1;
    if (end - last >= CSV_CHUNK) {
      ends.push({ end, rows });
      last = end;
      rows = 0;
    }
    emptyLine = true;
    emptyCell = true;
  };
  for (;;) {
    const size = readSync(handle, buffer, 0, READ, offset);
    if (size === 0) break;
    let at = offset === 0 && buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf ? 3 : 0;
    for (; at < size; at++) {
      const byte = buffer[at];
      if (quoted && !pending) {
        if (byte === QUOTE) pending = true;
        else emptyCell = false;
        continue;
      }
      if (pending) {
        pending = false;
        if (byte === QUOTE) {
          emptyCell = false;
          continue;
        }
        quoted = false;
      }
      if (byte === QUOTE && emptyCell) {
        quoted = true;
        emptyLine = false;
      } else if (byte === NEWLINE) endRow(offset + at + 1);
      else if (byte === separatorByte) {
        emptyCell = true;
        emptyLine = false;
      } else if (byte !== RETURN) {
        emptyCell = false;
        emptyLine = false;
      }
    }
    offset += size;
  }
  if (quoted && !pending) throw new DataFormatError(`${file}: a quote is opened and never closed`);
  if (!emptyLine) endRow(offset);
  if (last < offset) ends.push({ end: offset, rows });
  return { ends, namesEnd };
}

/**
 * Cuts a CSV file into chunks of whole rows.
 *
 * @param columns names, where the first row does not have them. @throws DataFormatError for an open quote.
 */
export function scanCsv(
  file: string,
  separator: string,
  columns: string[] | undefined,
  missing: string[],
): Answers['csv-scan'] {
  const { descriptor: handle } = openRegular(file);
  try {
    const { ends, namesEnd } = scanRows(handle, file, separator.charCodeAt(0), columns === undefined);
    const names =
      columns ??
      csvCells(readText(handle, 0, Math.max(0, namesEnd)).replace(/^\uFEFF/, ''), separator, file)[0] ??
      [];
    let start = Math.max(0, namesEnd);
    let firstRow = 1;
    const chunks = ends.map(({ end, rows }) => {
      const common = { format: 'csv' as const, file, separator, columns: names, missing };
      const chunk = { ...common, start, end, firstRow, rows };
      start = end;
      firstRow += rows;
      return chunk;
    });
    return { columns: names, chunks: chunks.filter((chunk) => chunk.rows > 0) };
  } finally {
    closeSync(handle);
  }
}

function readText(handle: number, start: number, end: number): string {
  const bytes = Buffer.alloc(end - start);
  let read = 0;
  while (read < bytes.length) {
    const size = readSync(handle, bytes, read, bytes.length - read, start + read);
    if (size === 0) break;
    read += size;
  }
  return bytes.toString('utf8', 0, read);
}

interface ChunkColumns {
  rows: number;
  /** Number of the first row in the file, from 1. */
  firstRow: number;
  /** null where nothing is known; CSV has text only. */
  columns: (readonly unknown[])[];
}

async function readChunk(chunk: TableChunk, wanted: readonly string[]): Promise<ChunkColumns> {
  if (chunk.format === 'parquet') {
    const parquet = await openParquet(chunk.file);
    try {
      const rows = chunk.to - chunk.from;
      const columns = wanted.map(() => Array.from<unknown>({ length: rows }));
      await parquet.read(wanted, chunk.from, chunk.to, (name, from, values) => {
        const column = columns[wanted.indexOf(name)] as unknown[];
        for (let at = 0; at < values.length; at++) column[from - chunk.from + at] = values[at];
      });
      return { rows, firstRow: chunk.from + 1, columns };
    } finally {
      await parquet.close();
    }
  }
  const handle = openSync(chunk.file, 'r');
  let text: string;
  try {
    text = readText(handle, chunk.start, chunk.end);
  } finally {
    closeSync(handle);
  }
  const lines = csvCells(chunk.start === 0 ? text.replace(/^\uFEFF/, '') : text, chunk.separator, chunk.file);
  for (const [index, line] of lines.entries()) {
    if (line.length !== chunk.columns.length) {
      throw new DataFormatError(
        `${chunk.file}: row ${chunk.firstRow + index} has ${line.length} cells, but there are ${chunk.columns.length} columns (${chunk.columns.join(', ')})`,
      );
    }
  }
  const missing = new Set(chunk.missing);
  return {
    rows: lines.length,
    firstRow: chunk.firstRow,
    columns: wanted.map((name) => {
      const index = chunk.columns.indexOf(name);
      return lines.map((line) => {
        const cell = line[index] as string;
        return missing.has(cell) ? null : cell;
      });
    }),
  };
}

/** A cell as a number, where it is one. Truth values are 0 and 1. CSV has text only: there it may be a number's. */
function numberOf(cell: unknown, format: TableChunk['format']): number | undefined {
  switch (typeof cell) {
    case 'number':
      return cell;
    case 'bigint':
    case 'boolean':
      return Number(cell);
    case 'string':
      return format === 'csv' && NUMBER.test(cell) ? Number(cell) : undefined;
    default:
      return undefined;
  }
}

function isMissing(cell: unknown): boolean {
  return cell === null || cell === undefined || (typeof cell === 'number' && Number.isNaN(cell));
}

/** Statistics of the columns of one chunk. */
export async function surveyChunk(chunk: TableChunk, wanted: readonly string[]): Promise<ColumnSurvey[]> {
  const { columns, firstRow } = await readChunk(chunk, wanted);
  return columns.map((column) => {
    const survey: ColumnSurvey = {
      numbers: 0,
      texts: 0,
      others: 0,
      missing: 0,
      firstMissingRow: 0,
      sum: 0,
      squares: 0,
      classes: undefined,
    };
    let classes: Set<string> | undefined = new Set();
    for (let row = 0; row < column.length; row++) {
      const cell = column[row];
      if (isMissing(cell)) {
        if (survey.missing === 0) survey.firstMissingRow = firstRow + row;
        survey.missing += 1;
        continue;
      }
      const number = numberOf(cell, chunk.format);
      if (number !== undefined) {
        survey.numbers += 1;
        survey.sum += number;
        survey.squares += number * number;
      } else if (typeof cell === 'string') survey.texts += 1;
      else survey.others += 1;
      if (classes !== undefined && (number !== undefined || typeof cell === 'string')) {
        classes.add(String(cell));
        if (classes.size > MOST_CLASSES) classes = undefined;
      }
    }
    survey.classes = classes === undefined ? undefined : [...classes];
    return survey;
  });
}

/**
 * Decodes one chunk into memory that all threads share.
 *
 * @throws DataFormatError for an empty cell, unless the plan gives a value for such cells.
 */
export async function decodeChunk(chunk: TableChunk, plan: TablePlan): Promise<SharedTable> {
  const wanted = [...new Set([...plan.xs, ...plan.ys].map(({ column }) => column))];
  const { rows, firstRow, columns } = await readChunk(chunk, wanted);
  const encode = (encodings: readonly Encoding[]): SharedArrayBuffer => {
    const width = encodings.length;
    const memory = new SharedArrayBuffer(rows * width * 4);
    const values = new Float32Array(memory);
    for (const [offset, encoding] of encodings.entries()) {
      const column = columns[wanted.indexOf(encoding.column)] as readonly unknown[];
      const places =
        encoding.kind === 'number'
          ? undefined
          : new Map(encoding.classes.map((name, index) => [name, index] as const));
      for (let row = 0; row < rows; row++) {
        const cell = column[row];
        const at = row * width + offset;
        if (isMissing(cell)) {
          if (plan.missing === 'error') {
            throw new DataFormatError(
              `${chunk.file}: row ${firstRow + row} has no ${encoding.column}: set a replacement, with missing: 0, or leave the column out`,
            );
          }
          // No class at all: no column of it is 1.
          values[at] = encoding.kind === 'oneHot' ? -1 : plan.missing;
        } else if (encoding.kind === 'number') {
          const number = numberOf(cell, chunk.format);
          if (number === undefined) {
            throw new DataFormatError(
              `${chunk.file}: row ${firstRow + row}: ${encoding.column} is ${JSON.stringify(cell)}, which is not a number`,
            );
          }
          values[at] = (number - encoding.mean) / encoding.deviation;
        } else {
          const place = places?.get(String(cell)) ?? -1;
          if (place < 0) {
            throw new DataFormatError(
              `${chunk.file}: row ${firstRow + row}: ${encoding.column} is ${JSON.stringify(String(cell))}, which was not there when the file was opened`,
            );
          }
          values[at] = place;
        }
      }
    }
    return memory;
  };
  return { rows, xs: encode(plan.xs), ys: encode(plan.ys) };
}
