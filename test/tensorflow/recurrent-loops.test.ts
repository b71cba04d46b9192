import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, SymbolicTensor, Tensor, layers } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { compile, loadTf, onBackendNotice, setRandomSeed, traceable } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));
const L = tf.layers;

type Layer = layers.Layer;
type Build = (input: SymbolicTensor) => SymbolicTensor;

interface Run {
  losses: number[];
  weights: number[][];
  prediction: number[];
  /** Loops in the graph of the training step. */
  loops: number;
  /** LSTMs that are one op there. */
  blocks: number;
}

/** Six steps on different batches, then a prediction, with the same weights and random numbers each time. */
async function train(build: Build, shape: number[], how: 'eager' | 'loop' | 'default'): Promise<Run> {
  process.env['TENSORCELL_COMPILE'] = how === 'eager' ? 'off' : 'on';
  if (how === 'loop') process.env['TENSORCELL_RECURRENT'] = how;
  else delete process.env['TENSORCELL_RECURRENT'];
  setRandomSeed(21);
  const input = tf.input({ shape });
  let output = build(input);
  if (output.shape.length > 2) output = L.flatten().apply(output) as SymbolicTensor;
  output = L.dense({ units: 2 }).apply(output) as SymbolicTensor;
  const model: LayersModel = tf.model({ inputs: input, outputs: output });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  setRandomSeed(22);
  const data = (size: number[], seed: number) => {
    const values = tf.randomNormal(size, 0, 1, 'float32', seed);
    // Some steps of time are masked where a mask is made.
    return size.length < 3
      ? values
      : values.mul(tf.randomUniform([...size.slice(0, 2), 1], 0, 3, 'int32', seed).minimum(1));
  };
  const losses: number[] = [];
  for (let step = 0; step < 6; step++) {
    const x = size4(data([3, ...shape.slice(0, 2)], 10 + step), shape);
    const y = data([3, 2], 90 + step);
    losses.push((await model.trainOnBatch(x, y)) as number);
    tf.dispose([x, y]);
  }
  const x = size4(data([3, ...shape.slice(0, 2)], 7), shape);
  let prediction: number[] = [];
  for (let i = 0; i < 3; i++) prediction = Array.from((model.predict(x) as Tensor).dataSync());
  const steps = trainingSteps(model)?.steps() ?? [];
  const count = (op: string) => steps.reduce((sum, { histogram }) => sum + (histogram.get(op) ?? 0), 0);
  const loops = count('StatelessWhile');
  const blocks = count('BlockLSTMGradV2');
  const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  model.dispose();
  delete process.env['TENSORCELL_RECURRENT'];
  return { losses, weights, prediction, loops, blocks };
}

/** The same numbers in every place of a picture, where the input has pictures. */
function size4(values: Tensor, shape: number[]): Tensor {
  if (shape.length < 3) return values;
  const [batch, times, width] = values.shape as [number, number, number];
  return values.reshape([batch, times, width, 1, 1]).tile([1, 1, 1, shape[2] as number, shape[3] as number]);
}

function assertClose(actual: number[], expected: number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    const wanted = expected[i] as number;
    const distance = Math.abs(value - wanted) / Math.max(1, Math.abs(wanted));
    assert.ok(distance <= 1e-5, `${what} ${i}: ${value}, not ${wanted}`);
  });
}

const through =
  (...all: Layer[]): Build =>
  (input) =>
    all.reduce((x, layer) => layer.apply(x) as SymbolicTensor, input);

const series = [7, 3];

