import { formatShare } from '../../../base/text/bytes.ts';
import { escapeHtml } from '../../../base/text/html.ts';
import type { DeviceSample, Sample } from './sampler.ts';

export const PANEL_MINUTES = 5;

const WIDTH = 150;
const HEIGHT = 32;

/** The values of one device over time, oldest first; null where it is unknown. */
function series(
  samples: readonly Sample[],
  id: string,
  value: (device: DeviceSample) => number | null,
): (number | null)[] {
  return samples.map((sample) => {
    const device = sample.devices.find((device) => device.id === id);
    return device ? value(device) : null;
  });
}

/**
 * A small chart from 0 to `top`. The newest sample is at the right edge, `room` samples fill the width. Empty when there
 * is nothing to draw.
 */
export function sparkline(values: readonly (number | null)[], top: number, room: number): string {
  const step = WIDTH / Math.max(1, room - 1);
  const lines: string[][] = [];
  let open = false;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      open = false;
      continue;
    }
    if (!open) lines.push([]);
    open = true;
    const x = WIDTH - (values.length - 1 - index) * step;
    const y = HEIGHT - 1 - (Math.min(Math.max(value, 0), top) / top) * (HEIGHT - 2);
    lines.at(-1)?.push(`${Number(x.toFixed(1))},${Number(y.toFixed(1))}`);
  }
  if (lines.length === 0) return '';
  const drawn = lines.map((points) => {
    const [x, y] = points.length === 1 ? (points[0] ?? '').split(',') : [];
    return x !== undefined
      ? `<circle cx="${x}" cy="${y}" r="1" fill="#0969da"/>`
      : `<polyline points="${points.join(' ')}" fill="none" stroke="#0969da" stroke-width="1.5"/>`;
  });
  return (
    `<svg width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">` +
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="none" stroke="#d0d7de"/>${drawn.join('')}</svg>`
  );
}

interface Measure {
  title: string;
  words: string;
  values: (number | null)[];
  top: number;
}

function measures(samples: readonly Sample[], device: DeviceSample): Measure[] {
  const { id } = device;
  const total = device.memoryTotalBytes;
  const said = (value: number | null, unit: string): string =>
    value === null ? 'unavailable' : `${value} ${unit}`;
  const all: Measure[] = [
    {
      title: 'utilization',
      words: said(device.utilizationPercent, '%'),
      values: series(samples, id, ({ utilizationPercent }) => utilizationPercent),
      top: 100,
    },
    {
      title: 'memory',
      words:
        device.memoryUsedBytes === null || total === null
          ? 'unavailable'
          : formatShare(device.memoryUsedBytes, total),
      values: series(samples, id, ({ memoryUsedBytes }) => memoryUsedBytes),
      top: total ?? 1,
    },
  ];
  if (id !== 'cpu') {
    all.push({
      title: 'temperature',
      words: said(device.temperatureCelsius, '°C'),
      values: series(samples, id, ({ temperatureCelsius }) => temperatureCelsius),
      top: 100,
    });
  }
  return all;
}

/** The panel of `%device watch`. Numbers stand in table cells, so that they show also where charts are stripped. */
export function panelHtml(samples: readonly Sample[], state: string, intervalMs: number): string {
  const last = samples.at(-1);
  const room = (PANEL_MINUTES * 60_000) / intervalMs;
  const rows = (last?.devices ?? []).map((device) => {
    const cells = measures(samples, device).map(
      ({ title, words, values, top }) =>
        `<td style="text-align:left;vertical-align:top">${title} ${escapeHtml(words)}<br>${sparkline(values, top, room)}</td>`,
    );
    const name = device.name === null ? '' : `<br>${escapeHtml(device.name)}`;
    return `<tr><th style="text-align:left;vertical-align:top">${escapeHtml(device.id)}${name}</th>${cells.join('')}</tr>`;
  });
  const problem = last?.problem ? `<p>⚠ ${escapeHtml(last.problem)}</p>` : '';
  return `<table>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>\n${problem}<p>${escapeHtml(state)}</p>`;
}

/** The same for terminals: the newest numbers, and a line of blocks for the last half minute of use. */
export function panelText(samples: readonly Sample[], state: string): string {
  const last = samples.at(-1);
  const blocks = '▁▂▃▄▅▆▇█';
  const lines = (last?.devices ?? []).map((device) => {
    const bars = series(samples.slice(-30), device.id, ({ utilizationPercent }) => utilizationPercent)
      .map((value) => (value === null ? ' ' : blocks.charAt(Math.min(7, Math.floor((value / 100) * 8)))))
      .join('');
    const words = measures(samples, device).map(({ title, words }) => `${title} ${words}`);
    return `${device.id}  ${words.join(', ')}${bars.trim() === '' ? '' : `  ${bars}`}`;
  });
  if (last?.problem) lines.push(`! ${last.problem}`);
  lines.push(state);
  return lines.join('\n');
}
