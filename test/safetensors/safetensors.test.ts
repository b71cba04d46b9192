/** safetensors files compared with those of Python's package. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { DTYPES } from '../../src/base/arrays/dtype.ts';
import { tagArray, type TaggedArray } from '../../src/base/arrays/tagged.ts';
import { load, open, save } from '../../src/interop/safetensors/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { environmentPython } from '../conversion/pythons.ts';

const tf = loadTf();
const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
const file = join(folder, 'model.safetensors');
after(() => {
  rmSync(folder, { recursive: true });
});

function python(code: string): string {
  return execFileSync(environmentPython(), ['-c', code, file], { encoding: 'utf8' });
}

test('a file of Python is read: tensors, and arrays for what tfjs has no tensor for', () => {
  python(`
import sys, numpy as np
from safetensors.numpy import save_file
save_file({
  "w": np.arange(6, dtype="float32").reshape(2, 3), "i": np.array([1, -2], "int32"), "ok": np.array([True, False]),
  "h": np.array([0.5, -2], "float16"), "n": np.array(2**60), "d": np.array([[0.1]]), "u": np.arange(3, dtype="uint8"),
  "none": np.zeros((0, 4), "float32"),
}, sys.argv[1], {"made by": "python"})`);
  const tensors = load(file);
  const w = tensors['w'] as Tensor;
  assert.deepEqual(
    [w.dtype, w.arraySync()],
    [
      'float32',
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    ],
  );
  assert.deepEqual((tensors['i'] as Tensor).arraySync(), [1, -2]);
  assert.deepEqual(
    [(tensors['ok'] as Tensor).dtype, [...(tensors['ok'] as Tensor).dataSync()]],
    ['bool', [1, 0]],
  );
  const n = tensors['n'] as TaggedArray;
  assert.deepEqual([n.dtype, [...n.shape], [...n]], ['int64', [], [2n ** 60n]]);
  assert.deepEqual([...(tensors['d'] as TaggedArray)], [0.1]);
  assert.deepEqual((tensors['none'] as Tensor).shape, [0, 4]);
  const floats = load(file, { names: ['h', 'u'], as: 'float32' });
  assert.deepEqual(Object.keys(floats), ['h', 'u']);
  assert.deepEqual([...(floats['h'] as Tensor).dataSync()], [0.5, -2]);
  assert.deepEqual([...(floats['u'] as Tensor).dataSync()], [0, 1, 2]);
  using opened = open(file);
  assert.deepEqual(opened.metadata, { 'made by': 'python' });
  assert.equal(opened.info('w').bytes, 24);
  assert.throws(() => opened.get('h2'), /has no tensor 'h2'; did you mean h\?/);
});

test('Python reads our file', () => {
  save(
    file,
    {
      'layer.weight': tf.range(0, 6).reshape([2, 3]),
      variable: tf.variable(tf.ones([2])),
      computed: tf.ones([1000, 1000]).mul(3),
      flags: tf.tensor([true, false], [2], 'bool'),
      ids: new BigInt64Array([5n, -6n]),
      half: tagArray(new Uint16Array([0x3800, 0xc000]), 'float16', [2, 1]),
    },
    { metadata: { epoch: '3' } },
  );
  const seen = JSON.parse(
    python(`
import sys, json
from safetensors import safe_open
from safetensors.numpy import load_file
t = load_file(sys.argv[1])
print(json.dumps([safe_open(sys.argv[1], "np").metadata(), {k: [v.dtype.name, list(v.shape), v.reshape(-1)[:6].tolist(), float(v.sum())] for k, v in t.items()}]))`),
  ) as unknown;
  assert.deepEqual(seen, [
    { epoch: '3' },
    {
      'layer.weight': ['float32', [2, 3], [0, 1, 2, 3, 4, 5], 15],
      variable: ['float32', [2], [1, 1], 2],
      computed: ['float32', [1000, 1000], [3, 3, 3, 3, 3, 3], 3_000_000],
      flags: ['bool', [2], [true, false], 1],
      ids: ['int64', [2], [5, -6], -1],
      half: ['float16', [2, 1], [0.5, -2], -1.5],
    },
  ]);
});

test('every dtype of the format is written and read again', () => {
  const tensors: Record<string, TaggedArray> = {};
  for (const dtype of DTYPES) {
    if (dtype === 'complex128') continue;
    const bits = { float4_e2m1fn: 4, float6_e2m3fn: 6, float6_e3m2fn: 6 }[dtype as string];
    const bytes = Uint8Array.from({ length: bits === undefined ? 48 : bits * 6 }, (_, i) =>
      dtype === 'bool' ? i % 2 : i,
    );
    const shape = bits === undefined ? [48 / bytesOf(dtype), 1] : [48, 1];
    tensors[dtype] = tagArray(new (arrayOf(dtype))(bytes.buffer) as TaggedArray, dtype, shape);
  }
  save(file, tensors);
  assert.deepEqual(load(file, { as: 'array' }), tensors);
  for (const [name, array] of Object.entries(load(file, { as: 'array' }))) {
    assert.deepEqual([array.dtype, array.shape], [tensors[name]?.dtype, tensors[name]?.shape]);
  }
});

function bytesOf(dtype: string): number {
  return Number(/(\d+)/.exec(dtype)?.[1] ?? 8) / 8;
}

function arrayOf(dtype: string): new (buffer: ArrayBuffer) => NodeJS.TypedArray {
  if (dtype === 'float32' || dtype === 'complex64') return Float32Array;
  if (dtype === 'float64') return Float64Array;
  const bytes = bytesOf(dtype);
  if (bytes === 8) return dtype.startsWith('u') ? BigUint64Array : BigInt64Array;
  if (bytes === 4) return dtype.startsWith('u') ? Uint32Array : Int32Array;
  if (bytes === 2) return dtype === 'int16' ? Int16Array : Uint16Array;
  return dtype === 'int8' ? Int8Array : Uint8Array;
}

test('damaged files are refused, and nothing of the old file is lost by a save that fails', () => {
  save(file, { a: tf.ones([100]) });
  const whole = readFileSync(file);
  truncateSync(file, whole.length - 1);
  assert.throws(() => load(file), /is cut off: its tensors end at byte/);
  writeFileSync(file, whole.subarray(0, 20));
  assert.throws(() => open(file), /is cut off: it has 20 bytes/);
  writeFileSync(file, '<html>not found</html>');
  assert.throws(() => open(file), /more than the format allows.*not a safetensors file/);
  writeFileSync(file, whole);
  assert.throws(() => save(file, { t: tf.tensor(['x']) }), /tensor 't' holds text/);
  assert.throws(
    () => save(file, { c: tagArray(new Float64Array(2), 'complex128') }),
    /safetensors files have no complex128/,
  );
  assert.deepEqual(readFileSync(file), whole);
  assert.deepEqual(readdirSync(folder), ['model.safetensors']);
  assert.throws(() => open(join(folder, 'none')), /ENOENT/);
});

test('a closed file gives nothing, and what was read of it stays', () => {
  save(file, { a: tf.ones([3]) });
  const opened = open(file);
  const tensor = opened.get('a') as Tensor;
  opened.close();
  opened.close();
  assert.throws(() => opened.get('a'), /was closed/);
  assert.deepEqual([...tensor.dataSync()], [1, 1, 1]);
});
