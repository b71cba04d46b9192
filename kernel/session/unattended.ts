/**
 * Programs that execute notebooks read the output of a cell until its idle status and nothing after that. Late
 * output of an ended cell goes to the cell that runs then, and an error that no code handles makes that
 * cell fail. Between two cells it is kept for the next one.
 */
import type { OutputSink } from '../contracts/runtime-host.ts';
import type { CellError } from '../contracts/values.ts';
import type { Execution, Executions } from './executions.ts';

type Output = Parameters<OutputSink['output']>[0];

/** When no cell follows within this time, output goes to the cell that caused it after all. */
const NEXT_CELL_MS = 500;

export class UnattendedOutput {
  readonly #executions: Executions;
  readonly #publish: (message: Output, execution: Execution) => void;
  #kept: { message: Output; from: Execution }[] = [];
  /** Errors that no cell has failed with yet. */
  #unhandled: { error: CellError; from: Execution }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(executions: Executions, publish: (message: Output, execution: Execution) => void) {
    this.#executions = executions;
    this.#publish = publish;
  }

  /** Whether it has taken `message` of `from` over, since it cannot be published under `from` now. */
  take(message: Output, from: Execution): boolean {
    if (!from.unattended) return false;
    const target = from.running ? from : this.#executions.runningUnattended();
    if (message.type === 'late-error') {
      if (target) target.unhandled.push({ error: message.error, from });
      else {
        this.#unhandled.push({ error: message.error, from });
        this.#keep(message, from);
      }
      return true;
    }
    if (from.running) return false;
    if (target) this.#publish(message, target);
    else this.#keep(message, from);
    return true;
  }

  /** A cell has begun and its `execute_input` was published. */
  began(execution: Execution): void {
    clearTimeout(this.#timer);
    const kept = this.#kept.splice(0);
    for (const { message, from } of kept) {
      if (message.type !== 'late-error') this.#publish(message, execution.silent ? from : execution);
      else if (!execution.unattended) this.#publish(message, from);
    }
    if (execution.unattended) execution.unhandled.push(...this.#unhandled.splice(0));
  }

  #keep(message: Output, from: Execution): void {
    this.#kept.push({ message, from });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      for (const kept of this.#kept.splice(0)) this.#publish(kept.message, kept.from);
    }, NEXT_CELL_MS).unref();
  }
}

/** The error with which `execution` fails, made of those that no code handled; the first names its cell. */
export function unhandledError(execution: Execution): CellError | undefined {
  const [first, ...others] = execution.unhandled;
  if (!first) return undefined;
  const { error, from } = first;
  const cell = `cell ${from.count}`;
  const where =
    from === execution
      ? `in ${cell}: no code awaits or catches it`
      : `in ${cell}, which had ended: it is reported here because this cell ran when it was thrown`;
  const more = others.map(
    ({ error: { name, message }, from: { count } }) => `also cell ${count}: ${name}: ${message}`,
  );
  return {
    ...error,
    message: `${error.message} (unhandled, from ${cell})`,
    traceback: [...error.traceback, `\u001b[1;31mUnhandled\u001b[0m ${where}`, ...more],
  };
}
