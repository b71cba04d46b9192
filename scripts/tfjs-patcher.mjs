// Edits of tfjs's files while they are bundled. esbuild asks only the first plugin that answers for a file: all edits of
// a file go through one collection, in the order in which they were added.
import { readFile } from 'node:fs/promises';

/**
 * Replaces each `from` by its `to`.
 *
 * @param edits pairs of texts; each `from` has to occur exactly once.
 * @throws Error where the text is not as it was when the edit was written.
 */
export function edited(path, source, edits) {
  let text = source;
  for (const [from, to] of edits) {
    if (text.split(from).length !== 2) throw new Error(`${path} is not as expected: ${from}`);
    text = text.replace(from, () => to);
  }
  return text;
}

/** Replaces what begins with `from` and ends before `to`. @throws Error where the text is not as expected. */
export function between(path, text, from, to, replacement) {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start);
  if (start < 0 || end < 0 || text.indexOf(from, start + 1) >= 0) {
    throw new Error(`${path} is not as expected: ${from}`);
  }
  return text.slice(0, start) + replacement + text.slice(end);
}

export class Patches {
  #all = [];

  /** @param change gets path and text and gives the text, or is a list of pairs for `edited`. */
  add(filter, change) {
    const apply = Array.isArray(change) ? (path, text) => edited(path, text, change) : change;
    this.#all.push({ filter, apply });
  }

  install(builder) {
    const unused = new Set(this.#all);
    const packages = new Set();
    builder.onLoad({ filter: /@tensorflow[\\/]tfjs-[a-z-]+[\\/]dist[\\/].*\.js$/ }, async ({ path }) => {
      const name = path.replaceAll('\\', '/');
      packages.add(/tfjs-[a-z-]+/.exec(name)[0]);
      const changes = this.#all.filter(({ filter }) => filter.test(name));
      if (changes.length === 0) return undefined;
      let text = await readFile(path, 'utf8');
      for (const change of changes) {
        text = change.apply(path, text);
        unused.delete(change);
      }
      return { contents: text };
    });
    builder.onEnd(() => {
      // A bundle may leave out whole packages.
      for (const { filter } of unused) {
        if (packages.has(/tfjs-[a-z-]+/.exec(filter.source)[0])) {
          throw new Error(`no file of tfjs matches ${filter}`);
        }
      }
    });
  }
}