/** How many loops there are with a gradient: one forth and one back for each layer. */
const table: Record<string, { build: Build; shape?: number[]; loops: number }> = {
  SimpleRNN: { build: (input) => through(L.simpleRNN({ units: 4 }))(input), loops: 2 },
  GRU: { build: (input) => through(L.gru({ units: 4 }))(input), loops: 2 },
  LSTM: { build: (input) => through(L.lstm({ units: 4 }))(input), loops: 2 },
  'LSTM with its sequence': {
    build: (input) => through(L.lstm({ units: 4, returnSequences: true }))(input),
    loops: 2,
  },
  'two layers': {
    build: (input) =>
      through(
        L.gru({ units: 4, returnSequences: true }),
        L.lstm({ units: 3, recurrentActivation: 'sigmoid' }),
      )(input),
    loops: 4,
  },
  'with a dense layer before it': {
    build: (input) =>
      through(L.timeDistributed({ layer: L.dense({ units: 5 }) }), L.simpleRNN({ units: 4 }))(input),
    loops: 2,
  },
  backwards: { build: (input) => through(L.lstm({ units: 4, goBackwards: true }))(input), loops: 2 },
  'masked, with its sequence': {
    build: (input) => through(L.masking({}), L.lstm({ units: 4, returnSequences: true }))(input),
    loops: 2,
  },
  'masked, the last output': {
    build: (input) => through(L.masking({}), L.gru({ units: 4 }))(input),
    loops: 2,
  },
  'with dropout': {
    build: (input) => through(L.lstm({ units: 4, dropout: 0.3, recurrentDropout: 0.2 }))(input),
    loops: 2,
  },
  'regularizers and no bias': {
    build: (input) =>
      through(
        L.simpleRNN({ units: 4, useBias: false, recurrentRegularizer: tf.regularizers.l2({ l2: 0.01 }) }),
      )(input),
    loops: 2,
  },
  'stacked cells': {
    build: (input) =>
      through(L.rnn({ cell: [L.gruCell({ units: 3 }), L.lstmCell({ units: 2 })] as never }))(input),
    loops: 2,
  },
  bidirectional: {
    build: (input) =>
      through(L.bidirectional({ layer: L.lstm({ units: 3, returnSequences: true }), mergeMode: 'concat' }))(
        input,
      ),
    loops: 4,
  },
  'states that go on to another layer': {
    build: (input) => {
      const [, h, c] = L.lstm({ units: 4, returnState: true }).apply(input) as SymbolicTensor[];
      return L.lstm({ units: 4 }).apply(input, { initialState: [h, c] }) as SymbolicTensor;
    },
    loops: 4,
  },
  'frozen weights': {
    build: (input) => {
      const layer = L.gru({ units: 4 });
      layer.trainable = false;
      return layer.apply(input) as SymbolicTensor;
    },
    loops: 1,
  },
  pictures: {
    build: (input) => through(L.convLstm2d({ filters: 2, kernelSize: 2 }))(input),
    shape: [5, 4, 4, 1],
    loops: 2,
  },
};

for (const [name, { build, shape = series, loops }] of Object.entries(table)) {
  test(`a recurrent layer as a loop equals tfjs's own: ${name}`, async () => {
    notices.length = 0;
    const expected = await train(build, shape, 'eager');
    const actual = await train(build, shape, 'loop');
    assert.deepEqual(notices, []);
    assert.equal(actual.loops, loops, 'loops in the graph');
    assertClose(actual.losses, expected.losses, 'loss');
    actual.weights.forEach((weight, i) =>
      assertClose(weight, expected.weights[i] as number[], `weight ${i}`),
    );
    assertClose(actual.prediction, expected.prediction, 'prediction');
  });
}

const lstm = (args: object = {}) => L.lstm({ units: 4, recurrentActivation: 'sigmoid', ...args });

