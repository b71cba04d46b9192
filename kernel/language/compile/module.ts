import type { CompiledModule, LoweringOptions } from '../../contracts/compiled-cells.ts';
import { prepareLowering } from './decorated.ts';
import type { Edits, PrefixPart, Rendered } from './edits.ts';
import { PLAIN } from './access.ts';
import type { Access } from './access.ts';
import { SiteEmitter } from './emit.ts';
import { InternalNames } from './internal-names.ts';
import { compileSource, parseTypeScript } from './frontend.ts';
import { exportedName, importArguments, importedNameOf, member } from './imports.ts';
import { metadataReads } from './metadata.ts';
import { SourceMistake } from './nodes.ts';
import type { NameUse, Site, SiteOf } from './sites.ts';
import { Walk } from './walk.ts';
import type { Program } from 'oxc-parser';

export interface ModuleOptions extends LoweringOptions {
  /** For `require`: the code runs at once, and may not await at its top level. */
  now?: boolean;
}

/**
 * Compiles a local module for the runtime process's own loader: exports become getters, so that bindings are live and cycles
 * see functions at once; imported names become reads of the other module's namespace.
 *
 * @throws CompileError (a SyntaxError with `problem` and `frame`)
 */
export function compileModule(source: string, filename: string, options: ModuleOptions = {}): CompiledModule {
  const names = new InternalNames(source);
  const isJsx = /\.[jt]sx$/.test(filename);
  const front = isJsx ? parseTypeScript(source, 'tsx') : parseTypeScript(source);
  const { output, map } = compileSource(
    source,
    filename,
    source,
    front,
    options,
    (edits, program, lowered) => {
      if (lowered) prepareLowering(source, program, edits, options);
    },
    ({ source: text, program, edits }) =>
      new ModuleRewriter(text, program, edits, names, options.now === true).run(),
  );
  const common = output.common || filename.endsWith('.cts');
  return {
    code: output.code,
    filename,
    map,
    imports: output.imports,
    common: common && !output.hasExports,
  };
}

interface ModuleOutput extends Rendered {
  imports: string[];
  /** It uses `module` or `exports`. */
  common: boolean;
  hasExports: boolean;
}

type ExportSite = SiteOf<'export'>;

class ModuleRewriter {
  private readonly accesses = new Map<string, Access>();
  private readonly getters: string[] = [];
  private readonly prologue: PrefixPart[] = [];
  private readonly imports: string[] = [];
  private readonly walk: Walk;
  private readonly source: string;
  private readonly edits: Edits;
  private readonly names: InternalNames;
  private readonly now: boolean;
  private readonly metadata: ReadonlyMap<string, number>;
  private common = false;

  constructor(source: string, program: Program, edits: Edits, names: InternalNames, now: boolean) {
    this.source = source;
    this.edits = edits;
    this.names = names;
    this.now = now;
    this.metadata = metadataReads(source);
    this.walk = new Walk(source, edits);
    this.walk.program(program, false);
  }

  run(): ModuleOutput {
    const { walk, edits, names } = this;
    const { context } = names;
    if (this.now) this.refuseAwait();
    const used = this.valueUses();
    for (const site of walk.sites) this.importsOf(site, used);
    for (const site of walk.sites) if (site.kind === 'export') this.exportSite(site);
    const common = new SiteEmitter(edits, {
      names,
      access: (use) => this.access(use),
      wrapsAwaits: false,
      refresh: () => [],
    });
    for (const site of walk.sites) {
      common.emit(site);
      if (site.kind === 'import') edits.replace(site.node.start, site.node.end, ';');
      else if (site.kind === 'import-require')
        edits.replace(
          site.node.start,
          site.node.end,
          `const ${site.name}=${context}.require(${JSON.stringify(site.specifier)});`,
        );
      else if (site.kind === 'export-assignment') {
        this.common = true;
        edits.replace(site.node.start, site.node.expression.start, `${context}.module.exports=(`);
        edits.after(site.node.expression.end, ');');
      }
    }
    const exports = this.getters.length > 0 ? `${context}.export({${this.getters.join(',')}});` : '';
    const temporaries = `let ${names.updated},${names.assigned};`;
    const head = `'use strict';(${this.now ? '' : 'async'}(${context})=>{${temporaries}${exports}`;
    return {
      ...edits.render(this.source, [{ text: head }, ...this.prologue], '\n})'),
      imports: this.imports,
      common: this.common,
      hasExports: walk.sites.some(({ kind }) => kind === 'export'),
    };
  }

