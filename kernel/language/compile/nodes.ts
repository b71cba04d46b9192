import type { AssignmentTarget, Expression, Node, RegExpLiteral } from 'oxc-parser';

/** Thrown when the tree holds syntax that erasing cannot deal with: enums, decorators, JSX… */
export class NeedsLowering extends Error {
  /** One for all: making an error costs a stack trace. */
  static readonly signal = new NeedsLowering();
}

/** A mistake that the parser does not see. */
export class SourceMistake extends Error {
  readonly start: number;
  readonly end: number;

  constructor(message: string, start: number, end: number) {
    super(message);
    this.start = start;
    this.end = end;
  }
}

/** @throws SourceMistake */
export function checkRegExp({ regex, start, end }: RegExpLiteral): void {
  try {
    RegExp(regex.pattern, regex.flags);
  } catch (error) {
    throw new SourceMistake(error instanceof Error ? error.message : String(error), start, end);
  }
}

/** Without parentheses and type assertions around it. */
export function unwrapped(node: Expression | AssignmentTarget): Node {
  let at: Node = node;
  while (
    at.type === 'ParenthesizedExpression' ||
    at.type === 'TSAsExpression' ||
    at.type === 'TSSatisfiesExpression' ||
    at.type === 'TSNonNullExpression' ||
    at.type === 'TSTypeAssertion' ||
    at.type === 'TSInstantiationExpression'
  )
    at = at.expression;
  return at;
}

/** Whether code of the user runs between the assignments of a pattern: defaults, computed keys, setters. */
export function isInterleaved(node: Node): boolean {
  switch (node.type) {
    case 'Identifier':
      return false;
    case 'ParenthesizedExpression':
      return isInterleaved(node.expression);
    case 'ArrayPattern':
      return node.elements.some((element) => element !== null && isInterleaved(element));
    case 'ObjectPattern':
      return node.properties.some((property) =>
        property.type === 'RestElement'
          ? isInterleaved(property.argument)
          : property.computed || isInterleaved(property.value),
      );
    case 'RestElement':
      return isInterleaved(node.argument);
    case 'AssignmentPattern':
      return node.right.type !== 'Literal' || isInterleaved(node.left);
    default:
      return true;
  }
}

/** A function or class that gets its name from what it is assigned to. */
export function anonymousFunction(node: Expression): Expression | undefined {
  const inner = unwrapped(node);
  const isAnonymous =
    inner.type === 'ArrowFunctionExpression' ||
    ((inner.type === 'FunctionExpression' || inner.type === 'ClassExpression') && inner.id === null);
  return isAnonymous ? node : undefined;
}
