import type { CommMessage } from './messages.ts';

/** A cell for which Python works, as the kernel process knows it. */
export interface PythonCell {
  execution: number;
  /** The number in front of the cell. */
  count: number;
  /** The front end's own id of the request: widgets that capture output name it. */
  messageId: string;
  silent: boolean;
  allowStdin: boolean;
  /** Ends when the cell is interrupted. */
  signal: AbortSignal;
}

/** The ipykernels that belong to this kernel: one for each environment that was used. */
export interface PythonHost {
  /** Runs a cell's code; output goes under it. Resolves to the reply's payloads (a page to show). */
  run(code: string, cell: PythonCell): Promise<Record<string, unknown>[]>;
  /** Answers a request of the library (src/interop/python/requests.ts). */
  answer(request: unknown, cell: PythonCell): Promise<unknown>;
  /**
   * Asks the Python that is in use, if it runs, and does not wait longer than a person would: the content of its reply,
   * or undefined.
   */
  ask(type: string, content: Record<string, unknown>): Promise<Record<string, unknown> | undefined>;
  /** From the front end; false when the comm is not Python's. */
  comm(message: CommMessage, messageId: string): boolean;
  /** Ends what runs. Resolves when it has. */
  interrupt(): Promise<void>;
  dispose(): Promise<void>;
}
