/** Weights to PyTorch and back: the same outputs, to 1e-5, from real modules of torch.nn. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import type { LayersModel, layers, Tensor } from '@tensorflow/tfjs';
import { segmentPool } from '../../src/interop/conversion/payload.ts';
import { multiHeadAttention } from '../../src/training/layers/index.ts';
import { loadStateDict, stateDict, type StateDict } from '../../src/interop/pytorch/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { progressMode } from '../../src/training/index.ts';
import { Peer } from '../conversion/peer.ts';
import { NO_TORCH, torchPython } from '../conversion/pythons.ts';

const tf = loadTf();
progressMode('quiet');
const python = torchPython();
let peer: Peer;

before(async () => {
  if (python === undefined) return;
  peer = new Peer(python);
  await peer.run('import torch; from torch import nn; torch.manual_seed(7)');
});

after(async () => {
  if (python !== undefined) await peer.close();
  segmentPool().close();
});

async function stateOf(code: string): Promise<StateDict> {
  await peer.run(`state = ${code}.state_dict()`);
  const keys = (await peer.eval('list(state)')) as string[];
  const state: Record<string, Tensor> = {};
  for (const key of keys) state[key] = (await peer.get(`state[${JSON.stringify(key)}]`)) as Tensor;
  return state;
}

function model(...list: layers.Layer[]): LayersModel {
  return tf.sequential({ layers: list });
}

function close(ours: Tensor, theirs: Tensor, what: string): void {
  assert.deepEqual(ours.shape, theirs.shape, what);
  const [a, b] = [ours.dataSync(), theirs.dataSync()];
  let worst = 0;
  // Of sums of many values the last digits differ with the order in which they are added.
  let largest = 1;
  for (let i = 0; i < a.length; i++) {
    worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
    largest = Math.max(largest, Math.abs(b[i] as number));
  }
  assert.ok(worst < 1e-5 * largest, `${what}: outputs differ by ${worst} of ${largest}`);
}

interface Pair {
  name: string;
  torch: string;
  ours: () => LayersModel;
  /** Of tfjs, with the batch. */
  input: number[];
  /** Whole numbers below this: for embeddings. */
  below?: number;
  /** The changes to the input, and to the output, on PyTorch's side. */
  forward?: string;
}

const FIRST = 'm(x.movedim(-1, 1)).movedim(1, -1)';
const sequence = {
  returnSequences: true,
  recurrentActivation: 'sigmoid' as const,
  inputShape: [6, 3],
};

/** tfjs's own types do not know `resetAfter` yet; those of cells do. */
const afterReset = { units: 4, resetAfter: true, ...sequence };

