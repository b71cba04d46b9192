// The one instance of tfjs for cells, the library and third-party packages: tfjs itself, tfjs-node's backend class and
// kernels (its addon and its download are never used), its file handlers and its `tf.node`.
const tf = require('@tensorflow/tfjs');
const { MathBackendCPU } = require('@tensorflow/tfjs-backend-cpu');
const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend');
const fileSystem = require('@tensorflow/tfjs-node-gpu/dist/io/file_system');
const nodeIo = require('@tensorflow/tfjs-node-gpu/dist/io/index');
const {
  constraining,
  crossEntropy,
  fusing,
  matrices,
  normalizing,
  random,
  recurrent,
  withoutGradient,
} = require('./hooks.mjs');
const { allowLoweredClasses } = require('./callable-classes.cjs');
const executor = require('@tensorflow/tfjs-layers/dist/engine/executor');
const callbacks = require('@tensorflow/tfjs-layers/dist/base_callbacks');
/** @type {Record<string, unknown>} with the export of dataset-batches.patch */
const datasets = require('@tensorflow/tfjs-layers/dist/engine/training_dataset');
const weighting = require('@tensorflow/tfjs-layers/dist/engine/training_utils');
const objective = require('./objective.mjs');
const { kerasOrder, rememberOrder } = require('./call-order.mjs');
const losses = require('@tensorflow/tfjs-layers/dist/losses');
const metrics = require('@tensorflow/tfjs-layers/dist/metrics');
const { node } = require('@tensorflow/tfjs-node-gpu/dist/node');

tf.io.registerLoadRouter(fileSystem.nodeFileSystemRouter);
tf.io.registerSaveRouter(fileSystem.nodeFileSystemRouter);

// All that is registered by name before anybody else registers something, and all losses and metrics.
/** @type {Set<unknown>} */
const builtIns = new Set([tf.LayersModel, tf.Sequential]);
for (const [constructor] of Object.values(tf.serialization.SerializationMap.getMap().classNameMap)) {
  builtIns.add(constructor);
}
for (const module of [losses, metrics, tf.metrics]) {
  for (const value of Object.values(module)) if (typeof value === 'function') builtIns.add(value);
}

// The bundler numbers functions of the same name; those of metrics are labels of logs, and names in files.
for (const [name, metric] of Object.entries(tf.metrics)) {
  if (typeof metric === 'function')
    Object.defineProperty(metric, 'name', { value: name, configurable: true });
}

// On first use the JavaScript backend prints five lines that recommend tfjs-node: say nothing.
tf.removeBackend('cpu');
tf.registerBackend('cpu', () => Object.assign(new MathBackendCPU(), { firstUse: false }), 1);

allowLoweredClasses(tf);
tf.io = { ...tf.io, ...nodeIo };
Object.assign(tf, {
  node,
  // Packages look at this to see that Node's namespace is there.
  version: { ...tf.version, 'tfjs-node': require('@tensorflow/tfjs-node-gpu/dist/version').version },
});
Object.defineProperty(tf, Symbol.for('tensorcell.tfjs'), {
  value: {
    NodeJSKernelBackend,
    random,
    recurrent,
    fusing,
    matrices,
    normalizing,
    constraining,
    crossEntropy,
    withoutGradient,
    builtIns,
    executor,
    calls: { kerasOrder, rememberOrder },
    losses,
    metrics,
    objective,
    training: {
      configureCallbacks: callbacks.configureCallbacks,
      standardizeCallbacks: callbacks.standardizeCallbacks,
      standardizeDataIteratorOutput: datasets['standardizeDataIteratorOutput'],
      standardizeClassWeights: weighting.standardizeClassWeights,
      standardizeWeights: weighting.standardizeWeights,
    },
    registerKernels: () => require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels'),
  },
});
module.exports = tf;
