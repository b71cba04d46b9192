import type {
  ArrowFunctionExpression,
  AssignmentTarget,
  BindingPattern,
  Class,
  Expression,
  Function as FunctionNode,
  Node,
  ParamPattern,
  Program,
  RegExpLiteral,
  Statement,
  VariableDeclaration,
} from 'oxc-parser';
import { visitorKeys } from 'oxc-parser';
import type { Edits } from './edits.ts';
import { Scope } from './scope.ts';
import type { NameUse, ReadShape, Site } from './sites.ts';
import { TypeEraser } from './types.ts';

/** Thrown when the tree holds syntax that erasing cannot deal with: enums, decorators, JSX… */
export class NeedsLowering extends Error {
  /** One for all: making an error costs a stack trace. */
  static readonly signal = new NeedsLowering();
}

/** A mistake that the parser does not see. */
export class SourceMistake extends Error {
  readonly start: number;
  readonly end: number;

  constructor(message: string, start: number, end: number) {
    super(message);
    this.start = start;
    this.end = end;
  }
}

/** `using` runs as it is since Node 24. */
const RUNS_USING = Number(process.versions.node.split('.')[0]) >= 24;

/** The kinds of a top-level declaration, as far as the tree tells. */
export type TopKind = 'const' | 'let' | 'var' | 'function' | 'class' | 'import';

export interface TopName {
  kind: TopKind;
  /** Offset from which top-level code may read it; 0 where it is hoisted. */
  from: number;
  /** Range of its own declarator, in which its box does not exist yet. */
  start: number;
}

type List = readonly Statement[];

/**
 * One walk over a cell or module: erases types, finds out which names the top level declares, and lists the places
 * that may have to change. What to do there is decided afterwards, when all assignments are known.
 */
export class Walk {
  readonly sites: Site[] = [];
  readonly top = new Map<string, TopName>();
  hasTopAwait = false;

  private scope = new Scope(undefined, true);
  private inFunction = false;
  private ownThis = false;
  private topStatement = 0;
  private readonly types: TypeEraser;
  private readonly edits: Edits;

  constructor(source: string, edits: Edits) {
    this.edits = edits;
    this.types = new TypeEraser(source, edits);
  }

  /** `withResult`: the last statement, if it is an expression, is the value of the whole. */
  program(program: Program, withResult: boolean): void {
    if (program.hashbang) this.edits.remove(program.hashbang.start, program.hashbang.end);
    const body = program.body as Statement[];
    let last = body.length - 1;
    while (last >= 0 && body[last]?.type === 'EmptyStatement') last--;
    for (const [index, statement] of body.entries()) {
      this.topStatement = statement.start;
      this.listed(statement, withResult && index === last);
    }
  }

  // ------------------------------------------------------------------ statements

  private list(statements: List): void {
    for (const statement of statements) this.listed(statement, false);
  }

  private listed(statement: Statement, last: boolean): void {
    this.edits.statementAt(statement.start);
    this.statement(statement, last);
    this.types.closeStatement(statement.end);
  }

  private block(statements: List): void {
    const outer = this.scope;
    this.scope = new Scope(outer, false);
    this.list(statements);
    this.scope = outer;
  }

