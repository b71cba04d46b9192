import type { ImportDeclaration, ModuleExportName } from 'oxc-parser';

/** What a module calls something that it exports. */
export function exportedName(node: ModuleExportName): string {
  return node.type === 'Literal' ? node.value : node.name;
}

/** The call that loads what a declaration imports from. */
export function importCall(
  context: string,
  { source, attributes }: Pick<ImportDeclaration, 'source' | 'attributes'>,
): string {
  const specifier = JSON.stringify(source.value);
  if (attributes.length === 0) return `${context}.import(${specifier})`;
  const given = Object.fromEntries(
    attributes.map(({ key, value }) => [key.type === 'Literal' ? key.value : key.name, value.value]),
  );
  return `${context}.import(${specifier},${JSON.stringify(given)})`;
}

/** `object.key`, or `object["key"]` where the key is no name. */
export function member(object: string, key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `${object}.${key}`
    : `${object}[${JSON.stringify(key)}]`;
}
