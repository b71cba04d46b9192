import { boxKey, type Binding, type BindingKind } from '../../contracts/compiled-cells.ts';
import { isKnownGlobal } from '../../slips/known-globals.ts';
import { PLAIN } from './access.ts';
import type { Access, Writes } from './access.ts';
import type { AssignedStatement } from './assigned.ts';
import type { InternalNames } from './internal-names.ts';
import type { SessionNames } from './names.ts';
import type { CellSlips } from './slips.ts';
import type { NameUse, Site } from './sites.ts';
import type { TopName, Walk } from './walk.ts';

/** A name of the top level, declared by this cell or an earlier one, and what this cell does with it. */
export interface Variable {
  name: string;
  binding: Binding;
  /** Declared by this cell. */
  top: TopName | undefined;
  /** Declared by this cell, before it was lowered to a variable. */
  original?: OriginalKind | undefined;
  isRead: boolean;
  /** How often. */
  reads: number;
  readAtTop: boolean;
  /** No local copy in this cell. */
  boxOnly: boolean;
  access: Access;
}

/** `object`: enums and namespaces. */
export type OriginalKind = 'const' | 'let' | 'class' | 'object';

/** The names of a cell depend on these, in addition to its text. */
export interface NamesInput {
  names: InternalNames;
  /** Names of the top level that lowering brought in. */
  isInternal(name: string): boolean;
  /** How a lowered cell declared its names before: lowering makes variables (`var`) of most. */
  original: ReadonlyMap<string, OriginalKind>;
  /** Assignments that declare names which nothing else declares. */
  assigned: readonly AssignedStatement[];
  /** Findings in the cell as typed. */
  slips: CellSlips;
}

/** Expressions that take the place of what CommonJS gives a module. */
const MODULE_NAMES: Record<string, string> = {
  require: '.require',
  __dirname: '.meta.dirname',
  __filename: '.meta.filename',
  module: '.module',
  exports: '.module.exports',
};

/** The top-level names of a cell: what declares them, how the cell uses them, and how its code gets at them. */
export class TopVariables {
  /** Names that the cell declares. */
  readonly bindings: Binding[] = [];
  /** Where assignments declare names. */
  readonly introduced = new Map<string, number>();
  /** Statements that fetch the boxes, by name. */
  readonly boxes = new Map<string, string>();
  /** Declarations of local copies. */
  readonly locals: string[] = [];
  private readonly variables = new Map<string, Variable | undefined>();
  private readonly input: NamesInput;
  private readonly session: SessionNames;
  private readonly walk: Walk;

  constructor(input: NamesInput, session: SessionNames, walk: Walk) {
    this.input = input;
    this.session = session;
    this.walk = walk;
    for (const [name, top] of walk.top) this.own(name, top);
    for (const { names: assigned, end } of input.assigned)
      for (const { name, start } of assigned) this.introduce(name, start, end);
    for (const site of walk.sites) this.note(site);
    for (const variable of this.variables.values()) if (variable) this.decide(variable);
  }

  /** A name of the top level; undefined where lowering brought it in, or nothing declares it. */
  find(name: string): Variable | undefined {
    return this.variables.get(name);
  }

  /** Whether lowering brought the name in. */
  isInternal(name: string): boolean {
    return this.variables.has(name) && !this.variables.get(name);
  }

  /** Whether an assignment at this place declares the name. */
  introduces(use: NameUse): boolean {
    return !use.inFunction && this.introduced.get(use.name) === use.start;
  }

  // ------------------------------------------------------------------ what the names are

  private own(name: string, top: TopName): void {
    if (this.input.isInternal(name)) {
      this.variables.set(name, undefined);
      return;
    }
    const original = top.kind === 'var' || top.kind === 'let' ? this.input.original.get(name) : undefined;
    const kind = original === undefined ? top.kind : original === 'object' ? 'const' : original;
    const binding: Binding = { name, kind };
    this.bindings.push(binding);
    // Enums and namespaces merge with what the cell itself has declared; other names have their earlier value so far.
    const isLexical = original !== undefined && original !== 'object';
    const from = isLexical ? (top.end ?? top.from) : top.from;
    this.variables.set(name, { ...newVariable(binding, { ...top, from }), original });
  }

  /** A name that top-level code assigns: if nothing declares it, the assignment does. */
  private introduce(name: string, start: number, end: number): void {
    const { input, session } = this;
    if (this.introduced.has(name) || !input.slips.mayDeclare(name)) return;
    if (this.variables.has(name) || session.get(name) || session.isExpected(name)) return;
    if (isKnownGlobal(name) || Object.hasOwn(MODULE_NAMES, name)) return;
    if (input.slips.isTypo(name, () => this.knownNames())) return;
    const binding: Binding = { name, kind: 'let' };
    this.introduced.set(name, start);
    this.bindings.push(binding);
    this.variables.set(name, newVariable(binding, { kind: 'let', from: end, end }));
  }

  /** The variable that a use means; undefined for names of inner scopes, globals and names that nothing declares. */
  private variable(use: NameUse): Variable | undefined {
    const { name } = use;
    if (use.scope?.hides(name) === true) return undefined;
    if (this.variables.has(name)) return this.variables.get(name);
    const binding = this.session.get(name);
    const variable = binding && newVariable(binding, undefined);
    this.variables.set(name, variable);
    return variable;
  }