const pairs: Pair[] = [
  {
    name: 'Linear',
    torch: 'nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3, bias=False))',
    ours: () =>
      model(
        tf.layers.dense({ units: 4, activation: 'relu', inputShape: [5] }),
        tf.layers.dense({ units: 3, useBias: false }),
      ),
    input: [8, 5],
  },
  {
    name: 'Conv1d',
    torch: 'nn.Conv1d(3, 4, 3)',
    ours: () => model(tf.layers.conv1d({ filters: 4, kernelSize: 3, inputShape: [9, 3] })),
    input: [2, 9, 3],
    forward: FIRST,
  },
  {
    name: 'Conv2d, an oblong window',
    torch: 'nn.Conv2d(3, 4, (3, 2))',
    ours: () => model(tf.layers.conv2d({ filters: 4, kernelSize: [3, 2], inputShape: [9, 8, 3] })),
    input: [2, 9, 8, 3],
    forward: FIRST,
  },
  {
    name: 'Conv3d',
    torch: 'nn.Conv3d(2, 3, 2)',
    ours: () => model(tf.layers.conv3d({ filters: 3, kernelSize: 2, inputShape: [4, 5, 6, 2] })),
    input: [2, 4, 5, 6, 2],
    forward: FIRST,
  },
  {
    name: 'ConvTranspose2d',
    torch: 'nn.ConvTranspose2d(3, 4, (3, 2), stride=2)',
    ours: () =>
      model(tf.layers.conv2dTranspose({ filters: 4, kernelSize: [3, 2], strides: 2, inputShape: [5, 4, 3] })),
    input: [2, 5, 4, 3],
    forward: FIRST,
  },
  {
    name: 'a depthwise convolution',
    torch: 'nn.Conv2d(3, 6, 3, groups=3)',
    ours: () =>
      model(tf.layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, inputShape: [6, 7, 3] })),
    input: [2, 6, 7, 3],
    forward: FIRST,
  },
  {
    name: 'BatchNorm2d',
    torch:
      '(lambda m: (m.train(), [m(torch.randn(16, 3, 4, 4) * 2 + 1) for _ in range(5)], nn.init.normal_(m.weight), nn.init.normal_(m.bias), m.eval())[-1])(nn.BatchNorm2d(3))',
    ours: () => model(tf.layers.batchNormalization({ epsilon: 1e-5, inputShape: [4, 5, 3] })),
    input: [2, 4, 5, 3],
    forward: FIRST,
  },
  {
    name: 'LayerNorm',
    torch: '(lambda m: (nn.init.normal_(m.weight), nn.init.normal_(m.bias), m)[-1])(nn.LayerNorm(6))',
    ours: () => model(tf.layers.layerNormalization({ epsilon: 1e-5, inputShape: [3, 6] })),
    input: [4, 3, 6],
  },
  {
    name: 'a network with Flatten between convolution and Linear',
    torch:
      'nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.BatchNorm1d(36), nn.Dropout(), nn.Linear(36, 5)).eval()',
    ours: () =>
      model(
        tf.layers.conv2d({ filters: 3, kernelSize: 3, activation: 'relu', inputShape: [8, 10, 1] }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.batchNormalization({ epsilon: 1e-5 }),
        tf.layers.dropout({ rate: 0.5 }),
        tf.layers.dense({ units: 5 }),
      ),
    input: [4, 8, 10, 1],
    forward: 'm(x.movedim(-1, 1))',
  },
  {
    name: 'Embedding',
    torch: 'nn.Embedding(11, 4)',
    ours: () => model(tf.layers.embedding({ inputDim: 11, outputDim: 4, inputLength: 5 })),
    input: [3, 5],
    below: 11,
    forward: 'm(x.long())',
  },
  {
    name: 'RNN',
    torch: 'nn.RNN(3, 4, batch_first=True)',
    ours: () => model(tf.layers.simpleRNN({ units: 4, returnSequences: true, inputShape: [6, 3] })),
    input: [2, 6, 3],
    forward: 'm(x)[0]',
  },
  {
    name: 'LSTM of two layers',
    torch: 'nn.LSTM(3, 4, num_layers=2, batch_first=True)',
    ours: () =>
      model(
        tf.layers.lstm({ units: 4, ...sequence }),
        tf.layers.lstm({ units: 4, ...sequence, inputShape: [6, 4] }),
      ),
    input: [2, 6, 3],
    forward: 'm(x)[0]',
  },
  {
    name: 'GRU',
    torch: 'nn.GRU(3, 4, batch_first=True)',
    ours: () => model(tf.layers.gru(afterReset)),
    input: [2, 6, 3],
    forward: 'm(x)[0]',
  },
  {
    name: 'GRU without biases',
    torch: 'nn.GRU(3, 4, batch_first=True, bias=False)',
    ours: () => model(tf.layers.gru({ ...afterReset, useBias: false })),
    input: [2, 6, 3],
    forward: 'm(x)[0]',
  },
  {
    name: 'a bidirectional LSTM',
    torch: 'nn.LSTM(3, 4, batch_first=True, bidirectional=True)',
    ours: () =>
      model(
        tf.layers.bidirectional({
          layer: tf.layers.lstm({ units: 4, ...sequence }),
          mergeMode: 'concat',
          inputShape: [6, 3],
        }),
      ),
    input: [2, 6, 3],
    forward: 'm(x)[0]',
  },
  {
    name: 'MultiheadAttention',
    torch: 'nn.MultiheadAttention(8, 2, batch_first=True)',
    ours: () => {
      const input = tf.input({ shape: [5, 8] });
      const output = multiHeadAttention({ numHeads: 2, keyDim: 4 }).apply(input) as typeof input;
      return tf.model({ inputs: input, outputs: output });
    },
    input: [3, 5, 8],
    forward: 'm(x, x, x)[0]',
  },
  {
    name: 'MultiheadAttention that looks back only',
    torch: 'nn.MultiheadAttention(8, 4, batch_first=True, bias=False)',
    ours: () => {
      const input = tf.input({ shape: [5, 8] });
      const layer = multiHeadAttention({ numHeads: 4, keyDim: 2, useBias: false, useCausalMask: true });
      return tf.model({ inputs: input, outputs: layer.apply(input) as typeof input });
    },
    input: [3, 5, 8],
    forward: 'm(x, x, x, attn_mask=torch.triu(torch.ones(5, 5, dtype=torch.bool), 1))[0]',
  },
];

