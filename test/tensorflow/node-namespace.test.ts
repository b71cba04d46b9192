// `tf.node`: everything in it is called, and event files are compared with TensorFlow's own (summaries/).
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import type * as tfjs from '@tensorflow/tfjs';
import { buildTfjs } from '../../scripts/build-tfjs.mjs';
import { constructible, es5SuperCalls } from '../../scripts/es5-classes.mjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { readSummaries, type Summary } from './event-files.ts';

const root = join(import.meta.dirname, '..', '..');
const tf = loadTf();
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-summaries-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Case {
  name: string;
  dtype: 'float32' | 'int32' | 'bool';
  shape: number[];
  values: (number | string)[];
  buckets: number | null;
  step: number;
  description: string | null;
  written: { dtype: number; shape: number[]; values: (number | string)[]; metadata: string };
}

const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, 'summaries', 'histograms.golden.json'), 'utf8'),
) as Case[];

test('histograms are those of tf.summary.histogram: equal, empty, scalar, NaN, infinite, int32, late', () => {
  const writer = tf.node.summaryFileWriter(join(folder, 'histograms'));
  const before = tf.memory().numTensors;
  for (const { name, dtype, shape, values, buckets, step, description } of cases) {
    const data = tf.tensor(values.map(Number), shape, dtype);
    writer.histogram(name, data, step, buckets ?? undefined, description ?? undefined);
    data.dispose();
  }
  writer.flush();
  assert.equal(tf.memory().numTensors, before);
  assert.deepEqual(
    readSummaries(join(folder, 'histograms')),
    cases.map(({ name, step, written: { metadata, ...tensor } }) => ({
      step,
      tag: name,
      tensor: { ...tensor, values: tensor.values.map(Number) },
      metadata,
    })),
  );
});

test('scalars of every kind of number, and steps beyond 31 bits', () => {
  const at = join(folder, 'scalars');
  // The writer outlives the tidy of its first use.
  tf.tidy(() => tf.node.summaryFileWriter(at).scalar('number', 0.5, 0));
  const writer = tf.node.summaryFileWriter(at);
  writer.scalar('tensor', tf.scalar(1.25), 2 ** 31 - 1);
  writer.scalar('int32', tf.scalar(7, 'int32'), 2 ** 31);
  writer.scalar('bool', tf.scalar(true, 'bool'), 2 ** 40 + 5);
  writer.scalar('NaN', NaN, 3);
  writer.scalar('infinite', -Infinity, 3);
  writer.flush();
  assert.deepEqual(
    readSummaries(at).map(({ step, tag, simple }) => [step, tag, simple]),
    [
      [0, 'number', 0.5],
      [2 ** 31 - 1, 'tensor', 1.25],
      [2 ** 31, 'int32', 7],
      [2 ** 40 + 5, 'bool', 1],
      [3, 'NaN', NaN],
      [3, 'infinite', -Infinity],
    ],
  );
});

test('a value that cannot be a summary is refused by name, and the writer goes on', () => {
  const at = join(folder, 'refused');
  const writer = tf.node.summaryFileWriter(at);
  const one = tf.ones([1]);
  const refused: [() => void, RegExp][] = [
    [() => writer.histogram('a', one, 0.5), /^RangeError: the step of a summary is an integer, not 0\.5$/],
    [() => writer.histogram('a', one, 0, 0), /number of buckets of histogram a is a positive integer, not 0/],
    [() => writer.histogram('a', one, 0, 1.5), /positive integer, not 1\.5/],
    [() => writer.histogram('b', tf.tensor(['x']), 0), /histogram b is of a tensor of string/],
    [() => writer.histogram('b', tf.complex([1], [1]), 0), /histogram b is of a tensor of complex64/],
    [() => writer.scalar('c', one as unknown as tfjs.Scalar, 0), /scalar c of a summary has shape \[1\]/],
    [() => writer.scalar('c', tf.scalar('x'), 0), /scalar c of a summary is string/],
    [() => writer.scalar('c', 1, NaN), /integer, not NaN/],
  ];
  for (const [call, message] of refused) assert.throws(call, (error) => message.test(String(error)));
  writer.scalar('after', 1, 1);
  writer.flush();
  assert.deepEqual(readSummaries(at), [{ step: 1, tag: 'after', simple: 1 }]);
});

