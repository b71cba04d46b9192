import type { Binding, BindingKind } from '../../interfaces.ts';
import type { ImportDeclaration, Program } from 'oxc-parser';
import type { Edits } from './edits.ts';
import type { Rendered } from './edits.ts';
import { atStartOfBody, emitCommon, PLAIN } from './emit.ts';
import type { Access, EmitOptions, InternalNames } from './emit.ts';
import { isKnownGlobal } from './globals.ts';
import { exportedName, importCall, member } from './imports.ts';
import type { SessionNames } from './names.ts';
import type { NameUse, Site } from './sites.ts';
import { Walk } from './walk.ts';
import type { TopName } from './walk.ts';

/** A name of the top level, declared by this cell or an earlier one, and what this cell does with it. */
interface Variable {
  name: string;
  binding: Binding;
  /** Declared by this cell. */
  top: TopName | undefined;
  readInFunction: boolean;
  readAtTop: boolean;
  assignedAtTop: boolean;
  /** No local copy in this cell. */
  boxOnly: boolean;
  access: Access;
  /** Whether generated code needs the box under a name. */
  needsBox: boolean;
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
}

export interface CellOutput extends Rendered {
  async: boolean;
  bindings: Binding[];
}

/** Expressions that take the place of what CommonJS gives a module. */
const MODULE_NAMES: Record<string, string> = {
  require: '.require',
  __dirname: '.meta.dirname',
  __filename: '.meta.filename',
};

/**
 * Rewrites a cell so that its top-level names live on.
 *
 * Each name has a box, an object of its own with one property. Names of this cell are locals of the generated function
 * too; every assignment by top-level code goes to both, functions use the box only. Where a function assigns the
 * variable, top-level code uses the box as well. (An object with one property keeps V8's number representation, and is
 * faster than a captured local.)
 */
export function rewriteCell(input: CellInput, session: SessionNames): CellOutput {
  const { source, edits } = input;
  const walk = new Walk(source, edits);
  walk.program(input.program, input.withResult);
  return new CellRewriter(input, session, walk).run();
}

class CellRewriter {
  private readonly variables = new Map<string, Variable | undefined>();
  private readonly prologue: string[] = [];
  private readonly bindings: Binding[] = [];
  private readonly declaredNested = new Set<string>();
  private hasImports = false;
  private readonly input: CellInput;
  private readonly session: SessionNames;
  private readonly walk: Walk;

  constructor(input: CellInput, session: SessionNames, walk: Walk) {
    this.input = input;
    this.session = session;
    this.walk = walk;
  }

  run(): CellOutput {
    const { input, walk } = this;
    const { names, edits } = input;
    for (const [name, top] of walk.top) this.own(name, top);
    for (const site of walk.sites) this.note(site);
    const refresh: string[] = [];
    for (const variable of this.variables.values()) if (variable) this.decide(variable);
    for (const site of walk.sites) if (site.kind === 'import') this.importSite(site.node);
    for (const variable of this.variables.values())
      if (variable && !variable.top) this.bringIn(variable, refresh);
    const options: EmitOptions = {
      names,
      access: (use) => this.access(use),
      wrapsAwaits: true,
      refresh,
    };
    for (const site of walk.sites) {
      emitCommon(site, edits, options);
      this.emit(site);
    }
    const temporaries = `let ${names.awaited},${names.updated},${names.assigned};`;
    const isAsync = input.awaits || walk.hasTopAwait || this.hasImports;
    const head = `'use strict';(${isAsync ? 'async' : ''}(${names.context})=>{${temporaries}${this.prologue.join('')}`;
    const rendered = edits.render(input.source, head, '\n})');
    return { ...rendered, async: isAsync, bindings: this.bindings };
  }

  // ------------------------------------------------------------------ what the names are

  private own(name: string, top: TopName): void {
    if (this.input.isInternal(name)) {
      this.variables.set(name, undefined);
      return;
    }
    const binding: Binding = {
      name,
      kind: top.kind,
      key: this.session.newKey(name),
      assigned: false,
      assignedInFunction: this.session.isAssignedUnresolved(name) && isAssignable(top.kind),
    };
    this.bindings.push(binding);
    this.variables.set(name, {
      name,
      binding,
      top,
      readInFunction: false,
      readAtTop: false,
      assignedAtTop: false,
      boxOnly: false,
      access: PLAIN,
      needsBox: false,
    });
  }

