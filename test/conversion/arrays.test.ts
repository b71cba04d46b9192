/** Arrays to Python and back: every dtype, both ways of carrying, and values that cannot be converted. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { taggedOver, tagArray, type TaggedArray } from '../../src/base/arrays/tagged.ts';
import { dtypeBytes, DTYPES, type Dtype } from '../../src/base/arrays/dtype.ts';
import { payloadOf, segmentPool } from '../../src/interop/conversion/payload.ts';
import { loadTf, type Tf } from '../../src/api/tensorflow.ts';
import { Peer } from './peer.ts';
import { environmentPython, NO_TORCH, torchPython } from './pythons.ts';

const python = environmentPython();

let tf: Tf;
let peer: Peer;

before(async () => {
  tf = loadTf();
  peer = new Peer(python);
  await peer.run('import numpy as np');
});

after(async () => {
  await peer.close();
  segmentPool().close();
});

/** Dtypes that NumPy has by itself. */
const numpys = DTYPES.filter((dtype) => !/^float[468]_|^bfloat/.test(dtype));

/** Bytes that are a valid value of every dtype. */
function pattern(dtype: Dtype, count: number): ArrayBuffer {
  const bytes = new Uint8Array(count * dtypeBytes(dtype));
  for (let i = 0; i < bytes.length; i++) bytes[i] = dtype === 'bool' ? i % 2 : (i * 37) % 120;
  return bytes.buffer;
}

for (const count of [6, 60_000]) {
  test(`every dtype of NumPy is converted and comes back, ${count} values`, async () => {
    for (const dtype of numpys) {
      const array = taggedOver(dtype, [2, count / 2], pattern(dtype, count));
      await peer.set('x', array);
      assert.deepEqual(
        await peer.eval('[x.dtype.name, list(x.shape), bool(x.flags.writeable)]'),
        [dtype, [2, count / 2], true],
        dtype,
      );
      const back = (await peer.get('x', 'array')) as TaggedArray;
      assert.equal(back.dtype, dtype);
      assert.deepEqual([...back.shape], [2, count / 2]);
      assert.deepEqual(back, array, dtype);
    }
  });
}

test('tensors of tfjs arrive with their dtype and shape, and come back as tensors', async () => {
  const tensors: [Tensor, string][] = [
    [tf.tensor2d([1.5, -2, 3, 4], [2, 2]), 'float32'],
    [tf.randomNormal([300, 200]), 'float32'],
    [tf.tensor1d([1, -2, 3], 'int32'), 'int32'],
    [tf.range(0, 50_000, 1, 'int32'), 'int32'],
    [tf.tensor([true, false, true], [3], 'bool'), 'bool'],
    [tf.complex([1, 2], [3, 4]), 'complex64'],
    [tf.complex(tf.linspace(0, 1, 20_000), tf.linspace(1, 2, 20_000)), 'complex64'],
    [tf.scalar(7), 'float32'],
    [tf.zeros([0, 3]), 'float32'],
  ];
  for (const [tensor, dtype] of tensors) {
    await peer.set('t', tensor);
    assert.deepEqual(await peer.eval('[t.dtype.name, list(t.shape)]'), [dtype, tensor.shape]);
    const back = (await peer.get('t')) as Tensor;
    assert.ok(back instanceof tf.Tensor);
    assert.equal(back.dtype, tensor.dtype);
    assert.deepEqual(back.shape, tensor.shape);
    assert.deepEqual(back.dataSync(), tensor.dataSync());
  }
});

test('a result of tf that is still being computed, and a variable, arrive with their values', async () => {
  const variable = tf.variable(tf.ones([100, 200]));
  variable.assign(variable.mul(3));
  await peer.set('v', variable);
  assert.equal(await peer.eval('float(v.sum())'), 60_000);
});

test('text arrives as arrays of objects', async () => {
  await peer.set('s', tf.tensor2d(['a', 'ü', '', 'd'], [2, 2]));
  assert.deepEqual(await peer.eval('[s.dtype.name, s.tolist()]'), [
    'object',
    [
      ['a', 'ü'],
      ['', 'd'],
    ],
  ]);
  const back = (await peer.get('np.array([["x", "yz"]])')) as Tensor;
  assert.equal(back.dtype, 'string');
  assert.deepEqual(back.arraySync(), [['x', 'yz']]);
});

test('numbers that tfjs has no tensor for arrive as they are, or in the requested form', async () => {
  const wide = (await peer.get('np.array([[1, 2**60]])')) as TaggedArray;
  assert.deepEqual([wide.dtype, [...wide.shape], [...wide]], ['int64', [1, 2], [1n, 2n ** 60n]]);
  const halves = (await peer.get('np.array([0.5, -2, 65504, 6e-8, np.inf], "float16")', 'float32')) as Tensor;
  assert.deepEqual([...halves.dataSync()], [0.5, -2, 65504, 5.960464477539063e-8, Infinity]);
  const ints = (await peer.get('np.arange(3)', 'int32')) as Tensor;
  assert.deepEqual([ints.dtype, [...ints.dataSync()]], ['int32', [0, 1, 2]]);
  await assert.rejects(
    peer.get('np.array([1, 2**40])', 'int32'),
    /value 1, 1099511627776, does not fit into int32/,
  );
  await assert.rejects(
    peer.get('np.array([1.0])', 'tensor'),
    /tfjs has no float64: pass \{ as: 'float32' \}/,
  );
  assert.equal(await peer.get('np.float64(0.25)'), 0.25);
  assert.equal(await peer.get('np.int64(2**60)'), 2n ** 60n);
  assert.equal(await peer.get('np.float32("nan")'), NaN);
});

