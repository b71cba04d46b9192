// The output of a real process that loads a runtime of this machine, trains on it and asks too much of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { BackendDescription } from '../../src/machine/devices/index.ts';
import { disposeProbes, selectionText, takeStatus, thisMachine } from '../../src/machine/devices/index.ts';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { describeBackend, loadTf, preload } from '../../src/api/tensorflow.ts';

export interface RuntimeReport {
  description: BackendDescription;
  /** Mean squared error of a small convolutional network before and after 30 epochs. */
  losses: [number, number];
  /** The text of `%device why`. */
  why: string;
  warnings: string[];
  /** The error of an op that no TensorFlow has. */
  missingOp: { name: string; code: string; message: string };
}

const REPORT = 'report-runtime';

/** True in the process that `reportOf` starts: this very file again, which then has to call `report`. */
export const reporting = process.argv[2] === REPORT;

/** Loads TensorFlow as a kernel does, and prints what came of it. */
export async function report(): Promise<void> {
  await preload();
  const tf = loadTf();
  const model = tf.sequential({
    layers: [
      // The same weights each time, and no unit that can die.
      tf.layers.conv2d({
        inputShape: [6, 6, 1],
        filters: 4,
        kernelSize: 3,
        activation: 'tanh',
        kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
      }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.02), loss: 'meanSquaredError' });
  const x = tf.linspace(0, 1, 16 * 36).reshape([16, 6, 6, 1]);
  const y = x.mean([1, 2]);
  const { history } = await model.fit(x, y, { epochs: 30 });
  const losses = history['loss'] as number[];
  const description = describeBackend();
  const status = await takeStatus(thisMachine(), description);
  disposeProbes();
  let missingOp: RuntimeReport['missingOp'] | undefined;
  try {
    tensorflowBackend()?.executeSingleOutput('OpOfTheFuture', [], []);
  } catch (error) {
    const { name, code, message } = error as RuntimeReport['missingOp'];
    missingOp = { name, code, message };
  }
  const said = {
    description,
    losses: [losses[0], losses.at(-1)],
    why: selectionText(status),
    warnings: status.warnings.map(({ text }) => text),
    missingOp,
  };
  console.log(JSON.stringify(said));
}

/** The report of a fresh process with these variables, and what it printed on stderr. */
export function reportOf(environment: NodeJS.ProcessEnv): RuntimeReport & { stderr: string } {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [process.argv[1]!, REPORT], {
    encoding: 'utf8',
    env: { ...process.env, ...environment, NODE_TEST_CONTEXT: undefined },
    timeout: 120_000,
  });
  assert.deepEqual([status, signal], [0, null], stderr);
  return { ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as RuntimeReport), stderr };
}
