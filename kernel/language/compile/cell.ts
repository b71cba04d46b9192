import { boxKey, type Binding, type BindingKind } from '../../contracts/compiled-cells.ts';
import type { ImportDeclaration, Program } from 'oxc-parser';
import type { Edits, PrefixPart, Rendered } from './edits.ts';
import { atStartOfBody, emitCommon, PLAIN } from './emit.ts';
import type { Access, EmitOptions, InternalNames, Writes } from './emit.ts';
import { isKnownGlobal } from '../../slips/known-globals.ts';
import type { AssignedStatement } from './assigned.ts';
import { importCall, importedNameOf, member } from './imports.ts';
import { markReceiver } from './receiver.ts';
import { metadataReads } from './metadata.ts';
import type { SessionNames } from './names.ts';
import type { CellSlips } from './slips.ts';
import type { NameUse, Site } from './sites.ts';
import { Walk } from './walk.ts';
import type { TopName } from './walk.ts';

/** A name of the top level, declared by this cell or an earlier one, and what this cell does with it. */
interface Variable {
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

export interface CellInput {
  /** What is rewritten: the cell as typed, or lowered. */
  source: string;
  program: Program;
  edits: Edits;
  names: InternalNames;
  withResult: boolean;
  /** The cell awaits though no `await` is in its tree (magics). */
  awaits: boolean;
  /** Names of the top level that lowering brought in. */
  isInternal(name: string): boolean;
  /** How a lowered cell declared its names before: lowering makes variables (`var`) of most. */
  original: ReadonlyMap<string, OriginalKind>;
  /** Assignments that declare names which nothing else declares. */
  assigned: readonly AssignedStatement[];
  /** What was found in the cell as typed. */
  slips: CellSlips;
}

/** `object`: enums and namespaces. */
export type OriginalKind = 'const' | 'let' | 'class' | 'object';

export interface CellOutput extends Rendered {
  async: boolean;
  bindings: Binding[];
  /** Names that assignments declare. */
  introduced: string[];
}

/** Expressions that take the place of what CommonJS gives a module. */
const MODULE_NAMES: Record<string, string> = {
  require: '.require',
  __dirname: '.meta.dirname',
  __filename: '.meta.filename',
  module: '.module',
  exports: '.module.exports',
};

/**
 * Rewrites a cell so that its top-level names live on.
 *
 * Each name of the session has one box, an object with one property: a declaration that runs puts its value there, and
 * functions of all cells read it there. Top-level code has a local copy; every assignment of top-level code goes to
 * both. Where a function assigns the variable, top-level code uses the box as well. (An object with one property keeps
 * V8's number representation, and is as fast as a captured local.)
 */
export function rewriteCell(input: CellInput, session: SessionNames): CellOutput {
  const { source, edits } = input;
  const walk = new Walk(source, edits);
  walk.program(input.program, input.withResult);
  return new CellRewriter(input, session, walk).run();
}

class CellRewriter {
  private readonly variables = new Map<string, Variable | undefined>();
  /** What the generated function begins with, in this order: imports, boxes, local copies, function declarations. */
  private readonly imports: PrefixPart[] = [];
  private readonly boxes = new Map<string, string>();
  private readonly locals: string[] = [];
  private readonly functions: string[] = [];
  private readonly bindings: Binding[] = [];
  private readonly declaredNested = new Set<string>();
  /** Where assignments declare names. */
  private readonly introduced = new Map<string, number>();
  private hasImports = false;
  private readonly metadata: ReadonlyMap<string, number>;
  private readonly input: CellInput;
  private readonly session: SessionNames;
  private readonly walk: Walk;

  constructor(input: CellInput, session: SessionNames, walk: Walk) {
    this.input = input;
    this.metadata = metadataReads(input.source);
    this.session = session;
    this.walk = walk;
  }