test('strided, reversed and foreign-endian arrays arrive with their values', async () => {
  await peer.run('base = np.arange(24, dtype="float32").reshape(4, 6)');
  for (const [code, values] of [
    ['base[::2, ::-3]', [5, 2, 17, 14]],
    ['base.T[:1]', [0, 6, 12, 18]],
    ['base.astype(">f4")[0, :3]', [0, 1, 2]],
  ] as const) {
    assert.deepEqual([...((await peer.get(code)) as Tensor).dataSync()], values, code);
  }
});

test('a tensor that arrived is a snapshot, and lives longer than the name in Python', async () => {
  await peer.run('big = np.full((1000, 1000), 2, "float32")');
  const tensor = (await peer.get('big')) as Tensor;
  await peer.run('big[:] = 7; del big');
  const again = (await peer.get('np.full((1000, 1000), 9, "float32")')) as Tensor;
  assert.equal(tensor.sum().dataSync()[0], 2_000_000);
  assert.equal(again.sum().dataSync()[0], 9_000_000);
  tf.dispose([tensor, again]);
});

test('an array that Python received does not change when its memory is used again', async () => {
  await peer.set('first', tf.ones([500, 500]));
  await peer.set('second', tf.zeros([500, 500]));
  await peer.run('first[0, 0] = 5');
  assert.deepEqual(await peer.eval('[float(first.sum()), float(second.sum())]'), [250_004, 0]);
});

function shared(): number {
  return readFileSync('/proc/self/maps', 'latin1').split('tensorcell-segment').length - 1;
}

test('200 conversions keep neither memory nor descriptors', async () => {
  const convert = async () => {
    const sent = tf.ones([300, 300]);
    await peer.set('x', sent);
    sent.dispose();
    const back = (await peer.get('x + 1')) as Tensor;
    back.dispose();
  };
  for (let i = 0; i < 10; i++) await convert();
  const start = [shared(), readdirSync('/proc/self/fd').length];
  const tensors = tf.memory().numTensors;
  const there = (await peer.request('segment_counts', {})) as Record<string, number>;
  for (let i = 0; i < 200; i++) await convert();
  const end = [shared(), readdirSync('/proc/self/fd').length];
  assert.ok((end[0] ?? 0) <= (start[0] ?? 0) + 1, `${String(start[0])} mappings grew to ${String(end[0])}`);
  assert.ok((end[1] ?? 0) <= (start[1] ?? 0) + 2);
  assert.equal(tf.memory().numTensors, tensors);
  const later = (await peer.request('segment_counts', {})) as Record<string, number>;
  assert.ok((later['segments'] ?? 0) <= (there['segments'] ?? 0) + 1, JSON.stringify([there, later]));
  assert.ok((later['descriptors'] ?? 0) <= (there['descriptors'] ?? 0) + 2);
});

test('a value that cannot be converted is refused with the reason and the remedy', async () => {
  for (const [code, reason] of [
    [
      'np.array(["2020-01-01"], "datetime64[D]")',
      /datetime64\[D\] cannot be passed to TypeScript.*\.astype\('int64'\)/,
    ],
    ['np.zeros(2, [("a", "f4")])', /cannot be passed to TypeScript: convert it first/],
    [
      'np.array([1, None], object)',
      /array of objects cannot be passed to TypeScript, because it holds a int/,
    ],
    [
      'np.ma.array([1, 2], mask=[0, 1])',
      /masked NumPy array cannot be passed to TypeScript: pass array\.filled/,
    ],
    ['np.longdouble([1])', /cannot be passed to TypeScript/],
  ] as const) {
    await assert.rejects(peer.get(code), reason, code);
  }
  const gone = tf.ones([2]);
  gone.dispose();
  await assert.rejects(peer.set('x', gone), /the tensor of shape \[2\] was disposed/);
  assert.throws(() => tagArray(new Float32Array(3), 'float32', [2, 2]), /takes 16 bytes; the array has 12/);
  // Both sides go on.
  await peer.set('x', tf.ones([2]));
  assert.equal(await peer.eval('float(x.sum())'), 2);
});

test('bfloat16 and 8-bit floats are NumPy arrays where ml_dtypes is installed', async () => {
  await peer.set('b', tagArray(new Uint16Array([0x3f80, 0xc000]), 'bfloat16'));
  await peer.set('f', tagArray(Uint8Array.of(0x38, 0x7e), 'float8_e4m3fn'));
  assert.deepEqual(await peer.eval('[b.dtype.name, b.astype(float).tolist(), f.astype(float).tolist()]'), [
    'bfloat16',
    [1, -2],
    [1, 448],
  ]);
  const back = (await peer.get('b * 2')) as TaggedArray;
  assert.deepEqual([back.dtype, [...back]], ['bfloat16', [0x4000, 0xc080]]);
});

