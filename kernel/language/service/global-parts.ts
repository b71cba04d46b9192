/**
 * `declare global { … }` and `declare module 'x' { … }` of a cell. They hold for all later cells, so in the history they
 * stand outside of the cell's namespace.
 */
import { resolve } from 'node:path';
import { MagicString } from 'magic-string';
import type { Node } from './declarations.ts';
import { OWN_PREFIX } from './own-names.ts';

/**
 * The statement for the top of the history, and a key for each thing that it declares. When a cell declares one of
 * them again, the earlier statement counts no more.
 *
 * @param cellOf The cell that a name comes from: a type of the cell is `__cell3.Options` outside of it.
 */
export function globalPart(
  statement: Node,
  source: string,
  directory: string,
  cellOf: (name: string) => number | undefined,
): { text: string; keys: string[] } {
  const text = new MagicString(source);
  const id = statement['id'] as Node | null;
  const name = id?.type === 'Literal' ? String(id['value']) : 'global';
  if (id?.type === 'Literal' && /^\.{1,2}(?:\/|$)/.test(name))
    text.overwrite(id.start, id.end, JSON.stringify(resolve(directory, name)));
  const inner = ((statement['body'] as Node | null)?.['body'] as Node[] | undefined) ?? [];
  const declared = new Set<string>();
  const keys: string[] = [];
  for (const outer of inner) {
    const node =
      outer.type === 'ExportNamedDeclaration' ? ((outer['declaration'] as Node | null) ?? outer) : outer;
    for (const key of keysOf(node, declared)) keys.push(`${name} ${key}`);
  }
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    const node = value as Node | null;
    if (typeof node !== 'object' || node === null || typeof node.type !== 'string') return;
    const reference = referenceOf(node);
    if (reference && !declared.has(String(reference['name']))) {
      const cell = cellOf(String(reference['name']));
      if (cell !== undefined) text.appendLeft(reference.start, `${OWN_PREFIX}${cell}.`);
    }
    for (const key in node) visit(node[key]);
  };
  visit(inner);
  return { text: text.slice(statement.start, statement.end), keys };
}

function keysOf(node: Node, declared: Set<string>): string[] {
  if (node.type === 'VariableDeclaration')
    return (node['declarations'] as Node[]).map((declarator) => {
      const name = String((declarator['id'] as Node)['name']);
      declared.add(name);
      return name;
    });
  const id = node['id'] as Node | null | undefined;
  if (id?.type !== 'Identifier') return [];
  const name = String(id['name']);
  declared.add(name);
  if (node.type !== 'TSInterfaceDeclaration') return [name];
  const members = ((node['body'] as Node)['body'] as Node[]).map((member) => {
    const key = member['key'] as { name?: string; value?: string | number } | undefined;
    return `${name}.${key?.name ?? key?.value ?? member.type}`;
  });
  return members.length > 0 ? members : [name];
}

/** The name that a type begins with: `Options` of `Options.Inner`, of `typeof Options`, of `extends Options`. */
function referenceOf(node: Node): Node | undefined {
  let at =
    node.type === 'TSTypeReference'
      ? (node['typeName'] as Node)
      : node.type === 'TSTypeQuery'
        ? (node['exprName'] as Node)
        : node.type === 'TSInterfaceHeritage' || node.type === 'TSClassImplements'
          ? (node['expression'] as Node)
          : undefined;
  while (at && (at.type === 'TSQualifiedName' || at.type === 'MemberExpression'))
    at = (at['left'] ?? at['object']) as Node;
  return at?.type === 'Identifier' ? at : undefined;
}