  private refuseAwait(): void {
    if (!this.walk.hasTopAwait) return;
    const site = this.walk.sites.find((one) => one.kind === 'await' && !one.inFunction);
    const { start, end } = site && 'node' in site ? site.node : { start: 0, end: 0 };
    throw new SourceMistake('require() cannot load a module with top-level await: use import()', start, end);
  }

  /** How often code reads a name. Imports that only types use are left out, as TypeScript does. */
  private valueUses(): Map<string, number> {
    const used = new Map<string, number>();
    for (const site of this.walk.sites) {
      if ('use' in site) {
        const { name, scope } = site.use;
        if (scope?.hides(name) !== true) used.set(name, (used.get(name) ?? 0) + 1);
      } else if (site.kind === 'export' && site.node.type === 'ExportNamedDeclaration' && !site.node.source)
        for (const { local, exportKind } of site.node.specifiers)
          // The exported name may be a type.
          if (exportKind !== 'type') used.set(exportedName(local), used.get(exportedName(local)) ?? 0);
    }
    return used;
  }

  private load(
    node: Parameters<typeof importArguments>[0],
    names: readonly string[] = [],
    reexported: Readonly<Record<string, string>> = {},
  ): string {
    const namespace = this.names.fresh();
    this.imports.push(node.source.value);
    const { context } = this.names;
    const load = `${this.now ? `${context}.importNow` : `await ${context}.import`}(${importArguments(node, names)})`;
    const link = this.now ? '' : `=${context}.link?.(${JSON.stringify(node.source.value)})`;
    this.prologue.push({ text: `let ${namespace}${link};${namespace}=${load};`, at: node.source.start });
    if (Object.keys(reexported).length > 0)
      this.prologue.push({ text: `${context}.reexport?.(${namespace},${JSON.stringify(reexported)});` });
    return namespace;
  }

  private importsOf(site: Site, used: ReadonlyMap<string, number>): void {
    if (site.kind === 'import') {
      const { specifiers } = site.node;
      if (specifiers.length > 0 && !specifiers.some(({ local }) => used.has(local.name))) return;
      const wanted: string[] = [];
      const reexported: Record<string, string> = {};
      for (const specifier of specifiers) {
        const { name } = specifier.local;
        if (specifier.type === 'ImportNamespaceSpecifier') continue;
        // Reads for metadata of decorators alone may mean a type.
        if ((used.get(name) ?? 0) > (this.metadata.get(name) ?? 0)) wanted.push(importedNameOf(specifier));
        for (const exported of this.exportedAs(name)) reexported[exported] = importedNameOf(specifier);
      }
      const namespace = this.load(site.node, wanted, reexported);
      for (const specifier of specifiers) {
        const name = specifier.local.name;
        if (specifier.type === 'ImportNamespaceSpecifier') {
          this.prologue.push({ text: `const ${name}=${namespace};` });
          continue;
        }
        const text = member(namespace, importedNameOf(specifier));
        this.accesses.set(name, { mode: 'expression', text, isMember: true });
      }
    } else if (site.kind === 'export') {
      const { node } = site;
      if (node.type === 'ExportAllDeclaration') {
        const namespace = this.load(node);
        if (node.exported) this.getter(exportedName(node.exported), namespace);
        else this.prologue.push({ text: `${this.names.context}.exportAll(${namespace});` });
      } else if (node.type === 'ExportNamedDeclaration' && node.source) {
        const values = node.specifiers.filter(({ exportKind }) => exportKind !== 'type');
        if (node.specifiers.length > 0 && values.length === 0) return;
        const names = values.map(({ local, exported }) => [exportedName(exported), exportedName(local)]);
        const from = { source: node.source, attributes: node.attributes };
        const namespace = this.load(from, [], Object.fromEntries(names) as Record<string, string>);
        for (const { local, exported } of values)
          this.getter(exportedName(exported), member(namespace, exportedName(local)));
      }
    }
  }

