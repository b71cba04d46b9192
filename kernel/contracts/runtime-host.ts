import type { CompileResult } from './compiler.ts';
import type { ControlMessage, ExecuteRequest, MainMessage, RuntimeMessage } from './messages.ts';
import type { CellError } from './values.ts';

export type ExecuteOutcome = {
  declared: string[];
  /** Help about a cell that ran; that of an error is in the error. */
  hint?: string;
} & ({ status: 'ok' } | { status: 'error'; error: CellError });

/**
 * Where output goes. The runtime host awaits each call before it reads on, so a sink that waits for a slow front end slows the
 * writer at its source.
 */
export interface OutputSink {
  output(
    message: Exclude<RuntimeMessage, { type: 'done' | 'ready' | 'evaluated' | 'inspected' | 'answered' }>,
  ): void | Promise<void>;
}

export interface RuntimeHost {
  /** Starts the process; calls that need it wait for it. */
  start(): void;
  /** Runs one compiled cell. Never rejects: a death of the runtime process is an outcome too, with the reason in words. */
  execute(request: Omit<ExecuteRequest, 'type'>): Promise<ExecuteOutcome>;
  evaluate(
    execution: number,
    expressions: Record<string, CompileResult>,
  ): Promise<Extract<RuntimeMessage, { type: 'evaluated' }>['values']>;
  /** Undefined when the runtime process is busy and does not answer within the time limit. */
  inspect(path: string, timeoutMs: number): Promise<{ summary: string; typeName: string } | undefined>;
  ask(question: string, argument?: unknown, timeoutMs?: number): Promise<unknown>;
  send(message: MainMessage): void;
  sendControl(message: ControlMessage): void;
  /** Ends what runs; every running execution ends with reason `interrupted`. Resolves when it has. */
  interrupt(): Promise<void>;
  /** Replaces the process by a fresh one. Running executions end with reason `runtime-died` and `why` as message. */
  restart(why: string): Promise<void>;
  readonly busy: boolean;
  readonly pid: number | undefined;
  /** Called whenever a fresh process has taken the place of one that died or was restarted. */
  onReplaced(listener: (why: string) => void): void;
  dispose(): Promise<void>;
}
