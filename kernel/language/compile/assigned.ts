/** Statements of the top level that assign names, as `x = 5`: where nothing declares a name, they declare it. */
import type { AssignmentExpression, AssignmentTarget, Expression, Node, Program } from 'oxc-parser';
import type { TypedText } from '../../contracts/compiler.ts';

export interface AssignedName {
  name: string;
  start: number;
}

export interface AssignedStatement {
  start: number;
  end: number;
  names: AssignedName[];
  /** `let` in front of it makes a declaration of it: names and patterns of names, each name once. */
  declarable: boolean;
  /** Of `x = y = 5`: the assignments after the first. */
  inner: AssignmentExpression[];
  /** The parentheses of `({ a } = x)`. */
  parentheses: { start: number; end: number } | undefined;
}

/** @param lowered the last statement is an argument of `$$.result` */
export function assignedStatements(program: Program, lowered = false): AssignedStatement[] {
  const found: AssignedStatement[] = [];
  for (const statement of program.body) {
    if (statement.type !== 'ExpressionStatement') continue;
    let { expression }: { expression: Expression } = statement;
    if (lowered) expression = ofResult(expression) ?? expression;
    const parentheses = expression.type === 'ParenthesizedExpression' ? expression : undefined;
    if (parentheses) expression = parentheses.expression;
    const all = expression.type === 'SequenceExpression' ? expression.expressions : [expression];
    const parts = all.filter(isAssignment);
    if (parts.length === 0 || parts.length < all.length) continue;
    const names: AssignedName[] = [];
    const inner: AssignmentExpression[] = [];
    let isPlain = true;
    for (const part of parts) {
      isPlain = collect(part.left, names) && isPlain;
      for (
        let right = unparenthesized(part.right);
        isAssignment(right);
        right = unparenthesized(right.right)
      ) {
        inner.push(right);
        isPlain = collect(right.left, names) && isPlain && right.left.type === 'Identifier';
      }
    }
    if (names.length === 0) continue;
    const isOnce = new Set(names.map(({ name }) => name)).size === names.length;
    const isSimple = inner.length === 0 || (parts.length === 1 && parts[0]?.left.type === 'Identifier');
    const { start, end } = statement;
    const declarable = isPlain && isOnce && isSimple && !(parentheses && parts.length > 1);
    found.push({ start, end, names, declarable, inner, parentheses });
  }
  return found;
}

function isAssignment(node: Node): node is AssignmentExpression {
  return node.type === 'AssignmentExpression' && node.operator === '=';
}

function unparenthesized(node: Expression): Expression {
  let at = node;
  while (at.type === 'ParenthesizedExpression') at = at.expression;
  return at;
}

function ofResult(node: Expression): Expression | undefined {
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return undefined;
  const { object, property } = node.callee;
  if (object.type !== 'Identifier' || !object.name.startsWith('$$')) return undefined;
  const [value] = node.arguments;
  if (property.type !== 'Identifier' || property.name !== 'result' || !value) return undefined;
  return value.type === 'SpreadElement' ? undefined : unparenthesized(value);
}

/** Adds the names of a target; false where it also assigns something else. */
function collect(target: AssignmentTarget | Node, names: AssignedName[]): boolean {
  switch (target.type) {
    case 'Identifier':
      names.push({ name: target.name, start: target.start });
      return true;
    case 'ArrayPattern':
      return target.elements.map((element) => element === null || collect(element, names)).every(Boolean);
    case 'ObjectPattern':
      return target.properties
        .map((property) =>
          collect(property.type === 'RestElement' ? property.argument : property.value, names),
        )
        .every(Boolean);
    case 'AssignmentPattern':
      return collect(target.left, names);
    case 'RestElement':
      return collect(target.argument, names);
    default:
      return false;
  }
}

/** Names of types only (`declare let x: number`): something else gives them a value. */
export function declaredOnly(program: Program): Set<string> {
  const names = new Set<string>();
  for (const statement of program.body) {
    const node = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (node?.type === 'VariableDeclaration' && node.declare === true)
      for (const { id } of node.declarations) if (id.type === 'Identifier') names.add(id.name);
    if (node?.type === 'ClassDeclaration' && node.declare === true && node.id) names.add(node.id.name);
    if (node?.type === 'TSDeclareFunction' && node.id) names.add(node.id.name);
  }
  return names;
}

interface Change {
  start: number;
  end: number;
  text: string;
}

/**
 * The cell as the types see it: with the declarations that the cell's assignments are.
 *
 * @param declared names that the assignments declare
 */
export function typedText(
  source: string,
  statements: readonly AssignedStatement[],
  declared: ReadonlySet<string>,
): TypedText {
  const changes: Change[] = [];
  const seen = new Set<string>();
  for (const { start, end, names, declarable, inner, parentheses } of statements) {
    const fresh = names.filter(({ name }) => declared.has(name) && !seen.has(name));
    if (fresh.length === 0) continue;
    for (const { name } of fresh) seen.add(name);
    if (!declarable || fresh.length < names.length) {
      const list = [...new Set(fresh.map(({ name }) => `${name}: any`))].join(', ');
      changes.push({ start, end: start, text: `let ${list}; ` });
      continue;
    }
    changes.push({ start, end: start, text: 'let ' });
    if (parentheses)
      for (const at of [parentheses.start, parentheses.end - 1])
        changes.push({ start: at, end: at + 1, text: ' ' });
    // `let x = 5, y = x` for `x = y = 5`.
    for (const { start: from, right } of inner)
      changes.push({ start: from, end: right.start, text: blank(source.slice(from, right.start)) });
    const rest = inner.flatMap(({ left }) => (left.type === 'Identifier' ? [left.name] : []));
    const [first] = names;
    if (first && rest.length > 0) {
      const last = source[end - 1] === ';' ? end - 1 : end;
      const text = rest.map((name) => `, ${name} = ${first.name}`).join('');
      changes.push({ start: last, end: last, text });
    }
  }
  return applied(source, changes);
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}

/** Changes keep the length of the replaced text, or are insertions, and add no line break. */
function applied(source: string, changes: Change[]): TypedText {
  const insertions: NonNullable<TypedText['insertions']>[number][] = [];
  let text = '';
  let at = 0;
  let line = 0;
  let lineStart = 0;
  for (const change of changes.sort((a, b) => a.start - b.start || a.end - b.end)) {
    const kept = source.slice(at, change.start);
    for (let found = kept.indexOf('\n'); found !== -1; found = kept.indexOf('\n', found + 1)) {
      line++;
      lineStart = text.length + found + 1;
    }
    text += kept;
    at = change.end;
    if (change.start === change.end)
      insertions.push({ line, column: text.length - lineStart, length: change.text.length });
    for (let found = change.text.indexOf('\n'); found !== -1; found = change.text.indexOf('\n', found + 1)) {
      line++;
      lineStart = text.length + found + 1;
    }
    text += change.text;
  }
  return { source: text + source.slice(at), insertions };
}
