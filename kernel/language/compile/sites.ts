import type {
  AssignmentExpression,
  AwaitExpression,
  Class,
  ExportAllDeclaration,
  ExportDefaultDeclaration,
  ExportNamedDeclaration,
  Expression,
  ExpressionStatement,
  ForInStatement,
  ForOfStatement,
  Function as FunctionNode,
  ImportDeclaration,
  ImportExpression,
  Span,
  TSExportAssignment,
  UpdateExpression,
  VariableDeclaration,
  VariableDeclarator,
} from 'oxc-parser';
import type { Scope } from './scope.ts';

/** A use of a name that may be a top-level one. */
export interface NameUse {
  name: string;
  start: number;
  end: number;
  /** Stands in a function (or what runs like one: field initialisers, static blocks), not in top-level code. */
  inFunction: boolean;
  /** The region that it stands in; none for names declared where they stand. */
  scope?: Scope;
}

export type ReadShape = 'value' | 'callee' | 'shorthand' | 'typeof';

/** Places that rewriting may change, in the order of the source, outer ones before the ones within. */
export type Site =
  | { kind: 'read'; use: NameUse; shape: ReadShape }
  | { kind: 'assign'; use: NameUse; node: AssignmentExpression }
  | { kind: 'update'; use: NameUse; node: UpdateExpression; used: boolean }
  /** A name that a destructuring assignment, or the head of a loop, assigns. */
  | { kind: 'target'; use: NameUse; shorthand: boolean; anonymousDefault?: Expression }
  | {
      kind: 'pattern';
      /** Other code may run between its assignments. */
      interleaved: boolean;
      targets: NameUse[];
      node: AssignmentExpression;
      used: boolean;
      inFunction: boolean;
    }
  | {
      kind: 'loop';
      node: ForInStatement | ForOfStatement;
      interleaved: boolean;
      targets: NameUse[];
      /** `for (var …)`: the names are declared here. */
      declared: boolean;
      inFunction: boolean;
      topStatement: number;
    }
  | { kind: 'declarator'; node: VariableDeclarator; names: string[]; list: TopDeclaration; last: boolean }
  | { kind: 'function'; node: FunctionNode; name: string }
  | { kind: 'class'; node: Class; name: string }
  | { kind: 'await'; node: AwaitExpression; used: boolean; inFunction: boolean }
  | { kind: 'dynamic-import'; node: ImportExpression }
  /** The object of `xs[-1]`. */
  | { kind: 'indexed'; node: Span }
  | { kind: 'meta'; node: Span }
  | { kind: 'this'; node: Span }
  | { kind: 'result'; node: ExpressionStatement }
  | { kind: 'import'; node: ImportDeclaration }
  | { kind: 'export-assignment'; node: TSExportAssignment }
  | { kind: 'import-require'; node: Span; name: string; specifier: string }
  | {
      kind: 'export';
      node: ExportNamedDeclaration | ExportDefaultDeclaration | ExportAllDeclaration;
      last: boolean;
    };

/** The places of one kind. */
export type SiteOf<Kind extends Site['kind']> = Extract<Site, { kind: Kind }>;

/** A declaration whose names live on. */
export interface TopDeclaration {
  node: VariableDeclaration;
  /** In a block or the head of a loop: only `var` gets here. */
  nested: boolean;
  /** Start of the statement of the top level that it stands in. */
  topStatement: number;
}
