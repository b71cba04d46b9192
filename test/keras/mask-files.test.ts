/** Masks, states and shared layers in files of Keras: what is refused, what is written, and what stays in tfjs's own files. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type * as Tf from '@tensorflow/tfjs';
import { loadTf } from '../../src/api/tensorflow.ts';
import { loadModel, progressMode, saveModel } from '../../src/training/index.ts';
import { buildModel } from '../../src/training/model-files/keras-builder.ts';
import { toKerasConfig } from '../../src/training/model-files/keras-config.ts';
import { inputsOf, loadCase, outputsOf, readGoldens, type Json, type LayerCase } from './layer-cases.ts';

const tf = loadTf();
progressMode('quiet');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-masks-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const { cases } = readGoldens(import.meta.dirname);

type Symbolic = Tf.SymbolicTensor;
interface Part {
  class_name: string;
  module?: string;
  name: string;
  config: Json;
  inbound_nodes: { args: unknown[]; kwargs: Json }[];
}

function caseOf(name: string): LayerCase {
  return cases.find((one) => one.name === `model ${name}`) as LayerCase;
}

/** The configuration of a case, changed. */
function changed(name: string, change: (parts: Part[]) => void): Json {
  const config = structuredClone(caseOf(name).config);
  change((config['config'] as { layers: Part[] }).layers);
  return config;
}

function partOf(parts: Part[], className: string, module = ''): Part {
  const found = parts.find((one) => one.class_name === className && String(one.module).includes(module));
  assert.ok(found, `no ${className}`);
  return found;
}

