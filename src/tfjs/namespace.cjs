// The value of `require('@tensorflow/tfjs')` inside our bundle: the union's names as plain properties, made once. A
// bundler's own conversion would copy 500 getters for every file that asks, and each use would go through one.
/** @type {Record<string, unknown>} */
const union = require('./union.mjs');

/** @type {Record<string, unknown>} */
const namespace = {};
for (const name of Object.keys(union)) namespace[name] = union[name];
Object.defineProperty(namespace, '__esModule', { value: true });
module.exports = namespace;
