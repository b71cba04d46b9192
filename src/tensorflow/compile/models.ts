import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { checkedSteps, wishStepsOnCompile } from '../../training/batch-hooks.ts';
import { tfInternals, type NodeBackend, type Tf } from '../tfjs/instance.ts';
import { compileEnabled } from './compile.ts';
import { evaluateDataset, type EvaluateDatasetArguments } from './dataset-evaluation.ts';
import {
  fitDataset,
  type BatchDataset,
  type DatasetModel,
  type FitDatasetArguments,
} from './dataset-loop.ts';
import type { BatchIterator } from './batch-feed.ts';
import { fitLoop, type DataFunction, type FitLoopArguments } from './fit-loop.ts';
import { FiniteWatch, type NotFinite } from './finite-watch.ts';
import { declarations, inspectModel, type Setting } from './own-code.ts';
import { OwnState } from './own/own-state.ts';
import { OwnSteps } from './own/own-steps.ts';
import { LossScale } from './loss-scale.ts';
import { formOf } from './model-form.ts';
import { precisionOf } from './precision.ts';
import { endRunningSteps } from './running-trainings.ts';
import { StepCache } from './step-cache.ts';

/** tfjs's `LayersModel`, as far as it is compiled. */
interface Model extends DatasetModel {
  name: string;
  layers: object[];
  inputs: object[];
  outputs: object[];
  lossFunctions?: unknown[];
  metricsTensors?: unknown[];
  optimizer_?: object;
  collectedTrainableWeights?: unknown[];
}

interface ModelMethods {
  makeTrainFunction(this: Model): DataFunction;
  makeTestFunction(this: Model): void;
  predictLoop(this: Model, ins: Tensor | Tensor[], batchSize?: number, verbose?: boolean): Tensor | Tensor[];
  fitLoop(this: Model, ...all: FitLoopArguments): Promise<unknown>;
  fitDataset(this: Model, dataset: BatchDataset, args: FitDatasetArguments): Promise<unknown>;
  evaluateDataset(
    this: Model,
    dataset: BatchDataset | BatchIterator,
    args?: EvaluateDatasetArguments,
  ): Promise<Tensor | Tensor[]>;
  compile(this: Model, args: { stepsPerExecution?: unknown; weightedMetrics?: unknown }): void;
  dispose(this: Model): unknown;
}

const replaced = [
  'makeTrainFunction',
  'makeTestFunction',
  'predictLoop',
  'fitLoop',
  'fitDataset',
  'evaluateDataset',
  'compile',
  'dispose',
] as const;

/** A model's graphs, and what they were made from. */
interface ModelSteps {
  made: unknown[];
  settings: Setting[];
  obstacle: string | undefined;
  train: StepCache;
  test: StepCache;
  predict: StepCache;
  lossScale: LossScale | undefined;
}

const modelSteps = new WeakMap<Model, ModelSteps>();

function madeFrom(model: Model): unknown[] {
  return [
    model.optimizer_,
    model.lossFunctions,
    model.metricsTensors,
    model.collectedTrainableWeights,
    model.layers.length,
    precisionOf(model),
  ];
}

function disposeSteps(model: Model): void {
  const steps = modelSteps.get(model);
  if (steps === undefined) return;
  for (const cache of [steps.train, steps.test, steps.predict]) cache.dispose();
  steps.lossScale?.dispose();
  modelSteps.delete(model);
}

/** The graphs of a model's training step; for tests and profiles. */
export function trainingSteps(model: object): StepCache | undefined {
  const inner = (model as { model?: Model }).model ?? (model as Model);
  return modelSteps.get(inner)?.train;
}

