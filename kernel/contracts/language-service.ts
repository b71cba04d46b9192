import type { CellReading, SourceProblem } from './compiler.ts';

export interface Diagnostic extends SourceProblem {
  severity: 'error' | 'warning';
  code: number;
  /** The execution whose cell it points into. */
  execution: number;
}

export interface CompletionItem {
  text: string;
  /** JupyterLab's `type`: function, method, variable, class, interface, keyword, module, property, magic, path… */
  type: string;
  signature?: string;
}

export interface Completions {
  items: CompletionItem[];
  /** The part of the source that an item replaces, in UTF-16 code units. */
  start: number;
  end: number;
}

export interface Inspection {
  /** Markdown: signature, then documentation. */
  markdown: string;
  text: string;
  /** The dotted path under the cursor (`model.layers`), so that the current value can be added; none in calls. */
  path?: string;
}

export interface LanguageService {
  /** Starts the server; everything below starts it too if that has not happened. */
  start(): void;
  /** A cell that runs now. Later cells see its declarations. */
  addCell(execution: number, source: string, reading?: CellReading): void;
  /**
   * The outcome of a cell: the names that it declared; an earlier declaration of the others is in force again. Types
   * and interfaces live on in any case, unless the cell did not run at all (`undefined`).
   */
  commit(execution: number, declared: readonly string[] | undefined): void;
  diagnostics(execution: number): Promise<Diagnostic[]>;
  complete(source: string, cursor: number): Promise<Completions>;
  inspect(source: string, cursor: number): Promise<Inspection | undefined>;
  setDirectory(path: string): void;
  reset(): void;
  dispose(): Promise<void>;
}
