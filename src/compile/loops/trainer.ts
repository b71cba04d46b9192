import type { LayersModel } from '@tensorflow/tfjs';
import type { LossScale } from '../lowering/loss-scale.ts';
import type { Setting } from '../guards/user-code.ts';
import type { Precision } from '../lowering/precision.ts';
import type { ConcreteFunction } from '../execution/concrete-function.ts';
import type { FunctionCache } from '../execution/function-cache.ts';

/** A model's compiled steps, and what they were made from. */
export interface ModelSteps {
  /** Objects of the model; other ones in their place make new steps. */
  made: readonly unknown[];
  settings: readonly Setting[];
  /** Why the model runs eagerly; undefined where it can be compiled. */
  obstacle: string | undefined;
  train: FunctionCache;
  test: FunctionCache;
  predict: FunctionCache;
  lossScale: LossScale | undefined;
  /** Measurements of trainings on tensors, by the kind of their data: many short trainings count as one long training. */
  readonly trainings: Map<string, PastTraining>;
}

/** Times of the steps of a training that ran alone. */
export interface StepTimes {
  /** Milliseconds of the shortest one. */
  stepTime: number;
  /** How many were measured. */
  timed: number;
}

/** Measurements of a step by trainings on tensors. */
export interface PastTraining extends StepTimes {
  step: ConcreteFunction;
  /** How many steps have run. */
  steps: number;
}

/** One model as this library knows it: how it was compiled, its compiled steps, and the training that runs. */
class Trainer {
  /** The precision that `compile` was given. */
  precision: Precision = 'float32';
  /** Steps in a call as `compile` was told; undefined for `auto`. */
  stepsOnCompile: number | undefined;
  /** Steps in a call as the training that runs was told; undefined lets `stepsOnCompile` stand. */
  stepsOnFit: number | undefined;
  /** Ends the call of several steps in which the training is, and its waiting for data. */
  stop: (() => void) | undefined;
  steps: ModelSteps | undefined;
  /** Of the inner model through which tfjs trains a Sequential: that Sequential. */
  owner: LayersModel | undefined;
  #isExplained = false;

  /** Steps in a call; undefined where the training measures how many. */
  get stepsPerExecution(): number | undefined {
    return this.stepsOnFit ?? this.stepsOnCompile;
  }

  /** True once: the reason why a model runs eagerly is shown a single time. */
  explainOnce(): boolean {
    const first = !this.#isExplained;
    this.#isExplained = true;
    return first;
  }

  /** Frees the compiled steps; the next use makes new ones. */
  disposeSteps(): void {
    if (this.steps === undefined) return;
    const { train, test, predict, lossScale } = this.steps;
    for (const cache of [train, test, predict]) cache.dispose();
    lossScale?.dispose();
    this.steps = undefined;
  }
}

const trainers = new WeakMap<object, Trainer>();

/** The trainer of a model; a Sequential's inner model has its own, which trains. */
export function trainerOf(model: object): Trainer {
  let trainer = trainers.get(model);
  if (trainer === undefined) {
    trainer = new Trainer();
    trainers.set(model, trainer);
  }
  return trainer;
}

/** The model that trains: a Sequential hands its trainings to an inner model. */
export function trainedModel<Model extends object>(model: Model): Model {
  return (model as { model?: Model }).model ?? model;
}
