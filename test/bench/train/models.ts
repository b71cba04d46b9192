import type { LayersModel, Tensor, layers } from '@tensorflow/tfjs';
import type { Tf } from '../../../src/api/tensorflow.ts';
import type { Network } from './peer.ts';

/** One row of the benchmark: the same network for every peer, described so that each can build it. */
export interface Row {
  name: string;
  batch: number;
  input: number[];
  classes: number;
  /** Batches in an epoch. */
  steps: number;
  /** Steps of the longest training that is timed from the building of the network on. */
  coldSteps?: number;
  /** Hidden layers, where that is what varies. */
  depth?: number;
  /** `declare` marks classes of this file as safe to compile. */
  build(tf: Tf, declare: Declare): LayersModel;
}

type Declare = <T extends object>(code: T) => T;

type Layer = layers.Layer;

const mlp = (tf: Tf, inputs: number, sizes: number[], classes: number): LayersModel =>
  tf.sequential({
    layers: [
      ...sizes.map((units, i) =>
        tf.layers.dense({
          name: `dense${i}`,
          units,
          activation: 'relu',
          ...(i === 0 ? { inputShape: [inputs] } : {}),
        }),
      ),
      tf.layers.dense({
        name: 'output',
        units: classes,
        activation: 'softmax',
        ...(sizes.length === 0 ? { inputShape: [inputs] } : {}),
      }),
    ],
  });

function cnn(tf: Tf): LayersModel {
  const { layers } = tf;
  return tf.sequential({
    layers: [
      layers.conv2d({
        name: 'conv0',
        inputShape: [28, 28, 1],
        filters: 16,
        kernelSize: 3,
        activation: 'relu',
      }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.conv2d({ name: 'conv1', filters: 32, kernelSize: 3, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.flatten(),
      layers.dense({ name: 'output', units: 10, activation: 'softmax' }),
    ],
  });
}

function lstm(tf: Tf): LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.lstm({ name: 'lstm', inputShape: [20, 16], units: 32, recurrentActivation: 'sigmoid' }),
      tf.layers.dense({ name: 'output', units: 10, activation: 'softmax' }),
    ],
  });
}

/** ResNet-20 for 32x32 pictures (He et al. 2015, section 4.2), with projections where the width changes. */
function resnet(tf: Tf): LayersModel {
  const { layers } = tf;
  const input = tf.input({ shape: [32, 32, 3] });
  const through = (x: typeof input, ...all: Layer[]) =>
    all.reduce((y, layer) => layer.apply(y) as typeof input, x);
  const convNorm = (name: string, filters: number, kernelSize: number, strides: number) => [
    layers.conv2d({
      name: `${name}_conv`,
      filters,
      kernelSize,
      strides,
      padding: 'same',
      useBias: false,
    }),
    layers.batchNormalization({ name: `${name}_norm` }),
  ];
  const relu = () => layers.activation({ activation: 'relu' });
  let x = through(input, ...convNorm('stem', 16, 3, 1), relu());
  for (const [stage, filters] of [16, 32, 64].entries()) {
    for (let block = 0; block < 3; block++) {
      const name = `s${stage}b${block}`;
      const strides = stage > 0 && block === 0 ? 2 : 1;
      const y = through(
        x,
        ...convNorm(`${name}_0`, filters, 3, strides),
        relu(),
        ...convNorm(`${name}_1`, filters, 3, 1),
      );
      const shortcut = strides === 1 ? x : through(x, ...convNorm(`${name}_short`, filters, 1, strides));
      x = relu().apply(layers.add().apply([y, shortcut])) as typeof input;
    }
  }
  const output = through(
    x,
    layers.globalAveragePooling2d({}),
    layers.dense({ name: 'output', units: 10, activation: 'softmax' }),
  );
  return tf.model({ inputs: input, outputs: output });
}

