// Loss and metrics of a batch as Keras 3 computes them (keras/src/trainers/compile_utils.py, losses/loss.py,
// metrics/reduction_metrics.py). The bundle's `training.js` calls this for training and evaluation alike.
import * as tfc from '@tensorflow/tfjs-core';
import { isNone } from './none.mjs';
import { collectLogits } from './logits.mjs';

/** @typedef {tfc.Tensor} Tensor */
/** @typedef {Tensor | number} Value a tensor, or its number */
/** @typedef {Tensor | null | undefined} Optional */
/** @typedef {(target: Tensor, output: Tensor) => Tensor} Measure a loss or metric */
/** @typedef {(target: Tensor, output: Tensor) => [above: Tensor, below: Tensor]} RatioParts */
/** @typedef {[label: string, pair: Value[]]} Pair the two parts of a ratio with its label */

/**
 * @typedef {object} RatioModel what a step leaves in a model
 * @property {number[]} [ratioLabels] places in `metricsNames` of metrics that are ratios
 */

/**
 * @typedef {object} CompiledModel a LayersModel of tfjs that has been compiled
 * @property {string} name
 * @property {readonly string[]} outputNames
 * @property {readonly (Measure | null)[]} lossFunctions
 * @property {readonly [metric: Measure, output: number][]} metricsTensors
 * @property {number} outputLosses how many of `metricsTensors` are losses
 * @property {readonly number[] | null} [lossWeights]
 * @property {readonly number[]} [unmaskedOutputs]
 * @property {() => Tensor[]} calculateLosses
 */

/** @typedef {{ ratios: Record<string, Value[]> }} Logger tfjs's BaseLogger */
/** @typedef {Record<PropertyKey, unknown> & { [RATIOS]?: Pair[] }} Logs */

/** Key of a batch's logs, of parts of metrics whose mean over batches is no mean of the batches' values. */
export const RATIOS = Symbol('tensorcell.ratios');

/** @type {WeakMap<object, RatioParts>} */
const ratios = new WeakMap();

/**
 * An element that is there.
 *
 * @template T
 * @param {readonly T[]} list
 * @param {number} index
 */
const at = (list, index) => /** @type {T} */ (list[index]);

/** @param {readonly (Value | undefined)[]} values */
function disposeTensors(values) {
  for (const value of values) if (value instanceof tfc.Tensor) tfc.dispose(value);
}

/**
 * Declares that a metric is a ratio of sums over all samples of an epoch, such as precision.
 *
 * @template {object} M
 * @param {M} metric
 * @param {RatioParts} parts gives numerator and denominator of a batch, both scalars of float32
 */
export function declareRatio(metric, parts) {
  ratios.set(metric, parts);
  return metric;
}

/**
 * 0 where the denominator is 0.
 *
 * @param {Tensor} a
 * @param {Tensor} b
 */
export function divideNoNan(a, b) {
  return tfc.where(
    tfc.equal(b, 0),
    tfc.zerosLike(b),
    tfc.div(a, tfc.where(tfc.equal(b, 0), tfc.onesLike(b), b)),
  );
}

/**
 * Weights with the rank of `values`: one for each sample, or for each of the first dimensions.
 *
 * @param {Tensor} weights
 * @param {Tensor} values
 * @param {string} what for the message
 * @throws Error where the shapes do not fit
 */
function weightsFor(weights, values, what) {
  if (values.rank === 0) return weights;
  /** @type {number[]} */
  let shape = weights.shape;
  while (shape.length > values.rank && shape.at(-1) === 1) shape = shape.slice(0, -1);
  const [samples = 1] = values.shape;
  if (shape.length > 1 && tfc.util.sizeFromShape(shape) === samples) shape = [samples];
  const fits =
    shape.length <= values.rank && shape.every((size, i) => size === values.shape[i] || size === 1);
  if (!fits) {
    throw new Error(
      `${what} has shape [${weights.shape.join()}], which does not fit values of shape [${values.shape.join()}]: ` +
        'give a weight for each sample, or for each place of a sample',
    );
  }
  return tfc.reshape(weights, [...shape, ...values.shape.slice(shape.length).map(() => 1)]);
}