  run(): CellOutput {
    const { input, walk } = this;
    const { names, edits } = input;
    for (const [name, top] of walk.top) this.own(name, top);
    for (const { names: assigned, end } of input.assigned)
      for (const { name, start } of assigned) this.introduce(name, start, end);
    for (const site of walk.sites) this.note(site);
    for (const variable of this.variables.values()) if (variable) this.decide(variable);
    for (const site of walk.sites) if (site.kind === 'import') this.importSite(site.node);
    const options: EmitOptions = {
      names,
      access: (use) => this.access(use),
      wrapsAwaits: true,
      refresh: (at) => this.refresh(at),
      introduces: (use) => !use.inFunction && this.introduced.get(use.name) === use.start,
    };
    for (const site of walk.sites) {
      emitCommon(site, edits, options);
      this.emit(site);
    }
    const temporaries = `let ${names.awaited},${names.updated},${names.assigned};`;
    const isAsync = input.awaits || walk.hasTopAwait || this.hasImports;
    const prologue = [[...this.boxes.values()], this.locals, this.functions].flat().join('');
    const head = `'use strict';(${isAsync ? 'async' : ''}(${names.context})=>{${temporaries}`;
    const rendered = edits.render(
      input.source,
      [{ text: head }, ...this.imports, { text: prologue }],
      '\n})',
    );
    input.slips.note(walk);
    const introduced = [...this.introduced.keys()];
    return { ...rendered, async: isAsync, bindings: this.bindings, introduced };
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
  private boxText({ name, top }: Variable): string {
    const { names } = this.input;
    const key = boxKey(name);
    const box = names.box(key);
    const method = this.introduced.has(name) ? 'fresh' : top ? 'open' : 'box';
    if (!this.boxes.has(name))
      this.boxes.set(name, `const ${box}=${names.context}.${method}(${JSON.stringify(name)});`);
    return `${box}.${key}`;
  }

  /** While top-level code waits, timers and cells of subshells may assign or declare what it has copies of. */
  private refresh(at: number): string[] {
    return [...this.variables.values()].flatMap((variable) => {
      if (variable?.access.mode !== 'through' || !variable.readAtTop) return [];
      const { name, top, access } = variable;
      const isCurrent = !top || (access.writes === 'both' && top.from <= at);
      return isCurrent ? [`${name}=${access.text}`] : [];
    });
  }

  private access(use: NameUse): Access {
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
    // While top-level code runs, only a cell that runs beside it can declare the name.
    return use.inFunction || this.session.isExpected(name) ? { mode: 'lookup' } : PLAIN;
  }

  // ------------------------------------------------------------------ declarations

  /** The call that gives a name the value of its local variable. */
  private declare({ name }: Variable): string {
    return `${this.input.names.context}.declare(${JSON.stringify(name)},${name})`;
  }

  private emit(site: Site): void {
    const { input } = this;
    const { edits, names } = input;
    switch (site.kind) {
      case 'result': {
        const { expression } = site.node;
        const isSequence = expression.type === 'SequenceExpression';
        edits.before(expression.start, `${names.context}.result(${isSequence ? '(' : ''}`);
        markReceiver(expression, edits, names.context);
        edits.after(expression.end, isSequence ? '))' : ')');
        return;
      }
      case 'indexed':
        edits.before(site.node.start, `${names.context}.indexed(`);
        edits.after(site.node.end, ')');
        return;
      case 'function': {
        const variable = this.variables.get(site.name);
        if (variable) this.functions.push(`${this.declare(variable)};`);
        return;
      }
      case 'class': {
        const variable = this.variables.get(site.name);
        if (variable) edits.after(site.node.end, `;${this.declare(variable)};`);
        return;
      }
      case 'declarator':
        this.declarator(site);
        return;
      case 'loop':
        if (!site.declared) return;
        for (const { name } of site.targets) this.nestedVar(name, site.topStatement);
        atStartOfBody(
          edits,
          site.node.body,
          site.targets.flatMap(({ name }) => {
            const variable = this.variables.get(name);
            return variable && !site.inFunction ? [this.copy(variable)] : [];
          }),
        );
        return;
      case 'import':
        edits.replace(site.node.start, site.node.end, ';');
        return;
      case 'import-require': {
        const variable = this.variables.get(site.name);
        const text = `const ${site.name}=${names.context}.require(${JSON.stringify(site.specifier)});`;
        const declare = variable ? `${this.declare(variable)};` : '';
        edits.replace(site.node.start, site.node.end, text + declare);
        return;
      }
      case 'export':
        this.exportSite(site);
        return;
      case 'export-assignment': {
        const { node } = site;
        edits.replace(node.start, node.expression.start, `${names.context}.module.exports=(`);
        edits.after(node.expression.end, ');');
        return;
      }
      default:
    }
  }

  private copy(variable: Variable): string {
    return `${this.boxText(variable)}=${variable.name}`;
  }

  private nestedVar(name: string, topStatement: number): void {
    const variable = this.variables.get(name);
    if (!variable || this.declaredNested.has(name)) return;
    this.declaredNested.add(name);
    this.input.edits.before(topStatement, `${this.declare(variable)};`);
  }

  private declarator(site: Extract<Site, { kind: 'declarator' }>): void {
    const { edits, names } = this.input;
    const { node, list, last } = site;
    const variables = site.names.flatMap((name) => this.variables.get(name) ?? []);
    if (variables.length === 0) return;
    const { kind } = list.node;
    if (kind === 'var') {
      const steps: string[] = [];
      for (const variable of variables) {
        // What lowering has put into a block is declared where it stood.
        if (!list.nested || variable.original) steps.push(this.declare(variable));
        else {
          if (node.init) steps.push(this.copy(variable));
          this.nestedVar(variable.name, list.topStatement);
        }
      }
      if (steps.length > 0) edits.after(node.end, `,${names.nothing}=(${steps.join(',')})`);
      return;
    }
    const declares = variables.map((variable) => this.declare(variable));
    if (kind === 'using' || kind === 'await using') {
      // A list of `using` may hold disposable values only.
      edits.after(list.node.end, `;${declares.join(';')}${last ? ';' : ''}`);
      return;
    }
    edits.after(node.end, `,${names.fresh()}=(${declares.join(',')})`);
  }

  private importSite(node: ImportDeclaration): void {
    const { names } = this.input;
    const { context } = names;
    this.hasImports = true;
    const namespace = names.fresh();
    const wanted = node.specifiers.flatMap((specifier) => {
      const variable = this.variables.get(specifier.local.name);
      // One that is not read, or only for metadata of decorators, may be a type.
      const reads = (variable?.reads ?? 0) - (this.metadata.get(specifier.local.name) ?? 0);
      return reads > 0 && specifier.type !== 'ImportNamespaceSpecifier' ? [importedNameOf(specifier)] : [];
    });
    const at = node.start;
    const add = (text: string): void => void this.imports.push({ text, at });
    add(`const ${namespace}=await ${context}.await(${importCall(context, node, wanted)});`);
    for (const specifier of node.specifiers) {
      const { name } = specifier.local;
      const variable = this.variables.get(name);
      const importedName = importedNameOf(specifier);
      // What lowering imports is a local of the cell.
      if (!variable && this.variables.has(name)) add(`const ${name}=${member(namespace, importedName)};`);
      if (!variable || variable.top === undefined) continue;
      const { binding } = variable;
      binding.imported = { specifier: node.source.value, name: importedName };
      if (importedName === '*') {
        add(`const ${name}=${namespace};${this.declare(variable)};`);
      } else {
        const text = member(namespace, importedName);
        const box = (): string => this.boxText(variable);
        variable.access = {
          mode: 'expression',
          text,
          get inner() {
            return box();
          },
          isMember: true,
        };
        // A function of this place for each import: V8 learns for each what it reads.
        const from = `${JSON.stringify(importedName)},${JSON.stringify(node.source.value)}`;
        add(`${context}.link(${JSON.stringify(name)},${namespace},()=>${text},${from});`);
      }
    }
  }

  private exportSite({ node, last }: Extract<Site, { kind: 'export' }>): void {
    const { edits, names } = this.input;
    if (node.type === 'ExportDefaultDeclaration') {
      const { declaration } = node;
      edits.remove(node.start, declaration.start);
      const isDeclaration =
        (declaration.type === 'FunctionDeclaration' || declaration.type === 'ClassDeclaration') &&
        declaration.id;
      if (isDeclaration) return;
      edits.before(declaration.start, last ? `${names.context}.result((` : 'void (');
      edits.after(declaration.end, last ? '));' : ');');
      return;
    }
    if (node.type === 'ExportNamedDeclaration' && node.declaration) {
      edits.remove(node.start, node.declaration.start);
      return;
    }
    edits.replace(node.start, node.end, ';');
    if (node.source === null) return;
    this.hasImports = true;
    const call = importCall(names.context, { source: node.source, attributes: node.attributes });
    this.imports.push({ text: `await ${names.context}.await(${call});`, at: node.start });
  }
}

function isAssignable(kind: BindingKind): boolean {
  return kind !== 'const' && kind !== 'import';
}

function newVariable(binding: Binding, top: TopName | undefined): Variable {
  const { name } = binding;
  return { name, binding, top, isRead: false, reads: 0, readAtTop: false, boxOnly: false, access: PLAIN };
}
