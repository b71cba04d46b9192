// Loss and metrics of a batch as Keras 3 computes them (keras/src/trainers/compile_utils.py, losses/loss.py,
// metrics/reduction_metrics.py). The bundle's `training.js` calls this for training and evaluation alike.
import * as tfc from '@tensorflow/tfjs-core';
import { isNone } from './none.mjs';
import { collectLogits } from './logits.mjs';

/** Key of a batch's logs, of parts of metrics whose mean over batches is no mean of the batches' values. */
export const RATIOS = Symbol('tensorcell.ratios');

const ratios = new WeakMap();

/**
 * Says that a metric is a ratio of sums over all samples of an epoch, such as precision.
 *
 * @param parts gives numerator and denominator of a batch, both scalars of float32.
 */
export function declareRatio(metric, parts) {
  ratios.set(metric, parts);
  return metric;
}

/** 0 where the denominator is 0. */
export function divideNoNan(a, b) {
  return tfc.where(
    tfc.equal(b, 0),
    tfc.zerosLike(b),
    tfc.div(a, tfc.where(tfc.equal(b, 0), tfc.onesLike(b), b)),
  );
}

/** Weights with the rank of `values`: one for each sample, or for each of the first dimensions. @throws Error */
function weightsFor(weights, values, what) {
  if (values.rank === 0) return weights;
  let { shape } = weights;
  while (shape.length > values.rank && shape.at(-1) === 1) shape = shape.slice(0, -1);
  const samples = values.shape[0];
  if (shape.length > 1 && tfc.util.sizeFromShape(shape) === samples) shape = [samples];
  const fits =
    shape.length <= values.rank && shape.every((size, i) => size === values.shape[i] || size === 1);
  if (!fits) {
    throw new Error(
      `${what} has shape [${weights.shape}], which does not fit values of shape [${values.shape}]: ` +
        'give a weight for each sample, or for each place of a sample',
    );
  }
  return tfc.reshape(weights, [...shape, ...values.shape.slice(shape.length).map(() => 1)]);
}

/** The mean of losses; hidden ones do not count, and weights multiply (`sum_over_batch_size` of Keras). */
function meanLoss(losses, weights, mask, name) {
  let values = losses;
  if (!isNone(weights))
    values = tfc.mul(values, weightsFor(weights, values, `the sample weights of ${name}`));
  if (isNone(mask)) return tfc.mean(values);
  const kept = tfc.cast(mask, 'float32');
  const share = divideNoNan(tfc.scalar(kept.size), tfc.sum(kept));
  return tfc.mul(tfc.mean(tfc.mul(values, weightsFor(kept, values, `the mask of ${name}`))), share);
}

/** Sums over a batch of what a metric gave and of what counts, both divided by the number of samples. */
function maskedSums(values, mask, name) {
  const kept = weightsFor(tfc.cast(mask, 'float32'), values, `the mask of ${name}`);
  const all = tfc.mul(tfc.onesLike(values), kept);
  return [tfc.mean(tfc.mul(values, kept)), tfc.mean(all)];
}

const warned = new WeakSet();

/** A metric's value for a batch, and the parts of its ratio where it is one. */
function measured(metric, target, output, mask, name) {
  const parts = ratios.get(metric);
  if (parts !== undefined) {
    const samples = output.shape[0];
    const [above, below] = parts(target, output);
    return { value: divideNoNan(above, below), parts: [tfc.div(above, samples), tfc.div(below, samples)] };
  }
  const values = metric(target, output);
  if (isNone(mask)) return { value: tfc.mean(values) };
  if (values.rank === 0) {
    if (!warned.has(metric)) {
      warned.add(metric);
      console.warn(
        `The metric ${metric.name || '(unnamed)'} gives one number for a batch: the mask of ${name} cannot reach it. ` +
          'Return a number for each sample and place.',
      );
    }
    return { value: values };
  }
  const sums = maskedSums(values, mask, name);
  return { value: divideNoNan(...sums), parts: sums };
}

/**
 * The loss and the metrics of one batch.
 *
 * @param model a LayersModel that has been compiled.
 * @param forward runs the model: it gives outputs and their masks (null where there is none).
 * @param targets a tensor for each output.
 * @param weights weights of samples for each output, or nothing.
 * @returns `total`, the loss with its weights and regularization; `metrics`, in the order of `model.metricsNames` without
 *   the first; `parts`, two scalars for each metric that `model.ratioLabels` names.
 */
