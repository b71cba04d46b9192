/**
 * `{expression}` in a `!command`, as in IPython. Braces mean much in a shell (`{1..3}`, `${x}`, awk's programs), so
 * only what reads as an expression over variables, and changes none, counts; the rest stays as it is.
 */
import type { Node } from 'oxc-parser';
import { childNodes } from './children.ts';
import { parse } from './parse.ts';

/** Offsets of an expression between its braces. */
export interface Interpolation {
  start: number;
  end: number;
}

/** Longest expression that is tried: a command line may be megabytes of data. */
const LONGEST = 500;

const ALLOWED = new Set<string>([
  'ArrayExpression',
  'ArrowFunctionExpression',
  'BinaryExpression',
  'CallExpression',
  'ChainExpression',
  'ConditionalExpression',
  'Identifier',
  'Literal',
  'LogicalExpression',
  'MemberExpression',
  'ParenthesizedExpression',
  'TemplateElement',
  'TemplateLiteral',
  'TSAsExpression',
  'TSNonNullExpression',
  'UnaryExpression',
]);

/** Those of the command at `from` … `to`, in order. */
export function findInterpolations(source: string, from: number, to: number): Interpolation[] {
  const found: Interpolation[] = [];
  for (let open = source.indexOf('{', from); open >= 0 && open < to; open = source.indexOf('{', open + 1)) {
    // `${x}` is the shell's, `{{x}}` a template language's.
    if (source[open - 1] === '$' || source[open - 1] === '{') continue;
    const close = closingBrace(source, open, Math.min(to, open + LONGEST));
    if (close === undefined || !isExpression(source.slice(open + 1, close))) continue;
    found.push({ start: open + 1, end: close });
    open = close;
  }
  return found;
}

function closingBrace(source: string, open: number, to: number): number | undefined {
  let depth = 0;
  for (let at = open; at < to; at++) {
    if (source[at] === '{') depth++;
    else if (source[at] === '\n') return undefined;
    else if (source[at] === '}' && --depth === 0) return at;
  }
  return undefined;
}

function isExpression(text: string): boolean {
  if (!/[\p{ID_Start}$_]/u.test(text)) return false;
  const { program, problem } = parse(`(${text}\n)`, 'ts');
  const [statement] = program.body;
  if (problem || program.body.length !== 1 || statement?.type !== 'ExpressionStatement') return false;
  let names = 0;
  const isAllowed = (node: Node): boolean => {
    if (node.type.startsWith('TS') && node.type.endsWith('Keyword')) return true;
    if (!ALLOWED.has(node.type) || (node.type === 'UnaryExpression' && node.operator === 'delete'))
      return false;
    if (node.type === 'Identifier') names++;
    return childNodes(node).every(isAllowed);
  };
  return isAllowed(statement.expression) && names > 0;
}
