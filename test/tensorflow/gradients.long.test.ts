/** All cases as compiled functions: about 70 s. A sample of them runs in gradients.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTf } from '../../src/api/tensorflow.ts';
import { cases } from './gradients/cases.ts';
import { judgeCompiled } from './gradients/judge.ts';

const tf = loadTf();

for (const op of new Set(cases.map((one) => one.op))) {
  test(`gradients of ${op} of both orders are the same in a compiled function`, () => {
    assert.deepEqual(
      cases.filter((one) => one.op === op).flatMap((one) => judgeCompiled(tf, one)),
      [],
    );
  });
}
