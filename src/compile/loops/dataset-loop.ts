import type { Tensor } from '@tensorflow/tfjs';
import { tfInternals, type NodeBackend, type Tf } from '../../tfjs/instance.ts';
import { Prefetcher, type Batch, type BatchIterator } from './prefetcher.ts';
import { BatchGroups } from './batch-groups.ts';
import { EpochReports, type CallbackList, type History, type Logs } from './epoch-reports.ts';
import type { DataFunction, FitModel } from './fit-loop.ts';
import { LoopPolicy } from './loop-policy.ts';
import { trainerOf } from './trainer.ts';
import type { FunctionCache } from '../execution/function-cache.ts';
import type { RunnableLoop } from '../execution/loop-autotuner.ts';

/** tfjs's data sets, and those that are written to be like them. */
export interface BatchDataset {
  iterator(): Promise<BatchIterator>;
  size?: number;
}

/** The arguments of tfjs's `fitDataset`. */
export interface FitDatasetArguments {
  epochs: number;
  batchesPerEpoch?: number | null;
  initialEpoch?: number | null;
  verbose?: number | null;
  callbacks?: unknown;
  yieldEvery?: unknown;
  classWeight?: unknown;
  /** A data set, or inputs, targets and, if need be, weights of samples. */
  validationData?: BatchDataset | [unknown, unknown, unknown?] | null;
  validationBatches?: number | null;
  validationBatchSize?: number | null;
}

/** The model's own part. */
export interface DatasetModel extends FitModel {
  isTraining: boolean;
  outputNames: string[];
  testFunction: DataFunction;
  makeTrainFunction(): DataFunction;
  makeTestFunction(): void;
  getDedupedMetricsNames(): string[];
  evaluate(x: unknown, y: unknown, args: object): Tensor | Tensor[];
  evaluateDataset(dataset: BatchDataset, args: object): Promise<Tensor | Tensor[]>;
}

export interface DatasetParts {
  tf: Tf;
  backend: NodeBackend;
  /** The graphs of the model's step, as the model is now. */
  graphs: () => FunctionCache;
}

function isDataset(data: unknown): data is BatchDataset {
  return typeof (data as { iterator?: unknown }).iterator === 'function';
}

/** tfjs's default of `validationBatchSize`. */
const VALIDATION_BATCH = 32;

async function validate(
  model: DatasetModel,
  args: FitDatasetArguments,
  labels: readonly string[],
  logs: Logs,
): Promise<void> {
  const { validationData } = args;
  if (validationData === null || validationData === undefined) return;
  const outs = isDataset(validationData)
    ? await model.evaluateDataset(validationData, { batches: args.validationBatches })
    : model.evaluate(validationData[0], validationData[1], {
        batchSize: args.validationBatchSize ?? VALIDATION_BATCH,
        sampleWeight: validationData[2],
        verbose: 0,
      });
  [outs].flat().forEach((value, i) => (logs[`val_${labels[i] as string}`] = value));
}

/**
 * tfjs's `fitDataset` with the next batches pulled while a step runs on another thread, and with many steps in one call
 * where batches are quick and no callback wants to see each (or where the user said how many). Order, random numbers, and what
 * callbacks see are as with tfjs's own. Arguments have been checked.
 *
 * @throws what the data set throws, where its batch would have come.
 */
export function fitDataset(
  parts: DatasetParts,
  model: DatasetModel,
  dataset: BatchDataset,
  args: FitDatasetArguments,
): Promise<History> {
  return new DatasetTraining(parts, model, dataset, args).run();
}

/** A training on a data set. */
class DatasetTraining {
  readonly #tf: Tf;
  readonly #parts: DatasetParts;
  readonly #model: DatasetModel;
  readonly #dataset: BatchDataset;
  readonly #args: FitDatasetArguments;
  readonly #step: DataFunction;
  readonly #labels: readonly string[];
  readonly #perEpoch: number | undefined;
  /** Steps of an epoch, where they are known. */
  readonly #steps: number | undefined;
  readonly #callbackList: CallbackList;
  readonly #history: History;
  readonly #reports: EpochReports;
  readonly #policy: LoopPolicy;
  readonly #groups: BatchGroups;
  /** How many steps a call may have, and whether it has as many. */
  readonly #most: number;
  readonly #exactly: boolean;

