/** A log that a flood of bad messages cannot fill: so many lines a second, then one that says how many more. */
export class LimitedLog {
  readonly #write: (line: string) => void;
  readonly #limit: number;
  #lines = 0;
  #withheld = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (line: string) => void, limit = 10) {
    this.#write = write;
    this.#limit = limit;
  }

  log(line: string): void {
    if (!this.#timer) this.#timer = setTimeout(() => this.#nextSecond(), 1000).unref();
    if (this.#lines++ < this.#limit) this.#write(line);
    else this.#withheld++;
  }

  #nextSecond(): void {
    if (this.#withheld > 0) this.#write(`${this.#withheld} more messages dropped`);
    this.#lines = this.#withheld = 0;
    this.#timer = undefined;
  }
}
