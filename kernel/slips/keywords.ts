/** Keywords with a typing error. */
import { editDistance } from '../../src/base/nearest-name.ts';
import { isComment, masked } from './rows.ts';

const KEYWORDS = [
  'const',
  'let',
  'var',
  'function',
  'return',
  'import',
  'export',
  'class',
  'while',
  'for',
  'switch',
  'async',
  'await',
  'interface',
  'namespace',
  'extends',
  'implements',
  'default',
  'throw',
  'typeof',
  'instanceof',
  'finally',
  'catch',
  'enum',
  'type',
  'else',
  'case',
  'yield',
  'static',
  'new',
  'try',
  'delete',
  'from',
  'if',
  'of',
];

/** Words after which another one may follow: of TypeScript, and of Python, where PARTS has better help. */
const PRECEDE = new Set(
  [
    KEYWORDS,
    ['abstract', 'accessor', 'as', 'asserts', 'declare', 'do', 'get', 'global', 'in', 'infer', 'is', 'keyof'],
    ['module', 'override', 'out', 'private', 'protected', 'public', 'readonly', 'satisfies', 'set', 'this'],
    ['unique', 'using', 'void', 'break', 'continue', 'with', 'assert', 'target', 'super', 'debugger'],
    [
      'and',
      'or',
      'not',
      'lambda',
      'def',
      'elif',
      'print',
      'raise',
      'del',
      'pass',
      'except',
      'nonlocal',
      'match',
    ],
  ].flat(),
);

/** A word in the place of a keyword that nearly is one. */
export function misspeltIn(row: string | undefined): string | undefined {
  const code = masked(row)?.replace(/\/\/.*/, '');
  if (code === undefined || isComment(code)) return undefined;
  const words = [
    // Before another word or a literal, at the beginning of a block, before parentheses and a block.
    ...code.matchAll(/(?<![\w$.@#])([A-Za-z]{2,12})(?=\s+[\w$"'`{[])/g),
    ...code.matchAll(/^\s*(?:\}\s*)?([A-Za-z]{2,12})(?=\s*(?:\([^{}]*\)\s*\{|\{\s*$))/g),
    ...code.matchAll(/(?<=\}\s*)([A-Za-z]{2,12})(?=\s*["'`])/g),
  ];
  for (const [, typed] of words) {
    if (typed === undefined || PRECEDE.has(typed)) continue;
    const meant = keywordLike(typed);
    if (meant !== undefined) return `did you mean \`${meant}\` instead of \`${typed}\`?`;
  }
  return undefined;
}

/** A keyword that a word is a typing error for. */
export function keywordLike(typed: string, keywords: readonly string[] = KEYWORDS): string | undefined {
  const word = typed.toLowerCase();
  let best: { keyword: string; distance: number } | undefined;
  for (const keyword of keywords) {
    const isSwap = sorted(word) === sorted(keyword);
    const edits = editDistance(word, keyword);
    // Swapped letters are the commonest errors.
    const distance = isSwap && edits > 0 ? edits - 0.5 : edits;
    const allowed = keyword.length < 3 ? 0 : keyword.length < 6 ? 1 : 2;
    if (typed === keyword || distance > allowed) continue;
    // Of short words that differ in a letter there are many.
    if (keyword.length < 4 && distance > 0 && !isSwap && word.length === keyword.length) continue;
    if (!best || distance < best.distance) best = { keyword, distance };
  }
  return best?.keyword;
}

function sorted(word: string): string {
  return word.split('').sort().join('');
}