  private statement(node: Statement, last = false): void {
    switch (node.type) {
      case 'ExpressionStatement':
        if (last) this.sites.push({ kind: 'result', node });
        this.expression(node.expression, last);
        return;
      case 'EmptyStatement':
        return;
      case 'VariableDeclaration':
        if (node.declare === true) this.types.eraseStatement(node);
        else this.variables(node);
        return;
      case 'FunctionDeclaration':
      case 'TSDeclareFunction':
        this.declareFunction(node);
        return;
      case 'ClassDeclaration':
        if (node.declare === true) this.types.eraseStatement(node);
        else this.declareClass(node);
        return;
      case 'BlockStatement':
        this.block(node.body);
        return;
      case 'ForStatement': {
        const outer = this.scope;
        this.scope = new Scope(outer, false);
        if (node.init?.type === 'VariableDeclaration') this.variables(node.init);
        else if (node.init) this.expression(node.init, false);
        if (node.test) this.expression(node.test);
        if (node.update) this.expression(node.update, false);
        this.statement(node.body);
        this.scope = outer;
        return;
      }
      case 'ForInStatement':
      case 'ForOfStatement':
        this.loop(node);
        return;
      case 'SwitchStatement': {
        this.expression(node.discriminant);
        const outer = this.scope;
        this.scope = new Scope(outer, false);
        for (const { test, consequent } of node.cases) {
          if (test) this.expression(test);
          this.list(consequent);
        }
        this.scope = outer;
        return;
      }
      case 'TryStatement':
        this.block(node.block.body);
        if (node.handler) {
          const outer = this.scope;
          this.scope = new Scope(outer, false);
          if (node.handler.param) this.bind(node.handler.param, this.scope);
          this.block(node.handler.body.body);
          this.scope = outer;
        }
        if (node.finalizer) this.block(node.finalizer.body);
        return;
      case 'LabeledStatement':
        this.statement(node.body);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'DebuggerStatement':
        return;
      case 'ImportDeclaration':
        this.importDeclaration(node);
        return;
      case 'ExportNamedDeclaration':
        if (node.exportKind === 'type' || this.types.isTypeOnly(node.declaration)) {
          this.types.eraseStatement(node);
          return;
        }
        this.sites.push({ kind: 'export', node, last });
        if (node.declaration) this.statement(node.declaration);
        return;
      case 'ExportDefaultDeclaration': {
        const { declaration } = node;
        if (this.types.isTypeOnly(declaration)) {
          this.types.eraseStatement(node);
          return;
        }
        this.sites.push({ kind: 'export', node, last });
        if (declaration.type === 'FunctionDeclaration' && declaration.id) this.declareFunction(declaration);
        else if (declaration.type === 'ClassDeclaration' && declaration.id) this.declareClass(declaration);
        else this.expression(declaration);
        return;
      }
      case 'ExportAllDeclaration':
        if (node.exportKind === 'type') this.types.eraseStatement(node);
        else this.sites.push({ kind: 'export', node, last });
        return;
      case 'TSImportEqualsDeclaration': {
        if (node.importKind === 'type') {
          this.types.eraseStatement(node);
          return;
        }
        if (node.moduleReference.type !== 'TSExternalModuleReference') throw NeedsLowering.signal;
        const { name } = node.id;
        this.top.set(name, { kind: 'const', from: node.end, start: node.start });
        const specifier = node.moduleReference.expression.value;
        this.sites.push({ kind: 'import-require', node, name, specifier });
        return;
      }
      case 'TSEnumDeclaration':
      case 'TSModuleDeclaration':
      case 'TSExportAssignment':
        if (this.types.isTypeOnly(node)) this.types.eraseStatement(node);
        else throw NeedsLowering.signal;
        return;
      case 'TSInterfaceDeclaration':
      case 'TSTypeAliasDeclaration':
      case 'TSNamespaceExportDeclaration':
        this.types.eraseStatement(node);
        return;
      default:
        this.children(node);
    }
  }

  private declareFunction(node: FunctionNode): void {
    if (this.types.isTypeOnly(node)) {
      this.types.eraseStatement(node);
      return;
    }
    const name = node.id?.name;
    if (name !== undefined) {
      this.scope.add(name);
      if (this.scope.isTop) {
        this.top.set(name, { kind: 'function', from: 0, start: node.start });
        this.sites.push({ kind: 'function', node, name });
      }
    }
    this.functionParts(node);
  }

  private declareClass(node: Class): void {
    const name = node.id?.name;
    if (name !== undefined) {
      this.scope.add(name);
      if (this.scope.isTop) {
        this.top.set(name, { kind: 'class', from: node.end, start: node.start });
        this.sites.push({ kind: 'class', node, name });
      }
    }
    this.classParts(node);
  }

