/** Trainings with user code, eager and compiled. */
import assert from 'node:assert/strict';
import type { layers, LayersModel, Tensor } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, onBackendNotice, setRandomSeed } from '../../src/api/tensorflow.ts';

export const tf = loadTf();
export const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

export type Loss = (truth: Tensor, guess: Tensor) => Tensor;
export type Kwargs = Record<string, unknown>;

export interface Trial {
  loss?: Loss;
  metrics?: Loss[];
  layers?: layers.Layer[];
  optimizer?: unknown;
  /** Called after each of the steps. */
  after?: (step: number, model: LayersModel) => void;
  /** A value that has to be the same in the end, in addition to losses and weights. */
  seen?: () => unknown;
}

export interface Outcome {
  losses: number[];
  weights: number[][];
  prediction: number[];
  seen: unknown;
  /** For each step, whether a graph ran it. */
  graphs: string;
  traces: number;
  notices: string[];
}

export const squares: Loss = (truth, guess) => tf.mean(tf.square(tf.sub(truth, guess)));

/** Twelve steps on the same data from the same weights. */
async function trial(make: () => Trial, compiled: boolean, steps = 12): Promise<Outcome> {
  process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
  notices.length = 0;
  setRandomSeed(5);
  const { loss = squares, metrics = [], layers = [], optimizer = 'sgd', after, seen } = make();
  const model = tf.sequential();
  model.add(
    tf.layers.dense({
      units: 3,
      inputShape: [4],
      kernelInitializer: tf.initializers.glorotUniform({ seed: 3 }),
    }),
  );
  for (const layer of layers) model.add(layer);
  model.compile({ optimizer: optimizer as string, loss, metrics });
  const x = tf.randomUniform([6, 4], -1, 1, 'float32', 1);
  const y = tf.randomUniform([6, 3], -1, 1, 'float32', 2);
  const losses: number[] = [];
  let graphs = '';
  for (let step = 0; step < steps; step++) {
    losses.push(...[await model.trainOnBatch(x, y)].flat().map(Number));
    graphs += trainingSteps(model)?.latest === undefined ? '-' : 'G';
    after?.(step, model);
  }
  const prediction = Array.from((model.predict(x) as Tensor).dataSync());
  const outcome: Outcome = {
    losses,
    weights: model.getWeights().map((weight) => Array.from(weight.dataSync())),
    prediction,
    seen: seen?.(),
    graphs,
    traces: trainingSteps(model)?.traces ?? 0,
    notices: [...notices],
  };
  model.dispose();
  tf.dispose([x, y]);
  return outcome;
}

export function close(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const other = expected[i] as number;
    const error = Math.abs(value - other);
    assert.ok(error <= 1e-5 * Math.max(1, Math.abs(other)), `${what}[${i}]: ${value} instead of ${other}`);
  });
}

/** The same, eager and compiled; gives the outcome of the compiled one. */
export async function same(make: () => Trial, steps = 12): Promise<Outcome> {
  const expected = await trial(make, false, steps);
  const actual = await trial(make, true, steps);
  close(actual.losses, expected.losses, 'losses');
  actual.weights.forEach((weight, i) => {
    close(weight, expected.weights[i] as number[], `weight ${i}`);
  });
  close(actual.prediction, expected.prediction, 'prediction');
  assert.deepEqual(actual.seen, expected.seen);
  return actual;
}

export const allGraphs = (outcome: Outcome) => {
  assert.deepEqual(outcome.notices, []);
  // Optimizers make their slots in the first step, which changes what they read.
  assert.match(outcome.graphs, /^--?G+$/);
};

/** A graph from the first step on: nothing has to be seen of the code before. */
export const graphsAtOnce = (outcome: Outcome) => {
  assert.deepEqual(outcome.notices, []);
  assert.match(outcome.graphs, /^G+$/);
};

/** Never compiled, for a reason that is said once. */
export const opByOp = (outcome: Outcome, why: RegExp) => {
  assert.match(outcome.graphs, /^-+$/);
  assert.equal(outcome.traces, 0, 'no trace ran the code once more');
  assert.equal(outcome.notices.length, 1, outcome.notices.join('\n'));
  assert.match(outcome.notices[0] as string, why);
};

let serial = 0;
/** A layer class of the user's around one function. */
export function layerOf(
  call: (this: layers.Layer & Kwargs, x: Tensor, kwargs: Kwargs) => Tensor,
  fields: Kwargs = {},
) {
  class Own extends tf.layers.Layer {
    static className = `Own${serial++}`;
    override computeOutputShape(shape: number[]) {
      return shape;
    }
    override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
      return tf.tidy(() =>
        call.call(this as never, Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs, kwargs),
      );
    }
    override getConfig() {
      return { ...super.getConfig(), ...fields } as ReturnType<layers.Layer['getConfig']>;
    }
  }
  return Object.assign(new Own(), fields) as layers.Layer & Kwargs;
}
