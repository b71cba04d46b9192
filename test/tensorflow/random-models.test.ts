import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayersModel, Optimizer, SymbolicTensor, Tensor, layers } from '@tensorflow/tfjs';
import { trainingSteps } from '../../src/compile/loops/model-steps.ts';
import { loadTf, onBackendNotice, setRandomSeed } from '../../src/api/tensorflow.ts';

const tf = loadTf();
const L = tf.layers;
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));

/** mulberry32: a small generator, so that model number n is the same network every time. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Draw = (below: number) => number;
type Layer = layers.Layer;

const activations = [
  'relu',
  'tanh',
  'sigmoid',
  'elu',
  'selu',
  'softplus',
  'linear',
  'relu6',
  'hardSigmoid',
] as const;

/** Layers that keep the kind of data: vectors, pictures or series. */
function anyLayer(draw: Draw): Layer {
  const all = [
    () => L.dropout({ rate: 0.1 + 0.1 * draw(5) }),
    () => L.batchNormalization({ momentum: 0.7 }),
    () => L.activation({ activation: activations[draw(activations.length)] as 'relu' }),
    () => L.layerNormalization({}),
    () => L.gaussianNoise({ stddev: 0.1 }),
    () => L.leakyReLU({ alpha: 0.1 }),
  ];
  return (all[draw(all.length)] as () => Layer)();
}

const kinds: Record<string, { shape: number[]; layer: (draw: Draw) => Layer }> = {
  vectors: {
    shape: [6],
    layer: (draw) =>
      L.dense({
        units: 2 + draw(6),
        activation: activations[draw(activations.length)] as 'relu',
        useBias: draw(4) > 0,
        ...(draw(4) === 0 ? { kernelRegularizer: 'l1l2' } : {}),
      }),
  },
  pictures: {
    shape: [8, 8, 2],
    layer: (draw) => {
      const padding = 'same';
      const all = [
        () => L.conv2d({ filters: 1 + draw(4), kernelSize: 1 + draw(3), padding, activation: 'relu' }),
        () => L.separableConv2d({ filters: 1 + draw(4), kernelSize: 2, padding }),
        () => L.maxPooling2d({ poolSize: 2, strides: 1, padding }),
        () => L.averagePooling2d({ poolSize: 2, padding }),
      ];
      return (all[draw(all.length)] as () => Layer)();
    },
  },
  series: {
    shape: [4, 3],
    layer: (draw) => {
      const units = 1 + draw(4);
      const all = [
        () => L.lstm({ units, returnSequences: true }),
        () => L.gru({ units, returnSequences: true }),
        () => L.simpleRNN({ units, returnSequences: true, dropout: 0.2 }),
        () => L.conv1d({ filters: units, kernelSize: 2, padding: 'same' }),
        () => L.timeDistributed({ layer: L.dense({ units }) }),
      ];
      return (all[draw(all.length)] as () => Layer)();
    },
  },
};

/**
 * A bias before a normalization has no gradient but rounding errors, and these optimizers would scale even those to whole
 * steps: with an epsilon that is larger than rounding errors they do not.
 */
const EPSILON = 1e-2;

function optimizer(draw: Draw): Optimizer {
  const all = [
    () => tf.train.sgd(0.05),
    () => tf.train.momentum(0.02, 0.9, draw(2) === 0),
    () => tf.train.adam(0.005, 0.9, 0.999, EPSILON),
    () => tf.train.rmsprop(0.002, 0.9, 0, EPSILON),
    () => tf.train.adagrad(0.02),
    () => tf.train.adamax(0.005, 0.9, 0.999, EPSILON),
  ];
  return (all[draw(all.length)] as () => Optimizer)();
}

function build(seed: number): { model: LayersModel; shape: number[]; loss: string } {
  const draw = generator(seed);
  const { shape, layer } = Object.values(kinds)[draw(3)] as (typeof kinds)[string];
  const input = tf.input({ shape });
  let x: SymbolicTensor = input;
  const depth = 1 + draw(8);
  for (let i = 0; i < depth; i++) {
    const next = (draw(3) > 0 ? layer(draw) : anyLayer(draw)).apply(x) as SymbolicTensor;
    // Now and then around the layer as well.
    const skip = draw(4) === 0 && next.shape.join() === x.shape.join();
    x = skip ? (L.add().apply([x, next]) as SymbolicTensor) : next;
  }
  if (x.shape.length > 2) x = L.flatten().apply(x) as SymbolicTensor;
  const loss = ['meanSquaredError', 'categoricalCrossentropy', 'binaryCrossentropy'][draw(3)] as string;
  const activation =
    ({ meanSquaredError: 'linear', categoricalCrossentropy: 'softmax' } as const)[loss] ?? 'sigmoid';
  const output = L.dense({ units: 3, activation }).apply(x) as SymbolicTensor;
  const model = tf.model({ inputs: input, outputs: output });
  model.compile({ optimizer: optimizer(draw), loss, metrics: ['accuracy'] });
  return { model, shape, loss };
}

async function train(
  seed: number,
  compiled: boolean,
): Promise<{ losses: number[]; weights: number[]; steps: number }> {
  process.env['TENSORCELL_COMPILE'] = compiled ? 'on' : 'off';
  setRandomSeed(seed);
  const { model, shape, loss } = build(seed);
  const losses: number[] = [];
  for (let step = 0; step < 4; step++) {
    const x = tf.randomNormal([3, ...shape], 0, 1, 'float32', 1000 * seed + step + 1);
    const y = tf.tidy(() => {
      const numbers = tf.randomUniform([3, 3], 0, 1, 'float32', 1000 * seed + step + 501);
      return loss === 'meanSquaredError'
        ? numbers
        : tf.oneHot(tf.argMax(numbers, 1), 3).cast<Tensor>('float32');
    });
    losses.push(...((await model.trainOnBatch(x, y)) as number[]));
    tf.dispose([x, y]);
  }
  const weights = model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
  const steps = trainingSteps(model)?.steps().length ?? 0;
  model.optimizer.dispose();
  model.dispose();
  return { losses, weights, steps };
}

/** `TENSORCELL_RANDOM_MODELS=200` tries more, `TENSORCELL_RANDOM_FIRST=1001` others. */
const MODELS = Number(process.env['TENSORCELL_RANDOM_MODELS'] ?? 15);
const FIRST = Number(process.env['TENSORCELL_RANDOM_FIRST'] ?? 1);

test(`${MODELS} random models of 1 to 8 layers train the same compiled and eagerly`, async () => {
  for (let seed = FIRST; seed < FIRST + MODELS; seed++) {
    const expected = await train(seed, false);
    const actual = await train(seed, true);
    assert.deepEqual(notices, [], `model ${seed}`);
    assert.equal(actual.steps, 1, `model ${seed} was not compiled`);
    assert.equal(actual.weights.length, expected.weights.length);
    for (const part of ['losses', 'weights'] as const) {
      actual[part].forEach((value, i) => {
        const wanted = expected[part][i] as number;
        // TensorFlow's own Adam rounds 1 - 0.999 in float32, which moves a step by 2e-5 of itself at most.
        const allowed = 2e-5 * Math.max(1, Math.abs(wanted));
        assert.ok(
          Math.abs(value - wanted) <= allowed || Object.is(value, wanted),
          `model ${seed}, ${part} ${i}: ${value}, not ${wanted}`,
        );
      });
    }
  }
});
