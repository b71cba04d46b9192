/** Numbers from 0 to 1 that follow from a seed: mulberry32 (public domain, by Tommy Ettinger). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Two seeds as one, so that neighbours have nothing to do with each other. */
export function mixedSeed(seed: number, other: number): number {
  return (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(other + 0x7f4a7c15, 0xc2b2ae35)) >>> 0;
}

let next: (() => number) | undefined;

/**
 * A number from 0 to 1 for draws in JavaScript without a separate seed: shuffling, seeds of data sets and of tfjs's
 * generators. After `seedSession` it follows from that seed.
 */
export function sessionRandom(): number {
  // Also with a seed: a compiled function must not keep what is drawn anew each time, and watches `Math.random`.
  const drawn = Math.random();
  return next?.() ?? drawn;
}

/** Begins the numbers that belong to a seed. */
export function seedSession(seed: number): void {
  next = seededRandom(mixedSeed(seed, 0));
}

/** Shuffles in place, each order equally likely (Fisher and Yates). */
export function shuffled<T extends { length: number; [index: number]: number }>(
  values: T,
  random: () => number,
): T {
  for (let at = values.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    const value = values[at] as number;
    values[at] = values[other] as number;
    values[other] = value;
  }
  return values;
}

/** 0, 1, 2, … */
export function range(length: number): Int32Array {
  return Int32Array.from({ length }, (_, index) => index);
}
