import { splitRows, windows } from '../../../src/data/pipeline/order.ts';
import type { Order } from '../../../src/data/pipeline/order.ts';
import { range } from '../../../src/base/random-numbers.ts';

const plain: Order = { batch: 4, dropRemainder: false, seed: undefined, buffer: 0 };

function epoch(rows: readonly Int32Array[], order: Order): string[][] {
  return [...windows(rows, order)].flatMap(({ chunks, batches }) =>
    batches.map(({ chunk, row }) => {
      // Whatever a batch needs is in its window: that is what has been decoded.
      for (const one of chunk) expect(chunks).toContain(one);
      return Array.from(row, (value, at) => `${chunk[at]}.${value}`);
    }),
  );
}

const chunks = [range(3), range(1), range(6), range(1)];
const all = chunks.flatMap((rows, chunk) => Array.from(rows, (row) => `${chunk}.${row}`));

test('without a seed: the order of the files, batches across chunks', () => {
  expect(epoch(chunks, plain)).toEqual([all.slice(0, 4), all.slice(4, 8), all.slice(8)]);
  expect(epoch(chunks, { ...plain, dropRemainder: true })).toEqual([all.slice(0, 4), all.slice(4, 8)]);
  expect(epoch(chunks, { ...plain, batch: 100 })).toEqual([all]);
});

test.each([0, 1, 5, 1000])('with a seed and %d rows mixed: each row once, in another order', (buffer) => {
  const one = epoch(chunks, { ...plain, seed: 1, buffer });
  expect(one.map((batch) => batch.length)).toEqual([4, 4, 3]);
  expect(one.flat().toSorted()).toEqual(all.toSorted());
  expect(epoch(chunks, { ...plain, seed: 1, buffer })).toEqual(one);
  expect(epoch(chunks, { ...plain, seed: 2, buffer })).not.toEqual(one);
});

test('every order is equally likely', () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const order = epoch([range(3)], { ...plain, seed, buffer: 10 })[0]!.join(' ');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  // Five standard deviations of a binomial distribution around 1,000.
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * 29);
});

test('a split shares no row and loses none', () => {
  const [first, second] = splitRows(chunks, 0.5, 7);
  expect(first.map((rows) => rows.length)).toEqual([2, 1, 3, 1]);
  for (const [chunk, rows] of chunks.entries()) {
    expect([...first[chunk]!, ...second[chunk]!].toSorted((a, b) => a - b)).toEqual([...rows]);
  }
  expect(splitRows(chunks, 0.5, 7)).toEqual([first, second]);
  expect(splitRows(chunks, 0.5, 8)).not.toEqual([first, second]);
});
