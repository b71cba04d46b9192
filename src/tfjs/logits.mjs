// Keras computes a cross-entropy from the numbers that a softmax or sigmoid was made from (`_keras_logits`): from the
// probabilities themselves it would be cut off, and have no slope, where one is nearly 0 or 1.
import * as tfc from '@tensorflow/tfjs-core';

/** @typedef {tfc.Tensor} Tensor */
/** @typedef {'softmax' | 'sigmoid'} Kind of the activation */

/**
 * Logits by the id of the probabilities that were made from them, while a loss is being computed.
 *
 * @type {Map<number, { kind: Kind, logits: Tensor }> | undefined}
 */
let current;

/** Begins to remember logits. @returns what ends it: the logits are disposed then. */
export function collectLogits() {
  const outer = current;
  /** @type {Map<number, { kind: Kind, logits: Tensor }>} */
  const own = new Map();
  current = own;
  return {
    end() {
      current = outer;
      tfc.dispose(Array.from(own.values(), ({ logits }) => logits));
    },
  };
}

/**
 * Remembers the logits that an activation over the last axis was made from.
 *
 * @param {Kind} kind
 * @param {Tensor} logits
 * @param {Tensor} probabilities
 * @returns the probabilities
 */
export function madeFrom(kind, logits, probabilities) {
  current?.set(probabilities.id, { kind, logits: tfc.keep(tfc.clone(logits)) });
  return probabilities;
}

/**
 * The logits of probabilities; undefined where they are not known.
 *
 * @param {Kind} kind
 * @param {Tensor} probabilities
 */
export function logitsOf(kind, probabilities) {
  const found = current?.get(probabilities.id);
  return found?.kind === kind ? found.logits : undefined;
}
