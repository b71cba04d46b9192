import type {
  ArrowFunctionExpression,
  AssignmentExpression,
  CallExpression,
  Class,
  Expression,
  Function as FunctionNode,
  Node,
  ObjectExpression,
  Statement,
  UpdateExpression,
} from 'oxc-parser';
import { childNodes } from './children.ts';
import { checkRegExp, isInterleaved, NeedsLowering, unwrapped } from './nodes.ts';
import { Scope } from './scope.ts';
import { isNegativeIndex, misreadIndex, misreadOperator, misreadTuple } from './misread.ts';
import type { Operation } from './misread.ts';
import type { NameUse, ReadShape } from './sites.ts';
import { PatternWalk } from './walk-patterns.ts';

/** The walk's part for expressions, functions and classes; the statements in them are in `walk.ts`. */
export abstract class ExpressionWalk extends PatternWalk {
  /** Help about code that means something else than in Python. */
  misread: string | undefined;
  /** Names that are assigned where an argument stands, as in `f(a=1)`. */
  readonly named = new Set<string>();
  /** Whether top-level code awaits. */
  hasTopAwait = false;
  private ownThis = false;

  protected abstract list(statements: readonly Statement[]): void;
  protected abstract statement(node: Statement): void;

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

  /** Field initialisers and static blocks have their own `this`, and capture like functions. */
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

  protected override expression(node: Expression | Node, used = true): void {
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
        this.call(node);
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
      case 'UnaryExpression':
        if (node.operator === 'typeof') this.typeofOperand(node.argument);
        else this.expression(node.argument);
        return;
      case 'AssignmentExpression':
        this.assignment(node, used);
        return;
      case 'UpdateExpression':
        this.update(node, used);
        return;
      case 'BinaryExpression':
      case 'LogicalExpression':
        this.operation(node);
        return;
      case 'ObjectExpression':
        this.object(node);
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
      default:
        this.typeSyntax(node, used);
    }
  }

  /** TypeScript's own syntax, which is erased or needs lowering, and nodes that need nothing but a walk. */
  private typeSyntax(node: Node, used: boolean): void {
    switch (node.type) {
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

  private call(node: CallExpression): void {
    this.callee(node.callee);
    if (node.typeArguments) this.types.erase(node.typeArguments);
    for (const argument of node.arguments) {
      if (argument.type === 'AssignmentExpression' && argument.left.type === 'Identifier')
        this.named.add(argument.left.name);
      this.expression(argument);
    }
  }

  private typeofOperand(node: Expression): void {
    const operand = unwrapped(node);
    if (operand.type !== 'Identifier') {
      this.expression(node);
      return;
    }
    this.eraseWrappers(node);
    this.read(operand, 'typeof');
  }

  private assignment(node: AssignmentExpression, used: boolean): void {
    const target = unwrapped(node.left);
    if (target.type === 'Identifier') {
      this.eraseWrappers(node.left);
      this.sites.push({ kind: 'assign', use: this.use(target.name, target.start, target.end), node });
    } else if (target.type === 'ObjectPattern' || target.type === 'ArrayPattern') {
      const { inFunction } = this;
      const targets: NameUse[] = [];
      const interleaved = isInterleaved(target);
      this.sites.push({ kind: 'pattern', interleaved, targets, node, used, inFunction });
      this.target(target, targets);
    } else this.expression(node.left);
    this.misread ??= misreadTuple(node.right);
    this.expression(node.right);
  }

  private update(node: UpdateExpression, used: boolean): void {
    const target = unwrapped(node.argument);
    if (target.type !== 'Identifier') {
      this.expression(node.argument);
      return;
    }
    this.eraseWrappers(node.argument);
    const use = this.use(target.name, target.start, target.end);
    this.sites.push({ kind: 'update', use, node, used });
  }

  /** Long sums lean to the left: no recursion there. */
  private operation(node: Operation): void {
    const operands: Node[] = [];
    let left: Node = node;
    while (left.type === 'BinaryExpression' || left.type === 'LogicalExpression') {
      this.misread ??= misreadOperator(left);
      operands.push(left.right);
      left = left.left;
    }
    this.expression(left);
    for (const operand of operands.toReversed()) this.expression(operand);
  }

  private object(node: ObjectExpression): void {
    for (const property of node.properties) {
      if (property.type === 'SpreadElement') this.expression(property.argument);
      else if (property.shorthand && property.value.type === 'Identifier')
        this.read(property.value, 'shorthand');
      else {
        if (property.computed) this.expression(property.key);
        this.expression(property.value);
      }
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
    for (const child of childNodes(node)) this.child(child);
  }

  private child(node: Node): void {
    if (node.type.endsWith('Statement') || node.type.endsWith('Declaration'))
      this.statement(node as Statement);
    else this.expression(node);
  }
}