  private variables(node: VariableDeclaration): void {
    const { kind, declarations } = node;
    if (kind === 'using' || kind === 'await using') {
      if (!RUNS_USING) throw NeedsLowering.signal;
      if (kind === 'await using' && !this.inFunction) this.hasTopAwait = true;
    }
    const scope = kind === 'var' ? this.scope.hoist : this.scope;
    const list = { node, nested: !this.scope.isTop, topStatement: this.topStatement };
    for (const [index, declarator] of declarations.entries()) {
      const names: string[] = [];
      if (scope.isTop)
        this.sites.push({
          kind: 'declarator',
          node: declarator,
          names,
          list,
          last: index === declarations.length - 1,
        });
      this.bind(declarator.id, scope, names);
      if (scope.isTop)
        for (const name of names)
          if (kind !== 'var' || !this.top.has(name))
            this.top.set(name, {
              kind: kind === 'var' || kind === 'let' ? kind : 'const',
              from: kind === 'var' ? 0 : declarator.end,
              start: declarator.start,
            });
      if (declarator.init) this.expression(declarator.init);
    }
  }

  private loop(node: Extract<Statement, { type: 'ForInStatement' | 'ForOfStatement' }>): void {
    const outer = this.scope;
    const isAwait = node.type === 'ForOfStatement' && node.await;
    if (isAwait && !this.inFunction) this.hasTopAwait = true;
    const targets: NameUse[] = [];
    const { inFunction, topStatement } = this;
    const { left } = node;
    const declared = left.type === 'VariableDeclaration';
    const interleaved = !declared && isInterleaved(left);
    this.sites.push({ kind: 'loop', node, interleaved, targets, declared, inFunction, topStatement });
    this.scope = new Scope(outer, false);
    if (left.type === 'VariableDeclaration') {
      if ((left.kind === 'using' || left.kind === 'await using') && !RUNS_USING) throw NeedsLowering.signal;
      const scope = left.kind === 'var' ? outer.hoist : this.scope;
      const names: string[] = [];
      for (const { id } of left.declarations) this.bind(id, scope, names);
      if (scope.isTop)
        for (const name of names) {
          if (!this.top.has(name)) this.top.set(name, { kind: 'var', from: 0, start: left.start });
          targets.push({ name, start: left.start, end: left.end, inFunction });
        }
    } else this.target(left, targets);
    this.expression(node.right);
    this.statement(node.body);
    this.scope = outer;
  }

  private importDeclaration(node: Extract<Statement, { type: 'ImportDeclaration' }>): void {
    if (node.importKind === 'type') {
      this.types.eraseStatement(node);
      return;
    }
    this.sites.push({ kind: 'import', node });
    for (const specifier of node.specifiers) {
      if (specifier.type === 'ImportSpecifier' && specifier.importKind === 'type') continue;
      this.top.set(specifier.local.name, { kind: 'import', from: 0, start: node.start });
    }
  }

  // ------------------------------------------------------------------ patterns

  /** Names that a pattern declares; what its defaults and computed keys hold is walked. */
  private bind(pattern: BindingPattern | ParamPattern, scope: Scope, names?: string[]): void {
    switch (pattern.type) {
      case 'Identifier':
        this.types.eraseAfterName(pattern);
        scope.add(pattern.name);
        names?.push(pattern.name);
        return;
      case 'ObjectPattern':
        for (const property of pattern.properties) {
          if (property.type === 'RestElement') this.bind(property.argument, scope, names);
          else {
            if (property.computed) this.expression(property.key);
            this.bind(property.value, scope, names);
          }
        }
        break;
      case 'ArrayPattern':
        for (const element of pattern.elements) if (element) this.bind(element, scope, names);
        break;
      case 'RestElement':
        this.bind(pattern.argument, scope, names);
        break;
      case 'AssignmentPattern':
        this.bind(pattern.left, scope, names);
        this.expression(pattern.right);
        return;
      case 'TSParameterProperty':
        throw NeedsLowering.signal;
    }
    if (pattern.typeAnnotation) this.types.eraseOptionalAnnotation(pattern.typeAnnotation);
  }

