/** Requests of the kernel process to the compiler process, and the answers. All of it is plain data. */
import type { Binding } from '../../contracts/compiled-cells.ts';
import type { CellParts, CellReading, Completeness, CompileResult } from '../../contracts/compiler.ts';
import type { CompilerState } from '../compile/index.ts';

export type SeparateRequest = { source: string; magics: readonly string[] } & (
  | { kind: 'split' }
  | { kind: 'compile'; execution: number; state: CompilerState }
  | { kind: 'isComplete' }
  /** A text that is being typed: it need not be whole. */
  | { kind: 'read' }
);

export interface SeparateAnswers {
  split: CellParts;
  compile: {
    result: CompileResult;
    bindings: readonly Binding[];
    /** Names that functions of the text assign. */
    assignedInFunctions: string[];
    reading: CellReading | undefined;
  };
  isComplete: Completeness;
  read: CellReading | undefined;
}

export type SeparateReply = { ok: true; value: unknown } | { ok: false; name: string; message: string };
