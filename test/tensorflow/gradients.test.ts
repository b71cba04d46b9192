import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { format } from 'oxfmt';
import { loadTf } from '../../src/api/tensorflow.ts';
import { cases } from './gradients/cases.ts';
import { judgeCompiled, judgeWithGoldens } from './gradients/judge.ts';
import { gradientPage, type Result } from './gradients/table.ts';

const tf = loadTf();
const results: Result[] = [];

for (const op of new Set(cases.map((one) => one.op))) {
  test(`gradients of ${op}, first and second order, equal numeric differences and those of TensorFlow or JAX`, () => {
    const own = cases.filter((one) => one.op === op).map((one) => ({ one, ...judgeWithGoldens(tf, one) }));
    results.push(...own);
    assert.deepEqual(
      own.flatMap(({ problems }) => problems),
      [],
    );
  });
}

test('docs/gradients.md lists every op with what its cases came to', async () => {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'gradients.md');
  const { code } = await format(file, gradientPage(tf, results));
  assert.equal(readFileSync(file, 'utf8'), code, 'run test/tensorflow/gradients/make-table.mjs');
});

// All of them: gradients.long.test.ts.
test('gradients of both orders are the same in a compiled function: a sample', () => {
  const sample = cases.filter((_, i) => i % 6 === 0);
  assert.deepEqual(
    sample.flatMap((one) => judgeCompiled(tf, one)),
    [],
  );
});