for (const updateFreq of ['epoch', 'batch'] as const) {
  test(`tensorBoard() logs fit and fitDataset, each ${updateFreq}`, async () => {
    const xs = tf.tensor2d([0, 1, 2, 3, 4, 5, 6, 7], [8, 1]);
    const ys = tf.tensor2d([1, 3, 5, 7, 9, 11, 13, 15], [8, 1]);
    const data = tf.data.zip({ xs: tf.data.array([0, 1, 2, 3]), ys: tf.data.array([1, 3, 5, 7]) });
    const batches = data.map((element) => {
      const pair = element as unknown as { xs: number; ys: number };
      return { xs: tf.tensor1d([pair.xs]), ys: tf.tensor1d([pair.ys]) };
    });
    for (const way of ['fit', 'fitDataset'] as const) {
      const at = join(folder, `${way}-${updateFreq}`);
      const dense = tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: 'zeros' });
      const model = tf.sequential({ layers: [dense] });
      model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError', metrics: ['mae'] });
      const callbacks = tf.node.tensorBoard(at, { updateFreq, histogramFreq: 2 });
      assert.ok(callbacks instanceof tf.CustomCallback);
      const validationData: [tfjs.Tensor, tfjs.Tensor] = [xs, ys];
      const { history } =
        way === 'fit'
          ? await model.fit(xs, ys, { epochs: 3, batchSize: 4, validationData, callbacks })
          : await model.fitDataset(batches.batch(2), {
              epochs: 3,
              validationData,
              callbacks,
            });
      const train = readSummaries(join(at, 'train'));
      const validated = readSummaries(join(at, 'val'));
      const scalars = (all: Summary[], tag: string): [number, number | undefined][] =>
        all.filter((each) => each.tag === tag).map(({ step, simple }) => [step, simple]);
      const logged = (name: string): [number, number][] =>
        (history[name] as number[]).map((value, epoch) => [epoch + 1, Math.fround(value)]);
      for (const name of ['loss', 'mae']) {
        assert.deepEqual(scalars(train, `epoch_${name}`), logged(name));
        assert.deepEqual(scalars(validated, `epoch_${name}`), logged(`val_${name}`));
        const steps = scalars(train, `batch_${name}`).map(([step]) => step);
        assert.deepEqual(steps, updateFreq === 'batch' ? [1, 2, 3, 4, 5, 6] : []);
      }
      // The bias is one value: a histogram of equal values.
      const histograms = train.filter(({ tensor }) => tensor !== undefined);
      const names = model.weights.map(({ name }) => name);
      assert.deepEqual(
        histograms.map(({ step, tag }) => [step, tag]),
        [0, 2].flatMap((epoch) => names.map((name) => [epoch, name])),
      );
      const [, last] = model.getWeights();
      assert.deepEqual(histograms.at(-1)?.tensor?.values.slice(-3), [
        ...(last as tfjs.Tensor).dataSync(),
        ...(last as tfjs.Tensor).dataSync(),
        1,
      ]);
    }
  });
}

const saved = fileURLToPath(new URL('../training/keras/saved-models/dense', import.meta.url));
const pixels = tf.tensor3d([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30], [2, 2, 3], 'int32');