/**
 * Where a compiled training step of this model first held a number that is not finite, in the first step that did;
 * undefined when there was none, or it ran op by op. Asked again, it tells of what has happened since.
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
  const inner = (model as { model?: Model }).model ?? (model as Model);
  return modelSteps.get(inner)?.lossScale;
}

/** Lets `fit`, `fitDataset`, `trainOnBatch`, `evaluate` and `predict` of every model run compiled. */
export function installCompiledModels(tf: Tf, backend: NodeBackend, say: (line: string) => void): void {
  const prototype = tf.LayersModel.prototype as unknown as ModelMethods;
  const original = Object.fromEntries(replaced.map((name) => [name, prototype[name]])) as Pick<
    ModelMethods,
    (typeof replaced)[number]
  >;
  const { executor } = tfInternals(tf);

  const stepsOf = (model: Model): ModelSteps => {
    const made = madeFrom(model);
    const known = modelSteps.get(model);
    if (
      known !== undefined &&
      known.made.every((part, i) => part === made[i]) &&
      known.settings.every(({ owner, name, value }) => Object.is(owner[name], value))
    ) {
      return known;
    }
    disposeSteps(model);
    const { obstacle, settings, roots } = inspectModel(tf, model);
    const why = (reason: string) => {
      if (explained.has(model)) return;
      explained.add(model);
      say(`${model.name} runs eagerly: ${reason}. Results are the same, only slower.`);
    };
    const state = roots.length === 0 ? undefined : new OwnState(tf, roots, declarations);
    const own = () => (state === undefined ? undefined : new OwnSteps(state, why));
    const precision = precisionOf(model);
    const form = roots.length === 0 ? () => formOf(tf, model) : undefined;
    const cache = (kind: 'test' | 'predict', what: string) =>
      new StepCache(tf, backend, { what, kind, say, precision, own: own(), form });
    const lossScale = precision === 'float16' ? new LossScale(tf) : undefined;
    const watch = () => new FiniteWatch(backend, model as unknown as LayersModel);
    const steps: ModelSteps = {
      made,
      settings,
      obstacle,
      lossScale,
      train: new StepCache(tf, backend, {
        what: `training ${model.name}`,
        kind: 'train',
        form,
        say,
        precision,
        watch,
        lossScale,
        own: own(),
        xla: true,
        atOnce: true,
      }),
      test: cache('test', `evaluating ${model.name}`),
      predict: cache('predict', `predicting with ${model.name}`),
    };
    if (obstacle !== undefined) why(obstacle);
    modelSteps.set(model, steps);
    return steps;
  };

  const compiled =
    (model: Model, kind: 'train' | 'test' | 'predict', plain: DataFunction): DataFunction =>
    (data) => {
      if (!compileEnabled() || tf.getBackend() !== 'tensorflow') return plain(data);
      const steps = stepsOf(model);
      if (steps.obstacle !== undefined) return plain(data);
      return steps[kind].call([data], plain as (...args: unknown[]) => Tensor[]);
    };

  prototype.makeTrainFunction = function makeTrainFunction() {
    return compiled(this, 'train', original.makeTrainFunction.call(this));
  };

  prototype.makeTestFunction = function makeTestFunction() {
    original.makeTestFunction.call(this);
    this.testFunction = compiled(this, 'test', this.testFunction);
  };

  // As tfjs's own, with the model's pass as a function that can be compiled.
  prototype.predictLoop = function predictLoop(ins, batchSize = 32, verbose = false) {
    if (verbose) return original.predictLoop.call(this, ins, batchSize, verbose);
    const forward = compiled(this, 'predict', (data) =>
      executor.execute(
        this.outputs,
        new executor.FeedDict(
          data.map((value, i) => ({ key: this.inputs[i] as object, value: value as Tensor })),
        ),
      ),
    );
    return tf.tidy(() => {
      const samples = this.checkNumSamples(ins);
      const inputs = Array.isArray(ins) ? ins : [ins];
      const parts: Tensor[][] = this.outputs.map(() => []);
      for (let start = 0; start < samples; start += batchSize) {
        const size = Math.min(batchSize, samples - start);
        const outputs = tf.tidy(() =>
          forward(inputs.map((input) => (size === samples ? input : firstAxisSlice(tf, input, start, size)))),
        );
        outputs.forEach((output, i) => (parts[i] as Tensor[]).push(output));
      }
      const joined = parts.map((part) => tf.concat(part, 0));
      return joined.length === 1 ? (joined[0] as Tensor) : joined;
    });
  };

  prototype.fitLoop = async function (...all) {
    const [, ins, , , , , , , , shuffle, , , stepsPerEpoch, validationSteps] = all;
    const usual =
      ins.every((tensor) => tensor === null || tensor === undefined || tensor instanceof tf.Tensor) &&
      shuffle !== 'batch' &&
      stepsPerEpoch === null &&
      validationSteps === null;
    if (!usual || !compileEnabled() || tf.getBackend() !== 'tensorflow') {
      return original.fitLoop.call(this, ...all);
    }
    return fitLoop({ tf, graphs: () => stepsOf(this).train }, this, ...all);
  };

  /** Whether a data set's batches may run compiled. What tfjs would refuse is left to tfjs. */
  const runsCompiled = (model: Model): boolean =>
    compileEnabled() && tf.getBackend() === 'tensorflow' && stepsOf(model).obstacle === undefined;

  prototype.fitDataset = async function (dataset, args) {
    if (this.isTraining || this.optimizer_ === undefined || !fitDatasetIsUsual(args) || !runsCompiled(this))
      return original.fitDataset.call(this, dataset, args);
    this.isTraining = true;
    try {
      return await fitDataset({ tf, backend, graphs: () => stepsOf(this).train }, this, dataset, args);
    } finally {
      this.isTraining = false;
    }
  };

  prototype.evaluateDataset = async function (dataset, args = {}) {
    if ((args.verbose ?? 0) > 0 || !isCount(args.batches) || !runsCompiled(this))
      return original.evaluateDataset.call(this, dataset, args);
    return evaluateDataset({ tf, backend, graphs: () => stepsOf(this).test }, this, dataset, args);
  };

  prototype.compile = function compile(args) {
    refuseWeightedMetrics(args.weightedMetrics);
    const steps = checkedSteps(args.stepsPerExecution);
    original.compile.call(this, args);
    wishStepsOnCompile(this, steps);
  };

  // A Sequential trains an inner model, which each `compile` makes anew.
  const sequential = tf.Sequential.prototype as unknown as {
    build: (this: { model?: Model }, inputShape?: unknown) => void;
  };
  const { build } = sequential;
  sequential.build = function buildAgain(inputShape) {
    const { model } = this;
    build.call(this, inputShape);
    if (model !== undefined && model !== this.model) disposeSteps(model);
  };

  // Who stops a training in the middle of a call of several steps ends that call.
  const stops = Object.getOwnPropertyDescriptor(prototype, 'stopTraining');
  Object.defineProperty(prototype, 'stopTraining', {
    ...stops,
    configurable: true,
    set(this: Model, stop: boolean) {
      stops?.set?.call(this, stop);
      if (stop) endRunningSteps(this);
    },
  });

  prototype.dispose = function dispose() {
    disposeSteps(this);
    // A Sequential trains an inner model.
    const { model } = this as Model & { model?: Model };
    if (model !== undefined) disposeSteps(model);
    return original.dispose.call(this);
  };
}

