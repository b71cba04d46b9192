import type { Binding } from '../../contracts/compiled-cells.ts';
import type { ImportDeclaration, Program } from 'oxc-parser';
import type { Edits, PrefixPart, Rendered } from './edits.ts';
import { atStartOfBody, SiteEmitter } from './emit.ts';
import { importCall, importedNameOf, member } from './imports.ts';
import { markReceiver } from './receiver.ts';
import { metadataReads } from './metadata.ts';
import type { SessionNames } from './names.ts';
import type { Site, SiteOf } from './sites.ts';
import { TopVariables } from './top-variables.ts';
import type { NamesInput, Variable } from './top-variables.ts';
import { Walk } from './walk.ts';

export interface CellInput extends NamesInput {
  /** The text to rewrite: the cell as typed, or lowered. */
  source: string;
  program: Program;
  edits: Edits;
  withResult: boolean;
  /** The cell awaits though no `await` is in its tree (magics). */
  awaits: boolean;
}

export interface CellOutput extends Rendered {
  async: boolean;
  bindings: Binding[];
  /** Names that assignments declare. */
  introduced: string[];
}

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
  /** The beginning of the generated function, in this order: imports, boxes, local copies, function declarations. */
  private readonly imports: PrefixPart[] = [];
  private readonly functions: string[] = [];
  private readonly declaredNested = new Set<string>();
  private hasImports = false;
  private readonly metadata: ReadonlyMap<string, number>;
  private readonly input: CellInput;
  private readonly walk: Walk;
  private readonly variables: TopVariables;

  constructor(input: CellInput, session: SessionNames, walk: Walk) {
    this.input = input;
    this.metadata = metadataReads(input.source);
    this.walk = walk;
    this.variables = new TopVariables(input, session, walk);
  }

  run(): CellOutput {
    const { input, walk, variables } = this;
    const { names, edits } = input;
    for (const site of walk.sites) if (site.kind === 'import') this.importSite(site.node);
    const common = new SiteEmitter(edits, {
      names,
      access: (use) => variables.access(use),
      wrapsAwaits: true,
      refresh: (at) => variables.refresh(at),
      introduces: (use) => variables.introduces(use),
    });
    for (const site of walk.sites) {
      common.emit(site);
      this.emit(site);
    }
    const temporaries = `let ${names.awaited},${names.updated},${names.assigned};`;
    const isAsync = input.awaits || walk.hasTopAwait || this.hasImports;
    const prologue = [[...variables.boxes.values()], variables.locals, this.functions].flat().join('');
    const head = `'use strict';(${isAsync ? 'async' : ''}(${names.context})=>{${temporaries}`;
    const rendered = edits.render(
      input.source,
      [{ text: head }, ...this.imports, { text: prologue }],
      '\n})',
    );
    input.slips.note(walk);
    const introduced = [...variables.introduced.keys()];
    return { ...rendered, async: isAsync, bindings: variables.bindings, introduced };
  }

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
        const variable = this.variables.find(site.name);
        if (variable) this.functions.push(`${this.declare(variable)};`);
        return;
      }
      case 'class': {
        const variable = this.variables.find(site.name);
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
            const variable = this.variables.find(name);
            return variable && !site.inFunction ? [this.copy(variable)] : [];
          }),
        );
        return;
      case 'import':
        edits.replace(site.node.start, site.node.end, ';');
        return;
      case 'import-require': {
        const variable = this.variables.find(site.name);
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
    return `${this.variables.boxText(variable)}=${variable.name}`;
  }

  private nestedVar(name: string, topStatement: number): void {
    const variable = this.variables.find(name);
    if (!variable || this.declaredNested.has(name)) return;
    this.declaredNested.add(name);
    this.input.edits.before(topStatement, `${this.declare(variable)};`);
  }

  private declarator(site: SiteOf<'declarator'>): void {
    const { edits, names } = this.input;
    const { node, list, last } = site;
    const variables = site.names.flatMap((name) => this.variables.find(name) ?? []);
    if (variables.length === 0) return;
    const { kind } = list.node;
    if (kind === 'var') {
      const steps: string[] = [];
      for (const variable of variables) {
        // A variable that lowering has put into a block is declared in its original place.
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
      const variable = this.variables.find(specifier.local.name);
      // One that is not read, or only for metadata of decorators, may be a type.
      const reads = (variable?.reads ?? 0) - (this.metadata.get(specifier.local.name) ?? 0);
      return reads > 0 && specifier.type !== 'ImportNamespaceSpecifier' ? [importedNameOf(specifier)] : [];
    });
    const at = node.start;
    const add = (text: string): void => void this.imports.push({ text, at });
    add(`const ${namespace}=await ${context}.await(${importCall(context, node, wanted)});`);
    for (const specifier of node.specifiers) {
      const { name } = specifier.local;
      const variable = this.variables.find(name);
      const importedName = importedNameOf(specifier);
      // A name that lowering imports is local to the cell.
      if (this.variables.isInternal(name)) add(`const ${name}=${member(namespace, importedName)};`);
      if (!variable || variable.top === undefined) continue;
      const { binding } = variable;
      binding.imported = { specifier: node.source.value, name: importedName };
      if (importedName === '*') {
        add(`const ${name}=${namespace};${this.declare(variable)};`);
      } else {
        const text = member(namespace, importedName);
        const box = (): string => this.variables.boxText(variable);
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

  private exportSite({ node, last }: SiteOf<'export'>): void {
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