  /** What an assignment, or the head of a loop, assigns. */
  private target(
    node: AssignmentTarget | Expression | Node,
    targets: NameUse[],
    anonymousDefault?: Expression,
  ): void {
    switch (node.type) {
      case 'Identifier': {
        const use = this.use(node.name, node.start, node.end);
        targets.push(use);
        this.sites.push({
          kind: 'target',
          use,
          shorthand: false,
          ...(anonymousDefault ? { anonymousDefault } : {}),
        });
        return;
      }
      case 'ObjectPattern':
        for (const property of node.properties) {
          if (property.type === 'RestElement') {
            this.target(property.argument, targets);
            continue;
          }
          if (property.computed) this.expression(property.key);
          if (property.shorthand) {
            const { value } = property;
            const name = value.type === 'AssignmentPattern' ? value.left : value;
            if (name.type !== 'Identifier') continue;
            const use = this.use(name.name, name.start, name.end);
            targets.push(use);
            const anonymous = value.type === 'AssignmentPattern' ? anonymousFunction(value.right) : undefined;
            this.sites.push({
              kind: 'target',
              use,
              shorthand: true,
              ...(anonymous ? { anonymousDefault: anonymous } : {}),
            });
            if (value.type === 'AssignmentPattern') this.expression(value.right);
          } else this.target(property.value, targets);
        }
        return;
      case 'ArrayPattern':
        for (const element of node.elements) if (element) this.target(element, targets);
        return;
      case 'RestElement':
        this.target(node.argument, targets);
        return;
      case 'AssignmentPattern':
        this.target(node.left, targets, anonymousFunction(node.right));
        this.expression(node.right);
        return;
      case 'ParenthesizedExpression':
        this.target(node.expression, targets, anonymousDefault);
        return;
      case 'TSAsExpression':
      case 'TSSatisfiesExpression':
      case 'TSNonNullExpression':
      case 'TSTypeAssertion':
        this.types.eraseAssertion(node);
        this.target(node.expression, targets, anonymousDefault);
        return;
      default:
        this.expression(node);
    }
  }

  private use(name: string, start: number, end: number): NameUse {
    return { name, start, end, inFunction: this.inFunction, scope: this.scope };
  }

  private read(node: { name: string; start: number; end: number }, shape: ReadShape): void {
    this.sites.push({ kind: 'read', use: this.use(node.name, node.start, node.end), shape });
  }

  // ------------------------------------------------------------------ functions and classes

  private functionParts(node: FunctionNode | ArrowFunctionExpression): void {
    const { scope, inFunction, ownThis } = this;
    this.scope = new Scope(scope, true);
    this.inFunction = true;
    if (node.type !== 'ArrowFunctionExpression') this.ownThis = true;
    if (node.type === 'FunctionExpression' && node.id) this.scope.add(node.id.name);
    if (node.typeParameters) this.types.erase(node.typeParameters);
    if (node.returnType) this.types.eraseReturnType(node.returnType);
    const [first] = node.params;
    if (first?.type === 'Identifier' && first.name === 'this')
      this.types.eraseThisParameter(first, node.params[1]);
    for (const parameter of node.params) {
      if (parameter.type !== 'TSParameterProperty' && (parameter.decorators?.length ?? 0) > 0)
        throw NeedsLowering.signal;
      if (parameter.type !== 'Identifier' || parameter.name !== 'this') this.bind(parameter, this.scope);
    }
    if (node.body?.type === 'BlockStatement') {
      // Defaults of parameters do not see the names of the body.
      this.scope = new Scope(this.scope, true);
      this.list(node.body.body);
    } else if (node.body) this.expression(node.body);
    this.scope = scope;
    this.inFunction = inFunction;
    this.ownThis = ownThis;
  }

  private classParts(node: Class): void {
    if (node.decorators.length > 0) throw NeedsLowering.signal;
    const outer = this.scope;
    this.scope = new Scope(outer, false);
    if (node.id) this.scope.add(node.id.name);
    this.types.eraseClassHead(node);
    if (node.superClass) this.expression(node.superClass);
    for (const member of node.body.body) {
      if (this.types.eraseMember(member)) continue;
      if (member.type === 'StaticBlock') {
        this.asFunction(() => this.list(member.body), true);
        continue;
      }
      if (member.type !== 'MethodDefinition' && member.type !== 'PropertyDefinition')
        throw NeedsLowering.signal;
      if (member.decorators.length > 0) throw NeedsLowering.signal;
      if (member.computed) this.expression(member.key);
      this.types.eraseModifiers(member);
      const { value } = member;
      if (member.type === 'MethodDefinition') this.functionParts(member.value);
      else if (value) this.asFunction(() => this.expression(value), false);
      this.types.closeMember(member);
    }
    this.scope = outer;
  }

