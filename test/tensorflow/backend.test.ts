import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import type { NodeBackend } from '../../src/tfjs/instance.ts';
import { ATTR, TF } from '../../src/engines/dtypes.ts';
import { TensorflowError, describeBackend, loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const backend = tensorflowBackend() as NodeBackend;
const { binding } = backend;

test('tf runs on TensorFlow', () => {
  assert.equal(tf.getBackend(), 'tensorflow');
  const { tensorflowVersion, runtime } = describeBackend();
  assert.match(tensorflowVersion ?? '', /^2\.\d+\.\d+$/);
  assert.equal(typeof runtime?.name, 'string');
  assert.equal(describeBackend().devices[0]?.type, 'CPU');
});

test("tf.version tells packages that Node's namespace is there", () => {
  const { version } = tf as unknown as { version: Record<string, string> };
  assert.equal(version['tfjs-node'], version['tfjs-core']);
  assert.match(version['tfjs-node'] ?? '', /^4\./);
});

test('every tensor type of tfjs goes in and out without loss', () => {
  const floats = Float32Array.of(0, -0, 2e-38, 3.4028234663852886e38, -1.5, Infinity, -Infinity, NaN);
  assert.deepEqual(tf.tensor1d(floats).add(0).dataSync().slice(2), floats.map((x) => x + 0).slice(2));
  assert.deepEqual(tf.reshape(tf.tensor1d(floats), [2, 4]).dataSync(), floats);
  const integers = Int32Array.of(0, -1, 2147483647, -2147483648);
  assert.deepEqual(tf.reverse(tf.tensor1d(integers)).dataSync(), integers.toReversed());
  assert.deepEqual(tf.reverse(tf.tensor1d([true, false, false], 'bool')).dataSync(), Uint8Array.of(0, 0, 1));
  const strings = ['', 'a', 'x'.repeat(22), 'y'.repeat(23), 'z'.repeat(100_000), 'grüße 🙂 \0 end'];
  assert.deepEqual(tf.tile(tf.tensor1d(strings), [2]).dataSync() as unknown, [...strings, ...strings]);
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  const raw = tf.tensor([bytes, bytes.slice(0, 5)], [2], 'string');
  assert.deepEqual(backend.readSync(tf.tile(raw, [1]).dataId), [bytes, bytes.slice(0, 5)]);
  const complex = tf.complex([1, -2.5], [3, NaN]);
  assert.deepEqual(complex.dataSync(), Float32Array.of(1, 3, -2.5, NaN));
  assert.deepEqual(tf.imag(complex).dataSync(), Float32Array.of(3, NaN));
  assert.deepEqual(tf.zeros([0, 3]).concat(tf.zeros([0, 3])).shape, [0, 3]);
  assert.deepEqual(tf.zeros([0, 3]).dataSync(), new Float32Array(0));
  assert.deepEqual(tf.scalar(7, 'int32').add(tf.scalar(1, 'int32')).arraySync(), 8);
});

/** Values that would become another one on their way to C, by the kind of attribute. */
const OTHER_KINDS: [string, number, unknown[]][] = [
  ['string', ATTR.STRING, [null, false, 1, {}, [1, 2]]],
  ['whole number', ATTR.INT, [null, false, {}, 'three', 2.5, Number.NaN, [1, 'two']]],
  ['number', ATTR.FLOAT, [null, true, {}, '1.5', [1, undefined]]],
  ['true or false', ATTR.BOOL, [null, 10, {}, 'yes', [true, 0]]],
  ['number of a dtype', ATTR.TYPE, [null, {}, 'float32', undefined]],
];
for (const [words, type, values] of OTHER_KINDS) {
  test(`an attribute that is no ${words} is refused, and named`, () => {
    const x = binding.createTensor([2], TF.FLOAT, Float32Array.of(1, 2));
    for (const value of values) {
      assert.throws(
        () => binding.executeOp('Neg', [{ name: 'T', type, value }], [x], 1),
        { name: 'TypeError', message: new RegExp(`^attribute T is .*${words}.* and not `) },
        String(value),
      );
    }
    binding.deleteTensor(x);
  });
}

test('64-bit integers come out as they are, and serve as int32 in further ops', () => {
  const big = [2n ** 53n + 1n, -(2n ** 40n), 7n];
  const id = binding.createTensor([3], TF.INT64, BigInt64Array.from(big) as unknown as number[]);
  const tensor = backend.createOutputTensor({ id, shape: [3], dtype: TF.INT64 });
  assert.deepEqual(tensor.dataSync() as unknown, BigInt64Array.from(big));
  const where = backend.executeSingleOutput(
    'Where',
    [{ name: 'T', type: 4, value: TF.BOOL }],
    [tf.tensor1d([false, true, true], 'bool')],
  );
  assert.deepEqual(where.dataSync() as unknown, BigInt64Array.of(1n, 2n));
  assert.deepEqual(where.mul(tf.scalar(3, 'int32')).dataSync(), Int32Array.of(3, 6));
  assert.deepEqual(where.cast('float32').dataSync(), Float32Array.of(1, 2));
});

test('images are decoded and encoded, and serve as int32', async () => {
  const pixels = tf.tensor3d([255, 0, 10, 20, 30, 200], [1, 2, 3], 'int32');
  const png = await tf.node.encodePng(pixels);
  const decoded = tf.node.decodeImage(png);
  assert.deepEqual([decoded.shape, decoded.dtype], [[1, 2, 3], 'int32']);
  assert.deepEqual(Array.from(decoded.dataSync()), [255, 0, 10, 20, 30, 200]);
  assert.deepEqual(Array.from(decoded.add(tf.scalar(1, 'int32')).dataSync()), [256, 1, 11, 21, 31, 201]);
});

test("op errors are errors with TensorFlow's message", () => {
  const attributes = [
    { name: 'T', type: 4, value: TF.FLOAT },
    { name: 'transpose_a', type: 3, value: false },
    { name: 'transpose_b', type: 3, value: false },
  ];
  assert.throws(
    () => backend.executeSingleOutput('MatMul', attributes, [tf.ones([2, 3]), tf.ones([2, 3])]),
    (error) => {
      assert.ok(error instanceof TensorflowError);
      assert.deepEqual(
        { name: error.name, code: error.code, op: error.op, message: error.message },
        {
          name: 'TensorflowError',
          code: 'INVALID_ARGUMENT',
          op: 'MatMul',
          message: 'MatMul: Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]',
        },
      );
      return true;
    },
  );
  assert.throws(() => binding.executeOp('NoSuchOp', [], [], 1), {
    code: 'UNIMPLEMENTED',
    message: /has no op NoSuchOp/,
  });
  assert.throws(() => binding.tensorDataSync(123_456_789), { message: /was disposed/ });
  assert.throws(() => binding.createTensor([2], TF.FLOAT, [1, 2, 3]), {
    message: 'a tensor of shape [2] has 2 values, not 3',
  });
  assert.equal(tf.scalar(2).add(2).arraySync(), 4);
});

test('more memory than there is is an error that says which tensor, and the session goes on', () => {
  assert.throws(() => tf.tile(tf.ones([1, 1]), [1 << 20, 1 << 22]), {
    code: 'RESOURCE_EXHAUSTED',
    message:
      /^out of memory on CPU:0 in Tile: no room for a tensor of shape \[1048576, 4194304\], float32, 16\.0 TiB/,
  });
  assert.equal(tf.scalar(1).add(1).arraySync(), 2);
});

test('strings and ops do not leak memory', () => {
  const round = () => {
    for (let i = 0; i < 200; i++) {
      tf.tidy(() => {
        const big = tf.tensor1d(Array.from({ length: 100 }, () => 'x'.repeat(1000)));
        tf.tile(big, [1]).dataSync();
        tf.ones([100, 100])
          .matMul(tf.ones([100, 100]))
          .dataSync();
      });
    }
  };
  round();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 5; i++) round();
  // 1,000 rounds of 100 kB of strings: a leak of any copy would be 100 MB and more.
  const grown = (process.memoryUsage().rss - before) / 1e6;
  assert.ok(grown < 60, `grew by ${grown.toFixed(0)} MB`);
});

test('models are saved to files and loaded from them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-model-'));
  try {
    const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [3], units: 2 })] });
    await model.save(`file://${folder}`);
    const again = await tf.loadLayersModel(`file://${folder}/model.json`);
    const x = tf.tensor2d([[1, 2, 3]]);
    assert.deepEqual((again.predict(x) as typeof x).dataSync(), (model.predict(x) as typeof x).dataSync());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
