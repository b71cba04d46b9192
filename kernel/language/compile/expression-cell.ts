import type { Expression } from 'oxc-parser';
import { endOfBlanks } from './blanks.ts';
import { parse } from './parse.ts';

/**
 * Whether a cell that begins with a brace is an expression that begins with an object: `{ a: 1 }` is a block with a
 * label to the grammar, `{ a: 1 }.a` is an error, and in a cell both mean the object.
 */
export function isExpressionCell(source: string): boolean {
  if (source[endOfBlanks(source)] !== '{' || source.trimEnd().endsWith(';')) return false;
  const { program, problem } = parse(`(${source}\n)`, 'ts');
  const [statement] = program.body;
  if (problem || program.body.length !== 1 || statement?.type !== 'ExpressionStatement') return false;
  const { expression } = statement;
  if (expression.type !== 'ParenthesizedExpression') return false;
  const first = leftmost(expression.expression);
  if (first.type !== 'ObjectExpression') return false;
  if (first === expression.expression) return first.properties.length > 0;
  // The next line may be a separate statement: `{ a = 1 }` and below it `[a]`. One parenthesis more.
  const rest = source.slice(first.end - 1);
  const isNextLine = /^[^\S\n]*\n/.test(rest);
  return parse(source, 'ts').problem !== undefined || (first.properties.length > 0 && !isNextLine);
}

/** The expression that an expression begins with. */
function leftmost(expression: Expression): Expression {
  switch (expression.type) {
    case 'MemberExpression':
      return leftmost(expression.object);
    case 'CallExpression':
      return leftmost(expression.callee);
    case 'ChainExpression':
    case 'TSNonNullExpression':
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
      return leftmost(expression.expression);
    case 'BinaryExpression':
    case 'LogicalExpression':
      return expression.left.type === 'PrivateIdentifier' ? expression : leftmost(expression.left);
    case 'ConditionalExpression':
      return leftmost(expression.test);
    case 'SequenceExpression': {
      const [first] = expression.expressions;
      return first ? leftmost(first) : expression;
    }
    case 'TaggedTemplateExpression':
      return leftmost(expression.tag);
    default:
      return expression;
  }
}
