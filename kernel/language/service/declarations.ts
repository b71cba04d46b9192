/**
 * The declarations of a cell's top level and its imports: all that later cells need of its text.
 *
 * The compiler's walk (`compile/walk.ts`) finds declarations, too, for another purpose: names that have a box at run time,
 * in JavaScript that parses. Here types count, and a text that does not parse yet is read line by line.
 */
import { parseSync } from 'oxc-parser';
import { endOfBlanks } from '../compile/blanks.ts';

/** How later cells see a value: by its type (`const` and `let`), or as an alias, where overloads or a type come with it. */
export type ValueKind = 'const' | 'let' | 'alias';

/** Why a name cannot be assigned: TypeScript's number for it, and its words. */
export interface Refusal {
  code: number;
  words: string;
}

export interface Declaration {
  name: string;
  /** Undefined for what leaves no trace at run time. */
  value: ValueKind | undefined;
  /** The value is a type, too: a class, an enum, a namespace, perhaps an import. */
  isTypeToo: boolean;
  /** Declared by `type` or `interface`: its type parameters, and the same as arguments. */
  type: { parameters: string; arguments: string } | undefined;
  refusal?: Refusal | undefined;
  /** The user wrote a type, so that TypeScript narrows the variable by what was assigned last. */
  annotated: boolean;
}

const CONSTANT: Refusal = { code: 2588, words: 'a constant' };
const IMPORT: Refusal = { code: 2632, words: 'an import' };
const ENUM: Refusal = { code: 2628, words: 'an enum' };
const NAMESPACE: Refusal = { code: 2631, words: 'a namespace' };

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
  const leading = source.slice(0, endOfBlanks(source));
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
        const value = node['kind'] === 'let' || node['kind'] === 'var' ? 'let' : 'const';
        const annotated = id.type === 'Identifier' && Boolean(id['typeAnnotation']);
        for (const name of patternNames(id)) {
          if (node['declare'] === true) add(analysis, { name, isTypeToo: true });
          else add(analysis, { name, value, annotated, refusal: value === 'const' ? CONSTANT : undefined });
        }
      }
      return;
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
    case 'ClassDeclaration':
    case 'TSEnumDeclaration':
    case 'TSModuleDeclaration': {
      let id = node['id'] as Node | null;
      // `namespace A.B` declares A.
      while (id?.type === 'TSQualifiedName') id = id['left'] as Node;
      if (id?.type === 'Identifier' && node['kind'] !== 'global') {
        const erased =
          node['declare'] === true || (node.type === 'TSModuleDeclaration' && isTypeNamespace(node['body']));
        add(analysis, {
          name: String(id['name']),
          value: erased ? undefined : 'alias',
          isTypeToo: erased || !node.type.includes('Function'),
          refusal:
            node.type === 'TSEnumDeclaration'
              ? ENUM
              : node.type === 'TSModuleDeclaration'
                ? NAMESPACE
                : undefined,
        });
      }
      return;
    }
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
      add(analysis, {
        name: String((node['id'] as Node)['name']),
        type: typeParameters(node['typeParameters'] as Node | null | undefined),
      });
      return;
    case 'TSImportEqualsDeclaration':
      addImport(analysis, node['id'] as Node, node['importKind'] === 'type');
      return;
    case 'ImportDeclaration':
      for (const specifier of node['specifiers'] as Node[])
        addImport(
          analysis,
          specifier['local'] as Node,
          node['importKind'] === 'type' || specifier['importKind'] === 'type',
        );
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

/** A name may have a value and a type, each declared where it likes: `const User = …` and `type User = …`. */
function add(analysis: CellAnalysis, found: Partial<Declaration> & { name: string }): void {
  const earlier = analysis.declarations.get(found.name);
  const merged = found.value !== undefined && earlier?.value !== undefined;
  analysis.declarations.set(found.name, {
    name: found.name,
    // A class or function with a namespace of the same name: one alias is enough for both.
    value: merged ? earlier.value : (found.value ?? earlier?.value),
    isTypeToo: (found.isTypeToo ?? false) || (earlier?.isTypeToo ?? false),
    type: earlier?.type ?? found.type,
    refusal: merged ? earlier.refusal : (found.refusal ?? earlier?.refusal),
    annotated: (found.annotated ?? false) || (earlier?.annotated ?? false),
  });
}

function addImport(analysis: CellAnalysis, local: Node, erased: boolean): void {
  add(analysis, {
    name: String(local['name']),
    value: erased ? undefined : 'alias',
    isTypeToo: true,
    refusal: erased ? undefined : IMPORT,
  });
}

/** `<T extends X = Y>` as `<T = any>` and `<T>`: what they stand for may be out of sight. */
function typeParameters(node: Node | null | undefined): { parameters: string; arguments: string } {
  const params = (node?.['params'] as Node[] | undefined) ?? [];
  if (params.length === 0) return { parameters: '', arguments: '' };
  const nameOf = (param: Node): string => {
    const name = param['name'] as Node | string;
    return typeof name === 'string' ? name : String(name['name']);
  };
  const declared = params.map((param) => (param['default'] ? `${nameOf(param)} = any` : nameOf(param)));
  return { parameters: `<${declared.join(', ')}>`, arguments: `<${params.map(nameOf).join(', ')}>` };
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
            add(analysis, { name, value: 'let' });
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

/** Bounded, since it looks for its end anew for each `import`. */
const IMPORT_CLAUSE = /^import\s+([^'"\s][^'"]{0,2000}?)\s{1,20}from\b/gm;

/** While the user types: declarations at the beginning of a line, whatever the rest looks like. */
function guessDeclarations(source: string, analysis: CellAnalysis): void {
  for (const [, keyword = '', what = ''] of source.matchAll(DECLARATION_LINE)) {
    const names = /^[{[]/.test(what)
      ? what
          .slice(1, -1)
          .split(',')
          .map(
            (part) =>
              /([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?:=[^,]*)?$/u.exec(
                part.slice(part.lastIndexOf(':') + 1),
              )?.[1],
          )
      : [what];
    const declares: Partial<Declaration> = /const|using/.test(keyword)
      ? { value: 'const', refusal: CONSTANT }
      : /let|var/.test(keyword)
        ? { value: 'let' }
        : /interface|type/.test(keyword)
          ? { type: typeParameters(undefined) }
          : { value: 'alias', isTypeToo: !/function/.test(keyword) };
    for (const name of names) if (name) add(analysis, { ...declares, name });
  }
  for (const [, clause = ''] of source.matchAll(IMPORT_CLAUSE)) {
    for (const word of clause.match(WORDS) ?? []) {
      if (word !== 'as' && word !== 'type' && word !== 'default')
        add(analysis, { name: word, value: 'alias', isTypeToo: true });
    }
  }
}