  /** The variable that a use means; undefined for names of inner scopes, globals and names that nobody declared. */
  private variable(use: NameUse): Variable | undefined {
    const { name } = use;
    if (use.scope?.hides(name) === true) return undefined;
    if (this.variables.has(name)) return this.variables.get(name);
    const binding = this.session.get(name);
    const variable: Variable | undefined = binding && {
      name,
      binding,
      top: undefined,
      readInFunction: false,
      readAtTop: false,
      assignedAtTop: false,
      boxOnly: false,
      access: PLAIN,
      needsBox: false,
    };
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
        return;
      case 'update':
        this.noteRead(site.use);
        this.noteAssignment(site.use);
        return;
      case 'target':
        this.noteAssignment(site.use);
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
    if (use.inFunction) variable.readInFunction = true;
    else variable.readAtTop = true;
  }

  private noteAssignment(use: NameUse): void {
    const variable = this.variable(use);
    if (!variable) {
      if (use.inFunction && this.isUnresolved(use)) this.session.noteUnresolvedAssignment(use.name);
      return;
    }
    if (!isAssignable(variable.binding.kind)) return;
    variable.binding.assigned = true;
    if (use.inFunction) variable.binding.assignedInFunction = true;
    else variable.assignedAtTop = true;
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
    const { binding, top } = variable;
    const { kind, key } = binding;
    const { names } = this.input;
    const text = `${names.box(key)}.${key}`;
    if (!isAssignable(kind)) return;
    if (binding.assignedInFunction || variable.boxOnly) {
      variable.access = top
        ? { mode: 'box', text, local: { start: top.start, end: top.from } }
        : { mode: 'box', text };
      variable.needsBox = true;
      return;
    }
    // Assigned and never read at the top level: nothing to copy.
    if (!top && !variable.readAtTop) variable.access = { mode: 'box', text };
    else variable.access = { mode: 'through', text };
    variable.needsBox = !top || variable.readInFunction || variable.assignedAtTop || kind === 'var';
  }

  /** Names of earlier cells: what the generated function begins with. */
  private bringIn(variable: Variable, refresh: string[]): void {
    const { name, binding, access } = variable;
    const { kind, key, imported } = binding;
    const { names } = this.input;
    const box = names.box(key);
    const quoted = JSON.stringify(name);
    const from = `${names.context}.box(${quoted})`;
    if (kind === 'import' && imported?.name !== '*') {
      // The box is the module's namespace, so that the binding is live.
      const local = names.fresh();
      this.prologue.push(`const ${local}=${from};`);
      variable.access = { mode: 'expression', text: member(local, key), isMember: true };
    } else if (kind === 'const' || kind === 'import') {
      this.prologue.push(`const ${name}=${from}.${key};`);
    } else {
      this.prologue.push(`const ${box}=${from};`);
      if (access.mode !== 'through') return;
      this.prologue.push(`let ${name}=${access.text};`);
      if (kind === 'let' || kind === 'var') refresh.push(`${name}=${access.text}`);
    }
  }

  private access(use: NameUse): Access {
    const variable = this.variable(use);
    if (variable) return variable.access;
    const { name, scope } = use;
    const replacement = Object.hasOwn(MODULE_NAMES, name) ? MODULE_NAMES[name] : undefined;
    if (replacement !== undefined && scope?.hides(name) === false)
      return { mode: 'expression', text: this.input.names.context + replacement, isMember: false };
    if (!this.isUnresolved(use)) return PLAIN;
    // No other cell can declare it while top-level code runs.
    return use.inFunction ? { mode: 'lookup' } : PLAIN;
  }

  // ------------------------------------------------------------------ declarations

  private declare({ name, binding }: Variable, box?: string): string {
    const { names } = this.input;
    return `${names.context}.declare(${JSON.stringify(name)},${JSON.stringify(binding.key)},${box ?? names.box(binding.key)})`;
  }

  private emit(site: Site): void {
    const { input } = this;
    const { edits, names } = input;
    switch (site.kind) {
      case 'result': {
        const { expression } = site.node;
        const isSequence = expression.type === 'SequenceExpression';
        edits.before(expression.start, `${names.context}.result(${isSequence ? '(' : ''}`);
        edits.after(expression.end, isSequence ? '))' : ')');
        return;
      }
      case 'function': {
        const variable = this.variables.get(site.name);
        if (!variable) return;
        const { key } = variable.binding;
        const literal = `{${key}:${site.name}}`;
        if (variable.needsBox)
          this.prologue.push(`const ${names.box(key)}=${literal};${this.declare(variable)};`);
        else this.prologue.push(`${this.declare(variable, literal)};`);
        return;
      }
      case 'class': {
        const variable = this.variables.get(site.name);
        if (!variable) return;
        const { key } = variable.binding;
        const literal = `{${key}:${site.name}}`;
        edits.after(
          site.node.end,
          variable.needsBox
            ? `;const ${names.box(key)}=${literal};${this.declare(variable)};`
            : `;${this.declare(variable, literal)};`,
        );
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
        const declare = variable
          ? `${this.declare(variable, `{${variable.binding.key}:${site.name}}`)};`
          : '';
        edits.replace(site.node.start, site.node.end, text + declare);
        return;
      }
      case 'export':
        this.exportSite(site);
        return;
      default:
    }
  }

