// A first compilation by XLA in a child process: where XLA ends the process, it ends this one.
import type { LayersModel } from '@tensorflow/tfjs';
import { describeBackend } from './describe.ts';
import { loadTf } from './load-tf.ts';
import { trainingSteps } from '../compile/loops/model-steps.ts';
import { RECOMPILES } from '../compile/execution/xla-compilation.ts';
import { setXlaGate, XlaGate } from '../engines/tensorflow/xla/gate.ts';
import { loopAutotuners } from '../compile/execution/loop-autotuner.ts';
import { MARK, type TrialAnswer } from '../engines/tensorflow/xla/trial.ts';

const [, script = ''] = process.argv;
setXlaGate(new XlaGate({ subject: () => undefined, script, environment: process.env }));
process.env['TENSORCELL_XLA'] = 'on';
process.env['TENSORCELL_COMPILE'] = 'on';

/** Why the compilation of the model's steps did not succeed; undefined when it did. */
function problemOf(model: LayersModel): string | undefined {
  const choices = (trainingSteps(model)?.steps() ?? []).flatMap((step) => [
    ...loopAutotuners.all(step).values(),
  ]);
  if (choices.some(({ chosen, reason }) => chosen === 'xla' || reason === RECOMPILES)) return undefined;
  return choices.find(({ reason }) => reason !== undefined)?.reason ?? 'no step was compiled';
}

async function answer(): Promise<TrialAnswer> {
  const tf = loadTf();
  const { devices } = describeBackend();
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 8, inputShape: [8], activation: 'tanh' }),
      tf.layers.dense({ units: 4, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  await model.fit(tf.ones([64, 8]), tf.ones([64, 4]).div(4), {
    batchSize: 4,
    epochs: 2,
    verbose: 0 as never,
  });
  const problem = problemOf(model);
  const names = devices.map(({ name }) => name.replace(/^.*\/device:/, '')).join(', ');
  if (problem === undefined) return { works: true, why: `compiled on ${names}`, passing: false };
  const passing = /RESOURCE_EXHAUSTED|out of memory|\bOOM\b/i.test(problem);
  return { works: false, why: `XLA does not compile: ${problem}`, passing };
}

const said = await answer();
process.stdout.write(`${MARK}${JSON.stringify(said)}\n`, () => process.exit(0));
