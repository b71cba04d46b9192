import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { History, Tensor } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, onBackendNotice, setRandomSeed } from '../../src/api/tensorflow.ts';
import { inputValues, targetValues } from './random-network-data.ts';
import { randomNetwork } from './random-network.ts';
import { stepLoops } from '../../src/compile/execution/step-loop.ts';

const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

/** The results of a training. */
interface Run {
  losses: number[];
  weights: number[];
  evaluation: number[];
  prediction: number[];
  steps: number;
  loops: number;
  text: string;
}

const SAMPLES = 3;
/** Sixteen whole batches and a smaller one. */
const FIT_SAMPLES = 16 * SAMPLES + 2;

const numbers = (result: Tensor | Tensor[]): number[] =>
  (Array.isArray(result) ? result : [result]).flatMap((tensor) => Array.from(tensor.dataSync()));

/** Every third network is trained by `fit`, with its steps in a loop; the others step by step. */
const byFit = (seed: number) => seed % 3 === 0;

async function train(seed: number, compiled: boolean): Promise<Run> {
  process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
  setRandomSeed(seed);
  const { model, inputs, targets, metrics, optimizer, text } = randomNetwork(tf, seed);
  model.compile({ optimizer, loss: targets.map(({ loss }) => loss), metrics });
  const data = (samples: number, step: number) => ({
    x: inputs.map((input, i) => inputValues(tf, samples, input, 1000 * seed + 10 * step + i + 1)),
    y: targets.map((target, i) => targetValues(tf, samples, target, 1000 * seed + 10 * step + i + 501)),
  });
  const losses: number[] = [];
  let loops = 0;
  if (byFit(seed)) {
    const { x, y } = data(FIT_SAMPLES, 0);
    const sampleWeight = tf.randomUniform([FIT_SAMPLES], 0, 2, 'float32', seed);
    const oneHot =
      targets.length === 1 && (targets[0]?.values === 'one-hot' || targets[0]?.values === 'index');
    const history: History = await model.fit(x, y, {
      batchSize: SAMPLES,
      epochs: 1,
      shuffle: false,
      verbose: 0 as never,
      ...(oneHot ? { classWeight: { 0: 1, 1: 2, 2: 0.5 } } : {}),
      ...(targets.length === 1 && seed % 2 === 0 ? { sampleWeight } : {}),
    });
    losses.push(...Object.values(history.history).flatMap((values) => values as number[]));
    tf.dispose([x, y, sampleWeight]);
  } else {
    for (let step = 0; step < 4; step++) {
      const { x, y } = data(SAMPLES, step);
      losses.push(...[await model.trainOnBatch(x, y)].flat());
      tf.dispose([x, y]);
    }
  }
  const steps = trainingSteps(model)?.steps() ?? [];
  loops = steps.reduce((sum, step) => sum + stepLoops.all(step).size, 0);
  const { x, y } = data(5, 5);
  let evaluation: number[] = [];
  let prediction: number[] = [];
  // The second time runs compiled.
  for (let i = 0; i < 2; i++) {
    evaluation = numbers(model.evaluate(x, y, { batchSize: SAMPLES }));
    prediction = numbers(model.predict(x, { batchSize: SAMPLES }));
  }
  const weights = model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
  const run = { losses, weights, evaluation, prediction, steps: steps.length, loops, text };
  tf.dispose([x, y]);
  model.optimizer.dispose();
  model.dispose();
  return run;
}

/** `TENSORCELL_RANDOM_MODELS=200` tries more, `TENSORCELL_RANDOM_FIRST=1000` others. */
const MODELS = Number(process.env['TENSORCELL_RANDOM_MODELS'] ?? 5);
const FIRST = Number(process.env['TENSORCELL_RANDOM_FIRST'] ?? 1);

test(`${MODELS} random networks of every kind of layer train the same compiled and eagerly`, async () => {
  const wrong: string[] = [];
  for (let seed = FIRST; seed < FIRST + MODELS; seed++) {
    notices.length = 0;
    let [expected, actual]: (Run | undefined)[] = [];
    try {
      expected = await train(seed, false);
      actual = await train(seed, true);
    } catch (error) {
      wrong.push(
        `network ${seed} (${randomNetwork(tf, seed).text}): ${expected === undefined ? 'eager' : 'compiled'}: ${(error as Error).stack}`,
      );
      continue;
    }
    const problems = notices.map((line) => `said: ${line}`);
    if (!expected.weights.every(Number.isFinite)) problems.push('is not finite');
    if (actual.steps < 1) problems.push('was not compiled');
    if (byFit(seed) && actual.loops !== 1) problems.push(`has ${actual.loops} loops`);
    for (const part of ['losses', 'weights', 'evaluation', 'prediction'] as const) {
      assert.equal(actual[part].length, expected[part].length);
      const off = actual[part].findIndex((value, i) => {
        const wanted = expected[part][i] as number;
        // TensorFlow's own Adam rounds 1 - 0.99 in float32, which moves a step by 2e-6 of itself.
        return !(
          Math.abs(value - wanted) <= 2e-5 * Math.max(1, Math.abs(wanted)) || Object.is(value, wanted)
        );
      });
      if (off >= 0) problems.push(`${part} ${off}: ${actual[part][off]}, not ${expected[part][off]}`);
    }
    if (problems.length > 0) wrong.push(`network ${seed} (${expected.text}): ${problems.join('; ')}`);
  }
  assert.deepEqual(wrong, []);
});