/** @throws Error where metrics should count the weights of samples, which they do not. */
function refuseWeightedMetrics(given: unknown): void {
  if (given === undefined || given === null || (Array.isArray(given) && given.length === 0)) return;
  throw new Error(
    'compile does not take weightedMetrics: metrics do not count sampleWeight here. Use metrics, or read the weighted loss of ' +
      'model.evaluate(x, y, { sampleWeight })',
  );
}

/** Whether an option is left out, or a whole number from 1 on. */
function isCount(value: unknown): boolean {
  return value === undefined || value === null || (Number.isInteger(value) && (value as number) > 0);
}

/** Whether tfjs would take these arguments of `fitDataset`. */
function fitDatasetIsUsual(
  args: (FitDatasetArguments & { validationSplit?: unknown }) | undefined,
): args is FitDatasetArguments {
  if (args === undefined || args === null || !args.epochs || !isCount(args.epochs)) return false;
  if (args.validationSplit !== undefined && args.validationSplit !== null) return false;
  const { validationData } = args;
  const tensors = Array.isArray(validationData)
    ? validationData.length === 2 || validationData.length === 3
    : isCount(args.validationBatches);
  return isCount(args.batchesPerEpoch) && tensors;
}

const explained = new WeakSet<Model>();

function firstAxisSlice(tf: Tf, tensor: Tensor, start: number, size: number): Tensor {
  return tf.slice(tensor, [start, ...tensor.shape.slice(1).map(() => 0)], [size, ...tensor.shape.slice(1)]);
}
