import type { BindingKind } from '../contracts/compiled-cells.ts';
import type { Magic } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';

const KINDS: readonly BindingKind[] = ['const', 'let', 'var', 'function', 'class', 'import'];

/** Names that cells have declared, by how they were declared. */
export const who: Magic = {
  name: 'who',
  aliases: ['whos'],
  kinds: ['line'],
  summary: 'list the names that cells have declared',
  usage: `%who [${KINDS.join(' | ')}…]`,
  complete: () => KINDS,
  async run({ line, output, session }) {
    const wanted = line.split(/\s+/).filter(Boolean);
    const wrong = wanted.find((kind) => !KINDS.includes(kind as BindingKind));
    if (wrong !== undefined) {
      throw new MagicError('usage', `%who ${wrong}: kinds of names are ${KINDS.join(', ')}`);
    }
    const bindings = session
      .bindings()
      .filter(({ kind }) => wanted.length === 0 || wanted.includes(kind))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (bindings.length === 0) {
      await output.stdout(
        wanted.length === 0 ? 'No names yet.\n' : `No names of kind ${wanted.join(', ')}.\n`,
      );
      return;
    }
    const width = Math.max(...bindings.map(({ name }) => name.length));
    await output.stdout(
      bindings
        .map(({ name, kind, imported }) => {
          const from = imported
            ? ` ${imported.name === '*' ? '* ' : imported.name === name ? '' : `${imported.name} `}from '${imported.specifier}'`
            : '';
          return `${name.padEnd(width)}  ${kind}${from}\n`;
        })
        .join(''),
    );
  },
};