  constructor(parts: DatasetParts, model: DatasetModel, dataset: BatchDataset, args: FitDatasetArguments) {
    const { tf, backend } = parts;
    const { training } = tfInternals(tf);
    this.#tf = tf;
    this.#parts = parts;
    this.#model = model;
    this.#dataset = dataset;
    this.#args = args;
    this.#perEpoch = args.batchesPerEpoch ?? undefined;
    this.#steps = this.#perEpoch ?? (Number.isFinite(dataset.size) ? dataset.size : undefined);
    this.#step = model.makeTrainFunction();
    const labels = model.getDedupedMetricsNames();
    this.#labels = labels;
    const validates = args.validationData !== null && args.validationData !== undefined;
    const { callbackList, history } = training.configureCallbacks(
      training.standardizeCallbacks(args.callbacks, args.yieldEvery),
      args.verbose ?? 1,
      args.epochs,
      null,
      null,
      this.#steps ?? null,
      null,
      validates,
      validates ? [...labels, ...labels.map((label) => `val_${label}`)] : [...labels],
    ) as { callbackList: CallbackList; history: History };
    this.#callbackList = callbackList;
    this.#history = history;
    this.#reports = new EpochReports(tf, model, callbackList, labels);
    this.#policy = new LoopPolicy(this.#reports);
    const { seesBatches, stepsPerExecution } = this.#reports;
    this.#most = stepsPerExecution ?? (seesBatches ? 1 : Infinity);
    this.#exactly = stepsPerExecution !== undefined;
    this.#groups = new BatchGroups(tf, backend, parts.graphs, () => model.stopTraining_);
  }

