// Seeds of layers that draw anew in each step, as Keras' seed generators do (keras/src/random/seed_generator.py). tfjs hands
// a layer's seed to the random op, which then gives the same numbers in every step: the same units would be dropped for ever.
import { isNone } from './none.mjs';

/** Stands for a seed in calls of random ops. A backend that draws in JavaScript asks for its text once a draw. */
class SeedStream {
  #draws = 0;

  /** @param {number} seed of the layer */
  constructor(seed) {
    this.seed = seed;
  }

  toString() {
    return `${this.seed}/${this.#draws++}`;
  }
}

/** @type {WeakMap<object, SeedStream>} */
const streams = new WeakMap();

/**
 * The stream of a layer with a seed; undefined where it has none.
 *
 * @param {{ seed?: number | null }} layer
 */
export function seedStreamOf(layer) {
  const { seed } = layer;
  if (isNone(seed)) return undefined;
  const known = streams.get(layer);
  if (known?.seed === seed) return known;
  const made = new SeedStream(seed);
  streams.set(layer, made);
  return made;
}
