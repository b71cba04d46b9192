import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Optimizer, Tensor, Tensor3D, layers } from '@tensorflow/tfjs';
import { tfInternals } from '../../src/tfjs/instance.ts';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import {
  compile,
  describeMemory,
  loadTf,
  onBackendNotice,
  setRandomSeed,
  traceable,
} from '../../src/api/tensorflow.ts';
import { everyOptimizer } from './every-optimizer.ts';

const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

type Layer = layers.Layer;
type Loss = (a: Tensor, b: Tensor) => Tensor;

interface Run {
  losses: number[];
  weights: number[][];
  evaluation: number[];
  prediction: number[];
}

interface Recipe {
  build: () => LayersModel;
  inputs: number[][];
  outputs: number[][];
  optimizer?: () => Optimizer | string;
  loss?: string | string[] | Loss;
  metrics?: string[];
  batch?: number;
  /** Values of the inputs: numbers, or indices below this. */
  below?: number;
  /** Values of the targets: numbers, or one-hot. */
  targets?: 'numbers' | 'one-hot' | 'indices' | 'zero-or-one';
  during?: (model: LayersModel, optimizer: Optimizer, step: number) => void;
}

function data(shape: number[], seed: number, kind: Recipe['targets'] | number = 'numbers'): Tensor {
  if (typeof kind === 'number') return tf.randomUniform(shape, 0, kind, 'int32', seed).cast('float32');
  if (kind === 'one-hot') {
    const classes = shape.at(-1) as number;
    return tf
      .oneHot(tf.randomUniform(shape.slice(0, -1), 0, classes, 'int32', seed), classes)
      .cast('float32');
  }
  if (kind === 'indices')
    return tf
      .randomUniform([shape[0] as number, 1], 0, shape.at(-1) as number, 'int32', seed)
      .cast('float32');
  if (kind === 'zero-or-one') return tf.randomUniform(shape, 0, 1, 'float32', seed).round();
  return tf.randomNormal(shape, 0, 1, 'float32', seed);
}

/** Ten steps on ten batches, an evaluation and a prediction, from weights that follow from the seed. */
async function train(recipe: Recipe, compiled: boolean): Promise<Run> {
  process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
  setRandomSeed(11);
  const model = recipe.build();
  const optimizer = recipe.optimizer?.() ?? tf.train.sgd(0.05);
  model.compile({
    optimizer,
    loss: recipe.loss ?? 'meanSquaredError',
    ...(recipe.metrics === undefined ? {} : { metrics: recipe.metrics }),
  });
  setRandomSeed(12);
  const batch = recipe.batch ?? 4;
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) {
    const xs = recipe.inputs.map((shape, i) => data([batch, ...shape], 100 + 10 * step + i, recipe.below));
    const ys = recipe.outputs.map((shape, i) => data([batch, ...shape], 200 + 10 * step + i, recipe.targets));
    recipe.during?.(model, model.optimizer, step);
    const result = await model.trainOnBatch(xs, ys);
    losses.push(...(Array.isArray(result) ? result : [result]));
    tf.dispose([xs, ys]);
  }
  const xs = recipe.inputs.map((shape, i) => data([10, ...shape], 7 + i, recipe.below));
  const ys = recipe.outputs.map((shape, i) => data([10, ...shape], 77 + i, recipe.targets));
  const numbers = (result: Tensor | Tensor[]) =>
    (Array.isArray(result) ? result : [result]).flatMap((tensor) => Array.from(tensor.dataSync()));
  let evaluation: number[] = [];
  let prediction: number[] = [];
  // The second time runs compiled.
  for (let i = 0; i < 2; i++) {
    evaluation = numbers(model.evaluate(xs, ys, { batchSize: 4 }));
    prediction = numbers(model.predict(xs, { batchSize: 4 }));
  }
  const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  if (compiled) steps = trainingSteps(model)?.steps().length ?? 0;
  model.dispose();
  return { losses, weights, evaluation, prediction };
}

let steps = 0;

function close(actual: number[], expected: number[], what: string, tolerance: number): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const wanted = expected[i] as number;
    assert.ok(
      Math.abs(value - wanted) <= tolerance * Math.max(1, Math.abs(wanted)) || Object.is(value, wanted),
      `${what} ${i}: ${value}, not ${wanted}`,
    );
  });
}

