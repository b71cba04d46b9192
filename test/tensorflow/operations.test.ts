/** Every op of `tf` runs eagerly, and in a compiled function or with a reason why not. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { format } from 'oxfmt';
import { loadTf } from '../../src/api/tensorflow.ts';
import { operationCases, operationPage, runOperation, type Ran } from './operations/page.ts';

const tf = loadTf();

test('every op gives the same result eagerly and compiled, or is refused with a reason, as docs/operations.md says', async () => {
  const ran: Ran[] = [];
  for (const one of operationCases()) ran.push(await runOperation(tf, one));
  assert.deepEqual(
    ran.filter(({ problem }) => problem !== undefined),
    [],
  );
  const file = join(import.meta.dirname, '..', '..', 'docs', 'operations.md');
  const { code } = await format(file, operationPage(tf, ran));
  assert.equal(readFileSync(file, 'utf8'), code, 'run test/tensorflow/operations/make-page.mjs');
});
