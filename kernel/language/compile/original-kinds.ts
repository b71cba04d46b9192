import type { BindingPattern, Program, TSTypeName } from 'oxc-parser';
import type { OriginalKind } from './top-variables.ts';

/** How the top level declares what lowering makes variables of. */
export function originalKinds(program: Program): Map<string, OriginalKind> {
  const kinds = new Map<string, OriginalKind>();
  for (const statement of program.body) {
    const isExport =
      statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration';
    const node = isExport ? statement.declaration : statement;
    switch (node?.type) {
      case 'TSEnumDeclaration':
      case 'TSModuleDeclaration': {
        const { id } = node;
        const name =
          id.type === 'TSQualifiedName' ? rootOf(id) : id.type === 'Identifier' ? id.name : undefined;
        if (name !== undefined && !kinds.has(name)) kinds.set(name, 'object');
        break;
      }
      case 'ClassDeclaration':
        if (node.id) kinds.set(node.id.name, 'class');
        break;
      case 'VariableDeclaration':
        if (node.kind === 'var') break;
        for (const { id } of node.declarations)
          for (const name of patternNames(id)) kinds.set(name, node.kind === 'let' ? 'let' : 'const');
        break;
      default:
    }
  }
  return kinds;
}

function rootOf(name: TSTypeName): string | undefined {
  let at = name;
  while (at.type === 'TSQualifiedName') at = at.left;
  return at.type === 'Identifier' ? at.name : undefined;
}

function patternNames(pattern: BindingPattern): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        patternNames(property.type === 'RestElement' ? property.argument : property.value),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) =>
        element ? patternNames(element.type === 'RestElement' ? element.argument : element) : [],
      );
    default:
      return patternNames(pattern.left);
  }
}
