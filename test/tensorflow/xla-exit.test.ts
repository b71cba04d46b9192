import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loopAutotuners } from '../../src/compile/execution/loop-autotuner.ts';
import { loadTf } from '../../src/api/tensorflow.ts';

/** Trains until XLA compiles, which takes it seconds for an unrolled network, and leaves the training there. */
async function endWhileCompiling(how: string): Promise<void> {
  process.env['TENSORCELL_XLA'] = 'on';
  process.env['TENSORCELL_RECURRENT'] = 'unrolled';
  const tf = loadTf();
  const model = tf.sequential({
    layers: [tf.layers.gru({ units: 8, inputShape: [20, 4] }), tf.layers.dense({ units: 1 })],
  });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  const data: [Tensor, Tensor] = [tf.randomNormal([64, 20, 4]), tf.randomNormal([64, 1])];
  const watching = setInterval(() => {
    const running = (trainingSteps(model)?.steps() ?? []).some((step) =>
      [...loopAutotuners.all(step).values()].some(({ state }) => state === 'running'),
    );
    if (!running) return;
    clearInterval(watching);
    console.log('ends while it is running');
    if (how === 'process.exit') process.exit(0);
    model.stopTraining = true;
  }, 20);
  await model.fit(...data, { batchSize: 4, epochs: 1000, verbose: 0 as never });
}

const child = process.env['XLA_CHILD'];
if (child !== undefined) await endWhileCompiling(child);
else {
  for (const how of ['process.exit', 'nothing left to do']) {
    test(`a process ends while XLA compiles: ${how}`, async () => {
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const ending = spawn(process.execPath, [process.argv[1] as string], {
        env: { ...env, XLA_CHILD: how },
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 60_000,
      });
      let said = '';
      ending.stdout.on('data', (text: Buffer) => (said += text.toString()));
      const end = (await once(ending, 'close')) as [number | null, string | null];
      assert.deepEqual(end, [0, null]);
      assert.match(said, /ends while it is running/);
    });
  }
}
