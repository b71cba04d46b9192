import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { inspect, types } from 'node:util';
import type { MimeBundle } from '../base/host.ts';
import { escapeHtml } from '../base/text/html.ts';
import { isCalm } from './calm.ts';
import { grouped, plainText } from './plain-text.ts';
import { dataProperty } from './value-parts.ts';

const ROWS = 50;
const COLUMNS = 20;

const TABLE_STYLE = 'border-collapse:collapse;font-variant-numeric:tabular-nums';

interface Rows {
  columns: string[];
  /** The row's key, and the cells of `columns`; undefined where the row has no such property. */
  rows: { key: string; cells: unknown[] }[];
  hiddenRows: number;
  hiddenColumns: number;
}

const MISSING = Symbol('missing');

/** Whether an array reads best as a table: objects only, with at least one property, and not wildly different. */
export function isTableLike(value: unknown): value is readonly object[] {
  if (types.isProxy(value) || !Array.isArray(value) || value.length === 0) return false;
  const sample: unknown[] = [];
  for (let index = 0; index < Math.min(ROWS, value.length); index++) {
    const own = Object.getOwnPropertyDescriptor(value, index);
    if (own && !('value' in own)) return false;
    sample.push(own?.value);
  }
  const first = sample[0];
  if (!isRecord(first)) return false;
  const keys = new Set(Object.keys(first));
  if (keys.size === 0) return false;
  return sample.every((row) => isRecord(row) && Object.keys(row).some((key) => keys.has(key)));
}

function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || types.isProxy(value) || Array.isArray(value))
    return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null || isPlainInstance(value);
}

/** Instances of user classes count as rows, native kinds (dates, maps, errors…) and tensors do not. */
function isPlainInstance(value: object): boolean {
  const native =
    types.isProxy(value) ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isNativeError(value) ||
    types.isPromise(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isBoxedPrimitive(value) ||
    ArrayBuffer.isView(value);
  return (
    !native &&
    dataProperty(value, 'dataId') === undefined &&
    dataProperty(value, inspect.custom) === undefined
  );
}

/** An array of objects as an HTML table; every text in it is escaped. */
export function tableHtml(value: readonly object[]): string {
  return html(
    collect(
      value.slice(0, ROWS).map((row, index) => [String(index), row]),
      value.length,
    ),
  );
}

function collect(
  entries: readonly (readonly [string, unknown])[],
  total: number,
  only?: readonly string[],
): Rows {
  const names = new Set<string>(only);
  if (only === undefined) {
    for (const [, row] of entries) {
      if (typeof row === 'object' && row !== null) for (const key of Object.keys(row)) names.add(key);
    }
  }
  const all = [...names];
  const columns = all.slice(0, COLUMNS);
  const rows = entries.map(([key, row]) => ({
    key,
    cells: columns.map((column) => {
      if (typeof row !== 'object' || row === null) return MISSING;
      const own = Object.getOwnPropertyDescriptor(row, column);
      if (own === undefined) return MISSING;
      return own.get ? '[Getter]' : (own.value as unknown);
    }),
  }));
  return { columns, rows, hiddenRows: total - entries.length, hiddenColumns: all.length - columns.length };
}

function html(table: Rows): string {
  const head = table.columns
    .map((column) => `<th scope="col" style="text-align:left">${escapeHtml(column)}</th>`)
    .join('');
  const body = table.rows
    .map(({ key, cells }) => `<tr><th scope="row">${escapeHtml(key)}</th>${cells.map(cell).join('')}</tr>`)
    .join('\n');
  const notes = [
    ...(table.hiddenRows > 0 ? [`${grouped(table.hiddenRows)} more rows`] : []),
    ...(table.hiddenColumns > 0 ? [`${grouped(table.hiddenColumns)} more columns`] : []),
  ];
  const note = notes.length === 0 ? '' : `\n<p>… ${notes.join(', ')}</p>`;
  return `<table style="${TABLE_STYLE}">\n<thead><tr><th></th>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>${note}`;
}

function cell(value: unknown): string {
  if (value === MISSING) return '<td></td>';
  const text =
    typeof value === 'string' ? short(value) : short(plainText(value, { depth: 1, items: 6, objects: 20 }));
  const align = typeof value === 'number' || typeof value === 'bigint' ? 'right' : 'left';
  return `<td style="text-align:${align}">${escapeHtml(text)}</td>`;
}

function short(text: string): string {
  const line = text.replaceAll(/\n\(cut: .*\)$/g, '').replaceAll(/\s*\n\s*/g, ' ');
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}

/**
 * The output of `console.table(data, columns)`: Node's own text, and an HTML table. Undefined where Node would
 * print the value as `console.log` does.
 */
export function consoleTable(data: unknown, columns?: readonly string[]): MimeBundle | undefined {
  if (typeof data !== 'object' || data === null || !isReadable(data)) return undefined;
  const text = consoleTableText(data, columns);
  const entries =
    data instanceof Map
      ? [...data.entries()]
          .slice(0, ROWS)
          .map(([key, row], index) => [`${index}: ${String(key)}`, row] as const)
      : data instanceof Set
        ? [...data.values()].slice(0, ROWS).map((row: unknown, index) => [String(index), row] as const)
        : Object.keys(data)
            .slice(0, ROWS)
            .map((key) => [key, Object.getOwnPropertyDescriptor(data, key)?.value as unknown] as const);
  const total = data instanceof Map || data instanceof Set ? data.size : Object.keys(data).length;
  const anyPrimitive = entries.some(([, row]) => typeof row !== 'object' || row === null);
  const table = collect(entries, total, columns);
  if (anyPrimitive && columns === undefined) {
    table.columns.push('Values');
    for (const [index, [, row]] of entries.entries()) {
      table.rows[index]?.cells.push(typeof row === 'object' && row !== null ? MISSING : row);
    }
  }
  return { 'text/plain': text, 'text/html': html(table) };
}

/** Whether Node's table reads plain properties only. */
function isReadable(data: object): boolean {
  if (types.isProxy(data) || !isCalm(data)) return false;
  const rows: unknown[] = types.isMap(data)
    ? [...Map.prototype.values.call(data)]
    : types.isSet(data)
      ? [...Set.prototype.values.call(data)]
      : propertiesOf(data);
  return rows.every((row) => {
    if (row === GETTER || types.isProxy(row)) return false;
    if (typeof row !== 'object' || row === null) return true;
    return propertiesOf(row).every((cell) => cell !== GETTER && !types.isProxy(cell));
  });
}

const GETTER = Symbol('getter');

function propertiesOf(value: object): unknown[] {
  if (ArrayBuffer.isView(value)) return [];
  return Object.keys(value).map((key) => {
    const own = Object.getOwnPropertyDescriptor(value, key);
    return own && 'value' in own ? (own.value as unknown) : GETTER;
  });
}

function consoleTableText(data: object, columns?: readonly string[]): string {
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  new Console({ stdout: sink, colorMode: false }).table(data, columns);
  return text.replace(/\n$/, '');
}
