/** Steps whose losses are compared before anything is timed. */
export const FIRST_STEPS = 3;

/**
 * How far a loss may be from ours, relative to it, from the same weights on the same batches: the first shows that the
 * networks are the same, and is off only by the order in which kernels sum. The later ones show the updates. There Keras
 * adds Adam's epsilon before it corrects for the beginning, which is like an epsilon thirty times as large in the first
 * steps: a thousandth where gradients have come through 64 layers, far less elsewhere.
 */
export const TOLERANCE = { first: 1e-4, later: 2e-3 };

/** The error in a peer's losses, in words; undefined where it trains the same network as we do. */
export function disagreement(ours: readonly number[], theirs: readonly number[]): string | undefined {
  const wrong = ours.findIndex((loss, i) => {
    const other = theirs[i] ?? Number.NaN;
    // Not `>`: NaN is wrong.
    return !(Math.abs(other - loss) <= (i === 0 ? TOLERANCE.first : TOLERANCE.later) * Math.abs(loss));
  });
  if (wrong < 0) return undefined;
  const shown = (losses: readonly number[]) => losses[wrong]?.toPrecision(7) ?? 'missing';
  return `its loss of step ${wrong + 1} is ${shown(theirs)}, ours ${shown(ours)}`;
}

/** The largest relative distance between losses. */
export function distance(ours: readonly number[], theirs: readonly number[]): number {
  return Math.max(...ours.map((loss, i) => Math.abs(((theirs[i] ?? Number.NaN) - loss) / loss)));
}
