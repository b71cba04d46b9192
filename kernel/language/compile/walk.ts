import type {
  Class,
  ExportAllDeclaration,
  ExportDefaultDeclaration,
  ExportNamedDeclaration,
  ForStatement,
  Function as FunctionNode,
  ImportDeclaration,
  Program,
  Statement,
  SwitchStatement,
  TryStatement,
  TSExportAssignment,
  TSImportEqualsDeclaration,
  VariableDeclaration,
} from 'oxc-parser';
import type { Edits } from './edits.ts';
import { misreadReturn, misreadTuple } from './misread.ts';
import { isInterleaved, NeedsLowering } from './nodes.ts';
import { Scope } from './scope.ts';
import type { NameUse } from './sites.ts';
import { ExpressionWalk } from './walk-expressions.ts';

/** `using` runs as it is since Node 24. */
const RUNS_USING = Number(process.versions.node.split('.')[0]) >= 24;

/** The kinds of a top-level declaration, as far as the tree tells. */
export type TopKind = 'const' | 'let' | 'var' | 'function' | 'class' | 'import';

export interface TopName {
  kind: TopKind;
  /** Offset from which top-level code may read it; 0 where it is hoisted. */
  from: number;
  /** Where its declaration ends, also where it is hoisted. */
  end?: number;
  /** The part of the pattern that declares it whose defaults see its value already. */
  pattern?: { start: number; end: number };
}

type List = readonly Statement[];

type ModuleStatement =
  | ImportDeclaration
  | ExportNamedDeclaration
  | ExportDefaultDeclaration
  | ExportAllDeclaration
  | TSImportEqualsDeclaration
  | TSExportAssignment;

/**
 * One walk over a cell or module: erases types, finds out which names the top level declares, and lists the places
 * that may have to change. The changes are decided afterwards, when all assignments are known.
 */
export class Walk extends ExpressionWalk {
  readonly top = new Map<string, TopName>();

  private topStatement = 0;
  private readonly edits: Edits;

  constructor(source: string, edits: Edits) {
    super(source, edits);
    this.edits = edits;
  }

  /** `withResult`: the last statement, if it is an expression, is the value of the whole. */
  program(program: Program, withResult: boolean): void {
    if (program.hashbang) this.edits.remove(program.hashbang.start, program.hashbang.end);
    const body = program.body as Statement[];
    let last = body.length - 1;
    while (last >= 0 && body[last]?.type === 'EmptyStatement') last--;
    for (const [index, statement] of body.entries()) {
      this.topStatement = statement.start;
      this.listed(statement, withResult && index === last);
    }
  }

  // ------------------------------------------------------------------ statements

  protected override list(statements: List): void {
    for (const statement of statements) this.listed(statement, false);
  }

  private listed(statement: Statement, last: boolean): void {
    this.edits.statementAt(statement.start);
    this.statement(statement, last);
    this.types.closeStatement(statement.end);
  }

  private block(statements: List): void {
    const outer = this.scope;
    this.scope = new Scope(outer, false);
    this.list(statements);
    this.scope = outer;
  }

  protected override statement(node: Statement, last = false): void {
    switch (node.type) {
      case 'ExpressionStatement':
        if (last) this.sites.push({ kind: 'result', node });
        this.expression(node.expression, last);
        return;
      case 'EmptyStatement':
        return;
      case 'VariableDeclaration':
        if (node.declare === true) this.types.eraseStatement(node);
        else this.variables(node);
        return;
      case 'FunctionDeclaration':
      case 'TSDeclareFunction':
        this.declareFunction(node);
        return;
      case 'ClassDeclaration':
        if (node.declare === true) this.types.eraseStatement(node);
        else this.declareClass(node);
        return;
      case 'BlockStatement':
        this.block(node.body);
        return;
      case 'ForStatement':
        this.countedLoop(node);
        return;
      case 'ForInStatement':
      case 'ForOfStatement':
        this.loop(node);
        return;
      case 'SwitchStatement':
        this.switch(node);
        return;
      case 'TryStatement':
        this.try(node);
        return;
      case 'LabeledStatement':
        this.statement(node.body);
        return;
      case 'ReturnStatement':
        this.misread ??= misreadReturn(node.argument);
        this.children(node);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'DebuggerStatement':
        return;
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportDefaultDeclaration':
      case 'ExportAllDeclaration':
      case 'TSImportEqualsDeclaration':
      case 'TSExportAssignment':
        this.moduleStatement(node, last);
        return;
      case 'TSEnumDeclaration':
      case 'TSModuleDeclaration':
        if (this.types.isTypeOnly(node)) this.types.eraseStatement(node);
        else throw NeedsLowering.signal;
        return;
      case 'TSInterfaceDeclaration':
      case 'TSTypeAliasDeclaration':
      case 'TSNamespaceExportDeclaration':
        this.types.eraseStatement(node);
        return;
      default:
        this.children(node);
    }
  }

