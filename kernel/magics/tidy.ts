import type { Magic } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';

const ANSWER_LIMIT_MS = 2000;

/** `%tidy on`: tensors that nothing refers to any more are disposed after each cell. */
export const tidy: Magic = {
  name: 'tidy',
  kinds: ['line'],
  summary: 'dispose of tensors that nothing refers to any more after each cell: on or off',
  usage: '%tidy [on | off]',
  complete: () => ['on', 'off'],
  async run({ line, output, session }) {
    const mode = line.trim();
    if (!['', 'on', 'off'].includes(mode)) {
      throw new MagicError('usage', `%tidy ${mode}: write %tidy on or %tidy off`);
    }
    const said = (await session.ask('tidy', mode === '' ? undefined : mode === 'on', ANSWER_LIMIT_MS)) as
      | { on: boolean; disposed: number }
      | undefined;
    if (said === undefined || said === null) {
      throw new MagicError('unavailable', 'the runtime process is busy: ask again when its cell has ended');
    }
    const count = said.disposed.toLocaleString('en-US');
    await output.stdout(
      said.on
        ? `tidy: on (tensors that nothing refers to are disposed of after each cell; ${count} so far)\n`
        : 'tidy: off (dispose of tensors yourself, or use tf.tidy)\n',
    );
  },
};
