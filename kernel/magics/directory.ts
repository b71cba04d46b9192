import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Magic } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';
import { expandHome, shortenHome } from './path-completion.ts';
import type { SessionMagic } from './registry.ts';
import { expandVariables, splitWords } from './words.ts';

/** `%cd` with the memory that `%cd -` needs. */
export function cd(): SessionMagic {
  let previous: string | undefined;
  return {
    name: 'cd',
    kinds: ['line'],
    summary: 'change the folder of cells and commands',
    usage: '%cd [folder | -]',
    completesPaths: 'folders',
    async run({ line, output, session }) {
      const words = splitWords(line);
      // Folders with spaces in their names may be written without quotes.
      const typed = words.length > 1 ? line.trim() : (words[0] ?? '~');
      const home = session.environment['HOME'];
      let target: string;
      if (typed === '-') {
        if (previous === undefined) throw new MagicError('usage', '%cd -: there is no previous folder yet');
        target = previous;
      } else {
        target = resolve(session.directory, expandHome(expandVariables(typed, session.environment), home));
      }
      const found = await stat(target).catch((error: unknown) => {
        throw new MagicError('not-found', `%cd: no folder ${target} (now in ${session.directory})`, {
          cause: error,
        });
      });
      if (!found.isDirectory()) throw new MagicError('not-found', `%cd: ${target} is a file, not a folder`);
      previous = session.directory;
      session.setDirectory(target);
      await output.stdout(`${shortenHome(target, home)}\n`);
    },
  };
}

export const pwd: Magic = {
  name: 'pwd',
  kinds: ['line'],
  summary: 'show the folder of cells and commands',
  usage: '%pwd',
  async run({ output, session }) {
    await output.stdout(`${session.directory}\n`);
  },
};
