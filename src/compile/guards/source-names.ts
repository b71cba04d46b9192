import { createRequire } from 'node:module';
import type { parseSync } from 'oxc-parser';

/** What the source of a function or class says of the names that it uses. */
export interface SourceNames {
  /** All identifiers that stand for a value: those from outside are among them. */
  names: ReadonlySet<string>;
  /** Members that are read of an identifier, by its name; `'any'` where it is used in other ways too. */
  members: ReadonlyMap<string, ReadonlySet<string> | 'any'>;
  /** Names that a cell looks up when it runs, since no cell had declared them: by the name of the cell's context. */
  lookups: ReadonlyMap<string, ReadonlySet<string>>;
  /** Why its names do not tell what it reads, in words that follow "it". */
  evades: string | undefined;
  isClass: boolean;
  /** Whether it has `#private` names. */
  hasPrivateNames: boolean;
}

interface Node {
  type: string;
  [key: string]: unknown;
}

/** Where a piece of source stands. */
interface Around {
  /** Whether `this` is that of a call, and not what an arrow function has from around it. */
  ownThis: boolean;
  declared: ReadonlySet<string>;
  outer: Around | undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

const known = new Map<string, SourceNames>();
const MOST_KNOWN = 500;

let parser: typeof parseSync | undefined;

/** Reads the source text of a function (`String(f)`): a function, class, method or accessor. */
export function sourceNames(source: string): SourceNames {
  let found = known.get(source);
  if (found === undefined) {
    found = readNames(source);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(source, found);
  }
  return found;
}

/** Methods stand in an object or, with private names, in a class: alone they are no expression. */
const FRAMES = [
  (source: string) => `(${source}\n)`,
  (source: string) => `({${source}\n})`,
  (source: string) => `(class extends null {${source}\n})`,
];

function parse(source: string): Node | undefined {
  // Here and not above: whoever has no code of his own in a model needs no parser.
  parser ??= (createRequire(import.meta.url)('oxc-parser') as { parseSync: typeof parseSync }).parseSync;
  for (const frame of FRAMES) {
    const { program, errors } = parser('code.js', frame(source), { lang: 'js', sourceType: 'script' });
    if (errors.length > 0) continue;
    const [statement] = program.body as unknown as Node[];
    let expression = statement?.['expression'] as Node;
    while (expression.type === 'ParenthesizedExpression') expression = expression['expression'] as Node;
    return expression;
  }
  return undefined;
}

function readNames(source: string): SourceNames {
  const tree = parse(source);
  const names = new Set<string>();
  const members = new Map<string, Set<string> | 'any'>();
  const lookups = new Map<string, Set<string>>();
  let hasPrivateNames = false;
  let evades: string | undefined;
  if (tree === undefined) {
    return { names, members, lookups, evades: 'cannot be read as source', isClass: false, hasPrivateNames };
  }

  const member = (name: string, property: string | undefined): void => {
    names.add(name);
    const before = members.get(name);
    if (before === 'any') return;
    if (property === undefined) members.set(name, 'any');
    else if (before === undefined) members.set(name, new Set([property]));
    else before.add(property);
  };

  const visit = (node: unknown, around: Around): void => {
    if (Array.isArray(node)) {
      for (const entry of node) visit(entry, around);
      return;
    }
    if (!isNode(node)) return;
    const { type, ...parts } = node;
    let inner = around;
    switch (type) {
      case 'Identifier': {
        const name = parts['name'] as string;
        if (name === 'eval') evades ??= 'uses eval';
        if (!isDeclared(name, around)) member(name, undefined);
        return;
      }
      case 'PrivateIdentifier':
        hasPrivateNames = true;
        return;
      case 'ThisExpression':
      case 'Super':
        if (!around.ownThis) evades ??= 'is an arrow function with the `this` of where it was made';
        return;
      case 'MetaProperty':
        return;
      case 'WithStatement':
        evades ??= 'uses with';
        break;
      case 'ImportExpression':
        evades ??= 'imports while it runs';
        break;
      case 'MemberExpression': {
        const object = parts['object'] as Node;
        const property = parts['property'] as Node;
        if (parts['computed'] === true) break;
        if (property.type === 'PrivateIdentifier') hasPrivateNames = true;
        if (object.type !== 'Identifier') visit(object, around);
        else if (!isDeclared(object['name'] as string, around)) {
          member(object['name'] as string, property['name'] as string);
        }
        return;
      }
      case 'CallExpression': {
        const looked = cellLookup(node);
        if (looked !== undefined) {
          lookups.set(looked.context, (lookups.get(looked.context) ?? new Set()).add(looked.name));
        }
        break;
      }
      case 'Property':
      case 'MethodDefinition':
      case 'PropertyDefinition':
      case 'AccessorProperty': {
        const key = parts['key'] as Node;
        if (parts['computed'] === true) visit(key, around);
        else if (key.type === 'PrivateIdentifier') hasPrivateNames = true;
        visit(parts['decorators'], around);
        visit(parts['value'], type === 'Property' ? around : { ...around, ownThis: true });
        return;
      }
      case 'LabeledStatement':
        visit(parts['body'], around);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
        return;
      default:
        inner = within(node, around);
    }
    for (const part of Object.values(parts)) visit(part, inner);
  };
  visit(tree, { ownThis: tree.type !== 'ArrowFunctionExpression', declared: new Set(), outer: undefined });
  return { names, members, lookups, evades, isClass: tree.type === 'ClassExpression', hasPrivateNames };
}

function isDeclared(name: string, around: Around | undefined): boolean {
  for (let at = around; at !== undefined; at = at.outer) if (at.declared.has(name)) return true;
  return false;
}

/** What is around the parts of a node: functions, blocks and loops declare names. */
function within(node: Node, around: Around): Around {
  const declared = new Set<string>();
  let { ownThis } = around;
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression': {
      if (node.type !== 'ArrowFunctionExpression') {
        ownThis = true;
        declared.add('arguments');
      }
      patternNames(node['id'], declared);
      patternNames(node['params'], declared);
      const body = node['body'] as Node;
      varNames(body, declared);
      break;
    }
    case 'ClassExpression':
    case 'ClassDeclaration':
      patternNames(node['id'], declared);
      break;
    case 'BlockStatement':
      blockNames(node['body'], declared);
      break;
    case 'StaticBlock':
      ownThis = true;
      blockNames(node['body'], declared);
      varNames(node['body'], declared);
      break;
    case 'SwitchStatement':
      for (const { consequent } of node['cases'] as { consequent: unknown }[])
        blockNames(consequent, declared);
      break;
    case 'ForStatement':
      blockNames([node['init']], declared);
      break;
    case 'ForInStatement':
    case 'ForOfStatement':
      blockNames([node['left']], declared);
      break;
    case 'CatchClause':
      patternNames(node['param'], declared);
      break;
    default:
      return around;
  }
  return { ownThis, declared, outer: around };
}

