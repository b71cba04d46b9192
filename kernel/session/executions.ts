/** Which message caused which execution, so that output finds its cell, also long after the cell has ended. */
import type { Parent } from '../wire/codec.ts';

/** One run of one cell, or of something else that may print (a comm message, a magic's own code). */
export interface Execution {
  readonly id: number;
  readonly parent: Parent;
  /** The number in front of the cell. */
  readonly count: number;
  /** Nothing of it is published. */
  readonly silent: boolean;
  readonly allowStdin: boolean;
  /** Ends magics and waits that belong to it. */
  readonly abort: AbortController;
  /** The text of its result, for the history. */
  output: string | undefined;
  running: boolean;
}

/** As many as anybody will still look at; the headers of older ones are forgotten. */
const REMEMBERED = 5000;

export class Executions {
  readonly #byId = new Map<number, Execution>();
  #last = 0;

  begin(
    options: Pick<Execution, 'parent' | 'count' | 'silent' | 'allowStdin'>,
    abort = new AbortController(),
  ): Execution {
    const execution: Execution = { id: ++this.#last, ...options, abort, output: undefined, running: true };
    this.#byId.set(execution.id, execution);
    if (this.#byId.size > REMEMBERED) {
      for (const [id, old] of this.#byId) {
        if (old.running) continue;
        this.#byId.delete(id);
        break;
      }
    }
    return execution;
  }

  /** The newest one stands in for those that are not known (0) or forgotten. */
  find(id: number): Execution | undefined {
    return this.#byId.get(id) ?? this.#byId.get(this.#last);
  }

  running(): Execution[] {
    return [...this.#byId.values()].filter((execution) => execution.running);
  }
}
