import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '@tensorflow/tfjs';
import { tfInternals, type NodeBackend, type Tf } from '../tfjs/instance.ts';
import { BatchFeed, type Batch, type BatchIterator } from './batch-feed.ts';
import { BatchGroups } from './batch-groups.ts';
import { EpochReports, type CallbackList, type History, type Logs } from './epoch-reports.ts';
import type { DataFunction, FitModel } from './fit-loop.ts';
import { onTrainingStop } from './running-trainings.ts';
import type { StepCache } from './step-cache.ts';
import type { RunnableLoop } from './xla-loop-choice.ts';

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
  graphs: () => StepCache;
}

/** A step that takes longer runs on another thread even where callbacks want to see every batch. */
const LONG_STEP_MS = 10;
/** One step alone may have had to wait for others on the machine. */
const TIMED_STEPS = 3;
/** After so long the event loop gets its turn. */
const BREATH_MS = 30;

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
export async function fitDataset(
  parts: DatasetParts,
  model: DatasetModel,
  dataset: BatchDataset,
  args: FitDatasetArguments,
): Promise<History> {
  const { tf, backend } = parts;
  const { training } = tfInternals(tf);
  const { epochs } = args;
  const perEpoch = args.batchesPerEpoch ?? undefined;
  const steps = perEpoch ?? (Number.isFinite(dataset.size) ? dataset.size : undefined);
  const f = model.makeTrainFunction();
  const labels = model.getDedupedMetricsNames();
  const validates = args.validationData !== null && args.validationData !== undefined;
  const { callbackList, history } = training.configureCallbacks(
    training.standardizeCallbacks(args.callbacks, args.yieldEvery),
    args.verbose ?? 1,
    epochs,
    null,
    null,
    steps ?? null,
    null,
    validates,
    validates ? [...labels, ...labels.map((label) => `val_${label}`)] : [...labels],
  ) as { callbackList: CallbackList; history: History };
  const reports = new EpochReports(tf, model, callbackList, labels);
  const { watched, wished } = reports;
  const most = wished ?? (watched ? 1 : Infinity);
  const exactly = wished !== undefined;
  const groups = new BatchGroups(tf, backend, parts.graphs, () => model.stopTraining_);
  /** Of steps that ran alone: the shortest, and how many were looked at. */
  let stepTime = Infinity;
  let timed = 0;
  let last = performance.now();

  const breathe = async (): Promise<void> => {
    if (performance.now() - last < BREATH_MS) return;
    await nextTurn();
    last = performance.now();
  };

  const prepare = async (element: unknown): Promise<Batch> => {
    const { xs, ys, weights } = training.standardizeDataIteratorOutput(model, element);
    if (args.classWeight === null || args.classWeight === undefined)
      return groups.batch([...xs, ...ys, ...weights]);
    const classes = training.standardizeClassWeights(args.classWeight, model.outputNames);
    const both: (Tensor | null)[] = [];
    for (const [i, weight] of classes.entries())
      both.push(await training.standardizeWeights(ys[i] as Tensor, weights[i] ?? null, weight));
    tf.dispose(weights.filter((tensor) => tensor !== null));
    return groups.batch([...xs, ...ys, ...both]);
  };

  const single = async (batch: Batch, index: number): Promise<void> => {
    await reports.single(index, batch.size, { batch: index, size: batch.size }, () => {
      const began = performance.now();
      const outs = reports.tried(index, () => parts.graphs().withoutXla(() => f(batch.tensors)));
      tf.dispose(batch.tensors as Tensor[]);
      // The first step of a graph includes its trace.
      if (groups.ran(batch)) {
        stepTime = Math.min(stepTime, performance.now() - began);
        timed++;
      }
      return outs;
    });
  };

  const several = async (
    group: Batch[],
    first: RunnableLoop,
    index: number,
    left?: number,
  ): Promise<number> => {
    const [batch] = group as [Batch, ...Batch[]];
    const data = groups.join(group);
    let ready: RunnableLoop | undefined = first;
    let done = 0;
    try {
      while (done < group.length && !model.stopTraining_) {
        if (ready === undefined) {
          await single(groups.cut(data, batch, done), index + done);
          done++;
        } else {
          const runs = ready;
          const count = group.length - done;
          const begin = () => ({ batch: index + done, size: batch.size });
          done += await reports.several(index + done, count, batch.size, begin, async () => {
            const began = performance.now();
            const result = await runs.loop.run(runs.step, data, undefined, done, count);
            groups.called(runs, performance.now() - began);
            return result;
          });
        }
        // Somebody ended the call, or looked at a batch: the graph may not be the right one any more.
        if (done < group.length) ready = await groups.loopFor(batch, left, data);
      }
      return done;
    } finally {
      tf.dispose(data);
    }
  };

  /** One call. Gives how many of the batches it has done. */
  const train = async (feed: BatchFeed, group: Batch[], index: number, epoch: number): Promise<number> => {
    const left = steps === undefined ? undefined : steps * (epochs - epoch) - index;
    // A short step that somebody wants to see is best run here.
    const long = timed >= TIMED_STEPS && stepTime > LONG_STEP_MS;
    const here = watched && wished === undefined && !long;
    const ready = here ? undefined : await groups.loopFor(group[0] as Batch, left);
    if (ready !== undefined) {
      const running = several(group, ready, index, left);
      groups.ahead(feed, most, exactly);
      return running;
    }
    groups.ahead(feed, most, exactly);
    let done = 0;
    try {
      for (const batch of group) {
        if (model.stopTraining_) break;
        await single(batch, index + done);
        done++;
      }
      return done;
    } finally {
      for (const { tensors } of group) tf.dispose(tensors as Tensor[]);
    }
  };

  /** One epoch's steps. Tells whether it came to its end. */
  const run = async (feed: BatchFeed, epoch: number): Promise<boolean> => {
    for (let index = 0; ;) {
      const group = await groups.take(feed, most, exactly);
      if (group.length === 0) {
        if (!feed.ended) return false;
        if (perEpoch === undefined) return true;
        console.warn(
          `You provided \`batchesPerEpoch\` as ${perEpoch}, but your dataset iterator ran out of data after ` +
            `${index} batches; interrupting training. Make sure that your dataset can generate at least ` +
            `\`batchesPerEpoch * epochs\` batches (in this case, ${perEpoch * epochs} batches). You may need to ` +
            'use the repeat() function when building your dataset.',
        );
        return false;
      }
      index += await train(feed, group, index, epoch);
      if (perEpoch !== undefined && index >= perEpoch) return true;
      if (model.stopTraining_) return false;
      await breathe();
    }
  };

  callbackList.setModel(model);
  model.history = history;
  await callbackList.onTrainBegin();
  model.stopTraining_ = false;
  // tfjs asks for one more than it has epochs: data sets that number their epochs go on as with tfjs's own.
  let iterator = await dataset.iterator();
  for (let epoch = args.initialEpoch ?? 0; epoch < epochs; epoch++) {
    const epochLogs: Logs = {};
    await callbackList.onEpochBegin(epoch);
    if (perEpoch === undefined) iterator = await dataset.iterator();
    const feed = new BatchFeed(tf, iterator, prepare, perEpoch);
    onTrainingStop(model, () => {
      groups.stop();
      feed.close();
    });
    try {
      if (await run(feed, epoch)) await validate(model, args, labels, epochLogs);
    } finally {
      feed.close();
    }
    await callbackList.onEpochEnd(epoch, epochLogs);
    if (model.stopTraining_) break;
  }
  await callbackList.onTrainEnd();
  await history.syncData();
  return history;
}
