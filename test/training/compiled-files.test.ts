/** How a model of a `.keras` file was compiled: optimizers with their state, losses and metrics in every form that Keras
 * writes. keras/compiled.py made the reference. */
import type * as Tf from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadTf } from '../../src/api/tensorflow.ts';
import { installTraining, loadModel, progressMode, saveModel } from '../../src/training/index.ts';
import {
  byOutputNames,
  compileFromKeras,
  toCompileConfig,
} from '../../src/training/model-files/keras-compile.ts';

const tf = loadTf();
installTraining(tf);
progressMode('quiet');

const here = fileURLToPath(new URL('keras/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-compiled-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Reference {
  outputs: number;
  /** Logs of two more steps. */
  history: Record<string, number[]>;
  /** Weights after them, by layer and place. */
  weights: Record<string, number[]>;
}
const golden = JSON.parse(readFileSync(join(here, 'compiled.golden.json'), 'utf8')) as Record<
  string,
  Reference
>;

const wave = (shape: [number, number], shift: number): Tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(shift + 1.3 * i)),
    shape,
  );
const x = wave([8, 3], 0);
const a = wave([8, 2], 5);
const b = tf.oneHot(
  Array.from({ length: 8 }, (_, i) => i % 2),
  2,
);

/** The text on stderr meanwhile. */
async function said<T>(run: () => Promise<T>): Promise<{ result: T; text: string }> {
  const write = process.stderr.write.bind(process.stderr);
  let text = '';
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += chunk.toString();
    return true;
  };
  try {
    return { result: await run(), text };
  } finally {
    process.stderr.write = write;
  }
}

function near(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs((actual[i] ?? Number.NaN) - value) / Math.max(1, Math.abs(value));
    assert.ok(difference <= 2e-5, `${what}, ${i}: ${actual[i]}, Keras ${value}`);
  }
}

/** This library's name of a log of Keras's, whose metrics it reads under tfjs's names. */
function ours(name: string): string {
  const [, output = '', metric = ''] = /^([ab]_)?(.*)$/.exec(name) ?? [];
  const camel = metric.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return output + (camel === 'accuracy' ? 'acc' : camel);
}

async function trainsOn(model: Tf.LayersModel, { outputs, history, weights }: Reference): Promise<void> {
  const logs = await model.fit(x, outputs === 2 ? [a, b] : a, { batchSize: 8, epochs: 2, shuffle: false });
  assert.equal(
    Object.keys(logs.history).length,
    Object.keys(history).length,
    Object.keys(logs.history).join(),
  );
  for (const [name, values] of Object.entries(history)) {
    const label = Object.keys(logs.history).find((one) => one === name || one === ours(name));
    assert.ok(label !== undefined, `${name} is not among ${Object.keys(logs.history).join()}`);
    near(logs.history[label] as number[], values, name);
  }
  for (const layer of model.layers)
    for (const [i, weight] of layer.getWeights().entries())
      near([...weight.dataSync()], weights[`${layer.name}/${i}`] ?? [], `${layer.name}/${i}`);
}

for (const [name, reference] of Object.entries(golden)) {
  test(`${name}: a model of Keras trains on as there, from its file and from ours`, async () => {
    const path = join(here, 'compiled', `${name}.golden.keras`);
    const { result: model, text } = await said(() => loadModel(path));
    assert.equal(text, '');
    const copy = join(folder, `${name}.keras`);
    await saveModel(model, copy);
    await trainsOn(model, reference);
    const { result: again, text: saidAgain } = await said(() => loadModel(copy));
    assert.equal(saidAgain, '');
    await trainsOn(again, reference);
  });
}

const optimizer = (className: string, config: Record<string, unknown> = {}): unknown => ({
  class_name: className,
  config: { learning_rate: 0.1, ...config },
});
const object = (className: string, config: Record<string, unknown> = {}): unknown => ({
  class_name: className,
  config,
});
const adam = optimizer('Adam');