async function compare(recipe: Recipe, tolerance = 1e-5): Promise<void> {
  notices.length = 0;
  const expected = await train(recipe, false);
  const actual = await train(recipe, true);
  assert.deepEqual(notices, []);
  assert.ok(steps >= 1, 'nothing was compiled');
  close(actual.losses, expected.losses, 'loss', tolerance);
  actual.weights.forEach((weight, i) =>
    close(weight, expected.weights[i] as number[], `weight ${i}`, tolerance),
  );
  close(actual.evaluation, expected.evaluation, 'evaluation', tolerance);
  close(actual.prediction, expected.prediction, 'prediction', tolerance);
}

const L = tf.layers;
const sequential = (...all: Layer[]) => tf.sequential({ layers: all });
const images = [6, 6, 2];
const series = [5, 3];
/** A model of one layer between input and a dense output. */
const around = (shape: number[], layer: () => Layer, before: Layer[] = []): Recipe => ({
  build: () => {
    const input = tf.input({ shape });
    let x = input;
    for (const one of before) x = one.apply(x) as typeof input;
    x = layer().apply(x) as typeof input;
    if (x.shape.length > 2) x = L.flatten().apply(x) as typeof input;
    const output = L.dense({ units: 2 }).apply(x) as typeof input;
    return tf.model({ inputs: input, outputs: output });
  },
  inputs: [shape],
  outputs: [[2]],
});

