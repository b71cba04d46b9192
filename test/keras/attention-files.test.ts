/** Multi-head attention in files: what a call in Keras says that a layer says here, and calls that cannot be converted. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type * as Tf from '@tensorflow/tfjs';
import { layers } from '../../src/api/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadModel, progressMode, saveModel } from '../../src/training/index.ts';
import { buildModel } from '../../src/training/model-files/keras-builder.ts';
import { toKerasConfig } from '../../src/training/model-files/keras-config.ts';

const tf = loadTf();
progressMode('quiet');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-attention-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Symbolic = Tf.SymbolicTensor;
type Node = { args: unknown[]; kwargs: Record<string, unknown> };
type Part = { class_name: string; config: Record<string, unknown>; inbound_nodes: Node[] };

const attend = (more: object = {}): Tf.layers.Layer =>
  layers.multiHeadAttention({ numHeads: 2, keyDim: 3, name: 'attend', ...more });

/** The configuration of a model with one attention of query and value, changed. */
function changed(change: (part: Part) => void): ReturnType<typeof toKerasConfig> {
  const [query, value] = [tf.input({ shape: [4, 6] }), tf.input({ shape: [5, 6] })];
  const model = tf.model({ inputs: [query, value], outputs: attend().apply([query, value]) as Symbolic });
  const config = toKerasConfig(model);
  const parts = config.config['layers'] as Part[];
  change(parts.find(({ class_name: name }) => name === 'MultiHeadAttention') as Part);
  return config;
}

const refused: Record<string, [(part: Part) => void, RegExp]> = {
  sliding_window: [({ config }) => Object.assign(config, { sliding_window: 2 }), /sliding_window 2 is not/],
  use_gate: [({ config }) => Object.assign(config, { use_gate: true }), /use_gate true is not/],
  attention_axes: [
    ({ config }) => Object.assign(config, { attention_axes: [1, 2] }),
    /attention_axes \[1,2\] is/,
  ],
  'an initializer of Python': [
    ({ config }) => Object.assign(config, { kernel_initializer: { class_name: 'Mine', config: {} } }),
    /kernel_initializer Mine is not/,
  ],
  return_attention_scores: [
    ({ inbound_nodes: [node] }) => Object.assign(node!.kwargs, { return_attention_scores: true }),
    /called with return_attention_scores, which is not/,
  ],
  training: [
    ({ inbound_nodes: [node] }) => Object.assign(node!.kwargs, { training: true }),
    /called with training, which is not/,
  ],
  query_mask: [
    ({ inbound_nodes: [node] }) => Object.assign(node!.kwargs, { query_mask: node!.args[0] }),
    /called with query_mask, which is not/,
  ],
  'use_causal_mask in one of two calls': [
    ({ inbound_nodes: nodes }) => nodes.push({ args: nodes[0]!.args, kwargs: { use_causal_mask: true } }),
    /called with and without use_causal_mask, which is not/,
  ],
};
for (const [name, [change, message]] of Object.entries(refused)) {
  test(`a file with ${name} is refused by layer and option`, () => {
    assert.throws(
      () => buildModel(tf, structuredClone(changed(change)), 'file'),
      (error: Error) => error.message.startsWith('layer attend') && message.test(error.message),
    );
  });
}

test('arguments by name and by place mean the same', () => {
  for (const usual of [{ training: false, attention_mask: null, use_causal_mask: false }, {}]) {
    const config = changed(({ inbound_nodes: [node] }) => {
      const [query, value] = node!.args;
      Object.assign(node!, { args: [], kwargs: { value, query, ...usual } });
    });
    const model = buildModel(tf, structuredClone(config), 'file');
    assert.deepEqual(model.outputs[0]?.shape, [null, 4, 6]);
    assert.deepEqual(model.getLayer('attend').getConfig()['useCausalMask'], false);
  }
});

test('a Sequential with attention is refused with what to do', async () => {
  const model = tf.sequential({ layers: [attend({ inputShape: [4, 6] })] });
  await assert.rejects(
    saveModel(model, join(folder, 'sequential.keras')),
    /layer attend of class MultiHeadAttention takes query and value in Keras.*build the model with tf\.model/,
  );
});

/** A block of attention with a residual connection, as many times as there are names. */
function blocks(names: readonly string[]): Tf.LayersModel {
  const tokens = tf.input({ shape: [6], dtype: 'int32' });
  let x = tf.layers.embedding({ inputDim: 9, outputDim: 4, maskZero: true }).apply(tokens) as Symbolic;
  for (const name of names) {
    const y = attend({ name, useCausalMask: true, dropout: 0.1 }).apply([x, x]) as Symbolic;
    x = tf.layers.layerNormalization().apply(tf.layers.add().apply([x, y])) as Symbolic;
  }
  const mean = tf.layers.globalAveragePooling1d().apply(x);
  return tf.model({ inputs: tokens, outputs: tf.layers.dense({ units: 2 }).apply(mean) as Symbolic });
}