const refused: Record<string, [string, (parts: Part[]) => void, RegExp]> = {
  'an op that makes no mask': [
    'joined masks, LSTM',
    (parts) => (partOf(parts, 'Any').class_name = 'All'),
    /^layer any\w* of class All is an op of Keras, which is supported only/,
  ],
  'a reduction of another axis': [
    'joined masks, LSTM',
    (parts) => (partOf(parts, 'Any').config['axis'] = 1),
    /^layer any\w* of class Any is an op/,
  ],
  'a reduction that keeps its axis': [
    'joined masks, LSTM',
    (parts) => (partOf(parts, 'Any').config['keepdims'] = true),
    /^layer any\w* of class Any is an op/,
  ],
  'an axis at another place': [
    'joined masks, LSTM',
    (parts) => (partOf(parts, 'ExpandDims').config['axis'] = 1),
    /^layer expand_dims\w* of class ExpandDims is an op/,
  ],
  'zeros of another dtype': [
    'joined masks, LSTM',
    (parts) => (partOf(parts, 'ZerosLike').config['dtype'] = 'float32'),
    /^layer zeros_like\w* of class ZerosLike is an op/,
  ],
  'masks joined along another axis': [
    'joined masks, LSTM',
    (parts) => (partOf(parts, 'Concatenate', 'ops').config['axis'] = 1),
    /^layer lstm\w* of class LSTM was called with another mask than that of its input/,
  ],
  'another id that is hidden': [
    'joined masks, LSTM',
    (parts) => (partOf(parts, 'NotEqual').inbound_nodes[0]!.args[1] = 3),
    /^layer lstm\w* of class LSTM was called with another mask/,
  ],
  'no mask where the input has one': [
    'joined masks, GlobalAveragePooling1D',
    (parts) => (partOf(parts, 'GlobalAveragePooling1D').inbound_nodes[0]!.kwargs['mask'] = null),
    /^layer global_average_pooling1d\w* of class GlobalAveragePooling1D was called with no mask although/,
  ],
  'a mask in place of a tensor': [
    'joined masks, LSTM',
    (parts) => {
      const { inbound_nodes: nodes } = partOf(parts, 'LSTM');
      nodes[0]!.args[0] = nodes[0]!.kwargs['mask'];
    },
    /^layer lstm\w* of class LSTM (computes with a mask as if it were a tensor|was called with another mask)/,
  ],
  'a recurrent layer with first states, once with and once without a mask': [
    'masked decoder',
    (parts) => {
      const decoder = parts.find(({ name }) => name === 'decoder') as Part;
      const encoder = parts.find(({ name }) => name === 'encoder') as Part;
      const [first] = decoder.inbound_nodes;
      const { mask } = encoder.inbound_nodes[0]!.kwargs;
      decoder.inbound_nodes.push({
        args: encoder.inbound_nodes[0]!.args,
        kwargs: { ...first!.kwargs, mask },
      });
    },
    /^layer decoder of class LSTM was called with initial_state and a mask, and with initial_state alone/,
  ],
};
for (const [name, [of, change, message]] of Object.entries(refused)) {
  test(`a file with ${name} is refused by layer`, () => {
    assert.throws(
      () => buildModel(tf, changed(of, change), 'file'),
      (error: Error) => {
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('masks that older Keras 3 makes without zeros are known', () => {
  const layerCase = caseOf('joined masks, LSTM');
  // There the widened masks are joined as they are.
  const config = changed('joined masks, LSTM', (parts) => {
    const history = (tensor: unknown): unknown[] =>
      (tensor as { config: { keras_history: unknown[] } }).config.keras_history;
    const wide = new Map(
      parts
        .filter((part) => part.class_name === 'LogicalOr')
        .map((part) => [part.name, part.inbound_nodes[0]!.args[0]]),
    );
    const [tensors] = partOf(parts, 'Concatenate', 'ops').inbound_nodes[0]!.args as [unknown[]];
    tensors.forEach((tensor, at) => (tensors[at] = wide.get(String(history(tensor)[0]))));
    for (const className of ['LogicalOr', 'ZerosLike', 'LogicalOr', 'ZerosLike'])
      parts.splice(parts.indexOf(partOf(parts, className)), 1);
  });
  const [model, whole] = [loadCase(tf, { ...layerCase, config }), loadCase(tf, layerCase)];
  const inputs = inputsOf(tf, layerCase);
  assert.deepEqual(outputsOf(model, inputs)[0]?.dataSync(), outputsOf(whole, inputs)[0]?.dataSync());
});

/** Cells whose numbers of states differ. */
const cells = (): Parameters<typeof tf.layers.stackedRNNCells>[0]['cells'] => [
  tf.layers.lstmCell({ units: 3, recurrentActivation: 'sigmoid' }),
  tf.layers.gruCell({ units: 2, recurrentActivation: 'sigmoid' }),
  tf.layers.simpleRNNCell({ units: 4 }),
];

function values(model: Tf.LayersModel, x: Tf.Tensor | Tf.Tensor[]): number[][] {
  const made = model.predict(x);
  return (Array.isArray(made) ? made : [made]).map((tensor) => [...tensor.dataSync()]);
}

/** Eager and compiled predictions differ in the last digits. */
function close(actual: number[][], expected: number[][]): void {
  assert.deepEqual(
    actual.map(({ length }) => length),
    expected.map(({ length }) => length),
  );
  for (const [i, list] of expected.entries())
    for (const [at, value] of list.entries())
      assert.ok(
        Math.abs((actual[i]?.[at] as number) - value) <= 1e-6,
        `${i}: ${actual[i]?.[at]}, not ${value}`,
      );
}

/** A model with an encoder and a decoder of stacked cells, made here. */
function stacked(): Tf.LayersModel {
  const [x, y] = [tf.input({ shape: [5, 3] }), tf.input({ shape: [4, 3] })];
  const [, ...states] = tf.layers
    .rnn({ cell: cells(), returnState: true, name: 'encoder' })
    .apply(x) as Symbolic[];
  const outputs = tf.layers
    .rnn({ cell: cells(), returnState: true, returnSequences: true, name: 'decoder' })
    .apply(y, { initialState: states }) as Symbolic[];
  return tf.model({ inputs: [x, y], outputs: [...outputs, states[0] as Symbolic] });
}

test('stacked cells of tfjs keep its order of states, and Keras gets its own', async () => {
  const model = stacked();
  // From the last cell to the first.
  assert.deepEqual(
    model.outputs.map(({ shape }) => shape.at(-1)),
    [4, 4, 2, 3, 3, 4],
  );
  const config = toKerasConfig(model) as unknown as { config: { output_layers: [string, number, number][] } };
  assert.deepEqual(
    config.config.output_layers.map(([name, , tensor]) => `${name} ${tensor}`),
    ['decoder 0', 'decoder 4', 'decoder 3', 'decoder 1', 'decoder 2', 'encoder 4'],
  );
  const x = [tf.randomNormal([2, 5, 3]), tf.randomNormal([2, 4, 3])];
  const expected = values(model, x);
  const path = join(folder, 'stacked.keras');
  await saveModel(model, path);
  const again = await loadModel(path);
  close(values(again, x), expected);
  await saveModel(again, path);
  close(values(await loadModel(path), x), expected);
});

/** A masked decoder that is made here: with tfjs's masks, or with Keras's. */
function decoder(maskWithStates: boolean): Tf.LayersModel {
  const [a, b] = [tf.input({ shape: [6], dtype: 'int32' }), tf.input({ shape: [6], dtype: 'int32' })];
  const embedded = (ids: Symbolic): Symbolic =>
    tf.layers.embedding({ inputDim: 9, outputDim: 3, maskZero: true }).apply(ids) as Symbolic;
  const options = { units: 3, recurrentActivation: 'sigmoid' } as const;
  const begins = { ...options, maskWithStates };
  const [, h, c] = tf.layers.lstm({ ...options, returnState: true }).apply(embedded(a)) as Symbolic[];
  const out = tf.layers
    .lstm({ ...begins, returnSequences: true, name: 'decoder' })
    .apply(embedded(b), { initialState: [h, c] as Symbolic[] });
  // A recurrent layer behind one that begins with given states does not begin with them.
  const last = tf.layers.gru({ units: 2, recurrentActivation: 'sigmoid' }).apply(out);
  return tf.model({ inputs: [a, b], outputs: last as Symbolic });
}
const ids = [
  tf.tensor2d([[0, 1, 3, 4, 7, 3]], undefined, 'int32'),
  tf.tensor2d([[6, 4, 2, 0, 5, 0]], undefined, 'int32'),
];

test('a mask next to first states is written by name, since Keras ignores it otherwise', async () => {
  const model = decoder(true);
  const path = join(folder, 'decoder.keras');
  await saveModel(model, path);
  const again = await loadModel(path);
  close(values(again, ids), values(model, ids));
  assert.notEqual(again.getLayer('decoder').getConfig()['maskWithStates'], false);
});

test('ops of masks get names that no layer has', () => {
  const layerCase = caseOf('joined masks in the loss');
  const config = toKerasConfig(loadCase(tf, layerCase)) as unknown as { config: { layers: Part[] } };
  const { layers } = config.config;
  const names = layers.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, names.join());
  // The layer is called as Keras calls an op.
  assert.ok(names.includes('concatenate'));
  assert.ok(
    layers.some(({ class_name: name, module }) => name === 'Concatenate' && module === 'keras.src.ops.numpy'),
  );
});

test('a mask of a model inside that is joined with another one is not written, since Keras takes it for none', async () => {
  const embedding = (): Tf.layers.Layer => tf.layers.embedding({ inputDim: 9, outputDim: 3, maskZero: true });
  const tokens = (): Symbolic => tf.input({ shape: [6], dtype: 'int32' });
  const [inside, a, b] = [tokens(), tokens(), tokens()];
  const inner = tf.model({ inputs: inside, outputs: embedding().apply(inside) as Symbolic });
  const joined = (second: Symbolic): Tf.LayersModel => {
    const both = tf.layers.concatenate({ name: 'both' }).apply([inner.apply(a) as Symbolic, second]);
    return tf.model({
      inputs: [a, b],
      outputs: tf.layers.simpleRNN({ units: 2 }).apply(both) as Symbolic,
    });
  };
  const path = join(folder, 'joined.keras');
  await assert.rejects(
    saveModel(joined(embedding().apply(b) as Symbolic), path),
    /layer both of class Concatenate joins the mask of a model inside with another one, which Keras takes for no mask/,
  );
  const model = joined(tf.layers.embedding({ inputDim: 9, outputDim: 3 }).apply(b) as Symbolic);
  await saveModel(model, path);
  close(values(await loadModel(path), ids), values(model, ids));
});

/** tfjs's own form of a model, read again. */
async function throughJson(model: Tf.LayersModel): Promise<Tf.LayersModel> {
  const json = await tf.models.modelFromJSON(model.toJSON(null, false) as unknown as Tf.io.ModelJSON);
  json.setWeights(model.getWeights());
  return json;
}

async function inMode(mode: 'on' | 'off', work: () => Promise<void> | void): Promise<void> {
  const before = process.env['TENSORCELL_COMPILE'];
  process.env['TENSORCELL_COMPILE'] = mode;
  try {
    await work();
  } finally {
    if (before === undefined) delete process.env['TENSORCELL_COMPILE'];
    else process.env['TENSORCELL_COMPILE'] = before;
  }
}

for (const mode of ['off', 'on'] as const) {
  test(`maskWithStates: false goes through files, ${mode === 'on' ? 'compiled' : 'eagerly'}`, async () => {
    await inMode(mode, async () => {
      const [model, masking] = [decoder(false), decoder(true)];
      masking.setWeights(model.getWeights());
      const expected = values(model, ids);
      assert.notDeepEqual(values(masking, ids), expected);
      const path = join(folder, 'decoder.keras');
      await saveModel(model, path);
      close(values(await loadModel(path), ids), expected);
      close(values(await throughJson(model), ids), expected);
      model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
      const loss = await model.trainOnBatch(ids, tf.ones([1, 2]));
      assert.ok(Number.isFinite(loss));
    });
  });

  test(`an output without a mask in Keras has none in tfjs's own files, ${mode === 'on' ? 'compiled' : 'eagerly'}`, async () => {
    await inMode(mode, async () => {
      const layerCase = caseOf('attention, its residual and the loss');
      const model = loadCase(tf, layerCase);
      const [x] = inputsOf(tf, layerCase) as [Tf.Tensor];
      const loss = async (one: Tf.LayersModel): Promise<number> => {
        one.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
        return (await one.trainOnBatch(x, tf.ones([2, 6, 3]))) as number;
      };
      const expected = await loss(model);
      assert.ok(Math.abs((await loss(await throughJson(model))) - expected) < 1e-6);
      // With the mask it is another number.
      (model as unknown as { unmaskedOutputs: number[] }).unmaskedOutputs = [];
      assert.ok(Math.abs((await loss(model)) - expected) > 1e-4);
    });
  });
}

test('a layer with several outputs is called once', () =>
  inMode('off', () => {
    let calls = 0;
    class Halves extends tf.layers.Layer {
      static className = 'Halves';
      override call(inputs: Tf.Tensor | Tf.Tensor[]): Tf.Tensor[] {
        calls++;
        const x = Array.isArray(inputs) ? (inputs[0] as Tf.Tensor) : inputs;
        return tf.split(x, 2, 1);
      }
      override computeOutputShape(): Tf.Shape[] {
        return [
          [null, 2],
          [null, 2],
        ];
      }
    }
    const x = tf.input({ shape: [4] });
    const [left, right] = new Halves({}).apply(x) as Symbolic[];
    const sum = tf.layers.add().apply([left as Symbolic, right as Symbolic]) as Symbolic;
    const model = tf.model({ inputs: x, outputs: [right as Symbolic, sum, left as Symbolic] });
    const before = tf.memory().numTensors;
    const made = tf.tidy(() => values(model, tf.tensor2d([[1, 2, 3, 4]])));
    assert.deepEqual(made, [
      [3, 4],
      [4, 6],
      [1, 2],
    ]);
    assert.equal(tf.memory().numTensors, before);
    assert.equal(calls, 1);
  }));
