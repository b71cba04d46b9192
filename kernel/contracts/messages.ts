import type { CompiledCell } from './compiled-cells.ts';
import type { CompileResult } from './compiler.ts';
import type { CellError, DisplayPayload } from './values.ts';

/**
 * An *execution* is one run of one cell: a positive integer that the kernel process counts up and never uses twice, also
 * after the runtime process was replaced. 0 stands for no cell.
 */
export interface ExecuteRequest {
  type: 'execute';
  execution: number;
  cell: CompiledCell;
  silent: boolean;
  allowStdin: boolean;
}

/** `main` messages wait for the runtime process's event loop; `control` messages are read by its control thread at once. */
export type MainMessage =
  | ExecuteRequest
  /** Each is an expression, compiled like a cell; answered by `evaluated`. */
  | { type: 'evaluate'; id: number; execution: number; expressions: Record<string, CompileResult> }
  /** The current value of a dotted path, without running getters; answered by `inspected`. */
  | { type: 'inspect'; id: number; path: string }
  | { type: 'directory'; path: string }
  | { type: 'environment'; name: string; value: string | undefined }
  /** Load TensorFlow now, since nothing else is going on. */
  | { type: 'preload' }
  | { type: 'magic-reply'; id: number; ok: true; value: unknown }
  | { type: 'magic-reply'; id: number; ok: false; error: CellError }
  /** A question about the runtime process's own state (tensors, backend, memory); answered by `answered`. */
  | { type: 'ask'; id: number; question: string; argument: unknown }
  | CommMessage
  | { type: 'input-reply'; id: number; value: string | undefined; error?: string };

export type ControlMessage =
  | { type: 'interrupt' }
  /** For `prompt()` and `confirm()`, which block the runtime process's main thread. */
  | { type: 'input-reply'; id: number; value: string | undefined; error?: string }
  | { type: 'shutdown' };

export interface SurroundingsChange {
  directory?: string;
  environment?: Record<string, string | null>;
}

export interface CommMessage {
  type: 'comm';
  action: 'open' | 'message' | 'close';
  id: string;
  target?: string;
  data: unknown;
  metadata?: Record<string, unknown>;
  buffers?: Uint8Array[];
  /** The cell that caused it; 0 when it came from the front end. */
  execution: number;
}

export type RuntimeMessage =
  | { type: 'ready'; pid: number; node: string }
  | {
      type: 'stream';
      execution: number;
      name: 'stdout' | 'stderr';
      text: string;
      /**
       * The whole content of the message that front ends get, JSON in UTF-8, when the runtime process has encoded it; `text` is then decoded
       * by each use.
       */
      content?: Buffer;
    }
  | { type: 'display'; execution: number; payload: DisplayPayload; update: boolean }
  | { type: 'clear'; execution: number; wait: boolean }
  | { type: 'result'; execution: number; payload: DisplayPayload }
  /** An error that ends no cell: an unhandled rejection, an exception in a timer. */
  | { type: 'late-error'; execution: number; error: CellError }
  /** Always the last message of an execution, also of an interrupted one. Native output was flushed before it. */
  | { type: 'done'; execution: number; declared: string[]; error?: CellError; hint?: string }
  | {
      type: 'evaluated';
      id: number;
      values: Record<string, { payload: DisplayPayload } | { error: CellError }>;
    }
  | { type: 'inspected'; id: number; found: boolean; summary?: string; typeName?: string }
  /** Cells have changed the folder or variables of the environment (null: removed). */
  | ({ type: 'surroundings' } & SurroundingsChange)
  | { type: 'answered'; id: number; value: unknown; error?: string }
  | { type: 'magic'; id: number; execution: number; name: string; line: string }
  /** Something that the kernel process does for the library (`python`); answered by `magic-reply`, ids are shared. */
  | { type: 'request'; id: number; execution: number; service: string; argument: unknown }
  /** `blocking`: the answer goes to the control thread. */
  | { type: 'input'; id: number; execution: number; prompt: string; password: boolean; blocking: boolean }
  | CommMessage;
