import type { Tensor } from '@tensorflow/tfjs';
import { checkedSteps } from './batch-hooks.ts';
import { tfInternals, type NodeBackend, type Tf } from '../../tfjs/instance.ts';
import { replaceMethod } from '../../tfjs/replace-method.ts';
import type { BatchIterator } from './prefetcher.ts';
import { compileEnabled } from './compile-setting.ts';
import { evaluateDataset, type EvaluateDatasetArguments } from './dataset-evaluation.ts';
import {
  fitDataset,
  type BatchDataset,
  type DatasetModel,
  type FitDatasetArguments,
} from './dataset-loop.ts';
import { fitLoop, type DataFunction, type FitLoopArguments } from './fit-loop.ts';
import { stepsOf, type StepParts, type SteppedModel } from './model-steps.ts';
import { checkedPrecision } from '../lowering/precision.ts';
import { trainedModel, trainerOf } from './trainer.ts';

/** tfjs's `LayersModel`, as far as it is compiled. */
interface Model extends DatasetModel, SteppedModel {
  inputs: object[];
  outputs: object[];
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
  compile(
    this: Model,
    args: { stepsPerExecution?: unknown; mixedPrecision?: unknown; weightedMetrics?: unknown },
  ): void;
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

/** Whether tfjs's prototype has all methods that are replaced. */
function isReplaceable(prototype: object): prototype is ModelMethods {
  return replaced.every((name) => typeof Reflect.get(prototype, name) === 'function');
}

type Original = Pick<ModelMethods, (typeof replaced)[number]>;

/** Lets `fit`, `fitDataset`, `trainOnBatch`, `evaluate` and `predict` of every model run compiled. */
export function installCompiledModels(tf: Tf, backend: NodeBackend, notify: (line: string) => void): void {
  const prototype: object = tf.LayersModel.prototype;
  if (!isReplaceable(prototype))
    throw new TypeError(`tfjs's LayersModel has not all of ${replaced.join(', ')}`);
  const original = Object.fromEntries(replaced.map((name) => [name, prototype[name]])) as Original;
  const parts: StepParts = { tf, backend, notify };
  installSteps(prototype, original, parts);
  installTrainings(prototype, original, parts);
  installCompile(prototype, original, parts);
  installEnds(prototype, original);
}

/** The functions that a model runs for each batch. */
function installSteps(prototype: ModelMethods, original: Original, parts: StepParts): void {
  const { tf } = parts;
  const { executor } = tfInternals(tf);
  const compiled =
    (model: Model, kind: 'train' | 'test' | 'predict', plain: DataFunction): DataFunction =>
    (data) => {
      if (!compileEnabled() || tf.getBackend() !== 'tensorflow') return plain(data);
      const steps = stepsOf(parts, model);
      if (steps.obstacle !== undefined) return plain(data);
      return steps[kind].call([data], plain);
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
      const results: Tensor[][] = this.outputs.map(() => []);
      for (let start = 0; start < samples; start += batchSize) {
        const size = Math.min(batchSize, samples - start);
        const outputs = tf.tidy(() =>
          forward(inputs.map((input) => (size === samples ? input : firstAxisSlice(tf, input, start, size)))),
        );
        outputs.forEach((output, i) => (results[i] as Tensor[]).push(output));
      }
      const joined = results.map((part) => tf.concat(part, 0));
      return joined.length === 1 ? (joined[0] as Tensor) : joined;
    });
  };
}

/** The loops over batches. */
function installTrainings(prototype: ModelMethods, original: Original, parts: StepParts): void {
  const { tf, backend } = parts;
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
    return fitLoop({ tf, steps: () => stepsOf(parts, this) }, this, ...all);
  };

  /** Whether a data set's batches may run compiled. tfjs itself refuses the arguments that it does not take. */
  const runsCompiled = (model: Model): boolean =>
    compileEnabled() && tf.getBackend() === 'tensorflow' && stepsOf(parts, model).obstacle === undefined;

  prototype.fitDataset = async function (dataset, args) {
    if (this.isTraining || this.optimizer_ === undefined || !fitDatasetIsUsual(args) || !runsCompiled(this))
      return original.fitDataset.call(this, dataset, args);
    this.isTraining = true;
    try {
      return await fitDataset({ tf, backend, graphs: () => stepsOf(parts, this).train }, this, dataset, args);
    } finally {
      this.isTraining = false;
    }
  };

  prototype.evaluateDataset = async function (dataset, args = {}) {
    if ((args.verbose ?? 0) > 0 || !isCount(args.batches) || !runsCompiled(this))
      return original.evaluateDataset.call(this, dataset, args);
    return evaluateDataset({ tf, backend, graphs: () => stepsOf(parts, this).test }, this, dataset, args);
  };
}

/** `compile`, and the inner model that a Sequential makes in it. */
function installCompile(prototype: ModelMethods, original: Original, { tf, backend }: StepParts): void {
  prototype.compile = function compile(args) {
    refuseWeightedMetrics(args.weightedMetrics);
    const steps = checkedSteps(args.stepsPerExecution);
    const precision = checkedPrecision(args.mixedPrecision, backend.engine.onGpu);
    original.compile.call(this, args);
    Object.assign(trainerOf(this), { stepsOnCompile: steps, precision });
  };

  // A Sequential trains an inner model, which each `compile` makes anew.
  replaceMethod(
    tf.Sequential.prototype,
    'build',
    (build) =>
      function buildAgain(inputShape) {
        const { model } = this;
        build.call(this, inputShape);
        if (model !== undefined && model !== this.model) trainerOf(model).disposeSteps();
      },
  );
}

/** `stopTraining` and `dispose`. */
function installEnds(prototype: ModelMethods, original: Original): void {
  // A training that is stopped in the middle of a call of several steps ends that call.
  const stops = Object.getOwnPropertyDescriptor(prototype, 'stopTraining');
  Object.defineProperty(prototype, 'stopTraining', {
    ...stops,
    configurable: true,
    set(this: Model, stop: boolean) {
      stops?.set?.call(this, stop);
      if (stop) trainerOf(this).stop?.();
    },
  });

  prototype.dispose = function dispose() {
    trainerOf(this).disposeSteps();
    trainerOf(trainedModel(this)).disposeSteps();
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

function firstAxisSlice(tf: Tf, tensor: Tensor, start: number, size: number): Tensor {
  return tf.slice(tensor, [start, ...tensor.shape.slice(1).map(() => 0)], [size, ...tensor.shape.slice(1)]);
}
