import type { SourcePosition, SourceProblem } from '../../contracts/compiler.ts';

/** Line and column (both from 0, columns in UTF-16 code units) of an offset. */
export function positionAt(source: string, offset: number): SourcePosition {
  const end = Math.max(0, Math.min(offset, source.length));
  let line = 0;
  let lineStart = 0;
  for (let at = source.indexOf('\n'); at !== -1 && at < end; at = source.indexOf('\n', at + 1)) {
    line++;
    lineStart = at + 1;
  }
  return { line, column: end - lineStart };
}

/** The offset of a position. */
export function offsetAt(source: string, { line, column }: SourcePosition): number {
  let lineStart = 0;
  for (let left = line; left > 0; left--) {
    const found = source.indexOf('\n', lineStart);
    if (found === -1) break;
    lineStart = found + 1;
  }
  return Math.min(source.length, lineStart + column);
}

/** The same for many offsets in rising order, with one walk through the text. */
export function positionsAt(source: string, offsets: readonly number[]): SourcePosition[] {
  let line = 0;
  let lineStart = 0;
  let next = source.indexOf('\n');
  return offsets.map((offset) => {
    for (; next !== -1 && next < offset; next = source.indexOf('\n', lineStart)) {
      line++;
      lineStart = next + 1;
    }
    return { line, column: offset - lineStart };
  });
}

export function problemAt(source: string, message: string, start: number, end: number): SourceProblem {
  return { message, start: positionAt(source, start), end: positionAt(source, Math.max(start, end)) };
}

/** Columns of a line that a frame shows. */
const SHOWN_COLUMNS = 400;

/**
 * The lines around a problem with carets below it, as compilers show it: two lines before, one after. Of a line that holds
 * data, the part around the problem.
 */
export function frameOf(source: string, problem: SourceProblem): string {
  const { line } = problem.start;
  // Columns further left are cut off in all lines, so that the lines stay aligned.
  const cut = Math.max(0, problem.start.column - SHOWN_COLUMNS / 2);
  const column = problem.start.column - cut;
  const lines = source.split(/\r?\n/);
  const first = Math.max(0, line - 2);
  const last = Math.min(lines.length - 1, line + 1);
  const width = String(last + 1).length;
  const shown: string[] = [];
  for (let at = first; at <= last; at++) {
    const text = (lines[at] ?? '').slice(cut, cut + SHOWN_COLUMNS);
    shown.push(`${at === line ? '>' : ' '} ${String(at + 1).padStart(width)} | ${text}`.trimEnd());
    if (at !== line) continue;
    const end = Math.min(text.length, problem.end.line === line ? problem.end.column - cut : text.length);
    // A tab before the carets stays one, so that they are aligned with the text above.
    const space = text.slice(0, column).replace(/[^\t]/g, ' ');
    shown.push(`  ${' '.repeat(width)} | ${space}${'^'.repeat(Math.max(1, end - column))}`);
  }
  return shown.join('\n');
}

/** A cell or module that cannot be compiled. `code` is `syntax`. */
export class CompileError extends SyntaxError {
  readonly code = 'syntax';
  readonly problem: SourceProblem;
  readonly frame: string;

  constructor(source: string, problem: SourceProblem, filename?: string) {
    const frame = frameOf(source, problem);
    const place = `${filename === undefined ? '' : `${filename}:`}${problem.start.line + 1}:${problem.start.column + 1}`;
    super(`${problem.message} (${place})\n${frame}`);
    this.name = 'SyntaxError';
    this.problem = problem;
    this.frame = frame;
  }
}
