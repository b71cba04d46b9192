import { metricText } from '../base/text/numbers.ts';

/** Numbers and times as training output writes them. */

/** `820 ms`, `2.1 s`, `1:05 min`, `2:03:10 h`. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)} min`;
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)} h`;
}

/** Steps per second, or seconds per step where there are fewer than one a second. */
export function rateText(stepsPerSecond: number, noun = 'step'): string {
  if (!Number.isFinite(stepsPerSecond) || stepsPerSecond <= 0) return '';
  if (stepsPerSecond < 1) return `${durationText(1000 / stepsPerSecond)} a ${noun}`;
  return `${stepsPerSecond < 10 ? stepsPerSecond.toFixed(1) : stepsPerSecond.toFixed(0)} ${noun}s/s`;
}

/** `[=====>    ]` for text, 10 wide by default. */
export function textBar(fraction: number, width = 20): string {
  const full = Math.min(width, Math.max(0, Math.round(fraction * width)));
  if (full === width) return `[${'='.repeat(width)}]`;
  return `[${'='.repeat(full)}>${' '.repeat(width - full - 1)}]`;
}

/** `loss 0.1234 · acc 0.9000`. */
export function logsText(logs: Readonly<Record<string, number>>): string {
  return Object.entries(logs)
    .map(([name, value]) => `${name} ${metricText(value)}`)
    .join(' · ');
}
