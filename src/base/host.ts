/**
 * The one way from the library to the notebook around it. The runtime process installs a host before the first cell;
 * in plain Node there is none, and the library falls back to the terminal.
 */

/** MIME type -> value; binary formats are base64 text, JSON formats are plain values. */
export type MimeBundle = Record<string, unknown>;

export interface HostPayload {
  data: MimeBundle;
  metadata: Record<string, unknown>;
  /** Set when the display can be updated later. */
  displayId?: string;
  /** It shows a training, which `%training` shows again. */
  training?: 'running' | 'ended';
}

export interface HostComm {
  readonly id: string;
  readonly target: string;
  send(data: unknown, options?: { buffers?: Uint8Array[]; metadata?: Record<string, unknown> }): void;
  onMessage(listener: (data: unknown, buffers: Uint8Array[]) => void): void;
  onClose(listener: (data: unknown) => void): void;
  close(data?: unknown): void;
}

export interface NotebookHost {
  /** The execution that the calling code belongs to, also in late callbacks; 0 when unknown. */
  execution(): number;
  /** Runs `action` as part of an execution: what it prints goes under that cell. */
  runIn<T>(execution: number, action: () => T): T;
  display(payload: HostPayload, options?: { update?: boolean; execution?: number }): void;
  clearOutput(wait: boolean): void;
  /** Asks the front end without blocking; rejects when it allows no input. */
  input(prompt: string, options: { password: boolean }): Promise<string>;
  /** Asks the front end and blocks the thread, as a browser's `prompt` does; undefined when cancelled. */
  inputSync(prompt: string): string | undefined;
  openComm(
    target: string,
    data: unknown,
    options?: { buffers?: Uint8Array[]; metadata?: Record<string, unknown> },
  ): HostComm;
  onComm(target: string, handler: (comm: HostComm, data: unknown, buffers: Uint8Array[]) => void): void;
  /**
   * Called when the current execution is interrupted while it awaits; the cell ends when all listeners' promises have
   * settled (or on a second interrupt). Resolving to `'continue'` keeps the cell going, as if there had been no
   * interrupt. Returns a function that removes the listener. While there is one, a first interrupt never terminates
   * running code: the library ends its step whole.
   */
  onInterrupt(listener: () => void | 'continue' | Promise<void | 'continue'>): () => void;
  /** Whether the current execution was interrupted: long library loops look at it between steps. */
  readonly interrupted: boolean;
  /** Whether no user watches the running cell: nbconvert and the like execute it. */
  readonly unattended: boolean;
  /** Called once when the execution has ended, whatever the outcome. */
  onEnd(execution: number, listener: () => void): void;
  /**
   * Has the kernel process do something that only it can: `python` (src/interop/python/requests.ts). Rejects with a
   * ReportedError.
   */
  request(service: string, argument: unknown): Promise<unknown>;
  /** The names that cells have declared; absent where no cells are. */
  readonly names?: SessionNames;
  /** Answers a question of the kernel process (`RuntimeHost.ask`), such as `device`. */
  answer(question: string, handler: (argument: unknown) => unknown): void;
}

/** The present values of the session's names. */
export interface SessionNames {
  /** How many declarations have run. */
  readonly declarations: number;
  /** How often a name was declared; 0 for one that no cell has declared. */
  version(name: string): number;
  value(name: string): unknown;
}

const KEY = Symbol.for('tensorcell.host');

export function notebookHost(): NotebookHost | undefined {
  return (globalThis as { [KEY]?: NotebookHost })[KEY];
}

export function installNotebookHost(host: NotebookHost | undefined): void {
  Object.defineProperty(globalThis, KEY, {
    value: host,
    configurable: true,
    enumerable: false,
    writable: true,
  });
}
