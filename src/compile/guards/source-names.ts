import { createRequire } from 'node:module';
import type { parseSync } from 'oxc-parser';

/** The names that the source of a function or class uses, and how it uses them. */
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
  // Loaded on first use: a model without user code needs no parser.
  parser ??= (createRequire(import.meta.url)('oxc-parser') as { parseSync: typeof parseSync }).parseSync;
  for (const frame of FRAMES) {
    const { program, errors } = parser('code.js', frame(source), { lang: 'js', sourceType: 'script' });
    if (errors.length > 0) continue;
    const [statement] = program.body;
    let expression = nodeIn(statement, 'expression');
    while (expression?.type === 'ParenthesizedExpression') expression = nodeIn(expression, 'expression');
    return expression;
  }
  return undefined;
}

function readNames(source: string): SourceNames {
  const reader = new NameReader();
  const tree = parse(source);
  if (tree === undefined) reader.evades = 'cannot be read as source';
  else
    reader.visit(tree, {
      ownThis: tree.type !== 'ArrowFunctionExpression',
      declared: new Set(),
      outer: undefined,
    });
  const { names, members, lookups, evades, hasPrivateNames } = reader;
  return { names, members, lookups, evades, isClass: tree?.type === 'ClassExpression', hasPrivateNames };
}

/** Collects the names of a syntax tree. */
class NameReader {
  readonly names = new Set<string>();
  readonly members = new Map<string, Set<string> | 'any'>();
  readonly lookups = new Map<string, Set<string>>();
  evades: string | undefined;
  hasPrivateNames = false;

  visit(node: unknown, around: Around): void {
    if (Array.isArray(node)) {
      for (const entry of node) this.visit(entry, around);
      return;
    }
    if (!isNode(node)) return;
    switch (node.type) {
      case 'Identifier':
        this.#identifier(nameOf(node), around);
        return;
      case 'PrivateIdentifier':
        this.hasPrivateNames = true;
        return;
      case 'ThisExpression':
      case 'Super':
        if (!around.ownThis) this.evades ??= 'is an arrow function with the `this` of where it was made';
        return;
      case 'MetaProperty':
      case 'BreakStatement':
      case 'ContinueStatement':
        return;
      case 'LabeledStatement':
        this.visit(node['body'], around);
        return;
      case 'MemberExpression':
        this.#member(node, around);
        return;
      case 'Property':
      case 'MethodDefinition':
      case 'PropertyDefinition':
      case 'AccessorProperty':
        this.#property(node, around);
        return;
      case 'WithStatement':
        this.evades ??= 'uses with';
        break;
      case 'ImportExpression':
        this.evades ??= 'imports while it runs';
        break;
      case 'CallExpression':
        this.#call(node);
    }
    this.#parts(node, within(node, around));
  }

  #parts(node: Node, around: Around): void {
    for (const [key, part] of Object.entries(node)) if (key !== 'type') this.visit(part, around);
  }

  #identifier(name: string, around: Around): void {
    if (name === 'eval') this.evades ??= 'uses eval';
    if (!isDeclared(name, around)) this.#use(name, undefined);
  }

  #member(node: Node, around: Around): void {
    if (node['computed'] === true) {
      this.#parts(node, around);
      return;
    }
    const object = nodeIn(node, 'object');
    const property = nodeIn(node, 'property');
    if (property?.type === 'PrivateIdentifier') this.hasPrivateNames = true;
    if (object?.type !== 'Identifier') this.visit(object, around);
    else if (!isDeclared(nameOf(object), around)) this.#use(nameOf(object), nameOf(property));
  }

  #property(node: Node, around: Around): void {
    const key = nodeIn(node, 'key');
    if (node['computed'] === true) this.visit(key, around);
    else if (key?.type === 'PrivateIdentifier') this.hasPrivateNames = true;
    this.visit(node['decorators'], around);
    this.visit(node['value'], node.type === 'Property' ? around : { ...around, ownThis: true });
  }

  #call(node: Node): void {
    const looked = cellLookup(node);
    if (looked === undefined) return;
    this.lookups.set(looked.context, (this.lookups.get(looked.context) ?? new Set()).add(looked.name));
  }

  /** @param property that is read of the name; undefined where it is used in another way. */
  #use(name: string, property: string | undefined): void {
    this.names.add(name);
    const before = this.members.get(name);
    if (before === 'any') return;
    if (property === undefined) this.members.set(name, 'any');
    else if (before === undefined) this.members.set(name, new Set([property]));
    else before.add(property);
  }
}

/** The node in a field of another one. */
function nodeIn(node: object | undefined, field: string): Node | undefined {
  const value: unknown = node === undefined ? undefined : Reflect.get(node, field);
  return isNode(value) ? value : undefined;
}

/** The name of an identifier. */
function nameOf(identifier: Node | undefined): string {
  const name = identifier?.['name'];
  return typeof name === 'string' ? name : '';
}

function isDeclared(name: string, around: Around | undefined): boolean {
  for (let at = around; at !== undefined; at = at.outer) if (at.declared.has(name)) return true;
  return false;
}

/** The scope of the parts of a node: functions, blocks and loops declare names. */
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
      varNames(node['body'], declared);
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
      into.add(nameOf(pattern));
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
  const callee = nodeIn(call, 'callee');
  const object = nodeIn(callee, 'object');
  const list = call['arguments'];
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  if (callee?.type !== 'MemberExpression' || object?.type !== 'Identifier') return undefined;
  if (!isNode(first) || first.type !== 'Literal') return undefined;
  const property = nameOf(nodeIn(callee, 'property'));
  if (property !== 'lookup' && property !== 'assign') return undefined;
  return { context: nameOf(object), name: String(first['value']) };
}
