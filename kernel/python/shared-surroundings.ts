/** Python and TypeScript share folder and environment: each is told, before it runs, what the other has changed. */
import type { Surroundings } from '../../src/interop/python/environments.ts';
import type { SurroundingsChange } from '../contracts/messages.ts';
import type { PythonProcess } from './python-process.ts';

export class SharedSurroundings {
  readonly #process: PythonProcess;
  readonly #current: () => Surroundings;
  readonly #adopt: (change: SurroundingsChange) => void;
  /** The state that Python knows. */
  #told: Surroundings;

  constructor(
    process: PythonProcess,
    current: () => Surroundings,
    adopt: (change: SurroundingsChange) => void,
  ) {
    this.#process = process;
    this.#current = current;
    this.#adopt = adopt;
    this.#told = current();
  }

  /** Before Python runs something: it gets what the session has changed. */
  async push(execution: number): Promise<void> {
    const change = difference(this.#told, this.#current());
    if (change) await this.#exchange(execution, change);
  }

  /** After Python has run something: the session gets what Python has changed. */
  async pull(execution: number): Promise<void> {
    if (this.#process.alive) await this.#exchange(execution, {});
  }

  async #exchange(execution: number, change: SurroundingsChange): Promise<void> {
    const told = this.#current();
    const reply = await this.#process.request(
      'tensorcell_request',
      { op: 'surroundings', argument: change },
      { execution },
    );
    if (reply['status'] !== 'ok') return;
    this.#told = told;
    const { directory, environment } = reply['value'] as {
      directory: string | null;
      environment: Record<string, string | null>;
    };
    this.#adopt({ environment, ...(directory === null ? {} : { directory }) });
    // Python knows its own changes.
    this.#told = this.#current();
  }
}

/** The change from `before` to `now`; undefined when they are the same. */
function difference(before: Surroundings, now: Surroundings): SurroundingsChange | undefined {
  const environment: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(now.environment)) {
    if (value !== undefined && value !== before.environment[name]) environment[name] = value;
  }
  for (const name of Object.keys(before.environment)) {
    if (now.environment[name] === undefined) environment[name] = null;
  }
  const moved = now.directory !== before.directory;
  if (!moved && Object.keys(environment).length === 0) return undefined;
  return { environment, ...(moved ? { directory: now.directory } : {}) };
}