/** Runs the module `m` in Python on `input`, without gradients. */
async function forward(pair: Pair, input: Tensor): Promise<Tensor> {
  await peer.set('x', input, 'torch');
  await peer.run(`with torch.no_grad(): y = ${pair.forward ?? 'm(x)'}`);
  return (await peer.get('y.contiguous()')) as Tensor;
}

function inputOf({ input, below }: Pair): Tensor {
  return below === undefined
    ? tf.randomNormal(input)
    : tf.randomUniform(input, 0, below, 'int32').cast('float32');
}

for (const pair of pairs) {
  test(`${pair.name}: weights of PyTorch give the same outputs here, and ours there`, async (t: TestContext) => {
    if (python === undefined) return t.skip(NO_TORCH);
    const ours = pair.ours();
    const input = inputOf(pair);
    await peer.run(`m = ${pair.torch}`);
    const state = await stateOf('m');
    loadStateDict(ours, state);
    close(ours.predict(input) as Tensor, await forward(pair, input), 'from PyTorch');

    // Other weights, the other way round.
    ours.setWeights(ours.getWeights().map((weight) => tf.randomUniform(weight.shape, 0.1, 0.9)));
    const names = Object.fromEntries(
      ours.layers
        .filter((layer) => layer.weights.length > 0)
        .map((layer, i) => [layer.name, moduleNames(Object.keys(state))[i] as string]),
    );
    const given = stateDict(ours, { names });
    await peer.run('given = {}');
    for (const [name, tensor] of Object.entries(given)) {
      await peer.set('w', tensor, 'torch');
      await peer.run(`given[${JSON.stringify(name)}] = w.clone()`);
    }
    await peer.run('m.load_state_dict(given, strict=True)');
    close(ours.predict(input) as Tensor, await forward(pair, input), 'to PyTorch');
  });
}

/** Modules in their order, as `names` has them. */
function moduleNames(keys: string[]): string[] {
  const names = keys
    .filter((key) => !key.endsWith('num_batches_tracked'))
    .map((key) => {
      const stacked = /_l(\d+)(_reverse)?$/.exec(key)?.[1];
      const module = key.replace(/\.?(out_proj\.)?[^.]*$/, '');
      return stacked === undefined || stacked === '0' ? module : `${module}[${stacked}]`;
    });
  return [...new Set(names)];
}

