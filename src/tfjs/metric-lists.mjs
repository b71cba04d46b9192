// Metrics of models with one output or several, as `compile` takes them and files keep them.
import { isNone } from './none.mjs';

/** @typedef {string | Function} Metric a name or a function */
/** @typedef {Metric | null | undefined | Metrics[] | { [output: string]: Metrics }} Metrics as `compile` takes them */

/**
 * @param {Metrics} one
 * @returns {Metrics[]}
 */
const listed = (one) => (isNone(one) ? [] : Array.isArray(one) ? one : [one]);

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  throw new Error(message);
}

/**
 * The metrics of each output, after `_build_metrics_set` of Keras (keras/src/trainers/compile_utils.py): a list with as many
 * entries as the model has outputs has one entry for each of them. A list of another length, which Keras refuses, and a
 * single metric stand for all outputs, as in tfjs.
 *
 * @param {Metrics} metrics a metric, a list, or an object of metrics or lists by the names of outputs
 * @param {readonly string[]} outputNames
 * @returns {Metrics[][]} a list of metrics for each output
 * @throws Error
 */
export function metricsOfOutputs(metrics, outputNames) {
  if (isNone(metrics)) return outputNames.map(() => []);
  if (typeof metrics === 'string' || typeof metrics === 'function') return outputNames.map(() => [metrics]);
  if (typeof metrics !== 'object') {
    fail(
      `metrics is ${String(metrics)}: give a name, a function, a list, or an object by the names of outputs`,
    );
  }
  const count = outputNames.length;
  if (!Array.isArray(metrics)) {
    const unknown = Object.keys(metrics).find((name) => !outputNames.includes(name));
    if (unknown !== undefined) {
      fail(
        `metrics names the output "${unknown}": give names of outputs, which are ${outputNames.join(', ')}`,
      );
    }
    return outputNames.map((name) => listed(Object.hasOwn(metrics, name) ? metrics[name] : null));
  }
  if (count === 1) return [/** @type {Metric[]} */ (/** @type {unknown[]} */ (metrics).flat(Infinity))];
  if (metrics.length === count) return metrics.map(listed);
  if (metrics.some((one) => isNone(one) || Array.isArray(one))) {
    fail(
      `metrics has ${metrics.length} lists for ${count} outputs: give one for each output, which are ${outputNames.join(', ')}`,
    );
  }
  return outputNames.map(() => metrics);
}

/**
 * The same form with each name changed; null stays where an output has no metric.
 *
 * @param {Metrics} metrics
 * @param {(metric: Metric) => Metric} change
 * @returns {Metrics}
 */
export function eachMetric(metrics, change) {
  if (isNone(metrics)) return null;
  if (Array.isArray(metrics)) return metrics.map((one) => eachMetric(one, change));
  if (typeof metrics === 'object') {
    return Object.fromEntries(Object.entries(metrics).map(([name, one]) => [name, eachMetric(one, change)]));
  }
  return change(metrics);
}