test('PyTorch tensors are converted in both directions', async (t) => {
  const found = torchPython();
  if (found === undefined) return t.skip(NO_TORCH);
  const peer = new Peer(found);
  await peer.run('import torch');
  await peer.set('x', tf.randomNormal([200, 300]), 'torch');
  assert.deepEqual(await peer.eval('[str(x.dtype), list(x.shape)]'), ['torch.float32', [200, 300]]);
  await peer.set('b', tagArray(new Uint16Array([0x3f80, 0xc000]), 'bfloat16'), 'torch');
  assert.deepEqual(await peer.eval('[str(b.dtype), b.float().tolist()]'), ['torch.bfloat16', [1, -2]]);
  const back = (await peer.get('b')) as TaggedArray;
  assert.deepEqual([back.dtype, [...back]], ['bfloat16', [0x3f80, 0xc000]]);
  const learned = (await peer.get('(torch.ones(3, requires_grad=True) * 2).t()')) as Tensor;
  assert.deepEqual([...learned.dataSync()], [2, 2, 2]);
  // Debian's NumPy comes without ml_dtypes.
  if ((await peer.eval('__import__("importlib").util.find_spec("ml_dtypes") is None')) === true) {
    await assert.rejects(
      peer.set('x', tagArray(new Uint16Array(2), 'bfloat16')),
      /no bfloat16 without the package ml_dtypes/,
    );
  }
  await assert.rejects(peer.get('torch.eye(2).to_sparse()'), /sparse.*pass tensor\.to_dense\(\)/);
  await assert.rejects(peer.set('x', new Uint16Array([1]), 'torch'), /has no uint16: convert the array/);
  await assert.rejects(peer.get('torch.ones(2, device="meta")'), /no values/);
  await peer.close();
});

test('a Python that dies in the middle leaves nothing behind', async () => {
  const other = new Peer(python);
  await other.run('import numpy as np, os, signal');
  await other.set('x', tf.ones([400, 400]));
  const tensor = (await other.get('np.full((400, 400), 3, "float32")')) as Tensor;
  await other.run('conversion.decode_leaf = lambda leaf: os.kill(os.getpid(), signal.SIGKILL)');
  await assert.rejects(other.set('y', tf.ones([400, 400])), /Python died/);
  // Tensors that had arrived are still there.
  assert.equal(tensor.sum().dataSync()[0], 480_000);
  tensor.dispose();
  segmentPool().trim();
  assert.equal(segmentPool().count, 0);
});

test('where one process may not open the memory of another, files carry the bytes and are removed', async () => {
  const home = mkdtempSync(join(tmpdir(), 'conversion-'));
  process.env['TENSORCELL_HOME'] = home;
  const folder = join(home, 'segments');
  const other = new Peer(python);
  await other.run('import numpy as np');
  await other.run('conversion.OPERATIONS["segment_probe"] = lambda argument: False');
  await other.set('x', tf.ones([400, 400]));
  assert.equal(await other.eval('float(x.sum())'), 160_000);
  assert.equal(readdirSync(folder).length, 1);
  // The other direction: a path that no user may open for writing, root included.
  await other.run(
    'inner = conversion._payload\ndef refused(flat):\n  leaf = inner(flat)\n' +
      '  leaf["segment"]["path"] = "/proc/sys/kernel/ostype"\n  return leaf\nconversion._payload = refused',
  );
  const back = (await other.get('x + 1')) as Tensor;
  assert.equal(back.sum().dataSync()[0], 320_000);
  back.dispose();
  await other.close();
  segmentPool().close();
  assert.deepEqual(readdirSync(folder), []);
  rmSync(home, { recursive: true });
});

test('a leaf without its bytes is refused, and one with them is taken', () => {
  const segment = { name: 'a', path: '/dev/null', pid: 1 };
  const broken: [string, object][] = [
    ['neither', { bytes: 8 }],
    ['no size', { data: 'AAAA' }],
    ['a size that is no whole number', { bytes: 1.5, data: 'AAAA' }],
    ['data that is no text', { bytes: 3, data: 5 }],
    ['a segment that is null', { bytes: 3, segment: null }],
    ['a segment that is text', { bytes: 3, segment: 'a' }],
    ['a segment without a path', { bytes: 3, segment: { name: 'a' } }],
    ['a segment without a name', { bytes: 3, segment: { path: '/dev/null' } }],
  ];
  for (const [what, parts] of broken) {
    assert.throws(
      () => payloadOf({ $: 'array', ...parts }),
      {
        name: 'ConversionError',
        code: 'malformed',
        message: 'the other process sent a leaf of kind array without its bytes',
      },
      what,
    );
  }
  assert.equal(payloadOf({ $: 'array', bytes: 3, data: 'AAAA' }).data, 'AAAA');
  assert.deepEqual(payloadOf({ $: 'array', bytes: 3, segment }).segment, segment);
});
