/** Lines of a text that cannot be parsed. */

/** Of a line that holds data, its beginning is looked at. */
const LONGEST = 500;

/** The row of an offset, the nearest one before that is not blank, and the one after. */
export function rowsAround(source: string, offset: number): (string | undefined)[] {
  const rowAt = (from: number): { text: string; start: number; end: number } => {
    const start = source.lastIndexOf('\n', from - 1) + 1;
    const found = source.indexOf('\n', from);
    const end = found === -1 ? source.length : found;
    return { text: source.slice(start, Math.min(end, start + LONGEST)), start, end };
  };
  const row = rowAt(Math.min(offset, source.length));
  let before: ReturnType<typeof rowAt> | undefined;
  for (let start = row.start, count = 0; start > 0 && count < 20; count++) {
    before = rowAt(start - 1);
    if (before.text.trim() !== '') break;
    start = before.start;
  }
  const after = row.end < source.length ? rowAt(row.end + 1) : undefined;
  return [row.text, before?.text, after?.text];
}

/** The row with blanks for what strings hold and for comments. */
export function masked(row: string): string;
export function masked(row: string | undefined): string | undefined;
export function masked(row: string | undefined): string | undefined {
  return row?.replaceAll(
    /(?<quote>["'`])(?<text>(?:\\.|(?!\k<quote>)[^\\])*)\k<quote>|\/\*.*?\*\//g,
    (whole, quote: string | undefined, text: string | undefined) =>
      quote === undefined ? ' '.repeat(whole.length) : `${quote}${'_'.repeat(text?.length ?? 0)}${quote}`,
  );
}

export function isComment(row: string): boolean {
  // `*a, b = xs` of Python is no line of a comment.
  return /^\s*(?:\/\/|\/\*|\*(?!\w+\s*,))/.test(row);
}