  private countedLoop(node: ForStatement): void {
    const outer = this.scope;
    this.scope = new Scope(outer, false);
    if (node.init?.type === 'VariableDeclaration') this.variables(node.init);
    else if (node.init) this.expression(node.init, false);
    if (node.test) this.expression(node.test);
    if (node.update) this.expression(node.update, false);
    this.statement(node.body);
    this.scope = outer;
  }

  private switch(node: SwitchStatement): void {
    this.expression(node.discriminant);
    const outer = this.scope;
    this.scope = new Scope(outer, false);
    for (const { test, consequent } of node.cases) {
      if (test) this.expression(test);
      this.list(consequent);
    }
    this.scope = outer;
  }

  private try(node: TryStatement): void {
    this.block(node.block.body);
    if (node.handler) {
      const outer = this.scope;
      this.scope = new Scope(outer, false);
      if (node.handler.param) this.bind(node.handler.param, this.scope);
      this.block(node.handler.body.body);
      this.scope = outer;
    }
    if (node.finalizer) this.block(node.finalizer.body);
  }

  // ------------------------------------------------------------------ imports and exports

  private moduleStatement(node: ModuleStatement, last: boolean): void {
    switch (node.type) {
      case 'ImportDeclaration':
        this.importDeclaration(node);
        return;
      case 'ExportNamedDeclaration':
        if (node.exportKind === 'type' || this.types.isTypeOnly(node.declaration)) {
          this.types.eraseStatement(node);
          return;
        }
        this.sites.push({ kind: 'export', node, last });
        if (node.declaration) this.statement(node.declaration);
        return;
      case 'ExportDefaultDeclaration':
        this.exportDefault(node, last);
        return;
      case 'ExportAllDeclaration':
        if (node.exportKind === 'type') this.types.eraseStatement(node);
        else this.sites.push({ kind: 'export', node, last });
        return;
      case 'TSImportEqualsDeclaration':
        this.importRequire(node);
        return;
      case 'TSExportAssignment':
        this.sites.push({ kind: 'export-assignment', node });
        this.expression(node.expression);
    }
  }

  private exportDefault(node: ExportDefaultDeclaration, last: boolean): void {
    const { declaration } = node;
    if (this.types.isTypeOnly(declaration)) {
      this.types.eraseStatement(node);
      return;
    }
    this.sites.push({ kind: 'export', node, last });
    if (declaration.type === 'FunctionDeclaration' && declaration.id) this.declareFunction(declaration);
    else if (declaration.type === 'ClassDeclaration' && declaration.id) this.declareClass(declaration);
    else this.expression(declaration);
  }

  private importRequire(node: TSImportEqualsDeclaration): void {
    if (node.importKind === 'type') {
      this.types.eraseStatement(node);
      return;
    }
    if (node.moduleReference.type !== 'TSExternalModuleReference') throw NeedsLowering.signal;
    const { name } = node.id;
    this.top.set(name, { kind: 'const', from: node.end });
    const specifier = node.moduleReference.expression.value;
    this.sites.push({ kind: 'import-require', node, name, specifier });
  }

