import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers';
import type { Execution } from './execution.ts';
import type { InputRequests } from './input.ts';

/**
 * `process.stdin` of a notebook: whatever reads it (readline, prompt packages) asks the person at the front end for a
 * line. Where the front end takes no input, the reader gets an error that names `input()`.
 */
export class CellInput extends Readable {
  readonly fd = 0;
  readonly isTTY = false;
  readonly #input: InputRequests;
  readonly #owner: () => Execution | undefined;
  /** A reader waits for a line. */
  #wanted = false;
  /** The cell whose question is open; a question ends with its cell. */
  #asking: Execution | undefined;

  constructor(input: InputRequests, owner: () => Execution | undefined) {
    super({ encoding: 'utf8' });
    this.#input = input;
    this.#owner = owner;
    this.on('resume', () => this.#askSoon());
  }

  /** @throws InputError where the front end takes no input: a reader would wait for ever */
  override resume(): this {
    this.#input.check(this.#owner());
    return super.resume();
  }

  override _read(): void {
    this.#wanted = true;
    // Between cells nothing is asked: the next reader resumes the stream.
    if (this.#owner()?.ended) return;
    try {
      this.#input.check(this.#owner());
    } catch (error) {
      process.nextTick(() => this.emit('error', error));
      return;
    }
    this.#askSoon();
  }

  /** There is no terminal whose keys could be read one by one. */
  setRawMode(): this {
    return this;
  }

  override destroy(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Not at once: a reader that has its line may be about to close. */
  #askSoon(): void {
    const owner = this.#owner();
    if (!owner || owner.ended || !this.#wanted) return;
    nextTurn(() => {
      nextTurn(() => this.#ask(owner));
    });
  }

  #ask(owner: Execution): void {
    if (!this.#wanted || this.isPaused() || (this.#asking && !this.#asking.ended)) return;
    this.#asking = owner;
    void this.#answer(owner);
  }

  async #answer(owner: Execution): Promise<void> {
    try {
      const line = await this.#input.ask(owner, '', false);
      this.#settle();
      this.push(`${line}\n`);
    } catch (error) {
      this.#settle();
      this.emit('error', error);
    }
  }

  #settle(): void {
    this.#asking = undefined;
    this.#wanted = false;
  }
}
