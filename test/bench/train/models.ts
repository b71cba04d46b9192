import type { LayersModel, layers } from '@tensorflow/tfjs';
import type { Tf } from '../../../src/tensorflow/index.ts';

/** One row of the benchmark: the same network for every peer, described so that each can build it. */
export interface Row {
  name: string;
  batch: number;
  input: number[];
  classes: number;
  /** Batches in an epoch. */
  steps: number;
  build(tf: Tf): LayersModel;
}

type Layer = layers.Layer;

const mlp = (tf: Tf, inputs: number, sizes: number[], classes: number): LayersModel =>
  tf.sequential({
    layers: [
      ...sizes.map((units, i) =>
        tf.layers.dense({ units, activation: 'relu', ...(i === 0 ? { inputShape: [inputs] } : {}) }),
      ),
      tf.layers.dense({
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
      layers.conv2d({ inputShape: [28, 28, 1], filters: 16, kernelSize: 3, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.flatten(),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
}

function lstm(tf: Tf): LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.lstm({ inputShape: [20, 16], units: 32, recurrentActivation: 'sigmoid' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
}

/** ResNet-20 for 32x32 pictures (He et al. 2015, section 4.2), with projections where the width changes. */
function resnet(tf: Tf): LayersModel {
  const { layers } = tf;
  const input = tf.input({ shape: [32, 32, 3] });
  const through = (x: typeof input, ...all: Layer[]) =>
    all.reduce((y, layer) => layer.apply(y) as typeof input, x);
  const conv = (filters: number, kernelSize: number, strides: number) =>
    layers.conv2d({ filters, kernelSize, strides, padding: 'same', useBias: false });
  const relu = () => layers.activation({ activation: 'relu' });
  let x = through(input, conv(16, 3, 1), layers.batchNormalization(), relu());
  for (const [stage, filters] of [16, 32, 64].entries()) {
    for (let block = 0; block < 3; block++) {
      const strides = stage > 0 && block === 0 ? 2 : 1;
      const y = through(
        x,
        conv(filters, 3, strides),
        layers.batchNormalization(),
        relu(),
        conv(filters, 3, 1),
        layers.batchNormalization(),
      );
      const shortcut = strides === 1 ? x : through(x, conv(filters, 1, strides), layers.batchNormalization());
      x = relu().apply(layers.add().apply([y, shortcut])) as typeof input;
    }
  }
  const output = through(
    x,
    layers.globalAveragePooling2d({}),
    layers.dense({ units: 10, activation: 'softmax' }),
  );
  return tf.model({ inputs: input, outputs: output });
}

/** Steps in an epoch are few where a step is long. */
export const rows: Row[] = [
  {
    name: 'mlp',
    batch: 32,
    input: [64],
    classes: 10,
    steps: 100,
    build: (tf) => mlp(tf, 64, [128, 128], 10),
  },
  { name: 'cnn', batch: 128, input: [28, 28, 1], classes: 10, steps: 20, build: cnn },
  { name: 'lstm', batch: 64, input: [20, 16], classes: 10, steps: 20, build: lstm },
  { name: 'resnet20', batch: 32, input: [32, 32, 3], classes: 10, steps: 4, build: resnet },
  {
    name: 'wide',
    batch: 32,
    input: [10_000],
    classes: 10,
    steps: 20,
    build: (tf) => mlp(tf, 10_000, [], 10),
  },
  { name: 'logistic', batch: 1, input: [16], classes: 2, steps: 200, build: (tf) => mlp(tf, 16, [], 2) },
];
