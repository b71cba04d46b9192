/** Python habits in a cell: see kernel/slips. */
import type { Program, Statement } from 'oxc-parser';
import { knownGlobals } from '../../slips/known-globals.ts';
import { inTypeScript, likelyTypo } from '../../slips/index.ts';
import type { Slips } from '../../contracts/compiler.ts';
import { declaredOnly } from './assigned.ts';
import type { AssignedStatement } from './assigned.ts';
import { isLiteral } from './misread.ts';

/** So many names of a cell are compared with the known ones: text that a program has made may have any number. */
const CHECKED = 100;

export class CellSlips {
  private readonly source: string;
  private readonly program: Program;
  private readonly declares: boolean;
  private readonly undefined: Record<string, string> = {};
  private erased: Set<string> | undefined;
  private misread: string | undefined;
  private checked = 0;

  /** @param declares whether assignments may declare names */
  constructor(source: string, program: Program, declares: boolean) {
    this.source = source;
    this.program = program;
    this.declares = declares;
    for (const statement of program.body) this.statement(statement);
  }

  mayDeclare(name: string): boolean {
    if (!this.declares) return false;
    this.erased ??= declaredOnly(this.program);
    return !this.erased.has(name);
  }

  /** Whether an assigned name was probably meant for another one: then it is not declared. */
  isTypo(name: string, known: () => readonly string[]): boolean {
    if (this.checked++ > CHECKED) return false;
    const meant = likelyTypo(name, known()) ?? likelyTypo(name, knownGlobals());
    if (meant !== undefined)
      this.undefined[name] = `did you mean \`${meant}\`? A new variable is declared with \`let ${name} = …\``;
    return meant !== undefined;
  }

  /** An assignment to a name that nothing declares, and that declares nothing. */
  unresolved(name: string, operator: string, known: () => readonly string[]): void {
    if (this.checked > CHECKED || Object.hasOwn(this.undefined, name) || this.isTypo(name, known)) return;
    this.undefined[name] =
      operator === '='
        ? `a variable is declared with \`let ${name} = …\``
        : `\`${name}\` has no value yet: declare it with \`let ${name} = 0\``;
  }

  /** Takes over what the walk through the cell has found. */
  note(walk: { misread: string | undefined; named: ReadonlySet<string> }): void {
    this.misread ??= walk.misread;
    for (const name of [...walk.named].slice(0, CHECKED))
      this.undefined[name] =
        `TypeScript has no keyword arguments: write \`f(1)\`, or pass an object: \`f({ ${name}: 1 })\``;
  }

  /** The slips of the cell, or undefined. */
  result(introduced: readonly string[], assigned: readonly AssignedStatement[]): Slips | undefined {
    const { misread, undefined: missing } = this;
    if (introduced.length === 0 && misread === undefined && Object.keys(missing).length === 0)
      return undefined;
    const divides =
      introduced.length > 0 && assigned.some(({ start, end }) => this.isFloorDivision(start, end));
    return { introduced, divides, undefined: missing, ...(misread === undefined ? {} : { misread }) };
  }

  /** `x = 7 // 2`: a number or a name and nothing else follows. */
  private isFloorDivision(start: number, end: number): boolean {
    const [line = ''] = this.source.slice(end, end + 80).split('\n', 1);
    return (
      /^[ \t]*\/\/[ \t]*(?:[\w.]+|\([\w .+*/-]+\))[ \t]*\r?$/.test(line) &&
      /[\w)\]]$/.test(this.source.slice(start, end))
    );
  }

  private statement(statement: Statement): void {
    if (statement.type === 'LabeledStatement') this.label(statement);
    // `x //= 2`
    if (
      statement.type === 'ExpressionStatement' &&
      (statement.expression.type === 'Identifier' || statement.expression.type === 'MemberExpression') &&
      /^[ \t]*\/\/=[ \t]*(?:[\w.]+|\([\w .+*/-]+\))[ \t]*\r?(?:\n|$)/.test(
        this.source.slice(statement.end, statement.end + 80),
      )
    )
      this.misread = `\`//=\` begins a comment; ${inTypeScript('x //= 2', 'x = Math.floor(x / 2)')}`;
    if (statement.type !== 'ExpressionStatement' || statement.expression.type !== 'SequenceExpression')
      return;
    const { expressions } = statement.expression;
    const [first, ...rest] = expressions;
    const targets = expressions.filter(({ type }) => type === 'Identifier');
    const assigned = expressions.find(
      (part) =>
        part.type === 'AssignmentExpression' && part.operator === '=' && part.left.type === 'Identifier',
    );
    if (assigned?.type !== 'AssignmentExpression' || assigned.left.type !== 'Identifier') return;
    const { name } = assigned.left;
    if (first?.type === 'Identifier') {
      const names = [...targets.map((target) => this.source.slice(target.start, target.end)), name];
      const text = `Python's \`a, b = 1, 2\` is \`[a, b] = [1, 2]\` in TypeScript, with \`let\` in front for new names`;
      for (const one of names) this.undefined[one] = text;
      this.misread = text;
    } else if (first === assigned && rest.every(isLiteral)) {
      this.misread = `a tuple is written as an array in TypeScript: \`${name} = [1, 2]\``;
      this.undefined[name] = this.misread;
    }
  }

  /** `x: int = 5`. */
  private label({ label, body }: Extract<Statement, { type: 'LabeledStatement' }>): void {
    if (body.type !== 'ExpressionStatement') return;
    const { expression } = body;
    const isAssigned = expression.type === 'AssignmentExpression' && expression.operator === '=';
    const type = isAssigned ? expression.left : expression;
    if (type.type !== 'Identifier' && type.type !== 'MemberExpression') return;
    const value = isAssigned ? ' = …' : '';
    this.misread = `a variable with a type is declared with \`let ${label.name}: number${value}\``;
    for (const [word] of this.source
      .slice(type.start, type.end)
      .matchAll(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu))
      this.undefined[word] = this.misread;
  }
}