  /** Field initialisers and static blocks have a `this` of their own, and capture like functions. */
  private asFunction(walk: () => void, hoists: boolean): void {
    const { scope, inFunction, ownThis } = this;
    this.scope = new Scope(scope, hoists);
    this.inFunction = true;
    this.ownThis = true;
    walk();
    this.scope = scope;
    this.inFunction = inFunction;
    this.ownThis = ownThis;
  }

  // ------------------------------------------------------------------ expressions

  /** `used`: somebody looks at the value, so that rewriting has to keep it. */
  private expression(node: Expression | Node, used = true): void {
    switch (node.type) {
      case 'Identifier':
        this.read(node, 'value');
        return;
      case 'Literal':
        // The parser leaves it to the engine to understand the pattern.
        if ('regex' in node && node.value === null) checkRegExp(node);
        return;
      case 'ThisExpression':
        if (!this.ownThis) this.sites.push({ kind: 'this', node });
        return;
      case 'MemberExpression':
        this.expression(node.object);
        if (node.computed) this.expression(node.property);
        return;
      case 'CallExpression':
        this.callee(node.callee);
        if (node.typeArguments) this.types.erase(node.typeArguments);
        for (const argument of node.arguments) this.expression(argument);
        return;
      case 'TaggedTemplateExpression':
        this.callee(node.tag);
        if (node.typeArguments) this.types.erase(node.typeArguments);
        this.expression(node.quasi);
        return;
      case 'ParenthesizedExpression':
        this.expression(node.expression, used);
        return;
      case 'SequenceExpression':
        for (const [index, part] of node.expressions.entries())
          this.expression(part, used && index === node.expressions.length - 1);
        return;
      case 'UnaryExpression': {
        const operand = node.operator === 'typeof' ? unwrapped(node.argument) : node.argument;
        if (node.operator === 'typeof' && operand.type === 'Identifier') {
          if (operand !== node.argument) this.eraseWrappers(node.argument);
          this.read(operand, 'typeof');
        } else this.expression(node.argument);
        return;
      }
      case 'AssignmentExpression': {
        const target = unwrapped(node.left);
        if (target.type === 'Identifier') {
          this.eraseWrappers(node.left);
          this.sites.push({ kind: 'assign', use: this.use(target.name, target.start, target.end), node });
        } else if (target.type === 'ObjectPattern' || target.type === 'ArrayPattern') {
          const targets: NameUse[] = [];
          this.sites.push({
            kind: 'pattern',
            interleaved: isInterleaved(target),
            targets,
            node,
            used,
            inFunction: this.inFunction,
          });
          this.target(target, targets);
        } else this.expression(node.left);
        this.expression(node.right);
        return;
      }
      case 'UpdateExpression': {
        const target = unwrapped(node.argument);
        if (target.type === 'Identifier') {
          this.eraseWrappers(node.argument);
          this.sites.push({
            kind: 'update',
            use: this.use(target.name, target.start, target.end),
            node,
            used,
          });
        } else this.expression(node.argument);
        return;
      }
      case 'ObjectExpression':
        for (const property of node.properties) {
          if (property.type === 'SpreadElement') this.expression(property.argument);
          else if (property.shorthand && property.value.type === 'Identifier')
            this.read(property.value, 'shorthand');
          else {
            if (property.computed) this.expression(property.key);
            this.expression(property.value);
          }
        }
        return;
      case 'FunctionExpression':
      case 'FunctionDeclaration':
      case 'ArrowFunctionExpression':
        this.functionParts(node);
        return;
      case 'ClassExpression':
      case 'ClassDeclaration':
        this.classParts(node);
        return;
      case 'AwaitExpression':
        if (!this.inFunction) this.hasTopAwait = true;
        this.sites.push({ kind: 'await', node, used, inFunction: this.inFunction });
        this.expression(node.argument);
        return;
      case 'ImportExpression':
        this.sites.push({ kind: 'dynamic-import', node });
        this.expression(node.source);
        if (node.options) this.expression(node.options);
        return;
      case 'MetaProperty':
        if (node.meta.name === 'import') this.sites.push({ kind: 'meta', node });
        return;
      case 'TSAsExpression':
      case 'TSSatisfiesExpression':
      case 'TSNonNullExpression':
      case 'TSTypeAssertion':
        this.types.eraseAssertion(node);
        this.expression(node.expression, used);
        return;
      case 'TSInstantiationExpression':
        this.types.erase(node.typeArguments);
        this.expression(node.expression);
        return;
      case 'TSTypeParameterInstantiation':
      case 'TSTypeParameterDeclaration':
      case 'TSTypeAnnotation':
        this.types.erase(node);
        return;
      case 'JSXElement':
      case 'JSXFragment':
        throw NeedsLowering.signal;
      default:
        this.children(node);
    }
  }

