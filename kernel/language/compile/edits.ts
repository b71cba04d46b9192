/**
 * Changes to a text, collected in any order and applied at once, together with the source map of the result.
 *
 * Texts that are put in never hold a line break, so a line of the result is never above its line in the source.
 *
 * The type service uses magic-string, which keeps texts of one place in the order of the calls. Here several walks add texts
 * at one place, and the nesting of what they enclose decides the order; a statement that would begin with `(` gets a
 * semicolon, and a callee that is replaced keeps the place that V8 reports.
 */

import { positionAt } from './problems.ts';

/** Where a text that is put in belongs: to what ends there, or to what begins there. */
const AFTER = 0;
const BEFORE = 1;
const REPLACE = 2;

interface Edit {
  at: number;
  end: number;
  rank: typeof AFTER | typeof BEFORE | typeof REPLACE;
  order: number;
  text: string;
  /** The text that follows gets the position where the replaced text began. */
  anchor?: boolean;
}

/** Text that comes before all, and the offset in the source that errors in it are reported at. */
export interface PrefixPart {
  text: string;
  at?: number;
}

export interface Rendered {
  code: string;
  /** The `mappings` of a source map, version 3. */
  mappings: string;
}

export class Edits {
  private readonly list: Edit[] = [];
  /** Where statements of a list start: there a text that starts with `(` must not continue the line above. */
  private readonly statementStarts = new Set<number>();

  /** Of two texts before the same place, the one given first comes first: give outer ones before inner ones. */
  before(at: number, text: string): void {
    this.list.push({ at, end: at, rank: BEFORE, order: this.list.length, text });
  }

  /** Of two texts after the same place, the one given first comes last: give outer ones before inner ones. */
  after(at: number, text: string): void {
    this.list.push({ at, end: at, rank: AFTER, order: -this.list.length, text });
  }

  replace(start: number, end: number, text: string): void {
    this.list.push({ at: start, end, rank: REPLACE, order: this.list.length, text });
  }

  /** Replaces the name of what is called. V8 says that `(0, f)(x)` stands at the second parenthesis. */
  replaceCallee(start: number, end: number, text: string): void {
    this.list.push({ at: start, end, rank: REPLACE, order: this.list.length, text, anchor: true });
  }

  remove(start: number, end: number): void {
    if (end > start) this.replace(start, end, '');
  }

  statementAt(start: number): void {
    this.statementStarts.add(start);
  }

  /** @param prefix comes first; its parts may be said to stand somewhere in the source */
  render(source: string, prefix: string | readonly PrefixPart[], suffix: string): Rendered {
    const edits = this.list.sort((a, b) => a.at - b.at || a.rank - b.rank || a.order - b.order);
    const output = new MappedText(source);
    if (typeof prefix === 'string') output.insert(prefix);
    else
      for (const { text, at } of prefix)
        output.insert(text, at === undefined ? undefined : positionAt(source, at));
    let cursor = 0;
    /** The last place where something that belongs to a statement's start was written. */
    let begun = -1;
    for (const { at, end, rank, text, anchor } of edits) {
      // Within a range that was replaced as a whole.
      if (at < cursor) continue;
      output.copy(at);
      cursor = at;
      const first = rank !== AFTER && begun !== at;
      if (first && text !== '') begun = at;
      output.insert(first && text.startsWith('(') && this.statementStarts.has(at) ? `;${text}` : text);
      if (end > at) {
        if (anchor === true) output.anchor();
        output.skip(end);
        cursor = end;
      }
    }
    output.copy(source.length);
    output.insert(suffix);
    return output.finish();
  }
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function digits(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}

function isWord(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 36 ||
    code > 127
  );
}

/** Copies a source from start to end with omissions and additions, and notes where each word came from. */
class MappedText {
  private code = '';
  private mappings = '';
  private position = 0;
  private line = 0;
  private column = 0;
  private outColumn = 0;
  private lastOutColumn = 0;
  private lastLine = 0;
  private lastColumn = 0;
  private lineHasSegment = false;
  private anchored: { line: number; column: number } | undefined;

  private readonly source: string;
  constructor(source: string) {
    this.source = source;
  }

  /** The next character that is copied gets this position. */
  anchor(): void {
    this.anchored = { line: this.line, column: this.column };
  }

  private segment(): void {
    const line = this.anchored?.line ?? this.line;
    const column = this.anchored?.column ?? this.column;
    this.mappings +=
      (this.lineHasSegment ? ',' : '') +
      digits(this.outColumn - this.lastOutColumn) +
      'A' +
      digits(line - this.lastLine) +
      digits(column - this.lastColumn);
    this.lineHasSegment = true;
    this.lastOutColumn = this.outColumn;
    this.lastLine = line;
    this.lastColumn = column;
  }

  insert(text: string, place?: { line: number; column: number }): void {
    if (text === '') return;
    const { anchored } = this;
    this.anchored = place ?? anchored;
    this.segment();
    this.anchored = anchored;
    this.code += text;
    this.outColumn += text.length;
  }

  copy(to: number): void {
    if (to <= this.position) return;
    const { source } = this;
    this.code += source.slice(this.position, to);
    let word = false;
    let start = true;
    for (let i = this.position; i < to; i++) {
      const code = source.charCodeAt(i);
      if (code === 10) {
        this.mappings += ';';
        this.line++;
        this.column = 0;
        this.outColumn = 0;
        this.lastOutColumn = 0;
        this.lineHasSegment = false;
        start = true;
        continue;
      }
      const isInWord = isWord(code);
      if (start || isInWord !== word) this.segment();
      this.anchored = undefined;
      start = false;
      word = isInWord;
      this.column++;
      this.outColumn++;
    }
    this.position = to;
  }

  skip(to: number): void {
    for (let i = this.position; i < to; i++) {
      if (this.source.charCodeAt(i) === 10) {
        this.line++;
        this.column = 0;
      } else this.column++;
    }
    this.position = to;
  }

  finish(): Rendered {
    return { code: this.code, mappings: this.mappings };
  }
}
