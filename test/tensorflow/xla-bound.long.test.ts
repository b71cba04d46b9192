import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loopAutotuners, type LoopAutotuner } from '../../src/compile/execution/loop-autotuner.ts';
import { loadTf } from '../../src/api/tensorflow.ts';

const tf = loadTf();

/** Trains a new model for as long as it takes to know who runs its steps. */
async function chooser(units: number): Promise<LoopAutotuner> {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units, inputShape: [8], activation: 'relu' }),
      tf.layers.dense({ units: 3, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const x = tf.randomNormal([640, 8]);
  const y = tf.oneHot(tf.zeros([640], 'int32'), 3);
  let found: LoopAutotuner | undefined;
  await model.fit(x, y, {
    batchSize: 16,
    epochs: 100_000,
    verbose: 0 as never,
    callbacks: {
      onEpochEnd: () => {
        for (const step of trainingSteps(model)?.steps() ?? []) {
          for (const choice of loopAutotuners.all(step).values()) found = choice;
        }
        if (found?.chosen !== undefined) model.stopTraining = true;
      },
    },
  });
  assert.ok(found !== undefined);
  const { state, reason } = found;
  model.dispose();
  tf.dispose([x, y]);
  return { state, reason } as LoopAutotuner;
}

test('training one model after the other leaves five loops of XLA, and no more of its memory', async () => {
  delete process.env['TENSORCELL_XLA'];
  const states: string[] = [];
  let last: string | undefined;
  for (let i = 0; i < 7; i++) {
    const { state, reason } = await chooser(8 + i);
    states.push(state);
    last = reason;
  }
  assert.deepEqual(states, ['ready', 'ready', 'ready', 'ready', 'ready', 'idle', 'idle']);
  assert.equal(last, '5 loops were compiled before, and their memory is kept');
});
