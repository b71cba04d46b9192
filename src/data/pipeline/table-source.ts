import { freemem } from 'node:os';
import { progress } from '../../training/progress.ts';
import { MISSING } from '../formats/csv.ts';
import { DataFormatError } from '../formats/format-error.ts';
import { openParquet } from '../formats/parquet.ts';
import { BAR_AFTER_MS } from './file-dataset.ts';
import { MOST_CLASSES } from './jobs.ts';
import type { BatchParts, ColumnSurvey, Encoding, SharedTable, TableChunk, TablePlan } from './jobs.ts';
import type { BatchRows } from './order.ts';
import type { Source } from './source.ts';
import { runJob } from './workers.ts';
import { formatBytes } from '../../base/text/bytes.ts';

export interface TableOptions {
  /** Columns that `xs` is made of. Default: all that hold numbers, but the label. Text becomes one column for each class. */
  features?: readonly string[];
  /** The column, or columns, that `ys` is made of. */
  label?: string | readonly string[];
  /** Labels of text: a column for each class (default), or the class's number in one column. */
  labels?: 'oneHot' | 'index';
  /** Subtracts the mean of each feature of numbers, and divides by its standard deviation. */
  normalize?: boolean;
  /** The number for cells in which nothing is known (after normalizing: 0 is the mean). Without it, they are refused. */
  missing?: number;
}

export interface CsvTableOptions extends TableOptions {
  /** The separator of cells. Default: a comma; a tab for files that end with `.tsv`. */
  separator?: string;
  /** Names of the columns, where the first line does not have them. */
  columns?: readonly string[];
  /** Cells that mean that nothing is known. Default: empty ones, NA, NaN, null. */
  unknown?: readonly string[];
}

interface Table {
  columns: string[];
  chunks: { chunk: TableChunk; rows: number }[];
}

async function csvTable(file: string, options: CsvTableOptions): Promise<Table> {
  const separator = options.separator ?? (file.endsWith('.tsv') ? '\t' : ',');
  if (separator.length !== 1 || separator.charCodeAt(0) > 127) {
    throw new RangeError(`the separator ${JSON.stringify(separator)} is not one ASCII character`);
  }
  const { columns, chunks } = await runJob<'csv-scan'>({
    kind: 'csv-scan',
    file,
    separator,
    columns: options.columns && [...options.columns],
    missing: [...(options.unknown ?? MISSING)],
  });
  return { columns, chunks: chunks.map(({ rows, ...chunk }) => ({ rows, chunk })) };
}

async function parquetTable(file: string): Promise<Table> {
  const parquet = await openParquet(file);
  await parquet.close();
  let from = 0;
  const chunks = parquet.groups.map((rows) => {
    const chunk: TableChunk = { format: 'parquet', file, from, to: from + rows };
    from += rows;
    return { rows, chunk };
  });
  return { columns: parquet.columns, chunks: chunks.filter(({ rows }) => rows > 0) };
}

/**
 * Opens tables, one after another: finds their rows, and has threads look at the columns that are used.
 *
 * @throws DataFormatError for files that are damaged or whose columns differ; RangeError for columns that are not there.
 */
export async function tableSource(
  files: readonly string[],
  format: 'csv' | 'parquet',
  options: CsvTableOptions,
): Promise<Source> {
  if (files.length === 0) throw new RangeError('no files: name at least one');
  const tables: Table[] = [];
  for (const file of files)
    tables.push(await (format === 'csv' ? csvTable(file, options) : parquetTable(file)));
  const first = tables[0] as Table;
  for (const [index, table] of tables.entries()) {
    if (table.columns.join('\n') !== first.columns.join('\n')) {
      throw new DataFormatError(
        `${files[index] as string} has other columns (${table.columns.join(', ')}) than ${files[0] as string} (${first.columns.join(', ')})`,
      );
    }
  }
  const chunks = tables.flatMap((table) => table.chunks);
  const name = files.length === 1 ? (files[0] as string) : `${files.length} files`;
  if (chunks.length === 0) throw new DataFormatError(`${name} has no rows`);
  const labels = options.label === undefined ? [] : [options.label].flat();
  for (const column of [...(options.features ?? []), ...labels]) {
    if (!first.columns.includes(column)) {
      throw new RangeError(`${name} has no column '${column}': it has ${first.columns.join(', ')}`);
    }
  }
  const candidates = [...(options.features ?? first.columns.filter((one) => !labels.includes(one)))];
  const used = [...new Set([...candidates, ...labels])];
  const surveys = await survey(name, chunks, used);
  const of = (column: string): ColumnSurvey => surveys[used.indexOf(column)] as ColumnSurvey;
  const features =
    options.features ??
    candidates.filter((one) => of(one).texts + of(one).others === 0 && of(one).numbers > 0);
  if (features.length === 0) {
    throw new RangeError(`${name} has no numeric column: name features; text columns become classes`);
  }
  const encode = (column: string, feature: boolean): Encoding => {
    const seen = of(column);
    if (seen.others > 0) {
      throw new RangeError(
        `${name}: ${column} holds dates, lists or bytes: make numbers or text of them before training`,
      );
    }
    if (seen.missing > 0 && options.missing === undefined) {
      throw new DataFormatError(
        `${name}: ${column} is missing in ${seen.missing} rows, first in row ${seen.firstMissingRow}: set a replacement, with missing: 0, or leave the column out`,
      );
    }
    if (seen.texts === 0) {
      const mean = seen.sum / (seen.numbers || 1);
      const deviation = Math.sqrt(Math.max(0, seen.squares / (seen.numbers || 1) - mean * mean));
      const normal = feature && options.normalize === true;
      return { kind: 'number', column, mean: normal ? mean : 0, deviation: (normal && deviation) || 1 };
    }
    if (seen.classes === undefined) {
      throw new RangeError(
        `${name}: ${column} is text with more than ${MOST_CLASSES} distinct values: convert it to numbers yourself`,
      );
    }
    const classes = seen.classes.toSorted();
    return { kind: feature || options.labels !== 'index' ? 'oneHot' : 'index', column, classes };
  };
  const plan: TablePlan = {
    xs: features.map((column) => encode(column, true)),
    ys: labels.map((column) => encode(column, false)),
    missing: options.missing ?? 'error',
  };
  return new TableSource(name, chunks, plan);
}

