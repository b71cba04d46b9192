import type { AssignmentTarget, BindingPattern, Expression, Node, ParamPattern } from 'oxc-parser';
import type { Edits } from './edits.ts';
import { anonymousFunction, NeedsLowering } from './nodes.ts';
import { Scope } from './scope.ts';
import type { NameUse, Site } from './sites.ts';
import { TypeEraser } from './types.ts';

/** The walk's part for patterns: of declarations, and of assignments. */
export abstract class PatternWalk {
  readonly sites: Site[] = [];
  /** Where in its pattern a name of the top level has got its value. */
  protected readonly bound = new Map<string, number>();
  protected scope = new Scope(undefined, true);
  protected inFunction = false;
  protected readonly types: TypeEraser;

  constructor(source: string, edits: Edits) {
    this.types = new TypeEraser(source, edits);
  }

  /** `used`: the value matters, so rewriting has to keep it. */
  protected abstract expression(node: Expression | Node, used?: boolean): void;

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

  /** The target of an assignment, or of the head of a loop. */
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

  protected use(name: string, start: number, end: number): NameUse {
    return { name, start, end, inFunction: this.inFunction, scope: this.scope };
  }
}
