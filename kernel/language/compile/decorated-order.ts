/** Changes swc's output for legacy decorators to tsc's order: see `transformers/legacyDecorators.ts` of TypeScript. */
import type { CallExpression, Node, Program } from 'oxc-parser';
import { childNodes, childrenOf } from './children.ts';
import type { Edits } from './edits.ts';

/**
 * Members of instances are decorated before static ones, and a class has no `design:type`.
 *
 * @param program what swc made
 */
export function orderDecorations(program: Program, edits: Edits): void {
  let count = 0;
  const visit = (node: Node): void => {
    for (const children of childrenOf(node)) {
      if (!Array.isArray(children)) {
        if (children) visit(children);
        continue;
      }
      if (children.some((item) => callOf(item) !== undefined)) count = orderList(children, edits, count);
      for (const item of children) if (item) visit(item);
    }
  };
  visit(program);
}

function orderList(list: readonly (Node | null)[], edits: Edits, before: number): number {
  let count = before;
  let waiting: string[] = [];
  for (const [index, statement] of list.entries()) {
    const call = callOf(statement);
    if (!statement || !call) continue;
    if (call.arguments.length === 2) withoutType(call, edits);
    if (call.arguments.length < 4) continue;
    if (isStatic(call) && followsInstance(list, index) && !awaits(call)) {
      const name = `_ts_static${count++}`;
      // Runs behind the decorations of the instances' members.
      edits.before(statement.start, `const ${name}=()=>{`);
      edits.after(statement.end, '};');
      waiting.push(name);
    } else if (!isStatic(call) && !followsInstance(list, index)) {
      edits.after(statement.end, waiting.map((name) => `${name}();`).join(''));
      waiting = [];
    }
  }
  return count;
}

/** `_ts_decorate(…);`, and of a class `A = _ts_decorate(…);`. */
function callOf(node: Node | null): CallExpression | undefined {
  if (node?.type !== 'ExpressionStatement') return undefined;
  const { expression } = node;
  const call = expression.type === 'AssignmentExpression' ? expression.right : expression;
  return call.type === 'CallExpression' &&
    call.callee.type === 'Identifier' &&
    call.callee.name.startsWith('_ts_decorate')
    ? call
    : undefined;
}

/** Of a member; the target of one of an instance is `A.prototype`. */
function isStatic(call: CallExpression): boolean {
  return call.arguments[1]?.type === 'Identifier';
}

/** Whether a member of an instance of the same class comes later. */
function followsInstance(list: readonly (Node | null)[], index: number): boolean {
  for (const statement of list.slice(index + 1)) {
    const call = callOf(statement);
    if (!call || call.arguments.length < 4) return false;
    if (!isStatic(call)) return true;
  }
  return false;
}

function awaits(node: Node): boolean {
  if (node.type === 'AwaitExpression') return true;
  if (/Function/.test(node.type)) return false;
  return childNodes(node).some(awaits);
}

function withoutType(call: CallExpression, edits: Edits): void {
  const [decorators] = call.arguments;
  if (decorators?.type !== 'ArrayExpression') return;
  for (const [index, element] of decorators.elements.entries()) {
    if (element?.type !== 'CallExpression' || element.callee.type !== 'Identifier') continue;
    const [key] = element.arguments;
    if (element.callee.name !== '_ts_metadata' || key?.type !== 'Literal' || key.value !== 'design:type')
      continue;
    edits.remove(element.start, decorators.elements[index + 1]?.start ?? element.end);
  }
}
