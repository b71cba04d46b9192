import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { tfInternals } from '../../tfjs/instance.ts';
import { Prefetcher, type Batch, type BatchIterator } from './prefetcher.ts';
import { BatchGroups } from './batch-groups.ts';
import type { BatchDataset, DatasetModel, DatasetParts } from './dataset-loop.ts';

export interface EvaluateDatasetArguments {
  batches?: number | null;
  verbose?: number | null;
}

/**
 * tfjs's `evaluateDataset` with the next batches pulled meanwhile, and with many of them in one call. Arguments have been
 * checked.
 *
 * @returns the loss and the metrics, means over all samples.
 */
export async function evaluateDataset(
  parts: DatasetParts,
  model: DatasetModel,
  dataset: BatchDataset | BatchIterator,
  args: EvaluateDatasetArguments,
): Promise<Tensor | Tensor[]> {
  const { tf, backend } = parts;
  model.makeTestFunction();
  const f = model.testFunction;
  const limit = args.batches ?? undefined;
  const iterator = 'next' in dataset ? dataset : await dataset.iterator();
  const size = 'next' in dataset ? undefined : dataset.size;
  const steps = limit ?? (Number.isFinite(size) ? size : undefined);
  const groups = new BatchGroups(tf, backend, parts.graphs);
  // eslint-disable-next-line typescript/require-await -- what prepares a batch may have to wait
  const prepare = async (element: unknown): Promise<Batch> => {
    const { xs, ys, weights } = tfInternals(tf).training.standardizeDataIteratorOutput(model, element);
    return groups.batch([...xs, ...ys, ...weights]);
  };
  const prefetcher = new Prefetcher(tf, iterator, prepare, limit);
  const sums: number[] = [];
  let samples = 0;
  let batches = 0;
  const add = (values: readonly number[], batch: number, count: number): void => {
    values.forEach((value, i) => (sums[i] = (sums[i] ?? 0) + value * batch));
    samples += batch * count;
    batches += count;
  };

  const single = (batch: Batch): void => {
    const values = tf.tidy(() => {
      const outs = f(batch.tensors).map((out) => out.dataSync()[0] as number);
      tf.dispose(batch.tensors as Tensor[]);
      return { outs };
    });
    groups.ran(batch);
    add(values.outs, batch.size, 1);
  };

  const several = async (group: readonly Batch[]): Promise<boolean> => {
    const first = group[0] as Batch;
    const ready = await groups.loopFor(first, steps === undefined ? undefined : steps - batches);
    if (ready === undefined) return false;
    const data = groups.join(group);
    try {
      for (let done = 0; done < group.length;) {
        const running = ready.loop.run(ready.step, data, undefined, done, group.length - done);
        groups.prefetch(prefetcher, Infinity, false);
        const result = await running;
        if (result.steps > 0) add(result.sums, first.size, result.steps);
        done += result.steps;
      }
    } finally {
      tf.dispose(data);
    }
    return true;
  };

  try {
    for (;;) {
      const group = await groups.take(prefetcher, Infinity, false);
      if (group.length === 0) break;
      if (await several(group)) continue;
      groups.prefetch(prefetcher, Infinity, false);
      group.forEach(single);
    }
  } finally {
    prefetcher.close();
  }
  if (limit !== undefined && batches < limit) {
    console.warn(
      'Your dataset iterator ran out of data during evaluateDataset(). Interrupting evalution. Make sure that your ' +
        `dataset can generate at least \`batches\` batches (in this case, ${limit} batches). You may need to use the ` +
        'repeat() function when building your dataset.',
    );
  }
  const all = sums.map((sum) => sum / samples);
  const means: Scalar[] = tfInternals(tf)
    .objective.withRatios(model, all)
    .map((mean) => tf.scalar(mean));
  return means.length === 1 ? (means[0] as Scalar) : means;
}
