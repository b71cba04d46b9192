/**
 * The training benchmark compares the same network only if every peer begins with our weights and trains as we do. Keras
 * and JAX are not in the tests' environment: bench-peers.long.test.ts has them where the benchmark was run before.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadTf, traceable } from '../../src/api/tensorflow.ts';
import { disagreement } from '../bench/train/comparison.ts';
import { cold, ourselvesCold } from '../bench/train/cold.ts';
import { contest } from '../bench/train/contest.ts';
import { deepRow, rows, type Row } from '../bench/train/models.ts';
import { Peer } from '../bench/train/peer.ts';
import type { Column } from '../bench/train/peers.ts';
import { drawWeights, readWeights, setWeights, writeWeights } from '../bench/train/weights.ts';
import { NO_TORCH, torchPython } from '../conversion/pythons.ts';

const tf = loadTf();
const folder = mkdtempSync(join(tmpdir(), 'bench-peers-'));
const peers: Peer[] = [];
after(() => {
  for (const peer of peers) peer.stop();
  rmSync(folder, { recursive: true });
});

/** A row as it is, with little to train. */
const small = (row: Row): Row => ({ ...row, batch: 4, steps: 3 });
const every = [...rows, deepRow(3)].map(small);
const rowNamed = (name: string) => every.find((row) => row.name === name) as Row;
/** Every row is trained in bench-torch.long.test.ts. */
const trained =
  process.env['TENSORCELL_BENCH_ROWS'] === 'every'
    ? every
    : every.filter(({ name }) => /^(?:mlp|lstm|transformer)$/.test(name));
const quick = { rounds: 1, sliceMs: 1, warmUpMs: 0 };

async function column(name: string, program: string, args: string[], timeoutMs = 100_000): Promise<Column> {
  const peer = await Peer.start(program, args, timeoutMs);
  if (typeof peer === 'string') throw new Error(`${name}: ${peer}`);
  peers.push(peer);
  return { name, peer, variant: '', manySteps: false };
}

for (const row of every) {
  test(`weights of ${row.name} go through a file and into another model`, () => {
    const [first, second] = [row.build(tf, traceable), row.build(tf, traceable)];
    const weights = drawWeights(first);
    assert.deepEqual(drawWeights(second), weights, 'the same are drawn again');
    assert.notDeepEqual(drawWeights(first, 2), weights, 'another seed draws others');
    const file = join(folder, `${row.name}.safetensors`);
    writeWeights(file, weights);
    const read = readWeights(file);
    assert.deepEqual(read, weights);
    setWeights(tf, second, read);
    for (const layer of second.layers) {
      for (const variable of layer.weights) {
        const name = `${layer.name}/${variable.originalName.split('/').at(-1) ?? ''}`;
        assert.deepEqual(variable.read().dataSync(), weights.get(name)?.values, name);
      }
    }
    const shortened = new Map([...weights].slice(1));
    assert.throws(() => setWeights(tf, second, shortened), /is not among the weights that were drawn/);
    first.dispose();
    second.dispose();
  });
}

test('losses agree within what is stated, and numbers that are none never do', () => {
  assert.equal(disagreement([2, 1], [2.0001, 1.001]), undefined);
  assert.equal(disagreement([2, 1], [2.001, 1]), 'its loss of step 1 is 2.001000, ours 2.000000');
  assert.equal(disagreement([2, 1], [2, 1.003]), 'its loss of step 2 is 1.003000, ours 1.000000');
  assert.equal(disagreement([2, 1], [Number.NaN, 1]), 'its loss of step 1 is NaN, ours 2.000000');
  assert.equal(disagreement([2, 1], [2]), 'its loss of step 2 is missing, ours 1.000000');
});

test('rows train the same compiled and eagerly', { timeout: 200_000 }, async () => {
  for (const row of trained) {
    const { ms, losses, failures } = await contest(tf, row, [], { ...quick, opByOp: true });
    assert.deepEqual(failures, [], row.name);
    assert.deepEqual([...ms.keys()], ['compiled', 'eager']);
    assert.equal(losses.get('compiled')?.length, 3);
  }
});

test('a peer that trains another network, ends, hangs or refuses is out of the row, the others go on', async () => {
  const script = join(process.cwd(), 'test', 'fixtures', 'bench', 'peer.mjs');
  const kinds = ['wrong', 'short', 'ends', 'hangs', 'refuses'];
  const columns = await Promise.all(
    kinds.map((kind) => column(kind, process.execPath, [script, kind], kind === 'hangs' ? 500 : 100_000)),
  );
  for (const again of ['first', 'second']) {
    const { ms, failures } = await contest(tf, rowNamed('logistic'), columns, { ...quick, opByOp: true });
    assert.deepEqual([...ms.keys()], ['compiled', 'eager'], again);
    assert.deepEqual(
      failures.map((line) => line.replace(/ours \d.*/, 'ours')),
      [
        'wrong failed: it trains a different network: its loss of step 1 is 1.000000, ours',
        'short failed: it trains a different network: its loss of step 1 is missing, ours',
        'ends failed: its process ended: it fell over',
        'hangs failed: no answer in 0.5 s',
        'refuses failed: no such layer',
      ],
      again,
    );
  }
});

test('a cold start is timed in a separate process, twice, and a peer that cannot is out', async () => {
  const script = join(process.cwd(), 'test', 'fixtures', 'bench', 'peer.mjs');
  const us = await ourselvesCold(process.cwd(), folder);
  assert.ok(typeof us !== 'string', 'it did not start');
  const refuses = await column('refuses', process.execPath, [script, 'refuses'], 100_000);
  const { first, again, failures } = await cold(tf, rowNamed('logistic'), 20, [us, refuses], 1);
  assert.deepEqual(failures, ['refuses failed: no such layer']);
  for (const times of [first, again]) {
    assert.deepEqual([...times.keys()], ['we']);
    assert.ok((times.get('we') ?? 0) > 0);
  }
  us.peer.stop();
});

test(
  'PyTorch begins with our weights and trains as we do',
  {
    skip: torchPython() === undefined && NO_TORCH,
    timeout: 200_000,
  },
  async () => {
    const script = join(process.cwd(), 'test', 'bench', 'train', 'peer_torch.py');
    const torch = await column('PyTorch', torchPython() ?? '', [script]);
    for (const row of trained) {
      const { ms, failures } = await contest(tf, row, [torch], { ...quick, opByOp: false });
      assert.deepEqual(failures, [], row.name);
      assert.deepEqual([...ms.keys()], ['compiled', 'PyTorch']);
    }
  },
);
