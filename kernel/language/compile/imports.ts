import type { ImportDeclaration, ModuleExportName } from 'oxc-parser';

/** The name under which a module exports something. */
export function exportedName(node: ModuleExportName): string {
  return node.type === 'Literal' ? node.value : node.name;
}

/** The name that a specifier imports; `*` is the namespace. */
export function importedNameOf(specifier: ImportDeclaration['specifiers'][number]): string {
  if (specifier.type === 'ImportSpecifier') return exportedName(specifier.imported);
  return specifier.type === 'ImportDefaultSpecifier' ? 'default' : '*';
}

/** The arguments of the call that loads what a declaration imports from; `names` have to be exported. */
export function importArguments(
  { source, attributes }: Pick<ImportDeclaration, 'source' | 'attributes'>,
  names: readonly string[] = [],
): string {
  const specifier = JSON.stringify(source.value);
  const given =
    attributes.length === 0
      ? undefined
      : Object.fromEntries(
          attributes.map(({ key, value }) => [key.type === 'Literal' ? key.value : key.name, value.value]),
        );
  if (names.length > 0)
    return `${specifier},${given ? JSON.stringify(given) : 'undefined'},${JSON.stringify(names)}`;
  return given ? `${specifier},${JSON.stringify(given)}` : specifier;
}

/** The call that loads what a declaration imports from. */
export function importCall(
  context: string,
  node: Pick<ImportDeclaration, 'source' | 'attributes'>,
  names: readonly string[] = [],
): string {
  return `${context}.import(${importArguments(node, names)})`;
}

/** `object.key`, or `object["key"]` where the key is no name. */
export function member(object: string, key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `${object}.${key}`
    : `${object}[${JSON.stringify(key)}]`;
}
