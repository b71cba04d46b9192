/**
 * So many errors of one cell are shown until it has thrown none for so long. A program can make 100,000 in one turn of its
 * event loop, or one in each turn of a timer that is never stopped.
 */
const SHOWN = 10;
const WINDOW_MS = 500;
/** The count of a flood that goes on is told less and less often. */
const LONGEST_MS = 32_000;

/** Decides which errors that end no cell are shown. */
export class LateErrors {
  readonly #rest: (execution: number, withheld: number) => void;
  readonly #seen = new Map<number, { shown: number; withheld: number }>();
  #counting = false;
  #window = WINDOW_MS;

  /** @param rest tells how many of an execution were not shown, when the time is over */
  constructor(rest: (execution: number, withheld: number) => void) {
    this.#rest = rest;
  }

  /** Whether an error of an execution is shown. */
  admit(execution: number): boolean {
    if (!this.#counting) this.#count();
    const seen = this.#seen.get(execution) ?? { shown: 0, withheld: 0 };
    this.#seen.set(execution, seen);
    if (seen.shown >= SHOWN) {
      seen.withheld++;
      return false;
    }
    seen.shown++;
    return true;
  }

  #next(): void {
    this.#counting = false;
    let goesOn = false;
    for (const [execution, seen] of this.#seen) {
      if (seen.withheld === 0) this.#seen.delete(execution);
      else {
        goesOn = true;
        this.#rest(execution, seen.withheld);
        this.#seen.set(execution, { shown: SHOWN, withheld: 0 });
      }
    }
    this.#window = goesOn ? Math.min(2 * this.#window, LONGEST_MS) : WINDOW_MS;
    if (goesOn) this.#count();
  }

  #count(): void {
    this.#counting = true;
    setTimeout(() => this.#next(), this.#window).unref();
  }
}