const layerTable: Record<string, Recipe> = {
  dense: around([5], () => L.dense({ units: 4, activation: 'tanh' })),
  activation: around([5], () => L.activation({ activation: 'softplus' })),
  dropout: around([5], () => L.dropout({ rate: 0.4 })),
  spatialDropout1d: around(series, () => L.spatialDropout1d({ rate: 0.4 })),
  gaussianNoise: around([5], () => L.gaussianNoise({ stddev: 0.3 })),
  gaussianDropout: around([5], () => L.gaussianDropout({ rate: 0.3 })),
  alphaDropout: around([5], () => L.alphaDropout({ rate: 0.3 })),
  batchNormalization: around([5], () => L.batchNormalization({ momentum: 0.8 })),
  'batchNormalization of images': around(images, () => L.batchNormalization({})),
  layerNormalization: around([5], () => L.layerNormalization({})),
  embedding: { ...around([4], () => L.embedding({ inputDim: 7, outputDim: 3 })), below: 7 },
  'embedding with mask and lstm': {
    build: () =>
      sequential(
        L.embedding({ inputDim: 7, outputDim: 3, maskZero: true, inputLength: 4 }),
        L.lstm({ units: 3 }),
        L.dense({ units: 2 }),
      ),
    inputs: [[4]],
    outputs: [[2]],
    below: 7,
  },
  masking: {
    build: () =>
      sequential(
        L.masking({ maskValue: 0, inputShape: series }),
        L.simpleRNN({ units: 3 }),
        L.dense({ units: 2 }),
      ),
    inputs: [series],
    outputs: [[2]],
  },
  conv1d: around(series, () => L.conv1d({ filters: 3, kernelSize: 2, activation: 'relu' })),
  conv2d: around(images, () => L.conv2d({ filters: 3, kernelSize: 3, activation: 'relu' })),
  'conv2d same, strides': around(images, () =>
    L.conv2d({ filters: 3, kernelSize: 2, padding: 'same', strides: 2 }),
  ),
  conv2dTranspose: around(images, () => L.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 2 })),
  conv3d: around([4, 4, 4, 2], () => L.conv3d({ filters: 2, kernelSize: 2 })),
  separableConv2d: around(images, () => L.separableConv2d({ filters: 3, kernelSize: 3 })),
  conv3dTranspose: around([2, 2, 2, 2], () => L.conv3dTranspose({ filters: 2, kernelSize: 2, strides: 2 })),
  rescaling: around([5], () => L.rescaling({ scale: 0.5, offset: 1 })),
  averagePooling1d: around(series, () => L.averagePooling1d({ poolSize: 2 })),
  averagePooling3d: around([4, 4, 4, 2], () => L.averagePooling3d({ poolSize: [2, 2, 2] })),
  'a cell of its own': around(series, () => L.rnn({ cell: L.simpleRNNCell({ units: 3 }) })),
  'a model as a layer': around([5], () =>
    tf.sequential({ layers: [L.dense({ units: 4, inputShape: [5] }), L.dense({ units: 3 })] }),
  ),
  depthwiseConv2d: around(images, () => L.depthwiseConv2d({ kernelSize: 3 })),
  cropping2D: around(images, () => L.cropping2D({ cropping: 1 })),
  upSampling2d: around(images, () => L.upSampling2d({ size: [2, 2] })),
  zeroPadding2d: around(images, () => L.zeroPadding2d({ padding: 1 })),
  maxPooling1d: around(series, () => L.maxPooling1d({ poolSize: 2 })),
  maxPooling2d: around(images, () => L.maxPooling2d({ poolSize: 2 })),
  averagePooling2d: around(images, () => L.averagePooling2d({ poolSize: 2, padding: 'same' })),
  maxPooling3d: around([4, 4, 4, 2], () => L.maxPooling3d({ poolSize: [2, 2, 2] })),
  globalAveragePooling1d: around(series, () => L.globalAveragePooling1d({})),
  globalAveragePooling2d: around(images, () => L.globalAveragePooling2d({})),
  globalMaxPooling1d: around(series, () => L.globalMaxPooling1d({})),
  globalMaxPooling2d: around(images, () => L.globalMaxPooling2d({})),
  flatten: around(images, () => L.flatten()),
  reshape: around([6], () => L.reshape({ targetShape: [3, 2] })),
  permute: around([2, 3], () => L.permute({ dims: [2, 1] })),
  repeatVector: around([4], () => L.repeatVector({ n: 3 })),
  leakyReLU: around([5], () => L.leakyReLU({ alpha: 0.2 })),
  prelu: around([5], () => L.prelu({})),
  elu: around([5], () => L.elu({})),
  reLU: around([5], () => L.reLU({ maxValue: 1 })),
  thresholdedReLU: around([5], () => L.thresholdedReLU({ theta: 0.5 })),
  'thresholdedReLU after a layer with weights': {
    build: () =>
      sequential(
        L.dense({ units: 4, inputShape: [5] }),
        L.thresholdedReLU({ theta: 0.1 }),
        L.dense({ units: 2 }),
      ),
    inputs: [[5]],
    outputs: [[2]],
  },
  softmax: around([5], () => L.softmax({})),
  'one step of time': around([1, 3], () => L.gru({ units: 3, returnSequences: true })),
  'gru with resetAfter': around(series, () => L.gru({ units: 3, resetAfter: true } as never)),
  simpleRNN: around(series, () => L.simpleRNN({ units: 3 })),
  gru: around(series, () => L.gru({ units: 3 })),
  lstm: around(series, () => L.lstm({ units: 3, returnSequences: true })),
  'lstm with dropout': around(series, () => L.lstm({ units: 3, dropout: 0.3, recurrentDropout: 0.3 })),
  'stacked cells': around(series, () =>
    L.rnn({ cell: [L.gruCell({ units: 3 }), L.lstmCell({ units: 2 })] as never }),
  ),
  bidirectional: around(series, () => L.bidirectional({ layer: L.lstm({ units: 3 }), mergeMode: 'concat' })),
  timeDistributed: around(series, () => L.timeDistributed({ layer: L.dense({ units: 3 }) })),
  convLstm2d: around([3, 5, 5, 2], () => L.convLstm2d({ filters: 2, kernelSize: 2 })),
  regularizers: around([5], () =>
    L.dense({
      units: 4,
      kernelRegularizer: tf.regularizers.l1l2({ l1: 0.01, l2: 0.02 }),
      activityRegularizer: undefined as never,
    }),
  ),
  constraints: around([5], () =>
    L.dense({ units: 4, kernelConstraint: tf.constraints.maxNorm({ maxValue: 0.5 }) }),
  ),
};

for (const [name, recipe] of Object.entries(layerTable)) {
  test(`ten compiled steps equal ten eager ones: ${name}`, () => compare(recipe));
}

