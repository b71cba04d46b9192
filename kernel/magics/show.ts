import { relative, resolve } from 'node:path';
import { appendWhole, FileError, writeWhole } from '../../src/base/files/index.ts';
import type { Magic } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';
import { expandHome, shortenHome } from './path-completion.ts';
import type { SessionMagic } from './registry.ts';
import { splitWords } from './words.ts';

function shownAs(name: string, type: string, summary: string): Magic {
  return {
    name,
    kinds: ['cell'],
    summary,
    usage: `%%${name}`,
    async run({ body, output }) {
      await output.display({ data: { [type]: body ?? '', 'text/plain': body ?? '' }, metadata: {} });
    },
  };
}

/** Cells that are not TypeScript but something to look at. */
export const shownCells: readonly Magic[] = [
  shownAs('html', 'text/html', 'show the cell as HTML'),
  shownAs('markdown', 'text/markdown', 'show the cell as Markdown'),
  shownAs('latex', 'text/latex', 'show the cell as LaTeX'),
  shownAs('svg', 'image/svg+xml', 'show the cell as an SVG image'),
];

export const writefile: SessionMagic = {
  name: 'writefile',
  aliases: ['file'],
  kinds: ['cell'],
  summary: 'write the cell to a file',
  usage: '%%writefile [-a] file',
  completesPaths: 'files',
  async run({ body, line, output, session }) {
    const words = splitWords(line);
    const append = words[0] === '-a' || words[0] === '--append';
    const [name, ...more] = append ? words.slice(1) : words;
    if (name === undefined || more.length > 0) {
      throw new MagicError('usage', '%%writefile needs one file: %%writefile [-a] data/points.csv');
    }
    const home = session.environment['HOME'];
    const path = resolve(session.directory, expandHome(name, home));
    const text = body === undefined || body.endsWith('\n') ? (body ?? '') : `${body}\n`;
    writeText(path, text, append);
    // Paths in the notebook's folder are shown relative to it: notebooks are shared.
    const within = relative(session.directory, path);
    const shown = within.startsWith('..') ? shortenHome(path, home) : within;
    await output.stdout(`${append ? 'Appended to' : 'Wrote'} ${shown}\n`);
  },
};

function writeText(path: string, text: string, append: boolean): void {
  try {
    if (append) appendWhole(path, text);
    else writeWhole(path, text);
  } catch (error) {
    if (error instanceof FileError) throw new MagicError('write-failed', error.message, { cause: error });
    throw error;
  }
}
