import type { Engine } from '../../engines/engine.ts';

const sessions = new WeakMap<Engine, EngineSession>();

/** State of the compile layer for an engine: the names of its functions, and one object of each class that asks for one. */
export class EngineSession {
  /** How many programs XLA has compiled without a request of the user. */
  unrequestedCompilations = 0;
  #names = 0;
  readonly #parts = new Map<object, object>();

  static of(engine: Engine): EngineSession {
    let session = sessions.get(engine);
    if (session === undefined) {
      session = new EngineSession();
      sessions.set(engine, session);
    }
    return session;
  }

  /** A name that no other function of the engine has: `tensorcell_step_12`. */
  functionName(kind: string): string {
    return `tensorcell_${kind}_${this.#names++}`;
  }

  /** The object of a class, made on first use. */
  part<Part extends object>(type: abstract new (...all: never[]) => Part, make: () => Part): Part {
    const known = this.#parts.get(type);
    if (known instanceof type) return known;
    const made = make();
    this.#parts.set(type, made);
    return made;
  }
}