/** Names that a pattern binds. */
function patternNames(pattern: unknown, into: Set<string>): void {
  if (Array.isArray(pattern)) {
    for (const entry of pattern) patternNames(entry, into);
    return;
  }
  if (!isNode(pattern)) return;
  switch (pattern.type) {
    case 'Identifier':
      into.add(pattern['name'] as string);
      return;
    case 'ObjectPattern':
      patternNames(pattern['properties'], into);
      return;
    case 'Property':
      patternNames(pattern['value'], into);
      return;
    case 'ArrayPattern':
      patternNames(pattern['elements'], into);
      return;
    case 'AssignmentPattern':
      patternNames(pattern['left'], into);
      return;
    case 'RestElement':
      patternNames(pattern['argument'], into);
      return;
    default:
  }
}

/** Names that statements declare for the block which they stand in. */
function blockNames(statements: unknown, into: Set<string>): void {
  for (const statement of statements as unknown[]) {
    if (!isNode(statement)) continue;
    if (statement.type === 'VariableDeclaration') {
      for (const { id } of statement['declarations'] as { id: unknown }[]) patternNames(id, into);
    } else if (statement.type === 'FunctionDeclaration' || statement.type === 'ClassDeclaration') {
      patternNames(statement['id'], into);
    }
  }
}

/** Names that `var` declares anywhere in a function, but not in functions within. */
function varNames(node: unknown, into: Set<string>): void {
  if (Array.isArray(node)) {
    for (const entry of node) varNames(entry, into);
    return;
  }
  if (!isNode(node) || /Function|Class/.test(node.type)) return;
  if (node.type === 'VariableDeclaration' && node['kind'] === 'var') blockNames([node], into);
  for (const part of Object.values(node)) varNames(part, into);
}

/** `context.lookup("name", …)` and `context.assign("name", …)`, which compiled cells have for names of later cells. */
function cellLookup(call: Node): { context: string; name: string } | undefined {
  const callee = call['callee'] as Node;
  const object = callee['object'] as Node | undefined;
  const property = callee['property'] as Node | undefined;
  const [first] = call['arguments'] as (Node | undefined)[];
  if (callee.type !== 'MemberExpression' || object?.type !== 'Identifier' || first?.type !== 'Literal')
    return undefined;
  if (property?.['name'] !== 'lookup' && property?.['name'] !== 'assign') return undefined;
  return { context: object['name'] as string, name: String(first['value']) };
}
