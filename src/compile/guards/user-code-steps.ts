import { Untraceable } from '../../engines/untraceable.ts';
import { watchEffects } from './effects.ts';
import type { GuardedState } from './guarded-state.ts';

/** Facts of one combination of arguments and state. */
export interface UserCodeEntry {
  readonly runs: number;
  readonly state: string;
  clean: boolean;
  spent: number;
}

/** So many new states in a row mean that the state changes with each step. */
const MOVING = 12;
/** Steps that then run eagerly without a guard check; twice as many each time. */
const FIRST_REST = 50;

/**
 * Steps with user code in them. Such a step may become a graph when it ran eagerly and did nothing but compute:
 * it changed none of its state, printed nothing, drew no random number and read no clock. The graph belongs to the state that it
 * was traced with; another state is another graph.
 */
export class UserCodeSteps {
  readonly #state: GuardedState;
  readonly #notify: (why: string) => void;
  #refused = false;
  #said = false;
  /** Runs in a row in which the state was a new one, or changed. */
  #moves = 0;
  /** So many steps run without a look. */
  #rest = 0;
  #nextRest = FIRST_REST;
  /** Milliseconds of the last trace; 0 before there was one. */
  #cost = 0;

  /** @param notify is told once why steps run eagerly, in words that follow "it runs eagerly:". */
  constructor(state: GuardedState, notify: (why: string) => void) {
    this.#state = state;
    this.#notify = notify;
  }

  /** The state as it is now; undefined where steps are to run eagerly. */
  state(): string | undefined {
    if (this.#refused) return undefined;
    if (this.#rest > 0) {
      this.#rest--;
      return undefined;
    }
    const key = this.#state.key();
    if (key === undefined) this.#refuse(this.#state.obstacle ?? 'its state cannot be watched');
    return key;
  }

  #refuse(why: string): void {
    this.#refused = true;
    this.#tell(why);
  }

  #tell(why: string): void {
    if (this.#said) return;
    this.#said = true;
    this.#notify(why);
  }

  /** Whether to trace now: it is known to be clean, and its eager runs have cost as much as a trace does. */
  isRipe(entry: UserCodeEntry): boolean {
    return entry.clean && entry.spent >= this.#cost;
  }

  /** A trace took so many milliseconds. */
  took(time: number): void {
    this.#cost = time;
  }

  /** A graph serves the state as it is. */
  settled(): void {
    this.#moves = 0;
  }

  /** Runs a step eagerly, and notes its effects. */
  runEagerly<Result>(entry: UserCodeEntry, run: () => Result): Result {
    const fresh = entry.runs === 1;
    const began = performance.now();
    const { result, effect } = watchEffects(run);
    entry.spent += performance.now() - began;
    const moved = this.#state.key() !== entry.state;
    if (moved) {
      entry.clean = false;
    } else if (effect !== undefined) {
      this.#refuse(`it ${effect.what}${effect.line === undefined ? '' : ` (${effect.line})`}`);
    } else {
      entry.clean = true;
    }
    this.#moves = fresh || moved ? this.#moves + 1 : 0;
    if (this.#moves === 0) this.#nextRest = FIRST_REST;
    if (this.#moves >= MOVING) {
      const { changed } = this.#state;
      this.#tell(
        `${changed ?? 'a value that it reads'} changes with each step (make it a tf.variable or an input of the model to include it in the graph)`,
      );
      // A look costs too: the next ones are further and further apart.
      this.#moves = 0;
      this.#rest = this.#nextRest;
      this.#nextRest *= 2;
    }
    return result;
  }

  /**
   * Runs the user's code for a trace.
   *
   * @throws Untraceable when it does anything but compute.
   */
  unmoved<Result>(entry: UserCodeEntry, run: () => Result): Result {
    const { result, effect } = watchEffects(run);
    if (effect !== undefined) throw new Untraceable(`it ${effect.what}`);
    if (this.#state.key() !== entry.state) {
      throw new Untraceable(`it changes ${this.#state.changed ?? 'a value that it reads'}`);
    }
    return result;
  }
}
