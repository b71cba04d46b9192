import type { Magic } from '../interfaces.ts';
import { CellFailedError, MagicError } from './magic-error.ts';

/** 1234567 µs as people read it: `1.23 s`. Three digits are what a single run is worth. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1) return `${Number((milliseconds * 1000).toPrecision(3))} µs`;
  if (milliseconds < 1000) return `${Number(milliseconds.toPrecision(3))} ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1000).toPrecision(3))} s`;
  const seconds = Math.round(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours} h ${minutes} min ${seconds % 60} s` : `${minutes} min ${seconds % 60} s`;
}

/** `%%time`. `%time statement` inside a cell is compiled in place, so that its declarations stay in the cell. */
export const time: Magic = {
  name: 'time',
  kinds: ['line', 'cell'],
  summary: 'time a statement, or the whole cell',
  usage: '%time statement · %%time over a cell',
  async run({ body, line, output, session, signal }) {
    const source = body === undefined ? line : `${line}\n${body}`;
    if (source.trim() === '')
      throw new MagicError('usage', '%time needs a statement: %time model.predict(x)');
    const start = performance.now();
    const outcome = await session.run(source);
    const elapsed = performance.now() - start;
    if (outcome.status === 'ok' || !signal.aborted) {
      await output.stdout(`Wall time: ${formatDuration(elapsed)}\n`);
    }
    if (outcome.status === 'error') throw new CellFailedError(outcome.error);
  },
};
