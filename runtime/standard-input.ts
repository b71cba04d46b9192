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
  /** The cell that paused the stream. */
  #pausedBy: Execution | undefined;

  constructor(input: InputRequests, owner: () => Execution | undefined) {
    super({ encoding: 'utf8' });
    this.#input = input;
    this.#owner = owner;
    // Node marks a stream that it has destroyed, and does not destroy it again: the next reader would not be taken away.
    Object.defineProperty(this, Symbol.for('nodejs.stream.destroyed'), {
      get: () => false,
      set: () => {},
    });
    this.on('resume', () => this.#askSoon());
    // A stream that already waits for a line does not notify a second reader.
    this.on('newListener', (event) => {
      if (event !== 'data' && event !== 'readable') return;
      // Node leaves a stream paused for the next reader, which in a notebook is another cell and would wait for ever.
      const paused = this.isPaused() && this.#pausedBy !== this.#owner();
      if (event === 'data' && paused) this.resume();
      this.#askSoon();
    });
  }

  /** @throws InputError where the front end takes no input: a reader would wait for ever */
  override resume(): this {
    const owner = this.#owner();
    // Node resumes a stream some time after its reader has left: between cells nothing is asked.
    if (!owner?.ended) this.#input.check(owner);
    this.#pausedBy = undefined;
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

  override pause(): this {
    this.#pausedBy = this.#owner();
    return super.pause();
  }

  /** There is no terminal whose keys could be read one by one. */
  setRawMode(): this {
    return this;
  }

  /** The present reader stops (`break` in a `for await` loop destroys its stream); the next reader starts anew. */
  override destroy(): this {
    this.removeAllListeners('readable');
    return this;
  }

  /** A loop that ends takes its listeners away and leaves the stream to the next reader. */
  override [Symbol.asyncIterator](): NodeJS.AsyncIterator<unknown> {
    return this.iterator({ destroyOnReturn: false });
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
    // The reader of the next cell asks for itself.
    if (owner.ended) return;
    if (!this.#wanted || !this.#isRead() || (this.#asking && !this.#asking.ended)) return;
    this.#asking = owner;
    void this.#answer(owner);
  }

  /** A `for await` loop waits for `readable`, and then the stream counts as paused. */
  #isRead(): boolean {
    return this.listenerCount('readable') > 0 || (!this.isPaused() && this.listenerCount('data') > 0);
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
