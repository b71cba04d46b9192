/** Tables to pandas, polars and Arrow, and back. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { segmentPool } from '../../src/interop/conversion/payload.ts';
import { Peer } from './peer.ts';
import { environmentPython } from './pythons.ts';

let peer: Peer;

before(async () => {
  peer = new Peer(environmentPython());
  await peer.run('import pandas as pd, polars as pl, pyarrow as pa, numpy as np');
});

after(async () => {
  await peer.close();
  segmentPool().close();
});

const rows = [
  { name: 'ü', count: 1, share: 0.5, good: true, day: new Date('2026-01-02T03:04:05.678Z'), big: 2n ** 60n },
  { name: null, count: null, share: 2, good: null, day: null, big: null },
  { name: '', count: -3, share: null, good: false, day: new Date(0), big: -1n },
];

test('rows become a table of pandas, polars or Arrow with the types one expects', async () => {
  await peer.set('t', rows, 'pandas');
  assert.deepEqual(await peer.eval('[type(t).__name__, list(t.columns), len(t)]'), [
    'DataFrame',
    ['name', 'count', 'share', 'good', 'day', 'big'],
    3,
  ]);
  assert.deepEqual(
    await peer.eval('[str(t.share.dtype), str(t.day.dt.tz), t.name.tolist()[0], t.day[2].year]'),
    ['float64', 'UTC', 'ü', 1970],
  );
  await peer.set('t', rows, 'polars');
  assert.deepEqual(
    await peer.eval('[[str(d) for d in t.dtypes], t["big"].to_list(), t["count"].to_list()]'),
    [
      ['String', 'Int64', 'Float64', 'Boolean', "Datetime(time_unit='ms', time_zone='UTC')", 'Int64'],
      [2 ** 60, null, -1],
      [1, null, -3],
    ],
  );
  await peer.set('t', rows, 'arrow');
  assert.deepEqual(await peer.eval('[type(t).__name__, t.num_rows, t["good"].to_pylist()]'), [
    'Table',
    3,
    [true, null, false],
  ]);
});

test('a table comes back as it was sent', async () => {
  const small = rows.map(({ name, count, share, good, day }) => ({ name, count, share, good, day }));
  for (const as of ['polars', 'arrow']) {
    await peer.set('t', small, as);
    assert.deepEqual(await peer.get('t'), small, as);
  }
  // One value beyond 2^53: BigInts all over the table.
  await peer.set('t', rows, 'polars');
  assert.deepEqual(
    await peer.get('t.select("big", "count")'),
    rows.map(({ big, count }) => ({ big, count: count === null ? null : BigInt(count) })),
  );
  await peer.set(
    't',
    [
      { a: 1, b: 'x' },
      { a: 2, c: true },
    ],
    'pandas',
  );
  assert.deepEqual(await peer.get('t'), [
    { a: 1, b: 'x', c: null },
    { a: 2, b: null, c: true },
  ]);
});

test('frames of Python arrive as rows; an index that says something is a column', async () => {
  assert.deepEqual(
    await peer.get(
      'pd.DataFrame({"x": [1.5, np.nan], "c": pd.Categorical(["u", "v"])}, index=pd.Index([7, 8], name="id"))',
    ),
    [
      { id: 7, x: 1.5, c: 'u' },
      { id: 8, x: null, c: 'v' },
    ],
  );
  assert.deepEqual(await peer.get('pd.Series([1, 2], name="s")'), [{ s: 1 }, { s: 2 }]);
  assert.deepEqual(
    await peer
      .get('pl.DataFrame({"l": [[1, 2], []], "t": [{"u": 1}, {"u": 2}]})')
      .then((t) => JSON.parse(JSON.stringify(t)) as unknown),
    [
      { l: [1, 2], t: { u: 1 } },
      { l: [], t: { u: 2 } },
    ],
  );
  assert.deepEqual(await peer.get('pl.LazyFrame({"a": ["x"]})'), [{ a: 'x' }]);
  assert.deepEqual(await peer.get('pa.table({"a": pa.array([2**40], pa.int64())})'), [{ a: 2 ** 40 }]);
  const columns = (await peer.get('pl.DataFrame({"a": [1.0, 2.0]})', 'columns')) as Record<string, unknown>;
  assert.deepEqual(columns['a'], Float64Array.of(1, 2));
});

test('a table of a million rows goes through shared memory', async () => {
  const table = (await peer.get('pl.DataFrame({"i": np.arange(1_000_000)})')) as { i: number }[];
  assert.equal(table.length, 1_000_000);
  assert.deepEqual(table[999_999], { i: 999_999 });
});

test('an array that is no table is refused with the reason', async () => {
  await assert.rejects(
    peer.set('t', [{ a: 1 }, { a: 'x' }], 'pandas'),
    /column 'a' mixes types: row 1 is a string/,
  );
  await assert.rejects(peer.set('t', [{ a: () => 1 }], 'pandas'), /column 'a' holds functions/);
  await assert.rejects(
    peer.set('t', [1], 'pandas'),
    /a table is an array of objects: element 0 is not an object/,
  );
  await assert.rejects(
    peer.get('pd.DataFrame({"a": [1, object()]})'),
    /this pandas table cannot be passed to TypeScript/,
  );
  await assert.rejects(
    peer.get('pd.DataFrame([[1, 2]], columns=["a", "a"])'),
    /two columns of the same name/,
  );
  await assert.rejects(
    peer.get('pl.DataFrame({"a": [1]})', 'polars'),
    /nodejs-polars is not installed in the notebook's folder/,
  );
});
