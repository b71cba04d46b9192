import type { Magic } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';

/** `%training`: what the running training shows, under this cell too and live; else what the last one ended with. */
export const training: Magic = {
  name: 'training',
  kinds: ['line'],
  summary: 'show the running training, live, or the last one: also after a page reload',
  usage: '%training',
  async run({ line, output, session }) {
    if (line.trim() !== '') throw new MagicError('usage', `%training ${line.trim()}: write %training alone`);
    const last = session.training();
    if (last === undefined) {
      await output.stdout('No training has run yet: model.fit(…) shows its progress while it runs.\n');
      return;
    }
    const { data, metadata, displayId } = last;
    await output.display({ data, metadata, ...(displayId === undefined ? {} : { displayId }) });
  },
};