/** With how many ops of TensorFlow's for a whole LSTM there are. */
const blockTable: Record<string, { build: Build; blocks: number }> = {
  'the last output': { build: (input) => through(lstm())(input), blocks: 1 },
  'its sequence, no bias': {
    build: (input) => through(lstm({ returnSequences: true, useBias: false }))(input),
    blocks: 1,
  },
  'two layers, backwards': {
    build: (input) => through(lstm({ returnSequences: true, goBackwards: true }), lstm({ units: 3 }))(input),
    blocks: 2,
  },
  'states that go on': {
    build: (input) => {
      const [, h, c] = lstm({ returnState: true }).apply(input) as SymbolicTensor[];
      return lstm({ kernelRegularizer: 'l1l2' }).apply(input, { initialState: [h, c] }) as SymbolicTensor;
    },
    blocks: 2,
  },
  'masked: not one op': { build: (input) => through(L.masking({}), lstm())(input), blocks: 0 },
  'with dropout: not one op': { build: (input) => through(lstm({ dropout: 0.3 }))(input), blocks: 0 },
};

for (const [name, { build, blocks }] of Object.entries(blockTable)) {
  test(`an LSTM as one op equals tfjs's own: ${name}`, async () => {
    notices.length = 0;
    const expected = await train(build, series, 'eager');
    const actual = await train(build, series, 'default');
    assert.deepEqual(notices, []);
    assert.ok(blocks === 0 ? actual.blocks === 0 : actual.blocks >= blocks, `${actual.blocks} ops`);
    assertClose(actual.losses, expected.losses, 'loss');
    actual.weights.forEach((weight, i) =>
      assertClose(weight, expected.weights[i] as number[], `weight ${i}`),
    );
    assertClose(actual.prediction, expected.prediction, 'prediction');
  });
}

test('a cell that draws random numbers in each step is unrolled, and draws the same ones', async () => {
  class Noisy extends L.RNNCell {
    static readonly className = 'Noisy';
    readonly stateSize = 3;
    override computeOutputShape(): number[] {
      return [3];
    }
    override call(inputs: Tensor | Tensor[]): Tensor[] {
      const [x, h] = inputs as [Tensor, Tensor];
      const next = tf.tidy(() =>
        h
          .mul(0.5)
          .add(x)
          .add(tf.randomNormal(h.shape, 0, 0.1)),
      );
      return [next, next];
    }
  }
  traceable(Noisy);
  const build = (input: SymbolicTensor) => through(L.rnn({ cell: new Noisy({}) }))(input);
  notices.length = 0;
  const expected = await train(build, series, 'eager');
  const actual = await train(build, series, 'loop');
  assert.deepEqual(notices, []);
  assert.equal(actual.loops, 0);
  assertClose(actual.losses, expected.losses, 'loss');
});

test('gradients with respect to inputs go through a loop', () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  process.env['TENSORCELL_RECURRENT'] = 'loop';
  const layer = L.gru({ units: 3, returnSequences: true });
  const x = tf.randomNormal([2, 9, 4], 0, 1, 'float32', 5);
  const gradient = (input: Tensor) => tf.grad((y) => (layer.apply(y) as Tensor).square().sum())(input);
  layer.apply(x);
  const expected = Array.from(gradient(x).dataSync());
  const compiled = compile(gradient);
  const results = [1, 2, 3].map(() => Array.from(compiled(x).dataSync()));
  assert.equal(compiled.traces, 1);
  for (const result of results) assertClose(result, expected, 'gradient');
  delete process.env['TENSORCELL_RECURRENT'];
});

test('a long sequence has a graph as small as a short one, without being told', async () => {
  process.env['TENSORCELL_COMPILE'] = 'on';
  const sizes: number[] = [];
  for (const times of [60, 300]) {
    const model = tf.sequential({
      layers: [L.lstm({ units: 4, inputShape: [times, 2] }), L.dense({ units: 1 })],
    });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const x = tf.randomNormal([2, times, 2]);
    const y = tf.ones([2, 1]);
    for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
    const [step] = trainingSteps(model)?.steps() ?? [];
    sizes.push([...(step?.histogram.values() ?? [])].reduce((sum, count) => sum + count, 0));
    model.dispose();
  }
  assert.equal(sizes[0], sizes[1]);
  assert.ok((sizes[0] as number) < 400, `${sizes[0]} ops`);
});
