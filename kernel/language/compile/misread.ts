/** Expressions that run and mean something else than in Python; no program needs them. */
import type { Expression, MemberExpression, Node } from 'oxc-parser';
import { inTypeScript } from '../../slips/index.ts';

/** An operator with two operands. */
export type Operation = Extract<Node, { type: 'BinaryExpression' | 'LogicalExpression' }>;

const COMPARISONS = new Set(['<', '<=', '>', '>=']);

/** Help for an operator, or none. */
export function misreadOperator({ operator, left, right }: Operation): string | undefined {
  if (operator === 'in' && right.type === 'ArrayExpression')
    return '`in` tests for an index or a key: `xs.includes(x)` tests for an element';
  if (COMPARISONS.has(operator) && left.type === 'BinaryExpression' && COMPARISONS.has(left.operator))
    return inTypeScript('a < b < c', 'a < b && b < c');
  if (operator === '*' && (isRepeated(left) || isRepeated(right)))
    return 'to repeat a string, write `text.repeat(3)`; to fill an array, write `Array(3).fill(0)`';
  if (operator === '%' && isText(left)) return 'a string with values goes in backticks: `sum: ${x}`';
  if (operator === '+' && isList(left) && isList(right)) return inTypeScript('xs + ys', '[...xs, ...ys]');
  return undefined;
}

function isList(node: Node): boolean {
  return node.type === 'ArrayExpression' && node.elements.length > 0;
}

/** A text literal, except numbers in quotes. */
function isText(node: Node): boolean {
  return node.type === 'Literal' && typeof node.value === 'string' && Number.isNaN(Number(node.value));
}

function isRepeated(node: Node): boolean {
  return isText(node) || isList(node);
}

/** Help for `(1, 2)` as a value: the last element, where Python has a tuple. */
export function misreadTuple(value: Expression | null | undefined): string | undefined {
  if (value?.type !== 'ParenthesizedExpression' || value.expression.type !== 'SequenceExpression')
    return undefined;
  const parts = value.expression.expressions;
  // `(0, f)` calls without `this`.
  const [first, second, ...more] = parts;
  const isCallee = first && second && more.length === 0 && isLiteral(first) && !isLiteral(second);
  return isCallee || !parts.slice(0, -1).every((part) => isLiteral(part) || part.type === 'Identifier')
    ? undefined
    : inTypeScript('(1, 2)', '[1, 2]');
}

/** Help for `return a, b`: the last value, where Python returns a tuple. */
export function misreadReturn(value: Expression | null): string | undefined {
  if (value?.type !== 'SequenceExpression') return undefined;
  return value.expressions.every((part) => isLiteral(part) || part.type === 'Identifier')
    ? inTypeScript('return a, b', 'return [a, b]')
    : undefined;
}

/** Help for `xs[1, 2]`: the element of the last index. */
export function misreadIndex({ computed, property }: MemberExpression): string | undefined {
  return computed && property.type === 'SequenceExpression' && property.expressions.every(isLiteral)
    ? '`xs[1, 2]` is `xs[2]` here: index nested arrays with `xs[1][2]`, a tensor with `t.slice([1, 2], [1, 1])`'
    : undefined;
}

export function isLiteral(node: Node): boolean {
  if (node.type === 'UnaryExpression') return isLiteral(node.argument);
  return node.type === 'Literal';
}

/** `xs[-1]` of a name or its members. An index after `?.` has to stay in its chain. */
export function isNegativeIndex({ computed, object, property }: MemberExpression): boolean {
  if (!computed || property.type !== 'UnaryExpression' || property.operator !== '-') return false;
  const { argument } = property;
  if (argument.type !== 'Literal' || typeof argument.value !== 'number') return false;
  let at: Expression = object;
  while (at.type === 'MemberExpression' && !at.optional) at = at.object;
  return at.type === 'Identifier';
}
