import type { Binding, CompiledCell } from './compiled-cells.ts';

export interface SourcePosition {
  /** Both count from 0; columns in UTF-16 code units. */
  line: number;
  column: number;
}

export interface SourceProblem {
  message: string;
  start: SourcePosition;
  end: SourcePosition;
}

/** Help with what people write who come from Python: one line each. */
export interface Slips {
  /** Names that the cell assigns and no cell has declared, which the assignment declares. */
  introduced: readonly string[];
  /** Such an assignment ends in `// 2`. */
  divides: boolean;
  /** For names, if the cell ends with an error because one is not defined. */
  undefined: Readonly<Record<string, string>>;
  /** About code that runs, and means something else in Python. */
  misread?: string;
}

export type CompileResult =
  | {
      ok: true;
      cell: CompiledCell;
      slips?: Slips;
      /** The text for the type service, where that is not the source. */
      typed?: TypedText;
    }
  | { ok: false; problem: SourceProblem; frame: string; hint?: string };

export type Completeness =
  | { status: 'complete' | 'invalid' | 'unknown' }
  | { status: 'incomplete'; indent: string };

/** Lines of the cell that are for the kernel and not TypeScript. */
export type CellParts =
  /** `%%name arguments` on the first line: the rest of the cell is the magic's body. */
  | { kind: 'cell-magic'; name: string; line: string; body: string }
  /** TypeScript, perhaps with `%magic` and `!command` lines in it. */
  | {
      kind: 'code';
      /** It begins with a brace and means an object (`{ a: 1 }.a`): TypeScript has to see it in parentheses. */
      isExpression?: true;
      magics: { name: string; line: string; at: SourcePosition; interpolates: boolean }[];
    };

export interface CellCompiler {
  split(source: string): CellParts;
  /** Pure but for the names it knows. `knownMagics` tells `%who` from a remainder operator. */
  compile(source: string, execution: number): CompileResult;
  /** Names of this execution that came into being; only now do later cells see them. */
  commit(execution: number, declared: readonly string[]): void;
  /** The runtime process was replaced: no names any more. */
  reset(): void;
  bindings(): readonly Binding[];
  isComplete(source: string): Completeness;
}

/** A cell's text, read for the types (kernel/language/service/reading.ts). */
export interface CellReading {
  /** As long as the source, with the kernel's lines blanked. */
  text: string;
  /** Nothing of it is TypeScript. */
  foreign: boolean;
  /** It has to stand in parentheses. */
  isExpression: boolean;
  /** Its declarations and uses; only the service reads them. */
  analysis: object;
}

/** A cell's text for the type service: its source and, where it was read already, the reading. */
export interface TypedText {
  source: string;
  reading?: CellReading;
  /** Text that was inserted, in the order of the text: positions are those of the cell when it is taken out again. */
  insertions?: readonly { line: number; column: number; length: number }[];
}

export type Compilation = CompileResult & { typed: TypedText };

/**
 * The compiler as the session has it. Text that is long or may nest deeply is compiled in a separate process, so that the
 * kernel process answers meanwhile; what cannot be compiled within a time limit rejects with an error.
 */
export interface SessionCompiler extends Pick<CellCompiler, 'commit' | 'reset' | 'bindings'> {
  split(source: string, signal: AbortSignal): Promise<CellParts>;
  compile(source: string, execution: number, signal: AbortSignal): Promise<Compilation>;
  isComplete(source: string): Promise<Completeness>;
  /** Reads a text that is being typed: 'light' when the service may read it itself, undefined when it cannot be read. */
  read(source: string): Promise<CellReading | 'light' | undefined>;
  dispose(): void;
}
