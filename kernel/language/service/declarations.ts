/** What a cell declares at its top level, and what it imports: all that later cells have to know of its text. */
import { parseSync } from 'oxc-parser';

/**
 * `const`, `let`: variables, which later cells see by their type. `alias`: functions, classes, enums, namespaces and
 * imports, which are also types or have overloads. `type`: what leaves no trace at run time.
 */
export type DeclarationKind = 'const' | 'let' | 'alias' | 'type';

export interface Declaration {
  name: string;
  kind: DeclarationKind;
  /** The user wrote a type, so that TypeScript narrows the variable by what was assigned last. */
  annotated: boolean;
}

export interface CellAnalysis {
  declarations: Map<string, Declaration>;
  /** Names that the cell exports itself. */
  exported: Set<string>;
  /** Every word of the source that may be a name. */
  words: Set<string>;
  /** Names that top-level code assigns, and names that functions assign. */
  assigned: Set<string>;
  assignedInFunctions: Set<string>;
  /** Names declared by `var` in blocks and loops of the top level. */
  nestedVars: Set<string>;
  /** The statements, as the parser gave them; none where it could not. */
  body: readonly Node[];
  /** Module specifiers of imports, also dynamic ones with a literal. */
  imports: string[];
  /** The cell has JSX in it, and no old-style casts. */
  jsx: boolean;
  /** Comments before the first statement that TypeScript obeys only there. */
  pragmas: string;
  /** The parser could make sense of it. */
  parsed: boolean;
}

export interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

function parse(source: string, lang: 'ts' | 'tsx'): { body: Node[]; failed: boolean } {
  const result = parseSync(`cell.${lang}`, source, { lang, sourceType: 'module' });
  return { body: result.program.body as unknown as Node[], failed: result.errors.length > 0 };
}

const WORDS = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu;
const PRAGMA = /@ts-(?:nocheck|check)|@jsx\w*\s+\S+/;

/** Reads a cell. Never throws: what cannot be parsed is read line by line. */
export function analyzeCell(source: string): CellAnalysis {
  const analysis: CellAnalysis = {
    declarations: new Map(),
    exported: new Set(),
    words: new Set(source.match(WORDS)),
    assigned: new Set(),
    assignedInFunctions: new Set(),
    nestedVars: new Set(),
    body: [],
    imports: [],
    jsx: false,
    pragmas: leadingPragmas(source),
    parsed: true,
  };
  let { body, failed } = parse(source, 'ts');
  if (failed && /<[\w>]/.test(source)) {
    const withJsx = parse(source, 'tsx');
    if (!withJsx.failed || /<\/|\/>/.test(source)) ({ body, failed } = withJsx);
    analysis.jsx = !withJsx.failed || /<\/|\/>/.test(source);
  }
  if (failed && body.length === 0) {
    analysis.parsed = false;
    guessDeclarations(source, analysis);
    return analysis;
  }
  analysis.body = body;
  for (const statement of body) readStatement(statement, analysis);
  for (const statement of body) walk(statement, false, analysis);
  return analysis;
}

