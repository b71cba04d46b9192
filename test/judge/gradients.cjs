// Between tfjs's functions that take gradients and the tests that call them.
exports.run = (gradient, args) => gradient(...args);
exports.through =
  (take) =>
  (fn, ...more) => {
    const gradient = take(fn, ...more);
    return (...args) => exports.run(gradient, args);
  };