  private importDeclaration(node: ImportDeclaration): void {
    if (node.importKind === 'type') {
      this.types.eraseStatement(node);
      return;
    }
    this.sites.push({ kind: 'import', node });
    for (const specifier of node.specifiers) {
      if (specifier.type === 'ImportSpecifier' && specifier.importKind === 'type') continue;
      this.top.set(specifier.local.name, { kind: 'import', from: 0 });
    }
  }

  // ------------------------------------------------------------------ declarations and loops

  private declareFunction(node: FunctionNode): void {
    if (this.types.isTypeOnly(node)) {
      this.types.eraseStatement(node);
      return;
    }
    const name = node.id?.name;
    if (name !== undefined) {
      this.scope.add(name);
      if (this.scope.isTop) {
        this.top.set(name, { kind: 'function', from: 0 });
        this.sites.push({ kind: 'function', node, name });
      }
    }
    this.functionParts(node);
  }

  private declareClass(node: Class): void {
    const name = node.id?.name;
    if (name !== undefined) {
      this.scope.add(name);
      if (this.scope.isTop) {
        this.top.set(name, { kind: 'class', from: node.end });
        this.sites.push({ kind: 'class', node, name });
      }
    }
    this.classParts(node);
  }

  private variables(node: VariableDeclaration): void {
    const { kind, declarations } = node;
    if (kind === 'using' || kind === 'await using') {
      if (!RUNS_USING) throw NeedsLowering.signal;
      if (kind === 'await using' && !this.inFunction) this.hasTopAwait = true;
    }
    const scope = kind === 'var' ? this.scope.hoist : this.scope;
    const list = { node, nested: !this.scope.isTop, topStatement: this.topStatement };
    for (const [index, declarator] of declarations.entries()) {
      const names: string[] = [];
      if (scope.isTop)
        this.sites.push({
          kind: 'declarator',
          node: declarator,
          names,
          list,
          last: index === declarations.length - 1,
        });
      this.bind(declarator.id, scope, names);
      if (scope.isTop)
        for (const name of names)
          if (kind !== 'var' || !this.top.has(name))
            this.top.set(name, {
              kind: kind === 'var' || kind === 'let' ? kind : 'const',
              from: kind === 'var' ? 0 : declarator.end,
              end: declarator.end,
              pattern: { start: this.bound.get(name) ?? declarator.id.end, end: declarator.id.end },
            });
      this.misread ??= misreadTuple(declarator.init);
      if (declarator.init) this.expression(declarator.init);
    }
  }

  private loop(node: Extract<Statement, { type: 'ForInStatement' | 'ForOfStatement' }>): void {
    const outer = this.scope;
    const isAwait = node.type === 'ForOfStatement' && node.await;
    if (isAwait && !this.inFunction) this.hasTopAwait = true;
    const targets: NameUse[] = [];
    const { inFunction, topStatement } = this;
    const { left } = node;
    const declared = left.type === 'VariableDeclaration';
    const interleaved = !declared && isInterleaved(left);
    this.sites.push({ kind: 'loop', node, interleaved, targets, declared, inFunction, topStatement });
    this.scope = new Scope(outer, false);
    if (left.type === 'VariableDeclaration') {
      if ((left.kind === 'using' || left.kind === 'await using') && !RUNS_USING) throw NeedsLowering.signal;
      const scope = left.kind === 'var' ? outer.hoist : this.scope;
      const names: string[] = [];
      for (const { id } of left.declarations) this.bind(id, scope, names);
      if (scope.isTop)
        for (const name of names) {
          if (!this.top.has(name)) this.top.set(name, { kind: 'var', from: 0 });
          targets.push({ name, start: left.start, end: left.end, inFunction });
        }
    } else this.target(left, targets);
    if (node.type === 'ForInStatement' && node.right.type === 'ArrayExpression')
      this.misread ??=
        '`for (… in xs)` iterates over the indices, as strings: `for (const x of xs)` iterates over the elements';
    this.expression(node.right);
    this.statement(node.body);
    this.scope = outer;
  }
}