const merges: Record<string, () => Layer> = {
  add: () => L.add(),
  average: () => L.average(),
  concatenate: () => L.concatenate({ axis: -1 }),
  maximum: () => L.maximum(),
  minimum: () => L.minimum(),
  multiply: () => L.multiply(),
  dot: () => L.dot({ axes: 1 }),
};
for (const [name, merge] of Object.entries(merges)) {
  test(`ten compiled steps equal ten eager ones: two inputs, a shared layer, two outputs, ${name}`, () =>
    compare({
      build: () => {
        const a = tf.input({ shape: [4] });
        const b = tf.input({ shape: [4] });
        const shared = L.dense({ units: 3, activation: 'sigmoid' });
        const merged = merge().apply([shared.apply(a), shared.apply(b)] as never);
        return tf.model({
          inputs: [a, b],
          outputs: [L.dense({ units: 2 }).apply(merged), L.dense({ units: 1 }).apply(merged)] as never,
        });
      },
      inputs: [[4], [4]],
      outputs: [[2], [1]],
      loss: ['meanSquaredError', 'meanAbsoluteError'],
      metrics: ['mse'],
    }));
}

const optimizers = everyOptimizer(0.1);
const small = around([5], () => L.dense({ units: 4, activation: 'relu' }));
for (const [name, optimizer] of Object.entries(optimizers)) {
  test(`ten compiled steps equal ten eager ones: ${name}, with a learning rate that changes`, () =>
    compare({
      ...small,
      optimizer,
      during: (_, current, step) => {
        if (step !== 5) return;
        const changing = current as Optimizer & {
          learningRate: number;
          setLearningRate?: (rate: number) => void;
        };
        if (changing.setLearningRate) changing.setLearningRate(0.02);
        else changing.learningRate = 0.002;
      },
    }));
}

const losses: Record<string, Partial<Recipe>> = {
  meanSquaredError: {},
  meanAbsoluteError: {},
  meanAbsolutePercentageError: {},
  meanSquaredLogarithmicError: {},
  squaredHinge: {},
  hinge: {},
  categoricalHinge: { targets: 'one-hot' },
  huber: {},
  logcosh: {},
  categoricalCrossentropy: { targets: 'one-hot', metrics: ['accuracy', 'categoricalCrossentropy'] },
  sparseCategoricalCrossentropy: { targets: 'indices', metrics: ['accuracy'] },
  binaryCrossentropy: { targets: 'zero-or-one', metrics: ['accuracy', 'precision'] },
  kullbackLeiblerDivergence: { targets: 'one-hot' },
  poisson: { targets: 'zero-or-one' },
  cosineProximity: {},
};
for (const [loss, more] of Object.entries(losses)) {
  test(`ten compiled steps equal ten eager ones: ${loss}`, () =>
    compare({
      build: () =>
        sequential(
          L.dense({ units: 4, activation: 'relu', inputShape: [5] }),
          L.dense({ units: 3, activation: loss === 'binaryCrossentropy' ? 'sigmoid' : 'softmax' }),
        ),
      inputs: [[5]],
      outputs: [[3]],
      loss,
      ...more,
    }));
}

test('changes by callbacks count from the next step on', () =>
  compare({
    ...layerTable['dropout'],
    during: (model, _, step) => {
      const dropout = model.layers.find((layer) => layer.getClassName() === 'Dropout') as unknown as {
        rate: number;
      };
      if (step === 4) dropout.rate = 0.8;
      if (step === 7) model.setWeights(model.getWeights().map((weight) => tf.zerosLike(weight)));
    },
  } as Recipe));

test('a value that was read or cloned earlier stays as it was', async () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  const model = sequential(L.dense({ units: 2, inputShape: [3] }));
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  const x = tf.ones([4, 3]);
  const y = tf.ones([4, 2]).mul(5);
  const seen: { clone: Tensor; values: number[]; doubled: Tensor }[] = [];
  for (let i = 0; i < 5; i++) {
    await model.trainOnBatch(x, y);
    const weight = (model.layers[0] as Layer).getWeights()[0] as Tensor;
    seen.push({ clone: weight.clone(), values: Array.from(weight.dataSync()), doubled: weight.mul(2) });
  }
  assert.equal(new Set(seen.map(({ values }) => values.join())).size, 5);
  for (const { clone, values, doubled } of seen) {
    assert.deepEqual(Array.from(clone.dataSync()), values);
    assert.deepEqual(
      Array.from(doubled.dataSync()),
      values.map((value) => Math.fround(value * 2)),
    );
  }
});

test('a model with a loss of the user runs compiled like any other, marked or not', async () => {
  const loss = (a: Tensor, b: Tensor) => tf.losses.absoluteDifference(a, b);
  notices.length = 0;
  await compare({ ...small, loss });
  await compare({ ...small, loss: traceable((a: Tensor, b: Tensor) => loss(a, b)) });
  assert.deepEqual(notices, []);
});