/**
 * The mean of losses; hidden ones do not count, and weights multiply (`sum_over_batch_size` of Keras).
 *
 * @param {Tensor} losses
 * @param {Optional} weights
 * @param {Optional} mask
 * @param {string} name of the output
 */
function meanLoss(losses, weights, mask, name) {
  let values = losses;
  if (!isNone(weights))
    values = tfc.mul(values, weightsFor(weights, values, `the sample weights of ${name}`));
  if (isNone(mask)) return tfc.mean(values);
  const kept = tfc.cast(mask, 'float32');
  const share = divideNoNan(tfc.scalar(kept.size), tfc.sum(kept));
  return tfc.mul(tfc.mean(tfc.mul(values, weightsFor(kept, values, `the mask of ${name}`))), share);
}

/**
 * Sums over a batch of the metric's values and of the mask, both divided by the number of samples.
 *
 * @param {Tensor} values
 * @param {Tensor} mask
 * @param {string} name of the output
 * @returns {[Tensor, Tensor]}
 */
function maskedSums(values, mask, name) {
  const kept = weightsFor(tfc.cast(mask, 'float32'), values, `the mask of ${name}`);
  const all = tfc.mul(tfc.onesLike(values), kept);
  return [tfc.mean(tfc.mul(values, kept)), tfc.mean(all)];
}

/** @type {WeakSet<object>} */
const warned = new WeakSet();

/**
 * A metric's value for a batch, and the parts of its ratio where it is one.
 *
 * @param {Measure} metric
 * @param {Tensor} target
 * @param {Tensor} output
 * @param {Optional} mask
 * @param {string} name of the output
 * @returns {{ value: Tensor, parts?: [Tensor, Tensor] }}
 */
