/**
 * Keras, JAX and tfjs-node's addon begin with our weights and train every row of the training benchmark as we do. They are
 * those that `npm run bench -- train` installed.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadTf } from '../../src/api/tensorflow.ts';
import { contest } from '../bench/train/contest.ts';
import { deepRow, rows } from '../bench/train/models.ts';
import { findPeers, type Column } from '../bench/train/peers.ts';

const tf = loadTf();
const root = process.cwd();
const installed = existsSync(join(root, '.cache', 'bench', 'train', 'complete'));
const skip = !installed && '`npm run bench -- train` was not run here: it installs Keras and JAX';
let columns: Column[] = [];

before(async () => {
  if (installed) columns = await findPeers(root, { python: undefined, only: ['keras', 'jax', 'tfjs-node'] });
});
after(() => {
  for (const { peer } of columns) peer.stop();
});

for (const row of [...rows, deepRow(3)]) {
  test(`${row.name}: every framework trains it as we do`, { skip, timeout: 500_000 }, async () => {
    const names = columns.map(({ name }) => name);
    assert.ok(names.includes('Keras') && names.includes('JAX'), names.join());
    const small = { ...row, batch: 4, steps: 3 };
    const { ms, failures } = await contest(tf, small, columns, {
      rounds: 1,
      opByOp: false,
      sliceMs: 1,
      warmUpMs: 0,
    });
    assert.deepEqual(failures, []);
    assert.deepEqual([...ms.keys()], ['compiled', ...names]);
  });
}
