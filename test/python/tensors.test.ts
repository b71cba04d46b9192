// Tensors, arrays and tables through a real kernel and a real PyTorch; test/conversion has every dtype of the codec alone.
import { strict as assert } from 'node:assert';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { needs, sharedPythonKernel } from './python-kernel.ts';

const torch = needs('torch');

const { ok, fails } = sharedPythonKernel();

/** Descriptors of shared segments in a process. */
function segments(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((target) => target.includes('tensorcell-segment'));
}

test('a tensor becomes a NumPy array or a torch tensor, and comes back as a tensor', torch, async () => {
  await ok('await python.set("a", tf.tensor2d([[1, 2], [3, 4]]))');
  assert.equal(
    (await ok('%%python\na.dtype.name, a.shape, a.tolist()')).result,
    "('float32', (2, 2), [[1.0, 2.0], [3.0, 4.0]])",
  );
  await ok('await python.set("t", tf.tensor1d([1, 2], "int32"), { as: "torch" })');
  assert.equal((await ok('%%python\nimport torch\nt * 2')).result, 'tensor([2, 4], dtype=torch.int32)');
  const back = await ok(
    'const m: tf.Tensor = await python.get("torch.ones(2, 3) * 2.5"); [m.dtype, m.shape, m.dataSync().join()]',
  );
  assert.equal(back.result, "[ 'float32', [ 2, 3 ], '2.5,2.5,2.5,2.5,2.5,2.5' ]");
});

test('tensors in nested arguments, and a model that is called', torch, async () => {
  await ok(
    '%%python\nmodel = torch.nn.Linear(3, 2)\ntorch.nn.init.ones_(model.weight); torch.nn.init.zeros_(model.bias)\ndef sums(parts, scale=1):\n    return {name: part.sum() * scale for name, part in parts.items()}',
  );
  const out = await ok(
    '(await python.with({ as: "torch" }).call<tf.Tensor>("model", tf.tensor2d([[1, 2, 3]]))).dataSync().join()',
  );
  assert.equal(out.result, "'6,6'");
  const nested = await ok(
    'await python.call("sums", { x: tf.ones([2, 2]), y: new Float64Array([1, 2]) }, python.kwargs({ scale: 10 }))',
  );
  assert.equal(nested.result, '{ x: 40, y: 30 }');
});

test('dtypes that tfjs lacks arrive tagged, or as asked', torch, async () => {
  const tagged = await ok(
    'const h = await python.get("torch.tensor([1, 2], dtype=torch.int64)"); [h.constructor.name, h.dtype, h.shape, h.join()]',
  );
  assert.equal(tagged.result, "[ 'BigInt64Array', 'int64', [ 2 ], '1,2' ]");
  const asked = await ok(
    '(await python.get<tf.Tensor>("torch.tensor([1, 2], dtype=torch.float16)", { as: "float32" })).dtype',
  );
  assert.equal(asked.result, "'float32'");
});

test('large ones go through shared memory, are snapshots, and leave nothing behind', torch, async () => {
  const { result } = await ok(
    '%%python\nimport os, numpy\nbig = numpy.arange(4_000_000, dtype=numpy.float32)\nos.getpid()',
  );
  const pid = Number(result);
  await ok('const big: tf.Tensor = await python.get("big");');
  await ok('%%python\nbig[:] = 0');
  assert.equal((await ok('big.slice(3_999_999).dataSync()[0]')).result, '3999999');
  await ok('await python.set("again", big)');
  assert.equal((await ok('%%python\nfloat(again[-1]), again.flags.writeable')).result, '(3999999.0, True)');
  const cross = async (): Promise<void> => {
    await ok('tf.dispose(await python.get<tf.Tensor>("again"))');
    await ok('await python.set("again", big)');
  };
  await cross();
  const held = segments(pid);
  for (let i = 0; i < 10; i++) await cross();
  assert.equal(segments(pid).length, held.length, segments(pid).join());
});

test(
  'a value that cannot be converted is refused with the reason, and the other side stays as it was',
  torch,
  async () => {
    const cell = await fails('await python.get("numpy.ma.masked_array([1, 2], [True, False])")');
    assert.match(cell.reply['evalue'], /masked NumPy array cannot be passed to TypeScript/);
    assert.equal((await ok('await python.get("1")')).result, '1');
  },
);

test(
  'a table needs pyarrow in Python, and an environment without it is an error with the remedy',
  torch,
  async () => {
    const cell = await fails('await python.set("rows", [{ n: 1 }], { as: "pandas" })');
    assert.match(cell.reply['evalue'], /pyarrow/);
    assert.equal((await ok('await python.get("1")')).result, '1');
  },
);

test('--out declares a tensor as one', torch, async () => {
  const cell = await ok('%%python --out weights\nweights = torch.zeros(2, 2)');
  assert.equal(cell.stderr, '');
  const typed = await ok('const rank: number = weights.rank; weights.shape');
  assert.equal(typed.result, '[ 2, 2 ]');
  assert.equal(typed.stderr, '');
});