/** Configurations that tfjs cannot have, and what is said about each. */
const LOST: [string, Record<string, unknown>, RegExp][] = [
  [
    'weight decay',
    { optimizer: optimizer('AdamW', { weight_decay: 0.004 }), loss: 'mse' },
    /optimizer AdamW has weight_decay 0.004/,
  ],
  ['Nadam', { optimizer: optimizer('Nadam'), loss: 'mse' }, /no optimizer Nadam/],
  ['clipping', { optimizer: optimizer('Adam', { clipnorm: 1 }), loss: 'mse' }, /clipnorm 1/],
  ['amsgrad', { optimizer: optimizer('Adam', { amsgrad: true }), loss: 'mse' }, /amsgrad true/],
  ['epsilon of Adagrad', { optimizer: optimizer('Adagrad', { epsilon: 0.1 }), loss: 'mse' }, /epsilon 0.1/],
  ['Adadelta', { optimizer: optimizer('Adadelta'), loss: 'mse' }, /Adadelta/],
  ['another optimizer', { optimizer: optimizer('Lion'), loss: 'mse' }, /no optimizer Lion/],
  ['a schedule', { optimizer: optimizer('SGD', { learning_rate: {} }), loss: 'mse' }, /schedule/],
  [
    'logits',
    { optimizer: adam, loss: object('BinaryCrossentropy', { from_logits: true }) },
    /from_logits true/,
  ],
  [
    'smoothed labels',
    { optimizer: adam, loss: object('CategoricalCrossentropy', { label_smoothing: 0.1 }) },
    /0.1/,
  ],
  ['a sum', { optimizer: adam, loss: object('MeanSquaredError', { reduction: 'sum' }) }, /reduction "sum"/],
  ['a delta', { optimizer: adam, loss: object('Huber', { delta: 2 }) }, /delta 2/],
  ['another loss', { optimizer: adam, loss: object('Dice') }, /no loss Dice/],
  ['one of two losses', { optimizer: adam, loss: ['mse', object('Dice')] }, /no loss Dice/],
  ['no loss', { optimizer: adam, loss: null }, /its loss has no name/],
];
/** Metrics that are left out, while the rest of the model is compiled. */
const LEFT_OUT: [string, unknown, RegExp][] = [
  ['AUC', [object('AUC')], /no metric AUC: it is left out/],
  ['a threshold', [object('BinaryAccuracy', { threshold: 0.7 })], /threshold 0.7.*: it is left out/],
  [
    'the three likeliest',
    [object('TopKCategoricalAccuracy', { k: 3 })],
    /TopKCategoricalAccuracy has k 3.*: it is left out/,
  ],
  ['one of a list', ['mae', 'auc'], /no metric auc/],
  // Keras's class counts numbers that are equal; its name in lower case is another metric.
  ['equal numbers', [object('Accuracy')], /no metric Accuracy: it is left out/],
];

