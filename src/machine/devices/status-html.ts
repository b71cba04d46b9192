import type { DeviceStatus } from './status.ts';
import { describeBackendLines, describeDevice, describeMissed } from './status.ts';
import { escapeHtml } from '../../base/text/html.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const left = ' style="text-align:left"';
  const header = head.map((text) => `<th${left}>${escapeHtml(text)}</th>`).join('');
  const body = rows
    .map((cells) => `<tr>${cells.map((cell) => `<td${left}>${escapeHtml(cell)}</td>`).join('')}</tr>`)
    .join('\n');
  return `<table>\n<thead><tr>${header}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>`;
};

const steps = (fix: readonly string[]): string =>
  fix.map((step) => `<br><code>${escapeHtml(step)}</code>`).join('');

/** `%device` for notebooks. Tables only: they also show in notebooks that are not trusted. */
export function statusHtml(status: DeviceStatus): string {
  const backend = describeBackendLines(status)
    .map(([label, value]) => `<b>${escapeHtml(label)}</b> ${escapeHtml(value)}`)
    .join('<br>\n');
  const rows = status.devices.map((device) => {
    const row = describeDevice(device);
    return [
      row.inUse ? `${row.id} (in use)` : row.id,
      row.name,
      row.kind,
      row.driver,
      row.cuda,
      row.capability,
      row.memory,
      row.ours,
      row.utilization,
      row.temperature,
      row.power,
      row.clocks,
      row.processes,
    ];
  });
  const head = [
    'device',
    'name',
    'kind',
    'driver',
    'CUDA',
    'capability',
    'memory used',
    'ours',
    'utilization',
    'temperature',
    'power',
    'clocks',
    'processes',
  ];
  const warnings = status.warnings.map(({ text, fix }) => `<p>⚠ ${escapeHtml(text)}${steps(fix)}</p>`);
  return [`<p>${backend}</p>`, table(head, rows), ...warnings].join('\n');
}

/** `%device why` for notebooks. */
export function selectionHtml({ candidates, backend }: Pick<DeviceStatus, 'candidates' | 'backend'>): string {
  const rows = candidates.map(
    ({ title, state, why, fix }) =>
      `<tr><td style="text-align:left">${state === 'chosen' ? `<b>${escapeHtml(title)}</b>` : escapeHtml(title)}</td>` +
      `<td style="text-align:left">${state}</td><td style="text-align:left">${escapeHtml(why)}${steps(fix)}</td></tr>`,
  );
  const met = backend
    ? backend.rejected.map(
        ({ what, why, fix }) =>
          `\n<p>In the runtime process: ${escapeHtml(describeMissed(backend, what))}: ${escapeHtml(why)}${steps(fix === undefined ? [] : [fix])}</p>`,
      )
    : [];
  return `<table>\n<thead><tr><th>device selection, in this order</th><th></th><th>why</th></tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>${met.join('')}`;
}