function leadingPragmas(source: string): string {
  const leading = /^(?:\s|\/\/[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(source)?.[0] ?? '';
  if (!leading.includes('@')) return '';
  return (leading.match(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g) ?? [])
    .filter((comment) => PRAGMA.test(comment))
    .map((comment) => `/* ${comment.replace(/^\/[/*]+|\*\/$/g, '').replace(/\s+/g, ' ')} */`)
    .join(' ');
}

function readStatement(node: Node, analysis: CellAnalysis): void {
  switch (node.type) {
    case 'VariableDeclaration':
      for (const declarator of node['declarations'] as Node[]) {
        const id = declarator['id'] as Node;
        const kind = node['kind'] === 'let' || node['kind'] === 'var' ? 'let' : 'const';
        const annotated = id.type === 'Identifier' && Boolean(id['typeAnnotation']);
        for (const name of patternNames(id)) {
          add(analysis, name, node['declare'] === true ? 'type' : kind, annotated);
        }
      }
      return;
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'ClassDeclaration':
    case 'TSEnumDeclaration':
    case 'TSModuleDeclaration': {
      const id = node['id'] as Node | null;
      if (id?.type === 'Identifier' && node['kind'] !== 'global') {
        const erased =
          node['declare'] === true || (node.type === 'TSModuleDeclaration' && isTypeNamespace(node['body']));
        add(analysis, String(id['name']), erased ? 'type' : 'alias', false);
      }
      return;
    }
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
      add(analysis, String((node['id'] as Node)['name']), 'type', false);
      return;
    case 'TSImportEqualsDeclaration':
      add(
        analysis,
        String((node['id'] as Node)['name']),
        node['importKind'] === 'type' ? 'type' : 'alias',
        false,
      );
      return;
    case 'ImportDeclaration':
      for (const specifier of node['specifiers'] as Node[]) {
        const erased = node['importKind'] === 'type' || specifier['importKind'] === 'type';
        add(analysis, String((specifier['local'] as Node)['name']), erased ? 'type' : 'alias', false);
      }
      return;
    case 'ExportNamedDeclaration': {
      const declaration = node['declaration'] as Node | null;
      if (declaration) {
        const before = new Set(analysis.declarations.keys());
        readStatement(declaration, analysis);
        for (const name of analysis.declarations.keys()) if (!before.has(name)) analysis.exported.add(name);
      } else {
        for (const specifier of node['specifiers'] as Node[]) {
          analysis.exported.add(String((specifier['exported'] as Node)['name']));
        }
      }
      return;
    }
    case 'ExportDefaultDeclaration':
      readStatement(node['declaration'] as Node, analysis);
      return;
    default:
  }
}

function add(analysis: CellAnalysis, name: string, kind: DeclarationKind, annotated: boolean): void {
  const earlier = analysis.declarations.get(name);
  // An interface beside a class or a constant of the same name: one name, and it lives at run time.
  if (earlier && (kind === 'type' || earlier.kind !== 'type')) return;
  analysis.declarations.set(name, { name, kind: earlier ? 'alias' : kind, annotated });
}

/** A namespace of types only is erased. */
function isTypeNamespace(body: unknown): boolean {
  const statements = (body as Node | null)?.['body'];
  if (!Array.isArray(statements)) return true;
  return (statements as Node[]).every((statement) => {
    const inner = (statement.type === 'ExportNamedDeclaration' && statement['declaration']) || statement;
    return ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration'].includes((inner as Node).type);
  });
}

function patternNames(node: Node | null): string[] {
  switch (node?.type) {
    case 'Identifier':
      return [String(node['name'])];
    case 'ObjectPattern':
      return (node['properties'] as Node[]).flatMap((property) =>
        patternNames((property.type === 'RestElement' ? property['argument'] : property['value']) as Node),
      );
    case 'ArrayPattern':
      return (node['elements'] as (Node | null)[]).flatMap((element) => patternNames(element));
    case 'RestElement':
      return patternNames(node['argument'] as Node);
    case 'AssignmentPattern':
      return patternNames(node['left'] as Node);
    default:
      return [];
  }
}

/** Finds assignments and imports; scopes are not looked at, since a name too many only costs a narrowing. */
function walk(value: unknown, inFunction: boolean, analysis: CellAnalysis): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, inFunction, analysis);
    return;
  }
  const node = value as Node | null;
  if (typeof node !== 'object' || node === null || typeof node.type !== 'string') return;
  let inner = inFunction;
  switch (node.type) {
    case 'AssignmentExpression':
    case 'ForOfStatement':
    case 'ForInStatement':
      note(node['left'] as Node, inFunction, analysis);
      break;
    case 'UpdateExpression':
      note(node['argument'] as Node, inFunction, analysis);
      break;
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
    case 'PropertyDefinition':
    case 'StaticBlock':
    case 'TSModuleDeclaration':
    case 'TSGlobalDeclaration':
      inner = true;
      break;
    case 'VariableDeclaration':
      // `var` in a block or a loop is a declaration of the cell too.
      if (node['kind'] === 'var' && !inFunction) {
        for (const declarator of node['declarations'] as Node[]) {
          for (const name of patternNames(declarator['id'] as Node)) {
            if (analysis.declarations.has(name)) continue;
            add(analysis, name, 'let', false);
            analysis.nestedVars.add(name);
          }
        }
      }
      break;
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
    case 'ImportExpression':
    case 'TSImportType': {
      const from = (node['source'] ?? node['argument']) as Node | null;
      const specifier = from?.['value'] ?? (from?.['literal'] as Node | undefined)?.['value'];
      if (typeof specifier === 'string') analysis.imports.push(specifier);
      break;
    }
    default:
  }
  for (const key in node) {
    const child = node[key];
    if (typeof child === 'object' && child !== null) walk(child, inner, analysis);
  }
}

function note(target: Node, inFunction: boolean, analysis: CellAnalysis): void {
  for (const name of patternNames(target)) {
    (inFunction ? analysis.assignedInFunctions : analysis.assigned).add(name);
  }
}

const DECLARATION_LINE =
  /^(?:export[ \t]+)?(?:default[ \t]+)?(?:declare[ \t]+)?(?:abstract[ \t]+|async[ \t]+|const[ \t]+(?=enum\b))?(const|let|var|using|function\*?|class|enum|namespace|interface|type)[ \t]+(\{[^}\n]*\}|\[[^\]\n]*\]|[\p{ID_Start}$_][\p{ID_Continue}$]*)/gmu;

/** While somebody types: declarations at the beginning of a line, whatever the rest looks like. */
function guessDeclarations(source: string, analysis: CellAnalysis): void {
  for (const [, keyword, what] of source.matchAll(DECLARATION_LINE)) {
    const names = /^[{[]/.test(what!)
      ? what!
          .slice(1, -1)
          .split(',')
          .map(
            (part) =>
              /([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?:=[^,]*)?$/u.exec(part.split(':').at(-1)!)?.[1],
          )
      : [what];
    const kind = /const|using/.test(keyword!)
      ? 'const'
      : /let|var/.test(keyword!)
        ? 'let'
        : /interface|type/.test(keyword!)
          ? 'type'
          : 'alias';
    for (const name of names) if (name) add(analysis, name, kind, false);
  }
  for (const [, clause] of source.matchAll(/^import\s+([^'"]*?)\s+from\b/gm)) {
    for (const word of clause!.match(WORDS) ?? []) {
      if (word !== 'as' && word !== 'type' && word !== 'default') add(analysis, word, 'alias', false);
    }
  }
}
