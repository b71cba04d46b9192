/** An import of a name that its module does not export. */
import { nearestName, nearestNames } from '../../src/base/nearest-name.ts';
import type { Namespace } from './namespace.ts';

/** So many names are listed. */
const LISTED = 6;

/**
 * @param specifier as the import has it
 * @param importer the file that imports, unless it is a cell
 */
export function missingExport(
  specifier: string,
  name: string,
  namespace: Namespace,
  importer?: string,
): SyntaxError {
  const names = Object.keys(namespace).filter(
    (known) => known !== 'module.exports' && known !== '__esModule',
  );
  const from = importer === undefined ? '' : ` (imported by ${importer})`;
  const what = name === 'default' ? 'no default export' : `no export named '${name}'`;
  return new SyntaxError(
    `the module '${specifier}' has ${what}${from}${advice(specifier, name, names, namespace)}`,
  );
}

function advice(specifier: string, name: string, names: readonly string[], namespace: Namespace): string {
  if (names.length === 0) return ': it exports nothing';
  const named = names.filter((known) => known !== 'default');
  if (name === 'default') {
    const [first] = named;
    return `; it exports ${listed(named)}${first === undefined ? '' : `: write  import { ${first} } from '${specifier}'`}`;
  }
  if (hasMember(namespace, name))
    return `, but its default export has a member of this name: write  import value from '${specifier}'  and value.${name}`;
  const near = nearestName(name, named);
  const nearest = nearestNames(name, named, LISTED);
  const only = named.length === 0 ? '; it has a default export only' : '';
  const meant = near === undefined ? '' : `: did you mean '${near}'?`;
  if (only) return `${only}: write  import ${name} from '${specifier}'`;
  return `${meant}${meant ? ' It' : '; it'} exports ${listed(nearest, named.length)}`;
}

function listed(names: readonly string[], of = names.length): string {
  const shown = names.slice(0, LISTED);
  return shown.join(', ') + (of > shown.length ? `, … (${of} names)` : '');
}

/** Without running a getter. */
function hasMember(namespace: Namespace, name: string): boolean {
  if (!Object.hasOwn(namespace, 'default')) return false;
  const value = namespace['default'];
  return (
    (typeof value === 'object' || typeof value === 'function') && value !== null && Object.hasOwn(value, name)
  );
}
