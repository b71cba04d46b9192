// Weights of losses and of samples, as `compile`, `fit`, `evaluate` and `trainOnBatch` take them.
import * as tfc from '@tensorflow/tfjs-core';
import { isNone } from './none.mjs';

/** @typedef {tfc.Tensor} Tensor */
/** @typedef {Tensor | null} Weights of the samples of one output; null where there are none */
/** @typedef {Tensor | readonly Weights[] | Record<string, Weights>} GivenWeights of all outputs */

/**
 * A factor for the loss of each output; null where none was given.
 *
 * @param {readonly number[] | Record<string, number> | null | undefined} given a number for each output, or numbers by the names
 *   of outputs
 * @param {readonly string[]} names of the outputs
 * @returns {readonly number[] | null}
 * @throws Error
 */
export function lossWeightsOf(given, names) {
  if (isNone(given)) return null;
  const list = Array.isArray(given) ? given : undefined;
  const byName = /** @type {Record<string, number>} */ (given);
  const unknown = list === undefined ? Object.keys(given).find((name) => !names.includes(name)) : undefined;
  if (unknown !== undefined) {
    throw new Error(
      `lossWeights names the output "${unknown}": give names of outputs, which are ${names.join(', ')}`,
    );
  }
  /** @type {readonly number[]} */
  const weights = list ?? names.map((name) => byName[name] ?? 1);
  if (weights.length !== names.length) {
    throw new Error(
      `lossWeights has ${weights.length} numbers for ${names.length} outputs: give one for each`,
    );
  }
  weights.forEach((weight, i) => {
    if (typeof weight !== 'number' || !Number.isFinite(weight)) {
      throw new Error(`lossWeights has ${String(weight)} for ${names[i]}: give a finite number`);
    }
  });
  return weights;
}

/**
 * Checks the weights of one output and gives a copy of them as float32.
 *
 * @param {Tensor} target
 * @param {Tensor} weights
 * @returns {Tensor}
 * @throws Error where the shapes do not fit
 */
export function checkedWeights(target, weights) {
  const [count = 0] = target.shape;
  /** @type {readonly number[] | undefined} a value that is no tensor has no shape */
  const given = weights.shape;
  const perSample = !isNone(given) && weights.size === count && given[0] === count;
  const perPlace =
    !isNone(given) && given.length <= target.rank && given.every((size, i) => size === target.shape[i]);
  if (!perSample && !(perPlace && given.length > 0)) {
    const places =
      target.rank > 2 ? `, or [${target.shape.slice(0, -1).join()}] for each place of a sample` : '';
    throw new Error(
      `sampleWeight has shape [${String(given)}] for ${count} samples: give a tensor of shape [${count}]${places}`,
    );
  }
  // A copy: the caller keeps the weights.
  return tfc.tidy(() =>
    tfc.cast(perSample ? tfc.reshape(weights, [count]) : tfc.clone(weights), 'float32').clone(),
  );
}

/**
 * Weights for each output: of one tensor for all of them, an array, or an object by names.
 *
 * @param {readonly Tensor[]} targets
 * @param {GivenWeights | null | undefined} given
 * @param {readonly string[]} names of the outputs
 * @returns {Weights[]} tensors that the caller disposes; null for an output without weights, nothing where there are none at all.
 * @throws Error
 */
export function sampleWeightsFor(targets, given, names) {
  if (isNone(given)) return [];
  const list = weightsList(given, names);
  if (list.length !== names.length) {
    throw new Error(`sampleWeight has ${list.length} entries for ${names.length} outputs: give one for each`);
  }
  return list.map((weights, i) =>
    isNone(weights) ? null : checkedWeights(/** @type {Tensor} */ (targets[i]), weights),
  );
}

/**
 * @param {GivenWeights} given
 * @param {readonly string[]} names of the outputs
 * @returns {readonly Weights[]}
 */
function weightsList(given, names) {
  if (given instanceof tfc.Tensor) return names.map(() => given);
  if (Array.isArray(given)) return given;
  const byName = /** @type {Record<string, Weights>} */ (given);
  return names.map((name) => byName[name] ?? null);
}

const MISTAKEN = ['sampleWeights', 'sample_weight', 'sample_weights', 'weights', 'weight'];

/**
 * The weights in an element `{ xs, ys, sampleWeight }` of a data set, for each output; nothing where there are none. The
 * element's own tensors are disposed, as its `xs` and `ys` are after their step.
 *
 * @param {{ sampleWeight?: GivenWeights | null }} element
 * @param {readonly Tensor[]} targets
 * @param {readonly string[]} names of the outputs
 * @throws Error
 */
export function elementWeights(element, targets, names) {
  const mistaken = MISTAKEN.find((key) => !isNone(Reflect.get(element, key)));
  if (mistaken !== undefined) {
    throw new Error(
      `an element of the data set has "${mistaken}", which is not used: name the sample weights sampleWeight, as in ` +
        '{ xs, ys, sampleWeight }',
    );
  }
  const weights = sampleWeightsFor(targets, element.sampleWeight, names);
  if (!isNone(element.sampleWeight)) tfc.dispose(/** @type {tfc.TensorContainer} */ (element.sampleWeight));
  return weights;
}
