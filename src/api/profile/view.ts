import { PALETTE } from '../../display/chart.ts';
import { escapeHtml } from '../../base/text/html.ts';
import type { OpTime, ProfileParts } from '../../engines/tensorflow/profile/attribution.ts';
import type { ProfileReport } from './report.ts';

const partNames: Record<keyof ProfileParts, string> = {
  ops: 'ops',
  transfer: 'transfer',
  tensorflow: "TensorFlow's own work around ops",
  javascript: 'JavaScript',
  idle: 'idle',
};

/** So many kinds of ops are listed; the rest is one line. */
const LISTED = 15;

/** Milliseconds with three significant digits. */
function ms(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3);
}

function percent(value: number, whole: number): string {
  return whole > 0 ? `${((100 * value) / whole).toFixed(1)} %` : '-';
}

interface Line {
  name: string;
  calls: number;
  busyMs: number;
  wallMs: number;
}

function opLines(ops: readonly OpTime[]): Line[] {
  const several = new Set(ops.map(({ device }) => device)).size > 1;
  const lines = ops.map(({ kind, device, calls, busyMs, wallMs }) => ({
    name: several ? `${kind} (${device})` : kind,
    calls,
    busyMs,
    wallMs,
  }));
  if (lines.length <= LISTED + 1) return lines;
  const rest = lines.slice(LISTED);
  const sum = (of: (line: Line) => number) => rest.reduce((total, line) => total + of(line), 0);
  return [
    ...lines.slice(0, LISTED),
    {
      name: `${rest.length} other kinds`,
      calls: sum(({ calls }) => calls),
      busyMs: sum(({ busyMs }) => busyMs),
      wallMs: sum(({ wallMs }) => wallMs),
    },
  ];
}

function heading({ wallMs, graphs, opByOp, uploads, downloads }: ProfileReport): string {
  const many = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const bytes = (count: number) =>
    count < 10_000
      ? `${count} B`
      : count < 1e7
        ? `${(count / 1e3).toFixed(0)} kB`
        : `${(count / 1e6).toFixed(0)} MB`;
  return (
    `${ms(wallMs)} ms: ${many(graphs, 'compiled call')}, ${many(opByOp, 'eager op')}, ` +
    `${many(uploads.count, 'tensor')} (${bytes(uploads.bytes)}) to TensorFlow, ` +
    `${many(downloads.count, 'tensor')} (${bytes(downloads.bytes)}) from it`
  );
}

function partLines(parts: ProfileParts): [string, number][] {
  return (Object.keys(partNames) as (keyof ProfileParts)[]).map((part) => [partNames[part], parts[part]]);
}

const opHead = ['op', 'calls', 'busy ms', 'wall ms', 'of all'];

function opCells({ name, calls, busyMs, wallMs }: Line, whole: number): string[] {
  return [name, String(calls), ms(busyMs), ms(wallMs), percent(wallMs, whole)];
}

function textTable(rows: readonly (readonly string[])[]): string[] {
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** A profile in words: what took the time, then the kinds of ops. */
export function profileText(profile: ProfileReport): string {
  const { parts, wallMs, ops, layers, note } = profile;
  const blocks = [
    [heading(profile), ...(note === undefined ? [] : [note])],
    textTable([
      ['where', 'wall ms', 'of all'],
      ...partLines(parts).map(([name, value]) => [name, ms(value), percent(value, wallMs)]),
    ]),
  ];
  if (ops.length > 0) blocks.push(textTable([opHead, ...opLines(ops).map((line) => opCells(line, wallMs))]));
  if (layers.length > 0) {
    blocks.push(
      textTable([
        ['layer', 'wall ms', 'of all'],
        ...layers.slice(0, LISTED).map(({ layer, wallMs: own }) => [layer, ms(own), percent(own, wallMs)]),
      ]),
    );
  }
  return blocks.map((block) => block.join('\n')).join('\n\n');
}

const WIDTH = 640;
const BAR = 18;

/** The parts as one bar, and below it a bar for each of the kinds of ops that took most. */
function chart({ parts, wallMs, ops }: ProfileReport): string {
  const shapes: string[] = [];
  const colours = [PALETTE[0], PALETTE[4], PALETTE[1], PALETTE[2], '#999999'] as string[];
  let x = 0;
  let legend = 0;
  for (const [index, [name, value]] of partLines(parts).entries()) {
    const width = wallMs > 0 ? (WIDTH * value) / wallMs : 0;
    const colour = colours[index] as string;
    shapes.push(
      `<rect x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="${BAR}" fill="${colour}"><title>${escapeHtml(`${name}: ${ms(value)} ms`)}</title></rect>`,
      `<rect x="${legend}" y="${BAR + 8}" width="9" height="9" fill="${colour}"/>`,
      `<text x="${legend + 13}" y="${BAR + 16}" font-size="11" fill="currentColor">${escapeHtml(name)}</text>`,
    );
    x += width;
    legend += 30 + name.length * 6;
  }
  const listed = opLines(ops).slice(0, 10);
  const most = Math.max(...listed.map((line) => line.wallMs), 0);
  let y = BAR + 32;
  for (const line of listed) {
    const width = most > 0 ? (360 * line.wallMs) / most : 0;
    shapes.push(
      `<text x="170" y="${y + 11}" font-size="11" text-anchor="end" fill="currentColor">${escapeHtml(line.name)}</text>`,
      `<rect x="176" y="${y}" width="${width.toFixed(1)}" height="14" fill="${PALETTE[0] as string}"/>`,
      `<text x="${(182 + width).toFixed(1)}" y="${y + 11}" font-size="11" fill="currentColor">${ms(line.wallMs)} ms</text>`,
    );
    y += BAR;
  }
  const description = `Where ${ms(wallMs)} ms went: ${partLines(parts)
    .map(([name, value]) => `${name} ${percent(value, wallMs)}`)
    .join(', ')}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" role="img"><title>${escapeHtml(description)}</title>${shapes.join('')}</svg>`;
}

function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: 'td' | 'th') =>
    row
      .map(
        (cell, column) =>
          `<${tag} style="text-align:${column === 0 ? 'left' : 'right'}">${escapeHtml(cell)}</${tag}>`,
      )
      .join('');
  return `<table style="border-collapse:collapse;font-variant-numeric:tabular-nums"><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${cells(row, 'td')}</tr>`)
    .join('')}</tbody></table>`;
}

/** The same as a chart and tables. A front end that strips the chart keeps the tables. */
export function profileHtml(profile: ProfileReport): string {
  const { parts, wallMs, ops, layers, note } = profile;
  return [
    '<div>',
    `<p>${escapeHtml(heading(profile))}</p>`,
    note === undefined ? '' : `<p>${escapeHtml(note)}</p>`,
    chart(profile),
    htmlTable(
      ['where', 'wall ms', 'of all'],
      partLines(parts).map(([name, value]) => [name, ms(value), percent(value, wallMs)]),
    ),
    ops.length === 0
      ? ''
      : htmlTable(
          opHead,
          opLines(ops).map((line) => opCells(line, wallMs)),
        ),
    layers.length === 0
      ? ''
      : htmlTable(
          ['layer', 'wall ms', 'of all'],
          layers.slice(0, LISTED).map(({ layer, wallMs: own }) => [layer, ms(own), percent(own, wallMs)]),
        ),
    '</div>',
  ].join('');
}