/** Names that Keras writes for the metric that counts the five likeliest classes. */
const TOP_FIVE: [string, unknown][] = [
  ['a name', 'top_k_categorical_accuracy'],
  [
    'a class',
    object('TopKCategoricalAccuracy', { name: 'top_k_categorical_accuracy', dtype: 'float32', k: 5 }),
  ],
  ['a class without options', object('TopKCategoricalAccuracy')],
  ['a function', { class_name: 'function', config: 'top_k_categorical_accuracy' }],
  [
    'a wrapped function of Keras 2',
    object('MeanMetricWrapper', { name: 'top5', dtype: 'float32', fn: 'top_k_categorical_accuracy' }),
  ],
  ["tfjs's name", 'topKCategoricalAccuracy'],
];
for (const [form, metric] of TOP_FIVE) {
  for (const sparse of [false, true]) {
    const given = JSON.parse(
      JSON.stringify(metric)
        .replaceAll('top_k', sparse ? 'sparse_top_k' : 'top_k')
        .replaceAll('TopK', sparse ? 'SparseTopK' : 'TopK')
        .replaceAll('topK', sparse ? 'sparseTopK' : 'topK'),
    ) as unknown;
    test(`the metric of the five likeliest classes, ${sparse ? 'sparse, ' : ''}from a file and back: ${form}`, async () => {
      const model = tf.sequential({
        layers: [
          tf.layers.dense({ inputShape: [8], units: 8, useBias: false, kernelInitializer: 'identity' }),
        ],
      });
      const loss = `${sparse ? 'sparse_' : ''}categorical_crossentropy`;
      const config = { optimizer: adam, loss, metrics: [given] };
      assert.equal(await compileFromKeras(tf, model, config, undefined), undefined);
      const name = sparse ? 'sparseTopKCategoricalAccuracy' : 'topKCategoricalAccuracy';
      assert.deepEqual(model.metricsNames, ['loss', name]);
      // The scores fall from class 0 to class 7: the classes 2, 5, 4 and 7 are at the places 3, 6, 5 and 8.
      const scores = tf.tile(tf.tensor2d([[0.3, 0.2, 0.15, 0.12, 0.1, 0.07, 0.05, 0.01]]), [4, 1]);
      const classes = tf.tensor1d([2, 5, 4, 7], 'int32');
      const y = sparse ? classes : tf.oneHot(classes, 8);
      const [, right] = model.evaluate(scores, y) as Tf.Scalar[];
      assert.equal(right?.dataSync()[0], 0.5);
      const written = toCompileConfig(tf, model) as { metrics: unknown };
      assert.deepEqual(written.metrics, [`${sparse ? 'sparse_' : ''}top_k_categorical_accuracy`]);
      const { history } = await model.fit(scores, y, { epochs: 1 });
      assert.equal(history[name]?.[0], 0.5);
    });
  }
}

function small(): Tf.LayersModel {
  return tf.sequential({ layers: [tf.layers.dense({ inputShape: [3], units: 2 })] });
}

/** Two outputs of one input. */
function two(): Tf.LayersModel {
  const input = tf.input({ shape: [3] });
  const outputs = ['a', 'b'].map(
    (name) => tf.layers.dense({ name, units: 2 }).apply(input) as Tf.SymbolicTensor,
  );
  return tf.model({ inputs: input, outputs });
}

for (const [name, config, expected] of LOST) {
  test(`${name}: the model is not compiled, and the message names it`, async () => {
    const model = small();
    assert.match((await compileFromKeras(tf, model, config, undefined)) ?? '', expected);
    await assert.rejects(async () => model.fit(x, a), /compile/);
  });
}

for (const [name, metrics, expected] of LEFT_OUT) {
  test(`${name}: the metric is left out and named, the model trains`, async () => {
    const model = small();
    assert.match(
      (await compileFromKeras(tf, model, { optimizer: adam, loss: 'mse', metrics }, undefined)) ?? '',
      expected,
    );
    const { history } = await model.fit(x, a, { epochs: 1 });
    assert.deepEqual(Object.keys(history), name === 'one of a list' ? ['loss', 'mae'] : ['loss']);
  });
}

/** Metrics of two outputs as a file has them, and the labels that they have here. */
const OF_OUTPUTS: [string, unknown, string[]][] = [
  ['a flat list has one for each', ['mae', 'mse'], ['a_mae', 'b_mse']],
  ['one that is left out does not move the next', [object('AUC'), 'mse'], ['b_mse']],
  [
    'lists',
    [
      ['mae', object('AUC')],
      ['mse', 'mae'],
    ],
    ['a_mae', 'b_mse', 'b_mae'],
  ],
  ['none for the first', [null, ['mse']], ['b_mse']],
  ['by the names of outputs', { b: ['mae', 'mse'] }, ['b_mae', 'b_mse']],
];
for (const [name, metrics, labels] of OF_OUTPUTS) {
  test(`metrics of two outputs, from a file and back: ${name}`, async () => {
    const model = two();
    await compileFromKeras(tf, model, { optimizer: adam, loss: 'mse', metrics }, undefined);
    const all = ['loss', 'a_loss', 'b_loss', ...labels];
    assert.deepEqual(model.metricsNames, all);
    for (const file of ['two.keras', 'two']) {
      await saveModel(model, join(folder, file));
      assert.deepEqual((await loadModel(join(folder, file))).metricsNames, all, file);
    }
  });
}

