/** Training of each layer against Keras: outputs in training mode, gradients, losses and weights after two steps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assertTraining,
  cases,
  hasReference,
  learns,
  leftOut,
  optionsOf,
  refusal,
} from './layer-training.ts';

test('each case of a layer has a reference of a training, is refused, or is left out by name', () => {
  const alone = cases.filter((one) => optionsOf(one) <= 1);
  const missing = alone.filter((one) => !hasReference(one) && !leftOut.has(one.name));
  assert.deepEqual(
    missing.filter((one) => refusal(one) === undefined).map(({ name }) => name),
    [],
  );
  assert.ok(cases.filter((one) => hasReference(one)).length > 1000);
  assert.ok(cases.filter((one) => learns(one)).length > 700);
});

/** Of models with masks, states and normalizations that are called several times, those that say most. */
const MODELS =
  /^model (?!(joined|masks joined|states of stacked|states of one|first states|masked decoder|normalization|attention,))|joined again|in the loss|stacked cells, masked|first states of stacked|masked decoder$|in a model|without$/;

// Every option of every layer is in the long test.
const quick = cases.filter((one, index) => {
  if (one.group === 'models') return MODELS.test(one.name);
  if (one.group === 'activations') return index % 12 === 0;
  return optionsOf(one) === 0 || (optionsOf(one) === 1 && index % 60 === 0);
});
for (const group of new Set(quick.map((one) => one.group))) {
  const chosen = quick.filter((one) => one.group === group && hasReference(one));
  if (chosen.length === 0) continue;
  test(`training in compiled steps equals Keras: ${group}`, async () => {
    await assertTraining(chosen);
  });
}

test('eager training equals Keras: models', async () => {
  const models = cases.filter((one) => one.group === 'models' && hasReference(one));
  const compared = await assertTraining(models, 'eager');
  // The transformer of two blocks is refused: Keras loses a mask in it.
  assert.equal(compared, models.length - 1);
});