/** Statistics of the columns over all chunks, with a bar if that takes long. */
async function survey(
  name: string,
  chunks: readonly { chunk: TableChunk }[],
  columns: string[],
): Promise<ColumnSurvey[]> {
  const jobs = chunks.map(async ({ chunk }) => runJob<'survey'>({ kind: 'survey', chunk, columns }));
  for (const job of jobs) job.catch(() => undefined);
  const all: ColumnSurvey[][] = [];
  const each = async function* each(): AsyncGenerator<ColumnSurvey[]> {
    for (const job of jobs) yield await job;
  };
  const label = `scanning ${name}`;
  for await (const one of progress(each(), { label, total: jobs.length, delayMs: BAR_AFTER_MS }))
    all.push(one);
  return columns.map((_, index) => all.map((one) => one[index] as ColumnSurvey).reduce(together));
}

function together(a: ColumnSurvey, b: ColumnSurvey): ColumnSurvey {
  const classes = a.classes && b.classes && new Set([...a.classes, ...b.classes]);
  return {
    numbers: a.numbers + b.numbers,
    texts: a.texts + b.texts,
    others: a.others + b.others,
    missing: a.missing + b.missing,
    firstMissingRow: a.missing > 0 ? a.firstMissingRow : b.firstMissingRow,
    sum: a.sum + b.sum,
    squares: a.squares + b.squares,
    classes: classes && classes.size <= MOST_CLASSES ? [...classes] : undefined,
  };
}

/** How many classes an encoding makes columns of; 0 where the number itself is the column. */
function encodedWidth(one: Encoding): number {
  return one.kind === 'oneHot' ? one.classes.length : 0;
}

function names(encodings: readonly Encoding[]): string[] {
  return encodings.flatMap((one) =>
    one.kind === 'oneHot' ? one.classes.map((value) => `${one.column}=${value}`) : [one.column],
  );
}

class TableSource implements Source {
  readonly name: string;
  readonly chunks: readonly number[];
  readonly columns: readonly string[];
  readonly #parts: readonly { chunk: TableChunk; rows: number }[];
  readonly #plan: TablePlan;
  /** Classes of each column; 0 for numbers. */
  readonly #widths: { xs: number[]; ys: number[] };
  readonly #kept: Map<number, Promise<SharedTable>> | undefined;

  constructor(
    name: string,
    parts: readonly { chunk: TableChunk; rows: number }[],
    plan: TablePlan,
    kept?: Map<number, Promise<SharedTable>>,
  ) {
    this.name = name;
    this.#parts = parts;
    this.#plan = plan;
    this.#kept = kept;
    this.chunks = parts.map(({ rows }) => rows);
    this.columns = names(plan.xs);
    this.#widths = { xs: plan.xs.map(encodedWidth), ys: plan.ys.map(encodedWidth) };
  }

  get classes(): readonly string[] | undefined {
    const [label, more] = this.#plan.ys;
    return label === undefined || more !== undefined || label.kind === 'number' ? undefined : label.classes;
  }

  async open(chunk: number): Promise<SharedTable> {
    const known = this.#kept?.get(chunk);
    if (known !== undefined) return known;
    const part = this.#parts[chunk] as { chunk: TableChunk };
    const table = runJob<'decode'>({ kind: 'decode', chunk: part.chunk, plan: this.#plan });
    this.#kept?.set(chunk, table);
    table.catch(() => this.#kept?.delete(chunk));
    return table;
  }

  async batch(rows: BatchRows, opened: ReadonlyMap<number, Promise<SharedTable>>): Promise<BatchParts> {
    const numbers = [...new Set(rows.chunk)];
    const tables = await Promise.all(numbers.map(async (chunk) => opened.get(chunk) ?? this.open(chunk)));
    const place = new Map(numbers.map((chunk, index) => [chunk, index]));
    return runJob<'gather'>({
      kind: 'gather',
      tables,
      table: rows.chunk.map((chunk) => place.get(chunk) as number),
      row: rows.row,
      columns: this.#widths,
    });
  }

  cached(): Source {
    if (this.#kept !== undefined) return this;
    const rows = this.chunks.reduce((sum, count) => sum + count, 0);
    refuseTooLarge(this.name, rows * (this.#plan.xs.length + this.#plan.ys.length) * 4);
    return new TableSource(this.name, this.#parts, this.#plan, new Map());
  }
}

/** @throws RangeError for more bytes than the machine has free. */
export function refuseTooLarge(name: string, bytes: number): void {
  const free = freemem();
  if (bytes <= free) return;
  throw new RangeError(
    `cache(): ${name} takes ${formatBytes(bytes)} when it is decoded, and only ${formatBytes(free)} of memory are free: leave cache() out`,
  );
}