test('graphs go when their model does, and 2,000 steps need no more memory than 500', async () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  const before = tf.memory().numTensors;
  const model = sequential(
    L.dense({ units: 64, inputShape: [32], activation: 'relu' }),
    L.dense({ units: 1 }),
  );
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  const x = tf.randomNormal([16, 32]);
  const y = tf.randomNormal([16, 1]);
  for (let i = 0; i < 500; i++) await model.trainOnBatch(x, y);
  const tensors = tf.memory().numTensors;
  const memory = process.memoryUsage().rss;
  for (let i = 0; i < 2000; i++) await model.trainOnBatch(x, y);
  assert.equal(tf.memory().numTensors, tensors);
  const grown = (process.memoryUsage().rss - memory) / 1e6;
  assert.ok(grown < 40, `grew by ${grown.toFixed(0)} MB`);
  assert.equal(trainingSteps(model)?.steps().length, 1);
  // Variables that compiled steps hold count as memory too.
  const variables = describeMemory().tensors.filter(({ variable }) => variable?.startsWith('dense') === true);
  const kernel = variables.find(({ shape }) => shape.join() === '32,64');
  assert.deepEqual([kernel?.dtype, kernel?.bytes], ['float32', 32 * 64 * 4]);
  model.dispose();
  assert.equal(trainingSteps(model), undefined);
  tf.dispose([x, y]);
  assert.equal(tf.memory().numTensors, before);
});

const metrics: Record<string, Partial<Recipe>> = {
  binaryAccuracy: { loss: 'binaryCrossentropy', targets: 'zero-or-one' },
  binaryCrossentropy: { loss: 'binaryCrossentropy', targets: 'zero-or-one' },
  categoricalAccuracy: { targets: 'one-hot' },
  categoricalCrossentropy: { targets: 'one-hot' },
  sparseCategoricalAccuracy: { loss: 'sparseCategoricalCrossentropy', targets: 'indices' },
  precision: { loss: 'binaryCrossentropy', targets: 'zero-or-one' },
  recall: { loss: 'binaryCrossentropy', targets: 'zero-or-one' },
  cosineProximity: {},
  meanAbsoluteError: {},
  meanAbsolutePercentageError: {},
  meanSquaredError: {},
  r2Score: {},
};
for (const [metric, more] of Object.entries(metrics)) {
  test(`ten compiled steps equal ten eager ones: the metric ${metric}`, () =>
    compare({
      build: () =>
        sequential(
          L.dense({ units: 4, activation: 'relu', inputShape: [5] }),
          L.dense({ units: 3, activation: 'softmax' }),
        ),
      inputs: [[5]],
      outputs: [[3]],
      metrics: [tf.metrics[metric as 'recall'] as never],
      ...more,
    }));
}

const preprocessing: Record<string, { layer: () => Layer; x: () => Tensor }> = {
  CenterCrop: { layer: () => L.centerCrop({ height: 4, width: 2 }), x: () => data([2, 6, 6, 3], 1) },
  Resizing: { layer: () => L.resizing({ height: 4, width: 8 }), x: () => data([2, 6, 6, 3], 1) },
};
for (const [name, { layer, x }] of Object.entries(preprocessing)) {
  // tfjs gets the shapes of their results wrong: in its models they do not work, on tensors they do.
  test(`${name} gives the same compiled, eagerly and in JavaScript`, () => {
    const input = Array.from(x().dataSync());
    const shape = x().shape;
    const one = layer();
    const apply = (value: Tensor) => one.call(value, {}) as Tensor;
    const compiled = compile(apply);
    const results = [compiled, compiled, compiled, apply].map((run) =>
      Array.from(run(tf.tensor(input, shape)).dataSync()),
    );
    assert.equal(compiled.traces, 1);
    void tf.setBackend('cpu');
    const expected = Array.from(apply(tf.tensor(input, shape)).dataSync());
    void tf.setBackend('tensorflow');
    for (const result of results) close(result, expected, name, 1e-5);
  });
}

