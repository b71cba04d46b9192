import { formatDuration } from '../../src/base/duration.ts';
import type { Magic } from '../contracts/magics.ts';
import { CellFailedError, MagicError } from './magic-error.ts';

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