  /** A name that is called must not get a `this`. */
  private callee(node: Expression): void {
    const inner = unwrapped(node);
    if (inner.type === 'Identifier') {
      this.eraseWrappers(node);
      this.read(inner, 'callee');
    } else this.expression(node);
  }

  private eraseWrappers(node: Node): void {
    for (let at = node; ;) {
      if (at.type === 'ParenthesizedExpression') at = at.expression;
      else if (
        at.type === 'TSAsExpression' ||
        at.type === 'TSSatisfiesExpression' ||
        at.type === 'TSNonNullExpression' ||
        at.type === 'TSTypeAssertion'
      ) {
        this.types.eraseAssertion(at);
        at = at.expression;
      } else if (at.type === 'TSInstantiationExpression') {
        this.types.erase(at.typeArguments);
        at = at.expression;
      } else return;
    }
  }

  private children(node: Node): void {
    for (const key of visitorKeys[node.type] ?? []) {
      const child = (node as unknown as Record<string, Node | (Node | null)[] | null | undefined>)[key];
      if (Array.isArray(child)) {
        for (const item of child) if (item) this.child(item);
      } else if (child) this.child(child);
    }
  }

  private child(node: Node): void {
    if (node.type.endsWith('Statement') || node.type.endsWith('Declaration'))
      this.statement(node as Statement);
    else this.expression(node);
  }
}

function checkRegExp({ regex, start, end }: RegExpLiteral): void {
  try {
    RegExp(regex.pattern, regex.flags);
  } catch (error) {
    throw new SourceMistake(error instanceof Error ? error.message : String(error), start, end);
  }
}

/** Without parentheses and type assertions around it. */
function unwrapped(node: Expression | AssignmentTarget): Node {
  let at: Node = node;
  while (
    at.type === 'ParenthesizedExpression' ||
    at.type === 'TSAsExpression' ||
    at.type === 'TSSatisfiesExpression' ||
    at.type === 'TSNonNullExpression' ||
    at.type === 'TSTypeAssertion' ||
    at.type === 'TSInstantiationExpression'
  )
    at = at.expression;
  return at;
}

/** Whether code of the user runs between the assignments of a pattern: defaults, computed keys, setters. */
function isInterleaved(node: Node): boolean {
  switch (node.type) {
    case 'Identifier':
      return false;
    case 'ParenthesizedExpression':
      return isInterleaved(node.expression);
    case 'ArrayPattern':
      return node.elements.some((element) => element !== null && isInterleaved(element));
    case 'ObjectPattern':
      return node.properties.some((property) =>
        property.type === 'RestElement'
          ? isInterleaved(property.argument)
          : property.computed || isInterleaved(property.value),
      );
    case 'RestElement':
      return isInterleaved(node.argument);
    case 'AssignmentPattern':
      return node.right.type !== 'Literal' || isInterleaved(node.left);
    default:
      return true;
  }
}

/** A function or class that gets its name from what it is assigned to. */
export function anonymousFunction(node: Expression): Expression | undefined {
  const inner = unwrapped(node);
  const isAnonymous =
    inner.type === 'ArrowFunctionExpression' ||
    ((inner.type === 'FunctionExpression' || inner.type === 'ClassExpression') && inner.id === null);
  return isAnonymous ? node : undefined;
}
