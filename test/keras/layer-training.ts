/** Training of the cases of layers against Keras; make-layer-training.py made the reference and explains its lists. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { ModelFileError, progressMode } from '../../src/training/index.ts';
import { weightGroups } from '../../src/training/model-files/keras-weights.ts';
import {
  BATCH,
  fill,
  inputsOf,
  loadCase,
  near,
  readGoldens,
  sizeOf,
  type Json,
  type LayerCase,
} from './layer-cases.ts';

interface Training {
  losses?: number[];
  outputs: number[];
  gradients: (number | null)[];
  weights?: (number | null)[];
}

const tf = loadTf();
progressMode('quiet');

const golden = JSON.parse(
  gunzipSync(readFileSync(join(import.meta.dirname, 'layer-training.golden.json.gz'))).toString('utf8'),
) as { left_out: string[]; cases: Record<string, Training> };

/** All cases of layers; those without a reference of a training are in `leftOut` or refused when they are loaded. */
export const cases: readonly LayerCase[] = readGoldens(import.meta.dirname).cases;

/** Names of cases that Keras does not train: what is put out is no float, or no backend has the gradient. */
export const leftOut: ReadonlySet<string> = new Set(golden.left_out);

export function hasReference({ name }: LayerCase): boolean {
  return golden.cases[name] !== undefined;
}

/** How many options a case has that are not the default's: 0, 1, or more. */
export function optionsOf({ name }: LayerCase): number {
  return [...name.slice(name.indexOf('(') + 1).matchAll(/(?:^|,)[a-z]\w*=/g)].length;
}

const RATES: ReadonlySet<string> = new Set(['rate', 'stddev', 'dropout', 'recurrent_dropout']);

/** Random numbers of two libraries differ: nothing is dropped, and no noise is added. */
function withoutRandomness(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutRandomness(item));
  if (typeof value !== 'object' || value === null) return value;
  // The rate of a constraint is no probability.
  if ((value as Json)['module'] === 'keras.constraints') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      RATES.has(key) && typeof item === 'number' ? 0 : withoutRandomness(item),
    ]),
  );
}

function load(layerCase: LayerCase): Tf.LayersModel {
  return loadCase(tf, { ...layerCase, config: withoutRandomness(layerCase.config) as Json });
}

/** The sum of numbers times `fill`. */
function total(values: ArrayLike<number>, salt: number): number {
  const factors = fill(values.length, salt);
  return Array.from(values).reduce((sum, value, at) => sum + value * (factors[at] as number), 0);
}

/** Where a sum over `count` numbers differs by more than `tolerance` for each. */
function differs(found: number, expected: number, count: number, tolerance: number): boolean {
  return !near(found, expected, tolerance * Math.max(1, Math.sqrt(count)));
}

/** Outputs of a call in training mode, and gradients of inputs and weights. */
function gradientProblem(
  model: Tf.LayersModel,
  layerCase: LayerCase,
  expected: Training,
): string | undefined {
  const inputs = inputsOf(tf, layerCase);
  const given = inputs.map((input) => (input.dtype === 'float32' ? tf.variable(input) : input));
  const floats = given.filter((input) => input instanceof tf.Variable) as Tf.Variable[];
  const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: Tf.Variable }).val);
  let outputs: Tf.Tensor[] = [];
  const objective = (): Tf.Scalar => {
    const made = model.apply(given.length === 1 ? (given[0] as Tf.Tensor) : given, { training: true });
    outputs = (Array.isArray(made) ? made : [made]).map((output) => tf.keep(output as Tf.Tensor));
    return outputs
      .map((output, index) => tf.sum(tf.mul(output, tf.tensor(fill(output.size, 50 + index), output.shape))))
      .reduce((sum, each) => tf.add(sum, each)) as Tf.Scalar;
  };
  const variables = [...floats, ...weights];
  const grads: Record<string, Tf.Tensor | null> =
    variables.length === 0 ? (tf.tidy(objective), {}) : tf.variableGrads(objective, variables).grads;
  if (outputs.length !== expected.outputs.length) return `${outputs.length} outputs`;
  for (const [index, output] of outputs.entries()) {
    const sum = total(output.dataSync(), 99);
    if (differs(sum, expected.outputs[index] as number, output.size, 1e-5))
      return `output ${index} in training: ${sum}, not ${expected.outputs[index]}`;
  }
  if (variables.length !== expected.gradients.length)
    return `${variables.length} inputs and weights, not ${expected.gradients.length}`;
  for (const [index, variable] of variables.entries()) {
    const wanted = expected.gradients[index];
    const gradient = grads[variable.name];
    // A weight without influence has no gradient in one library and one of 0 in the other.
    const sum = gradient === undefined || gradient === null ? 0 : total(gradient.dataSync(), 98);
    if (differs(sum, wanted ?? 0, variable.size, 1e-5)) return `gradient ${index}: ${sum}, not ${wanted}`;
  }
  for (const variable of floats) variable.dispose();
  tf.dispose(outputs);
  return undefined;
}

