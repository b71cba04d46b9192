/** Random damage to files, the same for the same seed. */

/** A generator with a seed (mulberry32): a failure can be seen again. */
export function randoms(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Flips, extremes, cuts, or pieces in another place. */
export function damaged(bytes: Buffer, random: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const kind = random(5);
  if (kind === 0) return copy.subarray(0, random(copy.length));
  if (kind === 1) return Buffer.concat([copy, Buffer.alloc(1 + random(100), random(256))]);
  for (let count = 1 + random(8); count > 0; count--) {
    const at = random(copy.length);
    if (kind === 2) copy[at] = random(256);
    else if (kind === 3) copy.fill(random(2) === 0 ? 0 : 255, at, Math.min(copy.length, at + 1 + random(8)));
    else copy.copyWithin(random(copy.length), at, at + random(64));
  }
  return copy;
}
