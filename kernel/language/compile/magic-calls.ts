import type { Edits } from './edits.ts';
import type { InternalNames } from './internal-names.ts';
import type { FoundMagics, MagicLine } from './magics.ts';
import { CompileError, problemAt } from './problems.ts';

/**
 * Puts the calls of the magics in their places.
 *
 * @throws CompileError for a magic in a place that allows none
 */
export function putMagics(source: string, found: FoundMagics, edits: Edits, names: InternalNames): void {
  const { context } = names;
  for (const magic of found.magics) {
    const { name, line, start, end, isTime, place } = magic;
    if (!place) continue;
    const shown = name === '!' ? `!${line}` : `%${name}`;
    if (isTime) {
      const { next } = place;
      if (!next || source.slice(start, next.start).includes('\n'))
        throw new CompileError(
          source,
          problemAt(source, '%time needs a statement after it on the same line', start, end),
        );
      const token = names.fresh();
      edits.replace(start, start + '%time'.length, `const ${token}=${context}.timeStart();`);
      edits.after(next.end, `;${context}.timeEnd(${token});`);
      continue;
    }
    if (place.inFunction && !place.inAsync)
      throw new CompileError(
        source,
        problemAt(source, `${shown} can only be used in an async function`, start, end),
      );
    const call = `await ${context}.await(${context}.magic(${JSON.stringify(name)},${JSON.stringify(line)}`;
    const [head, tail] = place.last ? [`${context}.result(${call}`, ')));'] : [call, '));'];
    if (magic.interpolations.length === 0) edits.replace(start, end, `${head}${tail}`);
    else putInterpolations(source, magic, edits, head, tail);
  }
}

/** `magic('!', line, [[from, to, _=>(expression)], …])`: the expressions stay where they are, and are rewritten there. */
function putInterpolations(source: string, magic: MagicLine, edits: Edits, head: string, tail: string): void {
  const text = source.slice(magic.start + 1, magic.end);
  const lineStart = magic.start + 1 + text.length - text.trimStart().length;
  let at = magic.start;
  let before = `${head},[`;
  for (const { start, end } of magic.interpolations) {
    edits.replace(at, start, `${before}[${start - 1 - lineStart},${end + 1 - lineStart},`);
    edits.before(start, '_=>(');
    edits.after(end, ')]');
    at = end;
    before = ',';
  }
  edits.replace(at, magic.end, `]${tail}`);
}