test('CategoryEncoding, which tfjs lets read its input, is compiled here', () => {
  const one = L.categoryEncoding({ numTokens: 4, outputMode: 'multiHot' });
  const said: string[] = [];
  const compiled = compile((value: Tensor) => one.call(value, {}) as Tensor, {
    say: (line) => said.push(line),
  });
  for (let i = 0; i < 3; i++) {
    const result = compiled(tf.tensor2d([0, 1, 3, 3], [2, 2], 'int32')).dataSync();
    assert.deepEqual(Array.from(result), [1, 1, 0, 0, 0, 0, 0, 1]);
  }
  assert.deepEqual(said, []);
});

test('RandomWidth, which draws its size in JavaScript, runs eagerly and gives the reason', () => {
  const one = L.randomWidth({ factor: 0.5 });
  const said: string[] = [];
  const compiled = compile((value: Tensor) => one.call(value as Tensor3D, {}) as Tensor, {
    say: (line) => said.push(line),
  });
  const widths = Array.from({ length: 8 }, () => compiled(data([6, 6, 2], 1)).shape);
  assert.ok(
    widths.every(([height, width = 0]) => height === 6 && width >= 3 && width <= 9),
    widths.join(' '),
  );
  assert.ok(new Set(widths.map(String)).size > 1, 'always the same width');
  assert.equal(said.length, 1);
  assert.match(said[0] as string, /runs eagerly: the value of a tensor is read/);
});

/** Names of the classes of a layer and of what it is made of. */
function classesOf(part: unknown, seen = new Set<unknown>()): string[] {
  if (!(part instanceof tf.serialization.Serializable) || seen.has(part)) return [];
  seen.add(part);
  return [
    part.getClassName(),
    ...Object.entries(part).flatMap(([name, value]) =>
      name.endsWith('Nodes') ? [] : [value].flat().flatMap((inner) => classesOf(inner, seen)),
    ),
  ];
}

const ADDED_LAYERS =
  'Identity Conv1DTranspose DepthwiseConv1D SeparableConv1D ConvLSTM1DCell ConvLSTM1D ConvLSTM3DCell ConvLSTM3D SpatialDropout2D SpatialDropout3D Subtract GroupNormalization RMSNormalization UnitNormalization Normalization ZeroPadding1D Cropping1D ZeroPadding3D Cropping3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D GlobalMaxPooling3D AdaptiveMaxPooling3D AdaptiveAveragePooling1D AdaptiveAveragePooling2D GlobalAveragePooling3D AdaptiveAveragePooling3D UpSampling1D UpSampling3D'.split(
    ' ',
  );

test('every layer, loss, metric and optimizer that tfjs has is in these tables', () => {
  const registered = Object.entries(tf.serialization.SerializationMap.getMap().classNameMap);
  const subclasses = (parent: { prototype: object }) =>
    registered.filter(([, [one]]) => one.prototype instanceof (parent as never)).map(([name]) => name);
  const models = Object.values(layerTable).flatMap(({ build }) => build().layers);
  const layersThere = new Set([
    ...models.flatMap((layer) => classesOf(layer)),
    ...Object.values(merges).map((merge) => merge().getClassName()),
    // Tested above by itself; what models are; an older name of Model.
    'RandomWidth',
    ...Object.keys(preprocessing),
    'CategoryEncoding',
    'InputLayer',
    'Model',
    'Functional',
    // Added to tfjs's layers; test/keras/layer-cases.test.ts compares them with Keras.
    ...ADDED_LAYERS,
    // Of tensorcell.layers; test/tensorflow/attention.test.ts trains it.
    'MultiHeadAttention',
  ]);
  assert.deepEqual(
    subclasses(tf.layers.Layer).filter((name) => !layersThere.has(name)),
    [],
  );
  const optimizersThere = new Set(Object.values(optimizers).map((make) => make().getClassName()));
  assert.deepEqual(
    subclasses(tf.Optimizer).filter((name) => !optimizersThere.has(name)),
    [],
  );
  // Short forms of the others.
  const short = /^(mse|MSE|mae|MAE|mape|MAPE|cosine|sparseCategoricalCrossentropy)$/;
  assert.deepEqual(
    Object.keys(tf.metrics).filter((name) => !(name in metrics) && !short.test(name)),
    [],
  );
  const lossNames = Object.keys(tfInternals(tf).losses.lossesMap);
  assert.deepEqual(
    lossNames.filter((name) => !(name in losses)),
    [],
  );
});
