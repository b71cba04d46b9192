import type { NodeBackend, Tf } from '../../tfjs/instance.ts';
import { FiniteWatch, type NotFinite, type WatchedLayer } from '../lowering/finite-watch.ts';
import { LossScale } from '../lowering/loss-scale.ts';
import { formOf } from '../execution/model-form.ts';
import { declarations, inspectModel } from '../guards/user-code.ts';
import { GuardedState } from '../guards/guarded-state.ts';
import { UserCodeSteps } from '../guards/user-code-steps.ts';
import { FunctionCache } from '../execution/function-cache.ts';
import { trainedModel, trainerOf, type ModelSteps } from './trainer.ts';

/** tfjs's `LayersModel`, as far as its steps are made from it. */
export interface SteppedModel {
  name: string;
  layers: WatchedLayer[];
  lossFunctions?: unknown[];
  metricsTensors?: unknown[];
  optimizer_?: object;
  collectedTrainableWeights?: unknown[];
}

/** The session that compiled steps are made for. */
export interface StepParts {
  tf: Tf;
  backend: NodeBackend;
  /** Shows a line to the user. */
  readonly notify: (line: string) => void;
}

function madeFrom(model: SteppedModel): unknown[] {
  return [
    model.optimizer_,
    model.lossFunctions,
    model.metricsTensors,
    model.collectedTrainableWeights,
    model.layers.length,
    trainerOf(model).precision,
  ];
}

/** A model's compiled steps, made anew where the model has other parts than when they were made. */
export function stepsOf(parts: StepParts, model: SteppedModel): ModelSteps {
  const made = madeFrom(model);
  const trainer = trainerOf(model);
  const known = trainer.steps;
  if (
    known !== undefined &&
    known.made.every((part, i) => part === made[i]) &&
    known.settings.every(({ owner, name, value }) => Object.is(owner[name], value))
  ) {
    return known;
  }
  trainer.disposeSteps();
  const steps = makeSteps(parts, model, made);
  trainer.steps = steps;
  return steps;
}

function makeSteps({ tf, backend, notify }: StepParts, model: SteppedModel, made: unknown[]): ModelSteps {
  const { obstacle, settings, roots } = inspectModel(tf, model);
  const trainer = trainerOf(model);
  const why = (reason: string) => {
    if (trainer.explainOnce())
      notify(`${model.name} runs eagerly: ${reason}. Results are the same, only slower.`);
  };
  const state = roots.length === 0 ? undefined : new GuardedState(tf, roots, declarations);
  const userCode = () => (state === undefined ? undefined : new UserCodeSteps(state, why));
  const { precision } = trainer;
  const form = roots.length === 0 ? () => formOf(tf, model) : undefined;
  const cache = (kind: 'test' | 'predict', what: string) =>
    new FunctionCache(tf, backend, { what, kind, notify, precision, userCode: userCode(), form });
  const lossScale = precision === 'float16' ? new LossScale(tf) : undefined;
  const watch = () => new FiniteWatch(backend, model);
  const steps: ModelSteps = {
    made,
    settings,
    obstacle,
    lossScale,
    trainings: new Map(),
    train: new FunctionCache(tf, backend, {
      what: `training ${model.name}`,
      kind: 'train',
      form,
      notify,
      precision,
      watch,
      lossScale,
      userCode: userCode(),
      xla: true,
      atOnce: true,
    }),
    test: cache('test', `evaluating ${model.name}`),
    predict: cache('predict', `predicting with ${model.name}`),
  };
  if (obstacle !== undefined) why(obstacle);
  return steps;
}

/** The graphs of a model's training step; for tests and profiles. */
export function trainingSteps(model: object): FunctionCache | undefined {
  return trainerOf(trainedModel(model)).steps?.train;
}

/**
 * Where a compiled training step of this model first held a number that is not finite, in the first step that did;
 * undefined when there was none, or it ran eagerly. Asked again, it tells of what has happened since.
 */
export function firstNotFinite(model: object): NotFinite | undefined {
  for (const step of trainingSteps(model)?.steps() ?? []) {
    const found = step.watch?.take() ?? step.forXla?.watch?.take();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The factor of a model's loss where gradients are computed in float16; undefined for other models. */
export function lossScaleOf(model: object): LossScale | undefined {
  return trainerOf(trainedModel(model)).steps?.lossScale;
}