/** Two steps of SGD, and the weights after them. */
async function stepProblem(
  model: Tf.LayersModel,
  layerCase: LayerCase,
  { losses = [], weights = [] }: Training,
): Promise<string | undefined> {
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  const inputs = inputsOf(tf, layerCase);
  const targets = model.outputs.map(({ shape }, index) => {
    const whole = [BATCH, ...(shape.slice(1) as number[])];
    return tf.tensor(fill(sizeOf(whole), 70 + index), whole);
  });
  const x = inputs.length === 1 ? (inputs[0] as Tf.Tensor) : inputs;
  const y = targets.length === 1 ? (targets[0] as Tf.Tensor) : targets;
  for (const [step, expected] of losses.entries()) {
    model.resetStates();
    const made = await model.trainOnBatch(x, y);
    const loss = Array.isArray(made) ? (made[0] as number) : made;
    if (!near(loss, expected, 2e-5)) return `loss ${step}: ${loss}, not ${expected}`;
  }
  const groups = await weightGroups(model);
  for (const [path, , salt] of layerCase.weights) {
    const at = path.lastIndexOf('/');
    const values = groups.get(path.slice(0, at))?.arrays[Number(path.slice(at + 1))]?.values as Float32Array;
    const expected = weights[salt - 1];
    if (expected === null || expected === undefined) return `the reference has no weight ${path}`;
    const sum = total(values, 97);
    if (differs(sum, expected, values.length, 2e-5))
      return `${path} after two steps: ${sum}, not ${expected}`;
  }
  return undefined;
}

/** Why a case cannot be loaded; undefined where it can. @throws what is no refusal */
export function refusal(layerCase: LayerCase): string | undefined {
  tf.engine().startScope();
  try {
    load(layerCase);
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error;
    return error.message;
  } finally {
    tf.engine().endScope();
  }
}

/**
 * How training a case differs from Keras; undefined where it does not, or where loading refuses the case.
 *
 * @param compiled whether the steps have to be compiled; otherwise they have to be eager.
 */
async function trainingProblem(layerCase: LayerCase, compiled: boolean): Promise<string | undefined> {
  const expected = golden.cases[layerCase.name] as Training;
  const model = load(layerCase);
  model.resetStates();
  const problem = gradientProblem(model, layerCase, expected);
  if (problem !== undefined) return problem;
  if (expected.losses === undefined) return undefined;
  const differing = await stepProblem(model, layerCase, expected);
  const steps = trainingSteps(model)?.steps().length ?? 0;
  model.dispose();
  // A recurrent layer that keeps its states between batches is trained eagerly.
  const kept = model.layers.some((layer) => layer.stateful);
  if (steps !== (compiled && !kept ? 1 : 0)) return `${steps} steps were compiled`;
  return differing;
}

/** The differences among the chosen cases, a line for each, and how many were compared. */
async function trainingProblems(
  chosen: readonly LayerCase[],
  mode: 'compiled' | 'eager' = 'compiled',
): Promise<{ problems: string[]; compared: number }> {
  const before = process.env['TENSORCELL_COMPILE'];
  process.env['TENSORCELL_COMPILE'] = mode === 'compiled' ? 'on' : 'off';
  const problems: string[] = [];
  let compared = 0;
  try {
    for (const layerCase of chosen.filter((one) => hasReference(one))) {
      tf.engine().startScope();
      try {
        compared++;
        const problem = await trainingProblem(layerCase, mode === 'compiled');
        if (problem !== undefined) problems.push(`${layerCase.name}: ${problem}`);
      } catch (error) {
        // layer-cases.test.ts checks the texts of refusals.
        if (error instanceof ModelFileError) compared--;
        else problems.push(`${layerCase.name}: ${(error as Error).stack}`);
      } finally {
        tf.engine().endScope();
      }
    }
  } finally {
    if (before === undefined) delete process.env['TENSORCELL_COMPILE'];
    else process.env['TENSORCELL_COMPILE'] = before;
  }
  return { problems, compared };
}

/** Whether any step here learns: some layers have nothing to train. */
export function learns({ name }: LayerCase): boolean {
  return golden.cases[name]?.losses !== undefined;
}

/** Asserts that training the chosen cases equals Keras, and that at least one was compared. */
export async function assertTraining(
  chosen: readonly LayerCase[],
  mode: 'compiled' | 'eager' = 'compiled',
): Promise<number> {
  const { problems, compared } = await trainingProblems(chosen, mode);
  assert.deepEqual(problems, []);
  return compared;
}