  private note(site: Site): void {
    switch (site.kind) {
      case 'read':
        this.noteRead(site.use);
        return;
      case 'assign':
        if (site.node.operator !== '=') this.noteRead(site.use);
        this.noteAssignment(site.use);
        this.noteUnresolved(site.use, site.node.operator);
        return;
      case 'update':
        this.noteRead(site.use);
        this.noteAssignment(site.use);
        this.noteUnresolved(site.use, site.node.operator);
        return;
      case 'target':
        this.noteAssignment(site.use);
        this.noteUnresolved(site.use, '=');
        return;
      case 'pattern':
        if (site.interleaved) this.noteInterleaved(site.targets);
        return;
      case 'loop':
        if (site.interleaved) this.noteInterleaved(site.targets);
        if (site.declared) for (const use of site.targets) this.noteAssignment(use);
        return;
      default:
    }
  }

  /** Functions that run between the assignments have to see those already made: the box must never lag behind. */
  private noteInterleaved(targets: readonly NameUse[]): void {
    for (const use of targets) {
      const variable = this.variable(use);
      if (variable) variable.boxOnly = true;
    }
  }

  private noteRead(use: NameUse): void {
    const variable = this.variable(use);
    if (!variable) return;
    variable.isRead = true;
    variable.reads++;
    if (!use.inFunction) variable.readAtTop = true;
  }

  private noteAssignment(use: NameUse): void {
    const variable = this.variable(use);
    // A constant counts too: a later cell may declare it as a variable, which the function then assigns.
    if (use.inFunction && (variable || this.isUnresolved(use))) this.session.noteFunctionAssignment(use.name);
  }

  private noteUnresolved(use: NameUse, operator: string): void {
    if (this.isUnresolved(use) && !Object.hasOwn(MODULE_NAMES, use.name))
      this.input.slips.unresolved(use.name, operator, () => this.knownNames());
  }

  private knownNames(): string[] {
    return [
      ...this.session.all().map(({ name }) => name),
      ...this.walk.top.keys(),
      ...this.introduced.keys(),
    ];
  }

  private isUnresolved(use: NameUse): boolean {
    return (
      use.scope?.hides(use.name) === false &&
      !this.variables.get(use.name) &&
      !this.walk.top.has(use.name) &&
      !use.name.startsWith(this.input.names.context) &&
      !isKnownGlobal(use.name)
    );
  }

  // ------------------------------------------------------------------ how they are reached

  private decide(variable: Variable): void {
    const { name, binding, top, original } = variable;
    const { kind } = binding;
    const isConstant = !isAssignable(kind);
    const writes: Writes = !isConstant
      ? 'both'
      : original === 'object'
        ? 'merged'
        : top && original === undefined
          ? 'own'
          : 'asked';
    const box = (): string => this.boxText(variable);
    const inBox: Access = {
      mode: 'box',
      writes,
      get text() {
        return box();
      },
    };
    const through: Access = {
      mode: 'through',
      writes,
      get text() {
        return box();
      },
      isEarly: ({ start }) => top !== undefined && start < top.from,
    };
    if (top) {
      const assigned = variable.boxOnly || this.session.isAssignedInFunction(name);
      variable.access = assigned && !isConstant ? inBox : through;
      if (this.introduced.has(name) && variable.access === through) this.locals.push(`let ${name};`);
      if (kind === 'var')
        this.locals.push(`var ${name}=${this.input.names.context}.hoist(${JSON.stringify(name)});`);
      return;
    }
    const copies =
      kind !== 'import' &&
      variable.readAtTop &&
      (isConstant || !(variable.boxOnly || this.session.isAssignedInFunction(name)));
    variable.access = copies ? through : inBox;
    if (copies) this.locals.push(`let ${name}=${box()};`);
  }

  /** The place of a name's value; the generated function then begins with fetching the box. */
  boxText({ name, top }: Variable): string {
    const { names } = this.input;
    const key = boxKey(name);
    const box = names.box(key);
    const method = this.introduced.has(name) ? 'fresh' : top ? 'open' : 'box';
    if (!this.boxes.has(name))
      this.boxes.set(name, `const ${box}=${names.context}.${method}(${JSON.stringify(name)});`);
    return `${box}.${key}`;
  }

  /** While top-level code waits, timers and cells of subshells may assign or declare what it has copies of. */
  refresh(at: number): string[] {
    return [...this.variables.values()].flatMap((variable) => {
      if (variable?.access.mode !== 'through' || !variable.readAtTop) return [];
      const { name, top, access } = variable;
      const isCurrent = !top || (access.writes === 'both' && top.from <= at);
      return isCurrent ? [`${name}=${access.text}`] : [];
    });
  }

  access(use: NameUse): Access {
    const variable = this.variable(use);
    if (variable) {
      const pattern = use.inFunction ? undefined : variable.top?.pattern;
      // A default of the pattern that declares the name: its value comes into being just here.
      const isInPattern = pattern && use.start >= pattern.start && use.end <= pattern.end;
      return isInPattern === true ? PLAIN : variable.access;
    }
    const { name, scope } = use;
    const replacement = Object.hasOwn(MODULE_NAMES, name) ? MODULE_NAMES[name] : undefined;
    if (replacement !== undefined && scope?.hides(name) === false)
      return { mode: 'expression', text: this.input.names.context + replacement, isMember: false };
    if (!this.isUnresolved(use)) return PLAIN;
    // While top-level code runs, only a cell that runs at the same time can declare the name.
    return use.inFunction || this.session.isExpected(name) ? { mode: 'lookup' } : PLAIN;
  }
}

function isAssignable(kind: BindingKind): boolean {
  return kind !== 'const' && kind !== 'import';
}

function newVariable(binding: Binding, top: TopName | undefined): Variable {
  const { name } = binding;
  return { name, binding, top, isRead: false, reads: 0, readAtTop: false, boxOnly: false, access: PLAIN };
}
