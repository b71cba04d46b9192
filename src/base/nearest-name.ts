/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: the restricted Damerau-Levenshtein distance. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  // Places before a row's begin are never the best.
  const at = (values: readonly number[], column: number): number => values[column] ?? Infinity;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, at(beforeLast, column - 2) + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

/**
 * The candidate that a mistyped name most likely means, or none when all are too far away to be a slip: more than a
 * third of the letters (at least one, two from four letters on), unless one begins with the other.
 */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const allowed = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  let best: { name: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const prefix = wanted.length > 2 && (known.startsWith(wanted) || wanted.startsWith(known));
    const distance = editDistance(wanted, known);
    if (distance > allowed && !prefix) continue;
    const rank = prefix ? Math.min(distance, allowed) : distance;
    if (!best || rank < best.distance) best = { name: candidate, distance: rank };
  }
  return best?.name;
}

/** The candidates that are most like a name, the nearest first. */
export function nearestNames(name: string, candidates: readonly string[], count: number): string[] {
  const wanted = name.toLowerCase();
  const ranked = candidates.map((candidate) => {
    const known = candidate.toLowerCase();
    // A name that holds the wanted one is nearer than one that shares a few letters with it.
    const isPart = wanted.length > 2 && known.includes(wanted);
    return { candidate, distance: editDistance(wanted, known) - (isPart ? wanted.length : 0) };
  });
  return ranked
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
