// tf.cjs with tfjs-core's own tests in it: they must see the same instance of tfjs-core as our backend does.
const tf = require('../../src/tfjs/entry.cjs');
const { setTestEnvs } = require('@tensorflow/tfjs-core/dist/jasmine_util');
const gradients = require('./gradients.cjs');

Object.defineProperty(tf, Symbol.for('tensorcell.judge'), {
  value: {
    setTestEnvs,
    gradients,
    loadTests: () => require('@tensorflow/tfjs-core/dist/tests'),
  },
});
module.exports = tf;
