import { mixedSeed, range, seededRandom, shuffled } from '../../base/random-numbers.ts';

/** Rows of one batch: in which chunk each is, and which of its rows it is. */
export interface BatchRows {
  chunk: Int32Array;
  row: Int32Array;
}

/** Rows that are mixed with each other. */
export interface Window {
  /** The chunks that these rows, and those that go on into the next window, lie in. */
  chunks: number[];
  batches: BatchRows[];
}

export interface Order {
  batch: number;
  dropRemainder: boolean;
  /** Undefined: in the order of the files. */
  seed: number | undefined;
  /** Rows that are mixed with each other, at least: whole chunks. */
  buffer: number;
}

/**
 * The batches of one epoch. With a seed, chunks come in random order, and the rows of as many chunks as hold `buffer`
 * rows are mixed; what does not fill a batch goes on into the next window.
 *
 * @param rows for each chunk, the rows that belong to the data set.
 */
export function* windows(rows: readonly Int32Array[], order: Order): Generator<Window> {
  const random = order.seed === undefined ? undefined : seededRandom(order.seed);
  const mixedTogether = random === undefined ? 0 : order.buffer;
  const chunks = random === undefined ? range(rows.length) : shuffled(range(rows.length), random);
  let carried: BatchRows = { chunk: new Int32Array(0), row: new Int32Array(0) };
  for (let at = 0; at < chunks.length;) {
    const own: number[] = [];
    let count = 0;
    do {
      const chunk = chunks[at] as number;
      own.push(chunk);
      count += (rows[chunk] as Int32Array).length;
      at += 1;
    } while (at < chunks.length && count < mixedTogether);
    const all: BatchRows = {
      chunk: new Int32Array(carried.chunk.length + count),
      row: new Int32Array(carried.row.length + count),
    };
    all.chunk.set(carried.chunk);
    all.row.set(carried.row);
    let end = carried.row.length;
    for (const chunk of own) {
      const list = rows[chunk] as Int32Array;
      all.chunk.fill(chunk, end, end + list.length);
      all.row.set(list, end);
      end += list.length;
    }
    if (random !== undefined) mix(all, random);
    const stop = at >= chunks.length && !order.dropRemainder ? end : end - order.batch + 1;
    const batches: BatchRows[] = [];
    let from = 0;
    for (; from < stop; from += order.batch) {
      batches.push(part(all, from, Math.min(end, from + order.batch)));
    }
    carried = part(all, Math.min(from, end), end);
    yield { chunks: [...new Set(all.chunk)], batches };
  }
}

function part({ chunk, row }: BatchRows, from: number, to: number): BatchRows {
  return { chunk: chunk.slice(from, to), row: row.slice(from, to) };
}

function mix({ chunk, row }: BatchRows, random: () => number): void {
  const places = shuffled(range(row.length), random);
  chunk.set(places.map((place) => chunk[place] as number));
  row.set(places.map((place) => row[place] as number));
}

/** Two sets out of one: the first with `fraction` of each chunk's rows, drawn by the seed, both in the file's order. */
export function splitRows(
  rows: readonly Int32Array[],
  fraction: number,
  seed: number,
): [first: Int32Array[], second: Int32Array[]] {
  const parts = rows.map((list, chunk) => {
    const mixed = shuffled(list.slice(), seededRandom(mixedSeed(seed, chunk)));
    const count = Math.round(list.length * fraction);
    return [mixed.subarray(0, count).sort(), mixed.subarray(count).sort()] as const;
  });
  return [parts.map(([first]) => first), parts.map(([, second]) => second)];
}
