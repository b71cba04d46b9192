/** The children of a syntax node, whatever its type. */
import type { Node } from 'oxc-parser';
import { visitorKeys } from 'oxc-parser';

/** The value of a node's property: one child, none, or a list with holes. */
export type Children = Node | (Node | null)[] | null | undefined;

/** One value for each property that can have children, in the order of the source. */
export function childrenOf(node: Node): Children[] {
  return (visitorKeys[node.type] ?? []).map((key) => Reflect.get(node, key) as Children);
}

/** All children in the order of the source. */
export function childNodes(node: Node): Node[] {
  const nodes: Node[] = [];
  for (const children of childrenOf(node)) {
    if (Array.isArray(children)) {
      for (const child of children) if (child) nodes.push(child);
    } else if (children) nodes.push(children);
  }
  return nodes;
}