  async run(): Promise<History> {
    const model = this.#model;
    const args = this.#args;
    this.#callbackList.setModel(model);
    model.history = this.#history;
    await this.#callbackList.onTrainBegin();
    model.stopTraining_ = false;
    // tfjs asks for one more than it has epochs: data sets that number their epochs go on as with tfjs's own.
    let iterator = await this.#dataset.iterator();
    for (let epoch = args.initialEpoch ?? 0; epoch < args.epochs; epoch++) {
      const epochLogs: Logs = {};
      await this.#callbackList.onEpochBegin(epoch);
      if (this.#perEpoch === undefined) iterator = await this.#dataset.iterator();
      const prefetcher = new Prefetcher(this.#tf, iterator, this.#prepare.bind(this), this.#perEpoch);
      trainerOf(model).stop = () => {
        this.#groups.stop();
        prefetcher.close();
      };
      try {
        if (await this.#runEpoch(prefetcher, epoch)) await validate(model, args, this.#labels, epochLogs);
        await this.#reports.endEpoch();
      } finally {
        prefetcher.close();
        this.#reports.dispose();
      }
      await this.#callbackList.onEpochEnd(epoch, epochLogs);
      if (model.stopTraining_) break;
    }
    await this.#callbackList.onTrainEnd();
    await this.#history.syncData();
    return this.#history;
  }

  /** One epoch's steps. Tells whether it came to its end. */
  async #runEpoch(prefetcher: Prefetcher, epoch: number): Promise<boolean> {
    for (let index = 0; ;) {
      const group = await this.#groups.take(prefetcher, this.#most, this.#exactly);
      if (group.length === 0) {
        if (!prefetcher.ended) return false;
        if (this.#perEpoch === undefined) return true;
        this.#warnOfEnd(this.#perEpoch, index);
        return false;
      }
      index += await this.#train(prefetcher, group, index, epoch);
      if (this.#perEpoch !== undefined && index >= this.#perEpoch) return true;
      if (this.#model.stopTraining_) return false;
      await this.#policy.breathe();
    }
  }

  /** As tfjs warns. */
  #warnOfEnd(perEpoch: number, done: number): void {
    console.warn(
      `You provided \`batchesPerEpoch\` as ${perEpoch}, but your dataset iterator ran out of data after ` +
        `${done} batches; interrupting training. Make sure that your dataset can generate at least ` +
        `\`batchesPerEpoch * epochs\` batches (in this case, ${perEpoch * this.#args.epochs} batches). You may need to ` +
        'use the repeat() function when building your dataset.',
    );
  }

  /** An element of the data set as a batch, with the weights of its samples. */
  async #prepare(element: unknown): Promise<Batch> {
    const { training } = tfInternals(this.#tf);
    const { classWeight } = this.#args;
    const { xs, ys, weights } = training.standardizeDataIteratorOutput(this.#model, element);
    if (classWeight === null || classWeight === undefined)
      return this.#groups.batch([...xs, ...ys, ...weights]);
    const classes = training.standardizeClassWeights(classWeight, this.#model.outputNames);
    const both: (Tensor | null)[] = [];
    for (const [i, weight] of classes.entries())
      both.push(await training.standardizeWeights(ys[i] as Tensor, weights[i] ?? null, weight));
    this.#tf.dispose(weights.filter((tensor) => tensor !== null));
    return this.#groups.batch([...xs, ...ys, ...both]);
  }

  /** One call. Gives how many of the batches it has done. */
  async #train(prefetcher: Prefetcher, group: Batch[], index: number, epoch: number): Promise<number> {
    const left = this.#steps === undefined ? undefined : this.#steps * (this.#args.epochs - epoch) - index;
    const ready = this.#policy.runsHere ? undefined : await this.#groups.loopFor(group[0] as Batch, left);
    if (ready !== undefined) {
      const running = this.#several(group, ready, index, left);
      this.#groups.prefetch(prefetcher, this.#most, this.#exactly);
      return running;
    }
    this.#groups.prefetch(prefetcher, this.#most, this.#exactly);
    let done = 0;
    try {
      for (const batch of group) {
        if (this.#model.stopTraining_) break;
        await this.#single(batch, index + done);
        done++;
      }
      return done;
    } finally {
      for (const { tensors } of group) this.#tf.dispose(tensors as Tensor[]);
    }
  }

  async #single(batch: Batch, index: number): Promise<void> {
    await this.#reports.single(index, batch.size, { batch: index, size: batch.size }, () => {
      const began = performance.now();
      const outs = this.#reports.tried(index, () =>
        this.#parts.graphs().withoutXla(() => this.#step(batch.tensors)),
      );
      this.#tf.dispose(batch.tensors as Tensor[]);
      // The first step of a graph includes its trace.
      if (this.#groups.ran(batch)) this.#policy.ran(performance.now() - began);
      return outs;
    });
  }

  async #several(
    group: Batch[],
    first: RunnableLoop,
    index: number,
    left: number | undefined,
  ): Promise<number> {
    const [batch] = group as [Batch, ...Batch[]];
    const data = this.#groups.join(group);
    let ready: RunnableLoop | undefined = first;
    let done = 0;
    try {
      while (done < group.length && !this.#model.stopTraining_) {
        if (ready === undefined) {
          await this.#single(this.#groups.cut(data, batch, done), index + done);
          done++;
        } else {
          const runs = ready;
          const count = group.length - done;
          const begin = () => ({ batch: index + done, size: batch.size });
          done += await this.#reports.several(index + done, count, batch.size, begin, async () => {
            const began = performance.now();
            const result = await runs.loop.run(runs.step, data, undefined, done, count);
            this.#groups.called(runs, performance.now() - began);
            return result;
          });
        }
        // The call was ended, or a callback used a batch: the graph may not be the right one any more.
        if (done < group.length) ready = await this.#groups.loopFor(batch, left, data);
      }
      return done;
    } finally {
      this.#tf.dispose(data);
    }
  }
}
