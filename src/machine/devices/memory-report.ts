import type { MemoryDescription, TensorDescription } from './backend-description.ts';
import type { Device } from './device.ts';
import { describeDevice } from './status.ts';
import { formatBytes } from '../../base/text/bytes.ts';
import { escapeHtml } from '../../base/text/html.ts';

/** The growth since an earlier look, by the cell that made it. */
export interface MemoryGrowth {
  execution: number;
  count: number;
  bytes: number;
}

export function memoryGrowth(
  before: Pick<MemoryDescription, 'byExecution'>,
  now: Pick<MemoryDescription, 'byExecution'>,
): MemoryGrowth[] {
  const executions = new Set(
    [...Object.keys(before.byExecution), ...Object.keys(now.byExecution)].map(Number),
  );
  return [...executions]
    .map((execution) => {
      const [was, is] = [before.byExecution[execution], now.byExecution[execution]];
      return {
        execution,
        count: (is?.count ?? 0) - (was?.count ?? 0),
        bytes: (is?.bytes ?? 0) - (was?.bytes ?? 0),
      };
    })
    .filter(({ count, bytes }) => count !== 0 || bytes !== 0)
    .toSorted((a, b) => b.bytes - a.bytes || b.count - a.count);
}

const cell = (execution: number): string => (execution === 0 ? 'unknown' : String(execution));

const age = (milliseconds: number): string => {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
};

const shape = ({ shape }: TensorDescription): string =>
  shape.length === 0 ? 'scalar' : `[${shape.join(', ')}]`;

const MOST_ROWS = 20;

export interface MemoryStatus {
  memory: MemoryDescription;
  /** The device that holds our tensors, where it is known. */
  device: Device | undefined;
  /** Since the last look or the mark, if there was one. */
  growth: MemoryGrowth[] | undefined;
  since: string | undefined;
}

function lines({ memory, device, growth, since }: MemoryStatus): {
  head: [string, string][];
  rows: string[][];
  left: number;
} {
  const peak = memory.peakBytes === undefined ? '' : `, peak ${formatBytes(memory.peakBytes)}`;
  const head: [string, string][] = [
    [
      'our tensors',
      `${memory.count}, ${formatBytes(memory.bytes)}${peak} (sum of our handles and variables)`,
    ],
  ];
  if (device) {
    head.push([
      'our process',
      device.memoryProcessBytes === null
        ? `unavailable (the driver of ${device.id} does not report it)`
        : `${formatBytes(device.memoryProcessBytes)} of ${device.id}`,
    ]);
    head.push([`${device.id}`, describeDevice(device).memory]);
  }
  if (growth !== undefined) {
    const changes = growth.map(
      ({ execution, count, bytes }) =>
        `cell ${cell(execution)}: ${count >= 0 ? '+' : ''}${count} tensors, ${bytes >= 0 ? '+' : '-'}${formatBytes(Math.abs(bytes))}`,
    );
    head.push([
      `since ${since ?? 'the last %memory'}`,
      changes.length > 0 ? changes.join('; ') : 'nothing has grown',
    ]);
  }
  const shown = memory.tensors.slice(0, MOST_ROWS);
  const rows = shown.map((tensor) => [
    formatBytes(tensor.bytes),
    shape(tensor),
    tensor.dtype,
    cell(tensor.execution),
    age(tensor.ageMs),
    tensor.variable ?? '',
  ]);
  return { head, rows, left: memory.count - shown.length };
}

const HEAD = ['size', 'shape', 'dtype', 'cell', 'age', 'variable'];

export function memoryText(status: MemoryStatus): string {
  const { head, rows, left } = lines(status);
  const width = Math.max(...head.map(([label]) => label.length));
  const text = head.map(([label, value]) => `${label.padEnd(width)}  ${value}`);
  if (rows.length > 0) {
    const all = [HEAD, ...rows];
    const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
    text.push(
      '',
      ...all.map((row) =>
        row
          .map((word, column) => word.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      ),
    );
  }
  if (left > 0) text.push(`and ${left} more`);
  return `${text.join('\n')}\n`;
}

export function memoryHtml(status: MemoryStatus): string {
  const { head, rows, left } = lines(status);
  const summary = head
    .map(([label, value]) => `<b>${escapeHtml(label)}</b> ${escapeHtml(value)}`)
    .join('<br>\n');
  if (rows.length === 0) return `<p>${summary}</p>`;
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((word) => `<${tag} style="text-align:left">${escapeHtml(word)}</${tag}>`).join('')}</tr>`;
  const more = left > 0 ? `\n<p>and ${left} more</p>` : '';
  return `<p>${summary}</p>\n<table>\n<thead>${cells(HEAD, 'th')}</thead>\n<tbody>\n${rows.map((row) => cells(row, 'td')).join('\n')}\n</tbody>\n</table>${more}`;
}
