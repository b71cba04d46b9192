/** Training of each layer with each option alone against Keras: compiled and eager. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertTraining, cases, hasReference } from './layer-training.ts';

let compared = 0;
const referenced = cases.filter((one) => hasReference(one));
for (const group of new Set(referenced.map((one) => one.group))) {
  const chosen = referenced.filter((one) => one.group === group);
  test(`training equals Keras with each option, in compiled steps: ${group}`, async () => {
    compared += await assertTraining(chosen);
  });
  test(`training equals Keras with each option, eagerly: ${group}`, async () => {
    await assertTraining(chosen, 'eager');
  });
}

test('most of the cases are compared', (t) => {
  t.diagnostic(`${compared} of ${referenced.length} cases with a reference are equal`);
  assert.ok(compared > 0.9 * referenced.length);
});
