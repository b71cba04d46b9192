// SavedModels with random damage: an error or an answer, never a dead process.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { fuzzSavedModels } from './saved-models.ts';

const ROUNDS = Number(process.env['TENSORCELL_FUZZ'] ?? 80);
const SEED = Number(process.env['TENSORCELL_FUZZ_SEED'] ?? 0);

test(`SavedModels with random damage, ${ROUNDS} times (seed ${SEED})`, { timeout: 600_000 }, async (t) => {
  const { wrong, refused, answered } = await fuzzSavedModels(SEED, SEED + ROUNDS);
  t.diagnostic(`${refused} refused, ${answered} answered`);
  assert.deepEqual(wrong, []);
  assert.equal(refused + answered, ROUNDS);
});
