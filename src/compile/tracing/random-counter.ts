/**
 * Random numbers without a seed come from one stream: TensorFlow's counter-based generator with a key for
 * the session and a count of draws. Eager ops and compiled steps draw from it in the same order, so both see the same
 * numbers.
 */
class RandomCounter {
  #key = Math.floor(Math.random() * 2 ** 31);
  #count = 0;
  #seeded = false;

  get key(): number {
    return this.#key;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether a seed was set, so that every run draws the same numbers. */
  get seeded(): boolean {
    return this.#seeded;
  }

  advance(draws: number): void {
    this.#count += draws;
  }

  /** Begins the stream that belongs to a seed. */
  reset(key: number): void {
    this.#key = key;
    this.#count = 0;
    this.#seeded = true;
  }
}

export const randomCounter = new RandomCounter();
