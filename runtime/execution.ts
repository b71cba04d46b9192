import type { CellError } from '../kernel/contracts/values.ts';

/** One run of one cell inside the runtime process. */
export class Execution {
  readonly id: number;
  /** Number of the kernel's message that requested it. */
  readonly sequence: number;
  readonly silent: boolean;
  readonly allowStdin: boolean;
  /** Names that took effect, in order. */
  readonly declared: string[] = [];
  /** Help about code that ran and means something else in Python. */
  hint: string | undefined;
  /** Nothing of it continues any more. */
  interrupted = false;
  /** `done` was sent. */
  ended = false;
  /** Interrupted while it awaits, and listeners may still finish a batch. */
  finishing = false;
  result: { value: unknown } | undefined;
  /** The object of which the last expression called a method such as `write`. */
  receiver: unknown;
  /** Promises that its code made and that have not settled; counted for unattended executions only. */
  pendingPromises = 0;
  /** Grows whenever such a promise is made or settles. */
  promiseActivity = 0;
  /** Ends the wait for what its code left behind (settling.ts); set while that wait lasts. */
  stopSettling: (() => void) | undefined;
  readonly interruptListeners = new Set<() => void | 'continue' | Promise<void | 'continue'>>();
  readonly endListeners: (() => void)[] = [];
  /** Sends the outcome; what that is differs between cells and user expressions. */
  readonly finish: (execution: Execution, error: CellError | undefined) => void;
  /**
   * Continuations of everything that this execution awaits: they pass values on while it lives, and never return to
   * its code once it was interrupted. Two functions an execution, not two an await.
   */
  readonly pass: (value: unknown) => unknown;
  readonly fail: (reason: unknown) => unknown;

  /**
   * A cell that may not ask anything is executed by a program, such as nbconvert. (What a comm calls has no cell, and may
   * not ask either.)
   */
  get unattended(): boolean {
    return !this.allowStdin && this.sequence > 0;
  }

  constructor(
    id: number,
    options: {
      sequence: number;
      silent: boolean;
      allowStdin: boolean;
      finish: (execution: Execution, error: CellError | undefined) => void;
    },
  ) {
    this.id = id;
    this.sequence = options.sequence;
    this.silent = options.silent;
    this.allowStdin = options.allowStdin;
    this.finish = options.finish;
    this.pass = (value) => (this.interrupted ? never() : value);
    this.fail = (reason) => {
      if (this.interrupted) return never();
      throw reason;
    };
  }
}

export function never(): Promise<never> {
  return new Promise(() => {});
}

export function interruptedError(): CellError {
  const message = 'the cell was interrupted; variables keep the values assigned before';
  return {
    name: 'Interrupted',
    message,
    traceback: [`\u001B[1;31mInterrupted\u001B[0m: ${message}`],
    reason: 'interrupted',
  };
}