  private copy({ name, binding }: Variable): string {
    return `${this.input.names.box(binding.key)}.${binding.key}=${name}`;
  }

  private nestedVar(name: string, topStatement: number): void {
    const variable = this.variables.get(name);
    if (!variable || this.declaredNested.has(name)) return;
    this.declaredNested.add(name);
    this.varBox(variable);
    this.input.edits.before(topStatement, `${this.declare(variable)};`);
  }

  private readonly varBoxes = new Set<string>();
  private varBox({ binding }: Variable): void {
    if (this.varBoxes.has(binding.key)) return;
    this.varBoxes.add(binding.key);
    this.prologue.push(`const ${this.input.names.box(binding.key)}={};`);
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
        this.varBox(variable);
        if (node.init) steps.push(this.copy(variable));
        if (list.nested) this.nestedVar(variable.name, list.topStatement);
        else steps.push(this.declare(variable));
      }
      if (steps.length > 0) edits.after(node.end, `,${names.nothing}=(${steps.join(',')})`);
      return;
    }
    const isEmpty = node.init === null;
    const boxes: string[] = [];
    const declares: string[] = [];
    for (const variable of variables) {
      const { key } = variable.binding;
      const literal = isEmpty ? '{}' : `{${key}:${variable.name}}`;
      if (variable.needsBox) boxes.push(`${names.box(key)}=${literal}`);
      declares.push(this.declare(variable, variable.needsBox ? undefined : literal));
    }
    if (kind === 'using' || kind === 'await using') {
      // A list of `using` may hold disposable values only.
      if (last) edits.after(list.node.end, `;${declares.join(';')};`);
      else edits.after(list.node.end, `;${declares.join(';')}`);
      return;
    }
    const dummy = `${names.fresh()}=(${declares.join(',')})`;
    edits.after(node.end, `,${[...boxes, dummy].join(',')}`);
  }

  private importSite(node: ImportDeclaration): void {
    const { names } = this.input;
    const { context } = names;
    this.hasImports = true;
    const namespace = names.fresh();
    this.prologue.push(`const ${namespace}=await ${context}.await(${importCall(context, node)});`);
    const missing = node.specifiers.flatMap((specifier) => {
      const variable = this.variables.get(specifier.local.name);
      // One that is not read may be a type.
      if (!variable || !(variable.readAtTop || variable.readInFunction)) return [];
      return specifier.type === 'ImportSpecifier' ? [exportedName(specifier.imported)] : [];
    });
    if (missing.length > 0)
      this.prologue.push(
        `for(const $n of ${JSON.stringify(missing)})if(!($n in ${namespace}))throw new SyntaxError(` +
          `${JSON.stringify(`the module '${node.source.value}' has no export named `)}+"'"+$n+"'");`,
      );
    for (const specifier of node.specifiers) {
      const { name } = specifier.local;
      const variable = this.variables.get(name);
      if (!variable || variable.top === undefined) continue;
      const { binding } = variable;
      const importedName =
        specifier.type === 'ImportSpecifier'
          ? exportedName(specifier.imported)
          : specifier.type === 'ImportDefaultSpecifier'
            ? 'default'
            : '*';
      binding.imported = { specifier: node.source.value, name: importedName };
      if (importedName === '*') {
        this.prologue.push(
          `const ${name}=${namespace};${this.declare(variable, `{${binding.key}:${name}}`)};`,
        );
      } else {
        binding.key = importedName;
        variable.access = { mode: 'expression', text: member(namespace, importedName), isMember: true };
        this.prologue.push(`${this.declare(variable, namespace)};`);
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
    this.prologue.push(
      `await ${names.context}.await(${importCall(names.context, { source: node.source, attributes: node.attributes })});`,
    );
  }
}

function isAssignable(kind: BindingKind): boolean {
  return kind !== 'const' && kind !== 'import';
}