/** Multi-head attention of a sequence to itself, as Keras' MultiHeadAttention(4, 16). */
function attentionLayer(tf: Tf): new (args: { name: string }) => Layer {
  class SelfAttention extends tf.layers.Layer {
    static className = 'SelfAttention';
    readonly #weights: ReturnType<Layer['addWeight']>[] = [];

    override build(shape: number[]): void {
      const width = shape[2] as number;
      for (const name of ['query', 'key', 'value', 'output']) {
        this.#weights.push(
          this.addWeight(`${name}_kernel`, [width, width], 'float32', tf.initializers.glorotUniform({})),
          this.addWeight(`${name}_bias`, [width], 'float32', tf.initializers.zeros()),
        );
      }
      super.build(shape);
    }

    override computeOutputShape(shape: number[]): number[] {
      return shape;
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => {
        const x = Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs;
        const [batch, length, width] = x.shape as [number, number, number];
        const project = (value: Tensor, i: number) =>
          tf.add(
            tf.matMul(tf.reshape(value, [-1, width]), (this.#weights[2 * i] as { read(): Tensor }).read()),
            (this.#weights[2 * i + 1] as { read(): Tensor }).read(),
          );
        const heads = (i: number) =>
          tf.transpose(tf.reshape(project(x, i), [batch, length, 4, width / 4]), [0, 2, 1, 3]);
        const scores = tf.mul(tf.matMul(heads(0), heads(1), false, true), 1 / Math.sqrt(width / 4));
        const attended = tf.matMul(tf.softmax(scores), heads(2));
        const joined = tf.transpose(attended, [0, 2, 1, 3]);
        return tf.reshape(project(joined, 3), [batch, length, width]);
      });
    }
  }
  return SelfAttention;
}

function transformer(tf: Tf, declare: Declare): LayersModel {
  const { layers } = tf;
  const Attention = declare(attentionLayer(tf));
  const input = tf.input({ shape: [64, 64] });
  let x = input;
  const residual = (...inner: Layer[]) => {
    const y = inner.reduce((value, layer) => layer.apply(value) as typeof input, x);
    x = layers.add().apply([x, y]) as typeof input;
  };
  for (let i = 0; i < 2; i++) {
    residual(
      layers.layerNormalization({ name: `b${i}_norm0`, epsilon: 1e-5 }),
      new Attention({ name: `b${i}_attention` }),
    );
    residual(
      layers.layerNormalization({ name: `b${i}_norm1`, epsilon: 1e-5 }),
      layers.dense({ name: `b${i}_dense0`, units: 256, activation: 'relu' }),
      layers.dense({ name: `b${i}_dense1`, units: 64 }),
    );
  }
  const mean = layers.globalAveragePooling1d().apply(x) as typeof input;
  const output = layers
    .dense({ name: 'output', units: 10, activation: 'softmax' })
    .apply(mean) as typeof input;
  return tf.model({ inputs: input, outputs: output });
}

/** Numbers in -1 to 1 and classes in turn: `peer_protocol.py` makes the same. */
export function data(
  tf: Tf,
  { batch, steps, input, classes }: Pick<Row, 'batch' | 'steps' | 'input' | 'classes'>,
): { x: Tensor; y: Tensor } {
  const count = batch * steps;
  const numbers = new Float32Array(input.reduce((product, size) => product * size, count));
  for (let i = 0; i < numbers.length; i++) {
    let h = Math.imul(i, 2654435761) >>> 0;
    h ^= h >>> 15;
    h = Math.imul(h, 2246822519) >>> 0;
    h = (h ^ (h >>> 13)) >>> 0;
    numbers[i] = h / 2 ** 31 - 1;
  }
  const labels = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) labels[i * classes + ((i * 7) % classes)] = 1;
  return { x: tf.tensor(numbers, [count, ...input]), y: tf.tensor2d(labels, [count, classes]) };
}

/** The row as a request to a peer. */
export function networkOf(row: Row, variant: string, weights: string): Network {
  const { name, batch, steps, input, classes, depth = 0 } = row;
  return { name, batch, steps, input, classes, depth, variant, weights };
}

/** The row that a peer was requested to train. */
export function rowOf({ name, batch, steps, depth }: Network): Row {
  const row = [...rows, deepRow(depth)].find((one) => one.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return { ...row, batch, steps };
}

/** A network of `depth` hidden layers, for the growth of a step's time. */
export function deepRow(depth: number): Row {
  return {
    name: 'deep',
    batch: 32,
    input: [64],
    classes: 10,
    steps: 20,
    depth,
    build: (tf) =>
      mlp(
        tf,
        64,
        Array.from({ length: depth }, () => 64),
        10,
      ),
  };
}

/**
 * The rows. Epochs are long enough that what `fit` does once an epoch, of whatever peer, is a small part, as it is in a real
 * training.
 */
export const rows: Row[] = [
  {
    name: 'mlp',
    batch: 32,
    input: [64],
    classes: 10,
    steps: 200,
    coldSteps: 10_000,
    build: (tf) => mlp(tf, 64, [128, 128], 10),
  },
  { name: 'cnn', batch: 128, input: [28, 28, 1], classes: 10, steps: 20, coldSteps: 1000, build: cnn },
  { name: 'lstm', batch: 64, input: [20, 16], classes: 10, steps: 50, coldSteps: 10_000, build: lstm },
  { name: 'resnet20', batch: 32, input: [32, 32, 3], classes: 10, steps: 5, coldSteps: 100, build: resnet },
  {
    name: 'transformer',
    batch: 32,
    input: [64, 64],
    classes: 10,
    steps: 10,
    coldSteps: 1000,
    build: transformer,
  },
  {
    name: 'wide',
    batch: 32,
    input: [10_000],
    classes: 10,
    steps: 30,
    build: (tf) => mlp(tf, 10_000, [], 10),
  },
  {
    name: 'logistic',
    batch: 1,
    input: [16],
    classes: 2,
    steps: 1000,
    coldSteps: 10_000,
    build: (tf) => mlp(tf, 16, [], 2),
  },
];
