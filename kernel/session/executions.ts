/** Which message caused which execution, so that output finds its cell, also long after the cell has ended. */
import type { Slips } from '../contracts/compiler.ts';
import type { CellError } from '../contracts/values.ts';
import type { Parent } from '../wire/codec.ts';

/** A cell's text, as far as help depends on it. */
export interface Helped {
  /** As it was typed. */
  source: string;
  slips?: Slips;
}

/** One run of one cell, or of something else that may print (a comm message, a magic's own code). */
export interface Execution {
  readonly id: number;
  readonly parent: Parent;
  /** The number in front of the cell. */
  readonly count: number;
  /** Nothing of it is published. */
  readonly silent: boolean;
  readonly allowStdin: boolean;
  /** A cell that may not ask anything is executed by a program, such as nbclient (see unattended.ts). */
  readonly unattended: boolean;
  /** Ends magics and waits that belong to it. */
  readonly abort: AbortController;
  /** The text of its result, for the history. */
  output: string | undefined;
  running: boolean;
  /** Errors that no code handled while this cell ran, which make an unattended cell fail. */
  readonly unhandled: UnhandledError[];
  /** Whether a line of help was shown, and the one that waits for the cell's end; for a cell and what its magics run. */
  readonly hints: { shown: boolean; waiting?: string };
  /** Its text, for help with errors that come late; left out where it is long. */
  helped?: Helped;
  /** The runtime process is at it, which can run one thing under one number. */
  inRuntime: boolean;
}

export interface UnhandledError {
  error: CellError;
  /** The cell whose code caused it. */
  from: Execution;
}

/** Numbers of executions that are no numbered cell: they must not meet those that are. */
const UNNUMBERED = 1_000_000_000;

/** As many as anybody will still look at; the headers of older ones are forgotten. */
const REMEMBERED = 5000;

export class Executions {
  readonly #byId = new Map<number, Execution>();
  #newest: Execution | undefined;
  #unnumbered = UNNUMBERED;

  /**
   * `numbered`: the only cell with this count, so that its execution has the number which the front end shows, and
   * traces that name it (`cell 5`) say what the user sees.
   */
  begin(
    options: Pick<Execution, 'parent' | 'count' | 'silent' | 'allowStdin'> & {
      numbered?: boolean;
      unattended?: boolean;
      abort?: AbortController;
      hints?: Execution['hints'];
    },
  ): Execution {
    const { parent, count, silent, allowStdin, numbered = false, unattended = false } = options;
    const { abort = new AbortController(), hints = { shown: false } } = options;
    const execution: Execution = {
      id: numbered ? count : ++this.#unnumbered,
      parent,
      count,
      silent,
      allowStdin,
      unattended,
      abort,
      output: undefined,
      running: true,
      unhandled: [],
      hints,
      inRuntime: false,
    };
    this.#newest = execution;
    this.#byId.set(execution.id, execution);
    if (this.#byId.size > REMEMBERED) this.#forgetOldest();
    return execution;
  }

  /** The newest one stands in for those that are not known (0) or forgotten. */
  find(id: number): Execution | undefined {
    return this.#byId.get(id) ?? this.#newest;
  }

  runningUnattended(): Execution | undefined {
    return this.running().findLast(({ unattended }) => unattended);
  }

  running(): Execution[] {
    return [...this.#byId.values()].filter((execution) => execution.running);
  }

  #forgetOldest(): void {
    for (const [id, execution] of this.#byId) {
      if (execution.running) continue;
      this.#byId.delete(id);
      return;
    }
  }
}
