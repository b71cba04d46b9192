// `util` as tfjs-node knows it: two of these are gone since Node 23.
const util = require('node:util');

module.exports = {
  ...util,
  isNullOrUndefined: (/** @type {unknown} */ value) => value === null || value === undefined,
  isArray: Array.isArray,
};
