// Between tfjs's functions that take gradients and the tests that call them.
/** @typedef {(...args: unknown[]) => unknown} Gradient */

/**
 * @param {Gradient} gradient
 * @param {unknown[]} args
 */
exports.run = (gradient, args) => gradient(...args);

/** @param {(fn: Gradient, ...more: unknown[]) => Gradient} take */
exports.through =
  (take) =>
  (/** @type {Gradient} */ fn, /** @type {unknown[]} */ ...more) => {
    const gradient = take(fn, ...more);
    return (/** @type {unknown[]} */ ...args) => exports.run(gradient, args);
  };