export function objective(model, forward, targets, weights) {
  const logits = collectLogits();
  let masks = [];
  try {
    const made = forward();
    const { outputs } = made;
    ({ masks } = made);
    const shown = masks.map((mask, i) => (model.unmaskedOutputs?.includes(i) ? null : mask));
    const losses = model.lossFunctions.map((lossFunction, i) => {
      if (isNone(lossFunction)) return null;
      const values = lossFunction(targets[i], outputs[i]);
      return meanLoss(values, weights[i], shown[i], model.outputNames[i]);
    });
    let total = null;
    losses.forEach((loss, i) => {
      if (isNone(loss)) return;
      const weight = model.lossWeights?.[i] ?? 1;
      const weighted = weight === 1 ? loss : tfc.mul(loss, weight);
      total = total === null ? weighted : tfc.add(total, weighted);
    });
    total ??= tfc.scalar(0);
    for (const regularization of model.calculateLosses()) total = tfc.add(total, regularization);
    const metrics = [];
    const parts = [];
    const labels = [];
    model.metricsTensors.forEach(([metric, i], index) => {
      if (index < model.outputLosses) {
        metrics.push(losses[i]);
        return;
      }
      const name = model.outputNames[i];
      const { value, parts: pair } = measured(metric, targets[i], outputs[i], shown[i], name);
      metrics.push(value);
      if (pair === undefined) return;
      labels.push(index + 1);
      parts.push(...pair);
    });
    model.ratioLabels = labels;
    return { total, metrics, parts };
  } finally {
    tfc.dispose(masks);
    logits.end();
  }
}

/** The loss of a model that has nothing to train, which tfjs's optimizers refuse. */
export function withoutWeights(model, loss) {
  if (!warned.has(model)) {
    warned.add(model);
    console.warn(
      `${model.name} has no weights to train: steps compute losses and change nothing. If this is not intended, set ` +
        '`trainable` and call `compile` again.',
    );
  }
  return tfc.keep(tfc.tidy(loss));
}

/** The pairs behind a step's values, by label: each a part of a ratio, divided by the number of samples. */
function pairsOf(model, labels, outs) {
  return (model.ratioLabels ?? []).map((label, i) => [
    labels[label],
    [outs[labels.length + 2 * i], outs[labels.length + 2 * i + 1]],
  ]);
}

/** Hands the parts of ratios to the logger of an epoch, with a batch's logs. */
export function keepRatios(model, labels, outs, logs) {
  const pairs = pairsOf(model, labels, outs);
  if (pairs.length === 0) return;
  for (const [, pair] of pairs) pair.forEach((part) => typeof part !== 'number' && tfc.keep(part));
  logs[RATIOS] = pairs;
}

/** Adds sums over the steps of a call to the ratios of an epoch. @param sums of each output of the step, as numbers. */
export function addStepSums(model, logger, labels, sums, size) {
  addRatios(logger, { [RATIOS]: pairsOf(model, labels, sums) }, size);
}

/** The ratios of an epoch in a BaseLogger: sums of both parts over samples. */
export function addRatios(logger, logs, size) {
  for (const [label, pair] of logs[RATIOS] ?? []) {
    const sums = (logger.ratios[label] ??= [0, 0]);
    pair.forEach((part, i) => {
      const before = sums[i];
      if (typeof part === 'number' && typeof before === 'number') {
        sums[i] = before + part * size;
        return;
      }
      sums[i] = tfc.keep(tfc.tidy(() => tfc.add(before, tfc.mul(part, size))));
      tfc.dispose([before, part].filter((value) => typeof value !== 'number'));
    });
  }
  delete logs[RATIOS];
}

/** The value of a ratio over an epoch, as a number or a tensor that the caller keeps; undefined for other metrics. */
export function ratioOf(logger, label) {
  const sums = logger.ratios?.[label];
  if (sums === undefined) return undefined;
  delete logger.ratios[label];
  const [above, below] = sums;
  if (typeof above === 'number' && typeof below === 'number') return below === 0 ? 0 : above / below;
  const value = tfc.keep(tfc.tidy(() => divideNoNan(tfc.mul(above, 1), tfc.mul(below, 1))));
  tfc.dispose(sums.filter((part) => typeof part !== 'number'));
  return value;
}

/** Means over samples, as a test loop gives them for all of a step's outputs: ratios put in their place, parts left out. */
export function withRatios(model, means) {
  const count = model.metricsNames.length;
  const labels = model.ratioLabels ?? [];
  const values = means.slice(0, count);
  labels.forEach((label, i) => {
    const [above, below] = means.slice(count + 2 * i, count + 2 * i + 2);
    const isNumber = typeof above === 'number';
    const ratio = isNumber ? (below === 0 ? 0 : above / below) : divideNoNan(above, below);
    if (!isNumber) tfc.dispose([values[label], above, below]);
    values[label] = ratio;
  });
  return values;
}