  /** Names under which `export { name }` exports an imported name. */
  private exportedAs(name: string): string[] {
    return this.walk.sites.flatMap((site) =>
      site.kind === 'export' && site.node.type === 'ExportNamedDeclaration' && !site.node.source
        ? site.node.specifiers
            .filter(({ local, exportKind }) => exportKind !== 'type' && exportedName(local) === name)
            .map(({ exported }) => exportedName(exported))
        : [],
    );
  }

  private getter(name: string, expression: string): void {
    this.getters.push(`${JSON.stringify(name)}:()=>${expression}`);
  }

  private exportSite({ node }: ExportSite): void {
    const { edits, names } = this;
    if (node.type === 'ExportDefaultDeclaration') {
      const { declaration } = node;
      edits.remove(node.start, declaration.start);
      const isDeclaration =
        declaration.type === 'FunctionDeclaration' || declaration.type === 'ClassDeclaration';
      if (isDeclaration && declaration.id) {
        this.getter('default', declaration.id.name);
        return;
      }
      const local = names.fresh();
      this.getter('default', local);
      // As a property it gets the name `default` if it has none.
      edits.before(declaration.start, `const ${local}={default:`);
      edits.after(declaration.end, '}.default;');
      return;
    }
    if (node.type === 'ExportNamedDeclaration' && node.declaration) {
      edits.remove(node.start, node.declaration.start);
      for (const name of declaredBy(node.declaration)) this.getter(name, name);
      return;
    }
    edits.replace(node.start, node.end, ';');
    if (node.type === 'ExportAllDeclaration' || node.source) return;
    for (const { local, exported, exportKind } of node.specifiers) {
      if (exportKind === 'type') continue;
      const name = exportedName(local);
      const access = this.accesses.get(name);
      // `export { T }` of a type: nothing declares it as a value.
      if (!access && !this.walk.top.has(name)) continue;
      this.getter(exportedName(exported), access?.mode === 'expression' ? access.text : name);
    }
  }

  private access(use: NameUse): Access {
    const { name, scope } = use;
    if (scope?.hides(name) === true) return PLAIN;
    const access = this.accesses.get(name);
    if (access) return access;
    if (this.walk.top.has(name)) return PLAIN;
    const { context } = this.names;
    switch (name) {
      case 'require':
        return { mode: 'expression', text: `${context}.require`, isMember: false };
      case 'module':
      case 'exports':
        this.common = true;
        return {
          mode: 'expression',
          text: name === 'module' ? `${context}.module` : `${context}.module.exports`,
          isMember: false,
        };
      case '__dirname':
        return { mode: 'expression', text: `${context}.meta.dirname`, isMember: false };
      case '__filename':
        return { mode: 'expression', text: `${context}.meta.filename`, isMember: false };
      default:
        return PLAIN;
    }
  }
}

function declaredBy(
  declaration: NonNullable<Extract<ExportSite['node'], { type: 'ExportNamedDeclaration' }>['declaration']>,
): string[] {
  switch (declaration.type) {
    case 'VariableDeclaration':
      return declaration.declarations.flatMap(({ id }) => namesOf(id));
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
    case 'TSImportEqualsDeclaration':
      return declaration.id ? [declaration.id.name] : [];
    default:
      return [];
  }
}

type Pattern = Extract<
  NonNullable<Extract<ExportSite['node'], { type: 'ExportNamedDeclaration' }>['declaration']>,
  { type: 'VariableDeclaration' }
>['declarations'][number]['id'];

function namesOf(pattern: Pattern): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        namesOf(property.type === 'RestElement' ? property.argument : property.value),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) =>
        element ? namesOf(element.type === 'RestElement' ? element.argument : element) : [],
      );
    default:
      return namesOf(pattern.left);
  }
}
