/**
 * A cell as a part of the history: one document that holds every living cell as a namespace, so that a new cell changes
 * the text of one document and not the shape of the server's project (which takes it 35 ms instead of 5).
 *
 * Syntax that a namespace does not allow is rewritten; only types are read from it, no errors:
 * imports move to the document's top, `await x` becomes `__await(x)`, JSX is a value of any type.
 */
import { resolve } from 'node:path';
import { MagicString } from 'magic-string';
import type { CellAnalysis, Node } from './declarations.ts';
import { globalPart } from './global-parts.ts';
import { OWN_PREFIX } from './own-names.ts';

export interface HistoryPart {
  /** Imports, for the document's top. */
  top: string[];
  /** `declare global { … }` and `declare module 'x' { … }`, and what they declare: the newest counts. */
  globals: { text: string; keys: string[] }[];
  /** `export namespace __cell3 { … }`. */
  text: string;
}

/**
 * @param before What the cell sees of others, as statements of its namespace.
 * @param origins The cells that names of `before` come from.
 * @param ends Names whose type at the cell's end is wanted as `__cell_end_NAME`.
 */
export function historyPart(options: {
  execution: number;
  source: string;
  analysis: CellAnalysis;
  before: string;
  origins: ReadonlyMap<string, number>;
  ends: readonly string[];
  directory: string;
}): HistoryPart {
  const { execution, source, analysis, before, origins, ends, directory } = options;
  const globals: HistoryPart['globals'] = [];
  const text = new MagicString(source);
  const top: string[] = [];
  const aliases: string[] = [];
  for (const [index, statement] of analysis.body.entries()) {
    if (statement.type === 'ImportDeclaration') {
      const module = `${OWN_PREFIX}${execution}_import${index}`;
      top.push(`import * as ${module} from ${specifierText(statement['source'] as Node, directory)};`);
      aliases.push(...importAliases(statement, module));
      text.remove(statement.start, statement.end);
    } else if (isGlobal(statement)) {
      const cellOf = (name: string): number | undefined =>
        analysis.declarations.has(name) ? execution : origins.get(name);
      globals.push(globalPart(statement, source, directory, cellOf));
      text.remove(statement.start, statement.end);
    } else exportStatement(statement, text);
  }
  for (const name of analysis.nestedVars) aliases.push(`export let ${name}: any;`);
  for (const statement of analysis.body) rewrite(statement, text, false, directory);
  const exports = ends.map((name) => `export const ${OWN_PREFIX}_end_${name} = ${name};`);
  return {
    top,
    globals,
    text: `export namespace ${OWN_PREFIX}${execution} { ${before} ${aliases.join(' ')}\n${text.toString()}\n${exports.join(' ')} }`,
  };
}

/** `declare global { … }` and `declare module 'x' { … }`. */
function isGlobal(statement: Node): boolean {
  if (statement.type === 'TSGlobalDeclaration') return true;
  if (statement.type !== 'TSModuleDeclaration') return false;
  return statement['kind'] === 'global' || (statement['id'] as Node | null)?.type === 'Literal';
}

function importAliases(statement: Node, module: string): string[] {
  return (statement['specifiers'] as Node[]).map((specifier) => {
    const local = String((specifier['local'] as Node)['name']);
    if (specifier.type === 'ImportNamespaceSpecifier') return `export import ${local} = ${module};`;
    const imported = specifier['imported'] as Node | undefined;
    const name = imported ? String(imported['name'] ?? imported['value']) : 'default';
    return `export import ${local} = ${module}.${name};`;
  });
}

const DECLARATIONS = new Set([
  'VariableDeclaration',
  'FunctionDeclaration',
  'TSDeclareFunction',
  'ClassDeclaration',
  'TSEnumDeclaration',
  'TSModuleDeclaration',
  'TSInterfaceDeclaration',
  'TSTypeAliasDeclaration',
]);

/** Makes a declaration visible from outside, and takes away what only a module may export. */
function exportStatement(statement: Node, text: MagicString): void {
  if (statement.type === 'ExportNamedDeclaration') {
    const declaration = statement['declaration'] as Node | null;
    if (!declaration) text.remove(statement.start, statement.end);
    else plainVariable(declaration, text);
  } else if (statement.type === 'ExportAllDeclaration') text.remove(statement.start, statement.end);
  else if (statement.type === 'ExportDefaultDeclaration') {
    const declaration = statement['declaration'] as Node;
    const named = DECLARATIONS.has(declaration.type) && declaration['id'];
    text.overwrite(statement.start, declaration.start, named ? 'export ' : '');
  } else if (DECLARATIONS.has(statement.type)) {
    plainVariable(statement, text);
    const decorators = (statement['decorators'] as Node[] | undefined) ?? [];
    const last = decorators.at(-1);
    if (last && last.start >= statement.start) text.appendLeft(last.end, ' export ');
    else text.appendLeft(statement.start, 'export ');
  }
}

/** `using x` and `await using x` are constants as far as types go. */
function plainVariable(statement: Node, text: MagicString): void {
  if (statement.type !== 'VariableDeclaration' || !/using/.test(String(statement['kind']))) return;
  const first = (statement['declarations'] as Node[])[0];
  if (first) text.overwrite(statement.start, first.start, 'const ');
}

function specifierText(source: Node, directory: string): string {
  return JSON.stringify(absolute(String(source['value']), directory));
}

/** The history does not move when the folder does. */
function absolute(specifier: string, directory: string): string {
  return /^\.{1,2}(?:\/|$)/.test(specifier) ? resolve(directory, specifier) : specifier;
}

function rewrite(value: unknown, text: MagicString, inFunction: boolean, directory: string): void {
  if (Array.isArray(value)) {
    for (const item of value) rewrite(item, text, inFunction, directory);
    return;
  }
  const node = value as Node | null;
  if (typeof node !== 'object' || node === null || typeof node.type !== 'string') return;
  let inner = inFunction;
  switch (node.type) {
    case 'ImportDeclaration':
    case 'TSGlobalDeclaration':
      return;
    case 'JSXElement':
    case 'JSXFragment':
      text.overwrite(node.start, node.end, '(null! as any)');
      return;
    case 'AwaitExpression': {
      if (inFunction) break;
      const argument = node['argument'] as Node;
      text.overwrite(node.start, argument.start, '__await(');
      text.appendLeft(node.end, ')');
      break;
    }
    case 'ForOfStatement':
      if (node['await'] === true && !inFunction) {
        const left = node['left'] as Node;
        const right = node['right'] as Node;
        text.overwrite(node.start, left.start, 'for (');
        text.appendRight(right.start, '__iterate(');
        text.appendLeft(right.end, ')');
      }
      break;
    case 'ImportExpression':
    case 'TSImportType': {
      const source = (node['source'] ?? node['argument']) as Node | null;
      const literal = source?.type === 'TSLiteralType' ? (source['literal'] as Node) : source;
      if (literal?.type === 'Literal' && typeof literal['value'] === 'string') {
        text.overwrite(literal.start, literal.end, specifierText(literal, directory));
      }
      break;
    }
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      inner = true;
      break;
    default:
  }
  for (const key in node) {
    const child = node[key];
    if (typeof child === 'object' && child !== null) rewrite(child, text, inner, directory);
  }
}

/** The document: what the living cells need at its top, then the cells in order. */
export function historyText(parts: Iterable<HistoryPart>): string {
  const all = [...parts];
  const top = all.flatMap((part) => [...part.top, ...part.globals.map(({ text }) => text)]);
  return ['export {};', ...top, ...all.map(({ text }) => text)].join('\n');
}