test('a value for all of several outputs is written for each of them: Keras takes no such list', async () => {
  for (const metrics of ['mae', ['mae'], ['mae', 'mse', 'mape']]) {
    const model = two();
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics });
    const config = toCompileConfig(tf, model) as { metrics: unknown };
    assert.deepEqual(config.metrics, [[metrics].flat(), [metrics].flat()]);
    await saveModel(model, join(folder, 'both.keras'));
    assert.deepEqual((await loadModel(join(folder, 'both.keras'))).metricsNames, model.metricsNames);
  }
});

test('a model that gives a dictionary has the losses and metrics of its keys', async () => {
  const model = two();
  const config = { config: { output_layers: { z: ['b', 0, 0], y: ['a', 0, 0] } } };
  const compile = {
    optimizer: adam,
    loss: { z: 'mae', y: 'mse' },
    loss_weights: { z: 0.5 },
    metrics: { z: ['mse'] },
  };
  const here = byOutputNames(model, config, compile);
  assert.deepEqual(here.loss, { b: 'mae', a: 'mse' });
  assert.equal(await compileFromKeras(tf, model, here, undefined), undefined);
  assert.deepEqual(model.metricsNames, ['loss', 'a_loss', 'b_loss', 'b_mse']);
  assert.deepEqual((model as unknown as { lossWeights: unknown }).lossWeights, [1, 0.5]);
  assert.equal(byOutputNames(model, { config: { output_layers: [['a', 0, 0]] } }, compile), compile);
});

test('a model that was not compiled is loaded without a message', async () => {
  const model = small();
  assert.equal(await compileFromKeras(tf, model, {}, undefined), undefined);
  await assert.rejects(async () => model.fit(x, a), /compile/);
});

test('functions of tf.metrics go into files by their names', async () => {
  const names = ['meanAbsoluteError', 'binaryAccuracy', 'precision', 'MSE'] as const;
  const model = two();
  const given = [names.slice(0, 2), names.slice(2)].map((list) => list.map((name) => tf.metrics[name]));
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: given as never });
  const labels = [
    'loss',
    'a_loss',
    'b_loss',
    'a_meanAbsoluteError',
    'a_binaryAccuracy',
    'b_precision',
    'b_MSE',
  ];
  assert.deepEqual(model.metricsNames, labels);
  for (const file of ['functions.keras', 'functions']) {
    const { result, text } = await said(async () => {
      await saveModel(model, join(folder, file));
      return loadModel(join(folder, file));
    });
    assert.equal(text, '');
    assert.deepEqual(
      result.metricsNames.map((name) => name.toLowerCase()),
      labels.map((name) => name.toLowerCase()),
      file,
    );
  }
});

test('an output without a loss goes into files and back', async () => {
  for (const loss of [['meanSquaredError', null], { b: null, a: 'meanSquaredError' }]) {
    const model = two();
    model.compile({ optimizer: 'sgd', loss: loss as string[] });
    for (const file of ['none.keras', 'none']) {
      await saveModel(model, join(folder, file));
      const again = await loadModel(join(folder, file));
      const [first, second] = (again as unknown as { lossFunctions: unknown[] }).lossFunctions;
      assert.ok(typeof first === 'function' && second === null, file);
    }
  }
});

test('weighted metrics are left out with a message', async () => {
  const config = { optimizer: adam, loss: 'mse', weighted_metrics: ['mae'] };
  assert.match(
    (await compileFromKeras(tf, small(), config, undefined)) ?? '',
    /weighted metrics are left out/,
  );
});
