import { setOwn } from '../../base/own-property.ts';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as flechetteModule from '@uwdata/flechette';
import type { Column, DataType } from '@uwdata/flechette';
import { ConversionError } from './errors.ts';
import type { ConversionContext, Leaf } from './leaf.ts';
import { payloadOf, receiveBytes, sendBytes } from './payload.ts';
import { importInTurn } from '../../base/spare-descriptors.ts';

/** The forms that a table can take in Python. */
const PYTHON_TABLES = ['pandas', 'polars', 'arrow'];

type Row = Record<string, unknown>;
type Flechette = typeof flechetteModule;

/** Bundled, it is a CommonJS module, whose exports are the default one. */
async function loadFlechette(): Promise<Flechette> {
  const loaded = (await importInTurn(() => import('@uwdata/flechette'))) as Flechette & {
    default?: Flechette;
  };
  return 'tableFromIPC' in loaded ? loaded : (loaded as { default: Flechette }).default;
}

/** A data frame of nodejs-polars, which users install themselves. */
interface PolarsFrame {
  writeIPCStream(options: { compression: 'uncompressed' }): Buffer;
}

function isPolarsFrame(value: unknown): value is PolarsFrame {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<PolarsFrame>).writeIPCStream === 'function' &&
    'columns' in value
  );
}

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * The Arrow type of a column of JavaScript values; `null` and `undefined` are missing ones. Whole numbers are int64 as in
 * pandas, others float64; text utf8; dates timestamps in UTC.
 *
 * @throws ConversionError for a column of mixed or unknown values.
 */
function columnType(flechette: Flechette, name: string, values: readonly unknown[]): DataType {
  let kind: string | undefined;
  for (const [i, value] of values.entries()) {
    if (value === null || value === undefined) continue;
    let now: string = typeof value;
    if (value instanceof Date) now = 'date';
    else if (now === 'number')
      now = Number.isSafeInteger(value) && !Object.is(value, -0) ? 'integer' : 'number';
    if (kind === undefined || kind === now) kind = now;
    else if ((kind === 'integer' && now === 'number') || (kind === 'number' && now === 'integer'))
      kind = 'number';
    else if ((kind === 'integer' && now === 'bigint') || (kind === 'bigint' && now === 'integer'))
      kind = 'bigint';
    else {
      throw new ConversionError(
        'cannot-convert',
        `column '${name}' mixes types: row ${i} is a ${now}, earlier rows are ${kind}s. Use one type in the column`,
      );
    }
  }
  switch (kind) {
    case 'integer':
    case 'bigint':
      return flechette.int64();
    case 'number':
      return flechette.float64();
    case 'string':
      return flechette.utf8();
    case 'boolean':
      return flechette.bool();
    case 'date':
      return flechette.timestamp(flechette.TimeUnit.MILLISECOND, 'UTC');
    case undefined:
      return flechette.nullType();
    default:
      throw new ConversionError(
        'cannot-convert',
        `column '${name}' holds ${kind}s: a table takes numbers, BigInts, text, booleans and dates`,
      );
  }
}

/** Rows as an Arrow IPC stream. Columns come in the order in which rows name them first. */
async function rowsToArrow(rows: readonly unknown[]): Promise<Uint8Array> {
  const flechette = await loadFlechette();
  const names = new Set<string>();
  for (const [i, row] of rows.entries()) {
    if (!isRow(row)) {
      throw new ConversionError(
        'cannot-convert',
        `a table is an array of objects: element ${i} is not an object`,
      );
    }
    for (const name of Object.keys(row)) names.add(name);
  }
  const types: Record<string, DataType> = {};
  const columns: Record<string, Column<unknown>> = {};
  for (const name of names) {
    const values = rows.map((row) => (row as Row)[name] ?? null);
    const type = columnType(flechette, name, values);
    setOwn(types, name, type);
    setOwn(columns, name, flechette.columnFromArray<unknown>(values, type));
  }
  const bytes = flechette.tableToIPC(flechette.tableFromColumns(columns), { format: 'stream' });
  if (bytes === null) throw new ConversionError('cannot-convert', 'the table could not be written as Arrow');
  return bytes;
}

/** A leaf for a table: a data frame of nodejs-polars, or an array of objects where a table was requested. */
export async function encodeTable(value: unknown, context: ConversionContext): Promise<Leaf | undefined> {
  const { as } = context.options;
  const asked = as !== undefined && PYTHON_TABLES.includes(as) ? as : undefined;
  let array: Uint8Array;
  if (isPolarsFrame(value)) array = value.writeIPCStream({ compression: 'uncompressed' });
  else if (asked !== undefined && Array.isArray(value)) array = await rowsToArrow(value);
  else return undefined;
  const payload = await sendBytes(
    (use) => {
      use({ array });
    },
    array.byteLength,
    context,
  );
  return { $: 'table', as: asked ?? 'polars', ...payload };
}

/** Whether the notebook's folder has nodejs-polars at all: its native part may be what is missing. */
function installed(): boolean {
  try {
    createRequire(join(process.cwd(), 'cell.ts')).resolve('nodejs-polars');
    return true;
  } catch {
    return false;
  }
}

/** nodejs-polars, as the notebook's folder has it. */
function userPolars(): { readIPCStream(bytes: Buffer): unknown } {
  try {
    const loaded = createRequire(join(process.cwd(), 'cell.ts'))('nodejs-polars') as Record<string, unknown>;
    return (loaded['default'] ?? loaded) as { readIPCStream(bytes: Buffer): unknown };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' && !installed();
    throw new ConversionError(
      'cannot-convert',
      missing
        ? "the package nodejs-polars is not installed in the notebook's folder: `npm install nodejs-polars`, or omit { as: 'polars' } for an array of objects"
        : `the package nodejs-polars is installed but does not load: ${(error as Error).message.split('\n')[0]}`,
      { cause: error },
    );
  }
}

/** An Arrow IPC stream as rows. 64-bit integers are numbers if all of a table's are safe ones, else BigInts. */
async function arrowToRows(bytes: Uint8Array): Promise<Row[]> {
  const { tableFromIPC } = await loadFlechette();
  try {
    return tableFromIPC(bytes, { useDate: true }).toArray();
  } catch (error) {
    if (!(error instanceof RangeError) && !/safe integer|BigInt/i.test(String(error))) throw error;
    return tableFromIPC(bytes, { useDate: true, useBigInt: true }).toArray();
  }
}

/** Rows; or columns, or a data frame of nodejs-polars, where `as` requests them. */
export async function decodeTable(leaf: Leaf, context: ConversionContext): Promise<unknown> {
  const bytes = new Uint8Array(await receiveBytes(payloadOf(leaf), context));
  switch (context.options.as) {
    case 'polars':
      return userPolars().readIPCStream(Buffer.from(bytes.buffer));
    case 'columns': {
      const { tableFromIPC } = await loadFlechette();
      return tableFromIPC(bytes, { useDate: true, useBigInt: true }).toColumns();
    }
    default:
      return arrowToRows(bytes);
  }
}