test('attention trains: its gradients and a compiled fit agree with eager mode', async () => {
  const build = () => {
    const input = tf.input({ shape: [6], dtype: 'int32' });
    const embedded = tf.layers.embedding({ inputDim: 9, outputDim: 8, maskZero: true }).apply(input);
    const heard = multiHeadAttention({ numHeads: 2, keyDim: 4 }).apply(embedded);
    const pooled = tf.layers.globalAveragePooling1d().apply(heard) as typeof input;
    return tf.model({ inputs: input, outputs: tf.layers.dense({ units: 1 }).apply(pooled) as typeof input });
  };
  const x = tf.randomUniform([32, 6], 0, 9, 'int32', 7);
  const y = x.cast('float32').mean(1, true);
  const one = build();
  const other = build();
  other.setWeights(one.getWeights());
  const results: number[][] = [];
  for (const [network, compiled] of [
    [one, true],
    [other, false],
  ] as const) {
    process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
    // Plain steps: Adam would turn gradients that are zero but for rounding (of the keys' biases) into whole steps.
    network.compile({ optimizer: tf.train.sgd(0.02), loss: 'meanSquaredError' });
    const history = await network.fit(x, y, {
      epochs: 8,
      batchSize: 8,
      shuffle: false,
    });
    results.push(history.history['loss'] as number[]);
  }
  delete process.env['TENSORCELL_COMPILE'];
  const [fast = [], slow = []] = results;
  assert.ok((fast.at(-1) ?? 1) < (fast[0] ?? 0) / 2, `the loss fell from ${fast[0]} to ${fast.at(-1)}`);
  for (const [i, loss] of fast.entries()) {
    const eager = slow[i] ?? NaN;
    assert.ok(Math.abs(loss - eager) <= 3e-5 * Math.abs(eager), `epoch ${i}: ${loss}, eagerly ${eager}`);
  }
});

test('a parameter that does not fit is named, and the model stays as it was', () => {
  const network = model(
    tf.layers.dense({ units: 4, inputShape: [5], name: 'first' }),
    tf.layers.dense({ units: 3, name: 'second' }),
  );
  const start = network.getWeights().map((weight) => weight.dataSync());
  const good = {
    'a.weight': tf.ones([4, 5]),
    'a.bias': tf.ones([4]),
    'b.weight': tf.ones([3, 4]),
    'b.bias': tf.ones([3]),
  };
  const { 'b.bias': _bias, ...lacking } = good;
  assert.throws(
    () => loadStateDict(network, lacking),
    /layer second \(Linear\) needs b\.bias; the state dict's b has weight/,
  );
  assert.throws(
    () => loadStateDict(network, { ...good, 'b.weight': tf.ones([4, 3]) }),
    /layer second \(Linear\) needs b\.weight of shape \[3, 4\]; the state dict's has \[4, 3\]/,
  );
  assert.throws(
    () => loadStateDict(network, { ...good, 'c.weight': tf.ones([1]) }),
    /2 layers with weights \(first, second\) do not pair with 3 modules of the state dict \(a, b, c\)/,
  );
  assert.throws(
    () => loadStateDict(network, { ...good, 'b.extra': tf.ones([1]) }),
    /has no place for extra of b/,
  );
  assert.throws(
    () => loadStateDict(network, good, { names: { third: 'a' } }),
    /no layer third.*it has first, second/,
  );
  assert.throws(() => loadStateDict(network, good, { names: { first: 'z' } }), /do not pair|no module z/);
  assert.deepEqual(
    network.getWeights().map((weight) => weight.dataSync()),
    start,
  );
  loadStateDict(network, good, { names: { second: 'b' } });
  assert.equal((network.getWeights()[2] as Tensor).sum().dataSync()[0], 12);

  const refused = (layer: layers.Layer, reason: RegExp) => {
    assert.throws(() => stateDict(model(layer)), reason);
  };
  refused(
    tf.layers.lstm({ units: 2, inputShape: [3, 2] }),
    /has sigmoid gates, and this layer hardSigmoid: create it with/,
  );
  refused(
    tf.layers.gru({ units: 2, recurrentActivation: 'sigmoid', inputShape: [3, 2] }),
    /create the layer with resetAfter: true/,
  );
  refused(
    tf.layers.prelu({ inputShape: [3] }),
    /is a PReLU: no module of PyTorch's is known to compute the same/,
  );
  assert.throws(
    () => multiHeadAttention({ numHeads: 0, keyDim: 2 }),
    /numHeads is 0; it must be a whole number/,
  );
});