/** A picture of two by two pixels, whose rows begin at the bottom and are padded to four bytes. */
function bitmap(): Uint8Array {
  const head = Buffer.alloc(54);
  head.write('BM');
  head.writeUInt32LE(70, 2);
  head.writeUInt32LE(54, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(2, 18);
  head.writeInt32LE(2, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(24, 28);
  return Uint8Array.from([...head, 255, 0, 0, 30, 20, 10, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0]);
}

/** One white pixel. */
const gif = Uint8Array.from(Buffer.from('R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=', 'base64'));

/** Calls of everything in `tf.node`: what comes out, and what it has to be. */
const calls: Record<keyof typeof tf.node, () => Promise<[unknown, unknown]>> = {
  encodePng: async () => [[...(await tf.node.encodePng(pixels)).subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]],
  encodeJpeg: async () => [[...(await tf.node.encodeJpeg(pixels)).subarray(0, 3)], [0xff, 0xd8, 0xff]],
  decodePng: async () => [tf.node.decodePng(await tf.node.encodePng(pixels)).arraySync(), pixels.arraySync()],
  decodeJpeg: async () => [
    tf.node.decodeJpeg(await tf.node.encodeJpeg(tf.ones([8, 8, 3], 'int32').mul(128)), 1).arraySync(),
    Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => [128])),
  ],
  decodeBmp: async () => [tf.node.decodeBmp(bitmap()).arraySync(), pixels.arraySync()],
  decodeGif: async () => [tf.node.decodeGif(gif).arraySync(), [[[[255, 255, 255]]]]],
  decodeImage: async () => [
    [bitmap(), gif, await tf.node.encodePng(pixels), await tf.node.encodeJpeg(pixels)].map(
      (bytes) => tf.node.decodeImage(bytes).shape,
    ),
    [
      [2, 2, 3],
      [1, 1, 1, 3],
      [2, 2, 3],
      [2, 2, 3],
    ],
  ],
  getMetaGraphsFromSavedModel: async () => [
    (await tf.node.getMetaGraphsFromSavedModel(saved)).map(({ tags }) => tags),
    [['serve']],
  ],
  loadSavedModel: async () => {
    const model = await tf.node.loadSavedModel(saved);
    const result = model.predict(tf.ones([4, 3])) as tfjs.Tensor;
    model.dispose();
    return [result.shape, [4, 2]];
  },
  getNumOfSavedModels: async () => {
    const before = tf.node.getNumOfSavedModels();
    const model = await tf.node.loadSavedModel(saved);
    const during = tf.node.getNumOfSavedModels();
    model.dispose();
    return [
      [during - before, tf.node.getNumOfSavedModels() - before],
      [1, 0],
    ];
  },
  summaryFileWriter: async () => {
    const at = join(folder, 'table');
    tf.node.summaryFileWriter(at).scalar('x', 2, 1);
    tf.node.summaryFileWriter(at).flush();
    return [readSummaries(at), [{ step: 1, tag: 'x', simple: 2 }]];
  },
  tensorBoard: async () => [tf.node.tensorBoard(join(folder, 'board')) instanceof tf.CustomCallback, true],
};

test('the table has everything of tf.node', () => {
  assert.deepEqual(Object.keys(calls).sort(), Object.keys(tf.node).sort());
});
for (const [name, call] of Object.entries(calls)) {
  test(`tf.node.${name}`, async () => {
    const [actual, expected] = await call();
    assert.deepEqual(actual, expected);
  });
}

/** A class as TypeScript lowers it to ES5. */
const lowered = (constructor: string): string => `
module.exports = (function (_super) {
  Object.setPrototypeOf(Lowered, _super);
  Lowered.prototype = Object.create(_super.prototype, { constructor: { value: Lowered } });
  ${constructor}
  return Lowered;
})`;

const constructors = {
  'without arguments': 'function Lowered() { var _this = _super.call(this) || this; return _this; }',
  'with arguments that have parentheses':
    'function Lowered(a) { var _this = _super.call(this, f(a), { g: function () { return [_this]; } }) || this; return _this; }\nfunction f(a) { return a; }',
  'with all arguments':
    'function Lowered() { return _super !== null && _super.apply(this, arguments) || this; }',
};
for (const [name, constructor] of Object.entries(constructors)) {
  test(`a class lowered to ES5 that calls its parent ${name} extends a real class`, () => {
    class Parent {
      readonly given: unknown;
      constructor(given: unknown) {
        this.given = given;
      }
    }
    const text = lowered(constructor);
    assert.equal(es5SuperCalls(text).length, 1);
    const changed = constructible(text);
    assert.deepEqual(es5SuperCalls(changed), []);
    const module = { exports: undefined as unknown as (parent: unknown) => new (given: unknown) => Parent };
    runInThisContext(`(function (module) {${changed}})`)(module);
    const Lowered = module.exports(Parent);
    const made = new Lowered(7);
    assert.ok(made instanceof Lowered && made instanceof Parent);
    assert.equal(made.given, name === 'without arguments' ? undefined : 7);
  });
}

test('the build fails where such a call is left', async () => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const at = mkdtempSync(join(root, '.cache', 'es5-'));
  try {
    for (const [name, constructor] of Object.entries(constructors)) {
      writeFileSync(
        join(at, 'entry.cjs'),
        `${lowered(constructor)}(require('@tensorflow/tfjs-core').KernelBackend);\n`,
      );
      const entry = join(at, 'entry.cjs').slice(root.length + 1);
      await assert.rejects(
        buildTfjs(root, join(at, 'out'), { entry, logLevel: 'silent' }),
        /classes lowered to ES5 whose constructors call their parent as a function/,
        name,
      );
    }
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
});
