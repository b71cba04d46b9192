import type { Binding } from './compiled-cells.ts';
import type { Completions } from './language-service.ts';
import type { ExecuteOutcome } from './runtime-host.ts';
import type { DisplayPayload } from './values.ts';

/** Each call may be awaited: it resolves when the front end can take more. */
export interface MagicOutput {
  stdout(text: string): void | Promise<void>;
  stderr(text: string): void | Promise<void>;
  display(payload: DisplayPayload, update?: boolean): void | Promise<void>;
}

export interface MagicContext {
  name: string;
  /** The text after the name on its line. */
  line: string;
  /** The cell below `%%name`. */
  body: string | undefined;
  execution: number;
  output: MagicOutput;
  /** Ends when the cell is interrupted. */
  signal: AbortSignal;
  session: MagicSession;
}

/** The session, as far as a magic may read and change it. */
export interface MagicSession {
  readonly directory: string;
  setDirectory(path: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  setEnvironment(name: string, value: string | undefined): void;
  bindings(): readonly Binding[];
  /** Runs TypeScript as part of the same cell. */
  run(source: string): Promise<ExecuteOutcome>;
  ask(question: string, argument?: unknown, timeoutMs?: number): Promise<unknown>;
  restartRuntime(why: string): Promise<void>;
  /** The display of the running training, or the last display of the one before; undefined when there was none. */
  training(): DisplayPayload | undefined;
  /** Runs Python as part of the same cell; the payloads of its reply. */
  runPython(code: string): Promise<Record<string, unknown>[]>;
  /** Sends one of the requests of src/interop/python/requests.ts. */
  askPython(request: unknown): Promise<unknown>;
  readonly settings: Settings;
}

export interface Settings {
  typecheck: 'warn' | 'error' | 'off';
}

export interface Magic {
  name: string;
  aliases?: readonly string[];
  /** `line`: `%name …`; `cell`: `%%name …` over a body. */
  kinds: readonly ('line' | 'cell')[];
  /** One line for `%lsmagic`. */
  summary: string;
  usage: string;
  /** Words that may follow, for completion. */
  complete?(line: string): readonly string[];
  /** Throws to make the cell fail. */
  run(context: MagicContext): unknown;
}

export interface MagicRegistry {
  get(name: string): Magic | undefined;
  all(): readonly Magic[];
  /** Runs it, or throws an error that names the nearest known magic. */
  run(context: MagicContext): Promise<unknown>;
  complete(source: string, cursor: number): Completions | undefined;
}
