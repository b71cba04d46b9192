import type { Magic, Settings } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';

const MODES: Record<Settings['typecheck'], string> = {
  warn: 'type errors are shown below the cell and do not stop it',
  error: 'a cell with type errors does not run',
  off: 'types are not checked',
};

export const typecheck: Magic = {
  name: 'typecheck',
  kinds: ['line'],
  summary: 'set what type errors do: warn, error (block the cell) or off',
  usage: '%typecheck [warn | error | off]',
  complete: () => Object.keys(MODES),
  async run({ line, output, session }) {
    const mode = line.trim();
    if (mode !== '') {
      if (!Object.hasOwn(MODES, mode)) {
        throw new MagicError('usage', `%typecheck ${mode}: write ${Object.keys(MODES).join(', ')}`);
      }
      session.settings.typecheck = mode as Settings['typecheck'];
    }
    const { typecheck: current } = session.settings;
    await output.stdout(`typecheck: ${current} (${MODES[current]})\n`);
  },
};
