import type {
  ArrowFunctionExpression,
  AssignmentTarget,
  BindingPattern,
  Class,
  Expression,
  Function as FunctionNode,
  Node,
  ParamPattern,
  Statement,
} from 'oxc-parser';
import { visitorKeys } from 'oxc-parser';
import type { Edits } from './edits.ts';
import { anonymousFunction, checkRegExp, isInterleaved, NeedsLowering, unwrapped } from './nodes.ts';
import { Scope } from './scope.ts';
import { isNegativeIndex, misreadIndex, misreadOperator, misreadTuple } from './misread.ts';
import type { NameUse, ReadShape, Site } from './sites.ts';
import { TypeEraser } from './types.ts';

/** The walk's half for expressions, patterns, functions and classes; what they hold of statements is the other half's. */
export abstract class ExpressionWalk {
  readonly sites: Site[] = [];
  /** Help about code that means something else than in Python. */
  misread: string | undefined;
  /** Names that are assigned where an argument stands, as in `f(a=1)`. */
  readonly named = new Set<string>();
  /** Whether top-level code awaits. */
  hasTopAwait = false;

  /** Where in its pattern a name of the top level has got its value. */
  protected readonly bound = new Map<string, number>();
  protected scope = new Scope(undefined, true);
  protected inFunction = false;
  private ownThis = false;
  protected readonly types: TypeEraser;

  constructor(source: string, edits: Edits) {
    this.types = new TypeEraser(source, edits);
  }

  protected abstract list(statements: readonly Statement[]): void;
  protected abstract statement(node: Statement): void;

  // ------------------------------------------------------------------ patterns

  /** Names that a pattern declares; what its defaults and computed keys hold is walked. */
  protected bind(pattern: BindingPattern | ParamPattern, scope: Scope, names?: string[]): void {
    switch (pattern.type) {
      case 'Identifier':
        this.types.eraseAfterName(pattern);
        scope.add(pattern.name);
        names?.push(pattern.name);
        if (scope.isTop) this.bound.set(pattern.name, pattern.end);
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
        if (scope.isTop && pattern.left.type === 'Identifier') this.bound.set(pattern.left.name, pattern.end);
        this.expression(pattern.right);
        return;
      case 'TSParameterProperty':
        throw NeedsLowering.signal;
    }
    if (pattern.typeAnnotation) this.types.eraseOptionalAnnotation(pattern.typeAnnotation);
  }

  /** What an assignment, or the head of a loop, assigns. */
  protected target(
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

  protected functionParts(node: FunctionNode | ArrowFunctionExpression): void {
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

  protected classParts(node: Class): void {
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
  protected expression(node: Expression | Node, used = true): void {
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
        this.misread ??= misreadIndex(node);
        if (isNegativeIndex(node)) this.sites.push({ kind: 'indexed', node: node.object });
        this.expression(node.object);
        if (node.computed) this.expression(node.property);
        return;
      case 'CallExpression':
        this.callee(node.callee);
        if (node.typeArguments) this.types.erase(node.typeArguments);
        for (const argument of node.arguments) {
          if (argument.type === 'AssignmentExpression' && argument.left.type === 'Identifier')
            this.named.add(argument.left.name);
          this.expression(argument);
        }
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
        this.misread ??= misreadTuple(node.right);
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
      case 'BinaryExpression':
      case 'LogicalExpression': {
        // Long sums lean to the left: no recursion there.
        const operands: Node[] = [];
        let left: Node = node;
        while (left.type === 'BinaryExpression' || left.type === 'LogicalExpression') {
          this.misread ??= misreadOperator(left);
          operands.push(left.right);
          left = left.left;
        }
        this.expression(left);
        for (const operand of operands.toReversed()) this.expression(operand);
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

  protected children(node: Node): void {
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
