/** From the server's completion items to Jupyter's. */
import type { CompletionItem as ServerItem, CompletionList } from 'vscode-languageserver-protocol';
import type { CompletionItem, Completions } from '../../contracts/language-service.ts';
import { OWN_PREFIX } from './own-names.ts';

/** LSP's CompletionItemKind -> the words that JupyterLab has icons for. */
const TYPES: Readonly<Record<number, string>> = {
  2: 'method',
  3: 'function',
  4: 'class',
  5: 'property',
  6: 'variable',
  7: 'class',
  8: 'interface',
  9: 'module',
  10: 'property',
  12: 'value',
  13: 'enum',
  14: 'keyword',
  17: 'path',
  18: 'reference',
  19: 'path',
  20: 'enum-member',
  21: 'constant',
  22: 'class',
  25: 'type',
};

/** Keywords worth offering: those that begin something a cell may hold. */
const KEYWORDS = new Set(
  (
    'abstract any as async await bigint boolean break case catch class const continue default delete do else enum ' +
    'export extends false finally for from function if implements import in infer instanceof interface keyof let ' +
    'namespace never new null number object of private protected public readonly return satisfies static string ' +
    'super switch symbol this throw true try type typeof undefined unknown using var void while yield'
  ).split(' '),
);

/** Names that the declarations of Node and WebGPU bring in and that cells do not use. */
const NOISE = /^(?:__After$|GPU[A-Z]|__)/;

/** UTF-16 code units that are looked at for the word before the cursor. */
const LONGEST_WORD = 500;
const IDENTIFIER_END = /[\p{ID_Start}\p{ID_Continue}$#]*$/u;

const IDENTIFIER_REST = /^[\p{ID_Continue}$]*/u;

export interface SelectedCompletions extends Completions {
  /** The server's item for each of `items`. */
  from: ServerItem[];
}

/** @param line The document's line of the cell's first line. */
export function toCompletions(
  list: CompletionList | ServerItem[] | null,
  source: string,
  cursor: number,
  line: number,
): SelectedCompletions {
  const items = Array.isArray(list) ? list : (list?.items ?? []);
  const [word = ''] = IDENTIFIER_END.exec(source.slice(Math.max(0, cursor - LONGEST_WORD), cursor)) ?? [];
  // Within a name: an item replaces all of it.
  const [rest = ''] = IDENTIFIER_REST.exec(source.slice(cursor)) ?? [];
  const identifierStart = cursor - word.length;
  // Most items stand in the same line: each line is looked for once.
  const lineStarts = new Map<number, number>();
  const lineStart = (of: number): number => {
    let offset = lineStarts.get(of);
    if (offset === undefined) lineStarts.set(of, (offset = offsetAt(source, of, 0)));
    return offset;
  };
  const found = items.flatMap((item) => {
    const edit = item.textEdit && 'range' in item.textEdit ? item.textEdit : undefined;
    const start = edit
      ? Math.min(source.length, lineStart(edit.range.start.line - line) + edit.range.start.character)
      : identifierStart;
    // Of a path, the file's whole name: a cell imports `./file.ts`.
    const path = item.kind === 17 && item.detail ? item.detail : undefined;
    const text = path ?? edit?.newText ?? item.insertText ?? item.label;
    return [{ item, start, text, key: item.filterText ?? item.label }];
  });
  const start = mostCommon(found.map((candidate) => candidate.start)) ?? identifierStart;
  const typed = source.slice(start, cursor).replace(/^[.?[\]"'`]+/, '');
  const seen = new Set<string>();
  const kept = found
    .filter((candidate) => candidate.start === start)
    .filter(({ item, text }) => isWanted(item, text, typed))
    .filter(({ text, key }) => startsWith(text, typed) || startsWith(key, typed))
    .sort((a, b) => compare(a.item, b.item, typed))
    .filter(({ text }) => !seen.has(text) && seen.add(text));
  return {
    items: kept.map(({ item, text }) => ({ text, type: TYPES[item.kind ?? 0] ?? 'text' })),
    start,
    end: start === identifierStart ? cursor + rest.length : cursor,
    from: kept.map(({ item }) => item),
  };
}

/**
 * The server's detail of one item: `(alias) class Zoo`, `const relu: <T>(x: T) => T`. Imported names are
 * all variables before that.
 */
export function withDetail(item: CompletionItem, detail: string | undefined): CompletionItem {
  const said = detail?.replace(/\s+/g, ' ').replace(/^\([a-z ]+\) /, '') ?? '';
  const match =
    /^(class|interface|enum|namespace|module|type|function|const|let|var)\b\s*("[^"]*"|[^\s:(<]*)(.*)$/.exec(
      said,
    );
  if (!match) return item;
  const [, keyword = '', , rest = ''] = match;
  const isFunction = keyword === 'function' || /^: (?:<.*>)?\(.*\) => /.test(rest);
  const type = isFunction
    ? 'function'
    : keyword === 'namespace' || keyword === 'module'
      ? 'module'
      : ['const', 'let', 'var'].includes(keyword)
        ? item.type
        : keyword;
  const signature = rest.replace(/^(?::| =) /, '').trim();
  return signature && signature.length <= 200 ? { ...item, type, signature } : { ...item, type };
}

function isWanted({ kind, label }: ServerItem, text: string, typed: string): boolean {
  if (label.startsWith(OWN_PREFIX)) return false;
  if (kind === 14) return typed !== '' && KEYWORDS.has(label) && label !== typed;
  return typed.startsWith('__') || typed.startsWith('GPU') || !NOISE.test(text);
}

function startsWith(text: string, typed: string): boolean {
  const bare = text.replace(/^[.?[\]"'`]+/, '');
  return bare.toLowerCase().startsWith(typed.toLowerCase());
}

/** As the server ranks them; then what has the typed case; then by name. */
function compare(a: ServerItem, b: ServerItem, typed: string): number {
  const [rankA, rankB] = [a.sortText ?? a.label, b.sortText ?? b.label];
  if (rankA !== rankB) return rankA < rankB ? -1 : 1;
  const exact = Number(b.label.startsWith(typed)) - Number(a.label.startsWith(typed));
  if (exact !== 0) return exact;
  return a.label === b.label ? 0 : a.label < b.label ? -1 : 1;
}

function mostCommon(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

export function offsetAt(source: string, line: number, column: number): number {
  let offset = 0;
  for (let count = 0; count < line; count++) {
    const end = source.indexOf('\n', offset);
    if (end < 0) return source.length;
    offset = end + 1;
  }
  return Math.min(offset + column, source.length);
}

export function positionAt(source: string, offset: number): { line: number; character: number } {
  const before = source.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length - 1, character: offset - lastBreak - 1 };
}