const ids = tf.tensor2d(
  [
    [0, 1, 3, 4, 7, 3],
    [6, 4, 2, 0, 0, 0],
  ],
  undefined,
  'int32',
);
/** Eager and compiled predictions differ in the last digits. */
function close(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [at, value] of actual.entries())
    assert.ok(Math.abs(value - (expected[at] as number)) <= 1e-6, `${at}: ${value}, not ${expected[at]}`);
}

const values = (model: Tf.LayersModel): number[] => [...(model.predict(ids) as Tf.Tensor).dataSync()];

test('a model that takes a tensor twice, with masks, predicts, is written and read again', async () => {
  const model = blocks(['attend']);
  const path = join(folder, 'block.keras');
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  await model.fit(ids, tf.ones([2, 2]), { epochs: 2 });
  await saveModel(model, path);
  const again = await loadModel(path);
  close(values(again), values(model));
  const json = await tf.models.modelFromJSON(model.toJSON(null, false) as unknown as Tf.io.ModelJSON);
  json.setWeights(model.getWeights());
  close(values(json), values(model));
});

test('attention behind attention, where Keras loses the mask, is refused in both directions', async () => {
  const message =
    /layer second of class MultiHeadAttention: Keras drops the mask of its input.*attention_mask/;
  const model = blocks(['first', 'second']);
  assert.equal(values(model).length, 4);
  await assert.rejects(saveModel(model, join(folder, 'two.keras')), message);
});

test('a mask of time steps without a name in the file is the one of the input', async () => {
  const tokens = tf.input({ shape: [6], dtype: 'int32' });
  const embedded = tf.layers.embedding({ inputDim: 9, outputDim: 4, maskZero: true }).apply(tokens);
  const lstm = tf.layers.lstm({ units: 2, recurrentActivation: 'sigmoid' }).apply(embedded) as Symbolic;
  const model = tf.model({ inputs: tokens, outputs: lstm });
  const path = join(folder, 'implicit.keras');
  await saveModel(model, path);
  close(values(await loadModel(path)), values(model));
});

test('a frozen model inside of a model is written as frozen', () => {
  const base = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4] })], name: 'base' });
  base.trainable = false;
  const x = tf.input({ shape: [4] });
  const model = tf.model({ inputs: x, outputs: base.apply(x) as Symbolic });
  const again = buildModel(tf, structuredClone(toKerasConfig(model)), 'file');
  assert.equal(again.getLayer('base').trainable, false);
  assert.equal(again.trainableWeights.length, 0);
});

test('the trained weights inside frozen models, at any depth, are the same after a file', async () => {
  const dense = (name: string, units: number): Tf.layers.Layer => tf.layers.dense({ units, name });
  const sets: Record<string, boolean>[] = [
    { inner: false },
    { inner: false, first: true },
    { middle: false, norm: true },
    { middle: false, inner: true, norm: false },
    { first: false, behind: false },
  ];
  for (const [index, set] of sets.entries()) {
    const inner = tf.sequential({
      name: 'inner',
      layers: [
        tf.layers.dense({ units: 3, name: 'first', inputShape: [4] }),
        tf.layers.batchNormalization({ name: 'norm' }),
      ],
    });
    const x = tf.input({ shape: [4] });
    const middle = tf.model({
      name: 'middle',
      inputs: x,
      outputs: dense('between', 2).apply(inner.apply(x)) as Symbolic,
    });
    const y = tf.input({ shape: [4] });
    const model = tf.model({ inputs: y, outputs: dense('behind', 5).apply(middle.apply(y)) as Symbolic });
    const layers = (whole: Tf.LayersModel): Record<string, Tf.layers.Layer> => {
      const outside = whole.getLayer('middle') as unknown as Tf.LayersModel;
      const inside = outside.getLayer('inner') as unknown as Tf.LayersModel;
      const all = [...whole.layers, ...outside.layers, ...inside.layers];
      return Object.fromEntries(all.map((layer) => [layer.name, layer]));
    };
    for (const [name, value] of Object.entries(set))
      (layers(model)[name] as Tf.layers.Layer).trainable = value;
    const path = join(folder, 'thawed.keras');
    await saveModel(model, path);
    const again = await loadModel(path);
    const trained = (whole: Tf.LayersModel): unknown[] => [
      Object.entries(layers(whole))
        .filter(([name]) => !name.includes('input'))
        .map(([name, layer]) => [name, layer.trainable]),
      whole.trainableWeights.map(({ shape }) => shape),
    ];
    assert.deepEqual(trained(again), trained(model), `set ${index}`);
  }
});
