import type {
  Class,
  ClassElement,
  MethodDefinition,
  Node,
  ParamPattern,
  PropertyDefinition,
  Span,
  TSTypeAnnotation,
} from 'oxc-parser';
import type { Edits } from './edits.ts';

const MODIFIERS = /\b(?:public|private|protected|readonly|override|declare|abstract)\b/y;

/**
 * Removes TypeScript syntax that has no meaning at run time. Removing can join two lines that TypeScript keeps apart
 * (`x as T` above `(f)`), so what ends with a removed type gets a `;`, and a removed statement leaves one.
 */
export class TypeEraser {
  private readonly source: string;
  private readonly edits: Edits;
  /** End of the last range that was removed at the end of an expression or declaration. */
  private erasedUpTo = -1;

  constructor(source: string, edits: Edits) {
    this.source = source;
    this.edits = edits;
  }

  private remove(start: number, end: number): void {
    if (end <= start) return;
    this.edits.remove(start, end);
    this.erasedUpTo = Math.max(this.erasedUpTo, end);
  }

  erase(node: Span): void {
    this.remove(node.start, node.end);
  }

  eraseStatement(node: Span): void {
    this.edits.replace(node.start, node.end, ';');
  }

  /** After a statement of a list: whether its end was removed. */
  closeStatement(end: number): void {
    if (this.erasedUpTo === end) this.edits.after(end, ';');
  }

  /** `x?: T`, `x!: T`. */
  eraseAfterName(node: {
    name: string;
    start: number;
    end: number;
    typeAnnotation?: TSTypeAnnotation | null;
  }): void {
    // Escapes in a name (`\u0061`) make it longer in the source.
    const nameEnd = this.source.startsWith(node.name, node.start) ? node.start + node.name.length : undefined;
    const start = nameEnd ?? node.typeAnnotation?.start ?? node.end;
    this.remove(start, Math.max(node.end, node.typeAnnotation?.end ?? 0));
  }

  /** The annotation of a pattern, with the `?` of an optional parameter before it. */
  eraseOptionalAnnotation(annotation: Span): void {
    let { start } = annotation;
    while (/\s/.test(this.source[start - 1] ?? '')) start--;
    this.remove(this.source[start - 1] === '?' ? start - 1 : annotation.start, annotation.end);
  }

  /** No line break may stand between `)` and `=>`, so the space before the annotation goes too. */
  eraseReturnType(annotation: Span): void {
    let { start } = annotation;
    while (/\s/.test(this.source[start - 1] ?? '')) start--;
    this.remove(start, annotation.end);
  }

  eraseThisParameter(parameter: Span, next: ParamPattern | undefined): void {
    if (next) {
      this.remove(parameter.start, next.start);
      return;
    }
    const comma = /^\s*,/.exec(this.source.slice(parameter.end));
    this.remove(parameter.start, parameter.end + (comma?.[0].length ?? 0));
  }

  /** `x as T`, `x satisfies T`, `x!`, `<T>x`. */
  eraseAssertion(
    node: Extract<
      Node,
      { type: 'TSAsExpression' | 'TSSatisfiesExpression' | 'TSNonNullExpression' | 'TSTypeAssertion' }
    >,
  ): void {
    if (node.type === 'TSTypeAssertion') this.remove(node.start, node.expression.start);
    else this.remove(node.expression.end, node.end);
  }

  /** `abstract`, type parameters, `implements …`. */
  eraseClassHead(node: Class): void {
    const { source } = this;
    if (node.abstract === true) this.remove(node.start, source.indexOf('class', node.start));
    if (node.typeParameters) this.erase(node.typeParameters);
    if (node.superTypeArguments) this.erase(node.superTypeArguments);
    const first = node.implements?.[0];
    if (!first) return;
    const head = source.slice(node.start, first.start);
    const start = node.start + head.lastIndexOf('implements');
    this.edits.replace(start, node.body.start, '');
  }

  /** Members that only declare. Returns whether this was one. */
  eraseMember(member: ClassElement): boolean {
    const declares =
      member.type === 'TSIndexSignature' ||
      member.type.startsWith('TSAbstract') ||
      (member.type === 'MethodDefinition' && member.value.type === 'TSEmptyBodyFunctionExpression') ||
      (member.type === 'PropertyDefinition' && member.declare === true);
    if (declares) this.edits.replace(member.start, member.end, ';');
    return declares;
  }

  /** `private`, `readonly` and so on before a member's name, `?` or `!` and the type behind it. */
  eraseModifiers(member: MethodDefinition | PropertyDefinition): void {
    const { source } = this;
    let at = member.start;
    let any = false;
    while (at < member.key.start) {
      MODIFIERS.lastIndex = at;
      if (MODIFIERS.test(source)) {
        this.edits.remove(at, MODIFIERS.lastIndex);
        any = true;
        at = MODIFIERS.lastIndex;
      } else if (/[\w$]/.test(source[at] ?? '')) {
        // `static`, `async`, `get`…
        while (/[\w$]/.test(source[at] ?? '')) at++;
      } else if (source.startsWith('//', at)) at = endOr(source.indexOf('\n', at), member.key.start);
      else if (source.startsWith('/*', at)) at = endOr(source.indexOf('*/', at), member.key.start) + 2;
      else at++;
    }
    // The remaining text may start with `[` or `*`, which would continue a field above that has no `;`.
    if (any) this.edits.before(member.start, ';');
    if (member.optional === true || (member.type === 'PropertyDefinition' && member.definite === true)) {
      let mark = member.key.end;
      while (mark < member.end && source[mark] !== '?' && source[mark] !== '!') mark++;
      this.remove(mark, mark + 1);
    }
    if (member.type === 'PropertyDefinition' && member.typeAnnotation) this.erase(member.typeAnnotation);
  }

  closeMember(member: Span): void {
    this.closeStatement(member.end);
  }

  /** Whether a declaration has no meaning at run time. */
  isTypeOnly(node: Node | null): boolean {
    if (!node) return false;
    switch (node.type) {
      case 'TSInterfaceDeclaration':
      case 'TSTypeAliasDeclaration':
      case 'TSDeclareFunction':
        return true;
      case 'TSEnumDeclaration':
        return node.declare;
      case 'VariableDeclaration':
      case 'ClassDeclaration':
        return node.declare === true;
      case 'FunctionDeclaration':
        return node.declare === true || node.body === null;
      case 'TSModuleDeclaration': {
        if (node.declare) return true;
        const { body } = node as { body?: Node | null };
        if (!body) return true;
        if (body.type === 'TSModuleDeclaration') return this.isTypeOnly(body);
        if (body.type !== 'TSModuleBlock') return false;
        return body.body.every((statement) =>
          statement.type === 'ExportNamedDeclaration'
            ? statement.exportKind === 'type' || this.isTypeOnly(statement.declaration)
            : this.isTypeOnly(statement as Node),
        );
      }
      default:
        return false;
    }
  }
}

function endOr(index: number, otherwise: number): number {
  return index === -1 ? otherwise : index;
}