function measured(metric, target, output, mask, name) {
  const parts = ratios.get(metric);
  if (parts !== undefined) {
    const [samples = 1] = output.shape;
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
 * @param {CompiledModel & RatioModel} model
 * @param {() => { outputs: Tensor[], masks: (Tensor | null)[] }} forward runs the model: it gives outputs and their masks
 *   (null where there is none)
 * @param {readonly Tensor[]} targets a tensor for each output
 * @param {readonly Optional[]} weights weights of samples for each output, or nothing
 * @returns {{ total: Tensor, metrics: Tensor[], parts: Tensor[] }} `total`, the loss with its weights and regularization; `metrics`, in the order of `model.metricsNames` without
 *   the first; `parts`, two scalars for each metric that `model.ratioLabels` names.
 */
export function objective(model, forward, targets, weights) {
  const logits = collectLogits();
  /** @type {(Tensor | null)[]} */
  let masks = [];
  try {
    const made = forward();
    const { outputs } = made;
    ({ masks } = made);
    const shown = masks.map((mask, i) => (model.unmaskedOutputs?.includes(i) ? null : mask));
    const losses = model.lossFunctions.map((lossFunction, i) => {
      if (isNone(lossFunction)) return null;
      const values = lossFunction(at(targets, i), at(outputs, i));
      return meanLoss(values, weights[i], shown[i], at(model.outputNames, i));
    });
    /** @type {Tensor | null} */
    let total = null;
    for (const [i, loss] of losses.entries()) {
      if (isNone(loss)) continue;
      const weight = model.lossWeights?.[i] ?? 1;
      /** @type {Tensor} */
      const weighted = weight === 1 ? loss : tfc.mul(loss, weight);
      total = total === null ? weighted : tfc.add(total, weighted);
    }
    total ??= tfc.scalar(0);
    for (const regularization of model.calculateLosses()) total = tfc.add(total, regularization);
    /** @type {Tensor[]} */
    const metrics = [];
    /** @type {Tensor[]} */
    const parts = [];
    /** @type {number[]} */
    const labels = [];
    model.metricsTensors.forEach(([metric, i], index) => {
      if (index < model.outputLosses) {
        metrics.push(/** @type {Tensor} */ (losses[i]));
        return;
      }
      const name = at(model.outputNames, i);
      const { value, parts: pair } = measured(metric, at(targets, i), at(outputs, i), shown[i], name);
      metrics.push(value);
      if (pair === undefined) return;
      labels.push(index + 1);
      parts.push(...pair);
    });
    model.ratioLabels = labels;
    return { total, metrics, parts };
  } finally {
    for (const mask of masks) mask?.dispose();
    logits.end();
  }
}

/**
 * The loss of a model that has nothing to train, which tfjs's optimizers refuse.
 *
 * @param {{ name: string }} model
 * @param {() => Tensor} loss
 */
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

/**
 * The pairs behind a step's values, by label: each a part of a ratio, divided by the number of samples.
 *
 * @param {RatioModel} model
 * @param {readonly string[]} labels
 * @param {readonly Value[]} outs
 * @returns {Pair[]}
 */
function pairsOf(model, labels, outs) {
  return (model.ratioLabels ?? []).map((label, i) => [
    at(labels, label),
    [at(outs, labels.length + 2 * i), at(outs, labels.length + 2 * i + 1)],
  ]);
}

/**
 * Passes the parts of ratios to the logger of an epoch, with a batch's logs.
 *
 * @param {RatioModel} model
 * @param {readonly string[]} labels
 * @param {readonly Value[]} outs
 * @param {Logs} logs
 */
export function keepRatios(model, labels, outs, logs) {
  const pairs = pairsOf(model, labels, outs);
  if (pairs.length === 0) return;
  for (const [, pair] of pairs) pair.forEach((part) => typeof part !== 'number' && tfc.keep(part));
  logs[RATIOS] = pairs;
}

/**
 * Adds sums over the steps of a call to the ratios of an epoch.
 *
 * @param {RatioModel} model
 * @param {Logger} logger
 * @param {readonly string[]} labels
 * @param {readonly number[]} sums of each output of the step
 * @param {number} size samples in a batch
 */
export function addStepSums(model, logger, labels, sums, size) {
  addRatios(logger, { [RATIOS]: pairsOf(model, labels, sums) }, size);
}

/**
 * The ratios of an epoch in a BaseLogger: sums of both parts over samples.
 *
 * @param {Logger} logger
 * @param {Logs} logs
 * @param {number} size samples in the batch
 */
export function addRatios(logger, logs, size) {
  for (const [label, pair] of logs[RATIOS] ?? []) {
    const sums = (logger.ratios[label] ??= [0, 0]);
    pair.forEach((part, i) => {
      const before = at(sums, i);
      if (typeof part === 'number' && typeof before === 'number') {
        sums[i] = before + part * size;
        return;
      }
      sums[i] = tfc.keep(tfc.tidy(() => tfc.add(before, tfc.mul(part, size))));
      disposeTensors([before, part]);
    });
  }
  delete logs[RATIOS];
}

/**
 * The value of a ratio over an epoch, as a number or a tensor that the caller keeps; undefined for other metrics.
 *
 * @param {Partial<Logger>} logger
 * @param {string} label
 * @returns {Value | undefined}
 */
export function ratioOf(logger, label) {
  const sums = logger.ratios?.[label];
  if (sums === undefined) return undefined;
  delete logger.ratios?.[label];
  const [above = 0, below = 0] = sums;
  if (typeof above === 'number' && typeof below === 'number') return below === 0 ? 0 : above / below;
  const value = tfc.keep(tfc.tidy(() => divideNoNan(tfc.mul(above, 1), tfc.mul(below, 1))));
  disposeTensors(sums);
  return value;
}

/**
 * Means over samples, as a test loop gives them for all of a step's outputs: ratios put in their place, parts left out.
 *
 * @param {RatioModel & { metricsNames: readonly string[] }} model
 * @param {readonly Value[]} means
 * @returns {Value[]}
 */
export function withRatios(model, means) {
  const count = model.metricsNames.length;
  const labels = model.ratioLabels ?? [];
  const values = means.slice(0, count);
  labels.forEach((label, i) => {
    const [above, below] = means.slice(count + 2 * i, count + 2 * i + 2);
    if (typeof above === 'number' && typeof below === 'number') {
      values[label] = below === 0 ? 0 : above / below;
      return;
    }
    const ratio = divideNoNan(/** @type {Tensor} */ (above), /** @type {Tensor} */ (below));
    disposeTensors([values[label], above, below]);
    values[label] = ratio;
  });
  return values;
}
