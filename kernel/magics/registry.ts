import type { CompletionItem, Completions } from '../contracts/language-service.ts';
import type { Magic, MagicContext, MagicRegistry } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';
import { nearestName } from '../../src/base/nearest-name.ts';
import { completePath } from './path-completion.ts';

/** Input of the completion of arguments; read each time, since both change while cells run. */
export interface MagicSurroundings {
  directory(): string;
  environment(): Readonly<Record<string, string | undefined>>;
}

/** A magic whose arguments depend on the session completes with these at hand. */
export interface SessionMagic extends Magic {
  completeIn?(line: string, surroundings: MagicSurroundings): readonly string[];
  /** Its last argument is a file or a folder. */
  completesPaths?: 'files' | 'folders';
}

function shown(magic: Magic, kind: 'line' | 'cell'): string {
  if (magic.name === '!') return '!command';
  return `${kind === 'cell' ? '%%' : '%'}${magic.name}`;
}

export class Registry implements MagicRegistry {
  readonly #magics: SessionMagic[] = [];
  readonly #byName = new Map<string, SessionMagic>();
  readonly #surroundings: MagicSurroundings;

  constructor(surroundings: MagicSurroundings) {
    this.#surroundings = surroundings;
  }

  add(...magics: SessionMagic[]): void {
    for (const magic of magics) {
      this.#magics.push(magic);
      for (const name of [magic.name, ...(magic.aliases ?? [])]) this.#byName.set(name, magic);
    }
  }

  get(name: string): Magic | undefined {
    return this.#byName.get(name);
  }

  all(): readonly Magic[] {
    return this.#magics;
  }

  /** @throws {MagicError} `unknown-magic` or `wrong-kind`, and whatever the magic itself throws. */
  async run(context: MagicContext): Promise<unknown> {
    const kind = context.body === undefined ? 'line' : 'cell';
    const magic = this.#byName.get(context.name);
    if (!magic) throw this.#unknown(context.name, kind);
    if (!magic.kinds.includes(kind)) {
      const other = kind === 'line' ? 'cell' : 'line';
      const where =
        other === 'cell'
          ? 'goes on the first line of a cell, above its body'
          : 'goes on a separate line and takes no body';
      throw new MagicError(
        'wrong-kind',
        `${kind === 'cell' ? '%%' : '%'}${context.name}: write ${shown(magic, other)}, which ${where}`,
      );
    }
    if (context.signal.aborted) throw new MagicError('interrupted', 'interrupted');
    return await magic.run(context);
  }

  /**
   * Names after `%`, `%%` (first line only), arguments behind a known name, paths behind `!`. Undefined where the
   * cursor is not on a magic's line: then it is TypeScript.
   */
  complete(source: string, cursor: number): Completions | undefined {
    const lineStart = source.lastIndexOf('\n', cursor - 1) + 1;
    const before = source.slice(lineStart, cursor);
    const text = before.trimStart();
    const indent = before.length - text.length;
    const first = source.slice(0, lineStart).trim() === '';

    if (text.startsWith('!')) return this.#paths(text.slice(1), cursor, 'files');

    const started = /^(%%?)([\w-]*)$/.exec(text);
    if (started) {
      const [, marks, prefix = ''] = started;
      const kinds: readonly ('line' | 'cell')[] =
        marks === '%%' ? ['cell'] : first ? ['line', 'cell'] : ['line'];
      if (marks === '%%' && !first) return undefined;
      const items: CompletionItem[] = [];
      for (const kind of kinds) {
        for (const magic of this.#magics) {
          if (magic.name === '!' || !magic.kinds.includes(kind)) continue;
          for (const name of [magic.name, ...(magic.aliases ?? [])]) {
            if (name.startsWith(prefix)) {
              items.push({
                text: `${kind === 'cell' ? '%%' : '%'}${name}`,
                type: 'magic',
                signature: magic.summary,
              });
            }
          }
        }
      }
      return { items, start: lineStart + indent, end: cursor };
    }

    const argued = /^(%%?)([\w-]+)[ \t](.*)$/.exec(text);
    if (!argued) return undefined;
    const [, marks, name = '', line = ''] = argued;
    const magic = this.#byName.get(name);
    if (!magic || !magic.kinds.includes(marks === '%%' ? 'cell' : 'line')) return undefined;
    if (magic.completesPaths) return this.#paths(line, cursor, magic.completesPaths);
    const words = magic.completeIn?.(line, this.#surroundings) ?? magic.complete?.(line);
    if (!words) return { items: [], start: cursor, end: cursor };
    const [word = ''] = /\S*$/.exec(line) ?? [];
    return {
      items: words
        .filter((candidate) => candidate.startsWith(word))
        .map((candidate) => ({ text: candidate, type: 'keyword' })),
      start: cursor - word.length,
      end: cursor,
    };
  }

  #paths(line: string, cursor: number, kind: 'files' | 'folders'): Completions {
    const [word = ''] = /(?:\\.|[^\s\\])*$/.exec(line) ?? [];
    const directory = this.#surroundings.directory();
    const home = this.#surroundings.environment()['HOME'];
    return {
      items: completePath(word, directory, home, kind).map((text) => ({ text, type: 'path' })),
      start: cursor - word.length,
      end: cursor,
    };
  }

  #unknown(name: string, kind: 'line' | 'cell'): MagicError {
    const marks = kind === 'cell' ? '%%' : '%';
    const names = [...this.#byName.keys()].filter((known) => known !== '!');
    const near =
      nearestName(
        name,
        names.filter((known) => this.#byName.get(known)?.kinds.includes(kind)),
      ) ?? nearestName(name, names);
    const magic = near === undefined ? undefined : this.#byName.get(near);
    if (near === undefined || !magic) {
      return new MagicError('unknown-magic', `unknown magic ${marks}${name}: %lsmagic lists all of them`);
    }
    const nearMarks = magic.kinds.includes(kind) ? marks : kind === 'cell' ? '%' : '%%';
    return new MagicError(
      'unknown-magic',
      `unknown magic ${marks}${name}: did you mean ${nearMarks}${near}?`,
    );
  }
}
