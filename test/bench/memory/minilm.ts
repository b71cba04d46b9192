/**
 * Four training steps of MiniLM in a separate process; prints peak memory, losses and time as a line of JSON:
 *
 *   node minilm.mjs sgd|adam [model.safetensors]
 */
import { readFileSync } from 'node:fs';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { multiHeadAttention } from '../../../src/training/layers/index.ts';
import { parseHeader, headerLength } from '../../../src/interop/safetensors/header.ts';
import { loadTf } from '../../../src/api/tensorflow.ts';

/** Sizes of all-MiniLM-L6-v2 (its config.json), and the benchmark's batch and number of tokens. */
const LAYERS = 6;
const WIDTH = 384;
const HEADS = 12;
const INNER = 1536;
const WORDS = 30_522;
const POSITIONS = 512;
const BATCH = 32;
const TOKENS = 64;
const STEPS = 4;

const [kind = 'sgd', file] = process.argv.slice(2);
const tf = loadTf();

function build(): LayersModel {
  const { layers } = tf;
  const apply = (layer: { apply(x: unknown): unknown }, x: unknown) => layer.apply(x) as SymbolicTensor;
  const norm = (name: string) => layers.layerNormalization({ name, epsilon: 1e-12 });
  const words = tf.input({ shape: [TOKENS], name: 'words' });
  const places = tf.input({ shape: [TOKENS], name: 'places' });
  const kinds = tf.input({ shape: [TOKENS], name: 'kinds' });
  const embed = (name: string, inputDim: number, x: SymbolicTensor) =>
    apply(layers.embedding({ name, inputDim, outputDim: WIDTH }), x);
  let x = apply(layers.add(), [
    embed('word', WORDS, words),
    embed('position', POSITIONS, places),
    embed('kind', 2, kinds),
  ]);
  x = apply(norm('embedded'), x);
  for (let i = 0; i < LAYERS; i++) {
    const attention = multiHeadAttention({ name: `${i}.attention`, numHeads: HEADS, keyDim: WIDTH / HEADS });
    x = apply(norm(`${i}.attended`), apply(layers.add(), [x, apply(attention, x)]));
    const inner = apply(layers.dense({ name: `${i}.inner`, units: INNER, activation: 'gelu' }), x);
    const outer = apply(layers.dense({ name: `${i}.outer`, units: WIDTH }), inner);
    x = apply(norm(`${i}.normed`), apply(layers.add(), [x, outer]));
  }
  const pooled = apply(layers.globalAveragePooling1d(), x);
  const classes = layers.dense({
    name: 'classes',
    units: 2,
    activation: 'softmax',
  });
  return tf.model({ inputs: [words, places, kinds], outputs: apply(classes, pooled) });
}

/** Name and form of a weight in the published file, by layer and place: its arrays are PyTorch's. */
function published(layer: string, index: number): { name: string; turned: boolean } | undefined {
  const side = (name: string, i = index) => ({
    name: `${name}.${i === 0 ? 'weight' : 'bias'}`,
    turned: i === 0,
  });
  const plain = (name: string) => ({ ...side(name), turned: false });
  const embeddings = { word: 'word', position: 'position', kind: 'token_type' }[layer];
  if (embeddings !== undefined) return { name: `embeddings.${embeddings}_embeddings.weight`, turned: false };
  if (layer === 'embedded') return plain('embeddings.LayerNorm');
  const [number = '', part = ''] = layer.split('.');
  const within = `encoder.layer.${number}`;
  if (part === 'attended') return plain(`${within}.attention.output.LayerNorm`);
  if (part === 'normed') return plain(`${within}.output.LayerNorm`);
  if (part === 'inner') return side(`${within}.intermediate.dense`);
  if (part === 'outer') return side(`${within}.output.dense`);
  if (part !== 'attention') return undefined;
  const place = ['self.query', 'self.key', 'self.value', 'output.dense'][index >> 1] ?? '';
  return side(`${within}.attention.${place}`, index % 2);
}

function load(model: LayersModel, path: string): void {
  const bytes = readFileSync(path);
  const end = 8 + headerLength(bytes.subarray(0, 8), bytes.length, path);
  const { tensors } = parseHeader(bytes.subarray(8, end), bytes.length, path);
  for (const layer of model.layers) {
    for (const [i, variable] of layer.weights.entries()) {
      const from = published(layer.name, i);
      if (from === undefined) continue;
      const entry = tensors.get(from.name);
      if (entry === undefined) throw new Error(`${path} has no ${from.name}`);
      tf.tidy(() => {
        const begin = bytes.byteOffset + entry.start;
        const values = new Float32Array(bytes.buffer.slice(begin, begin + entry.bytes));
        const array = tf.tensor(values, [...entry.shape]);
        variable.write(tf.reshape(from.turned ? tf.transpose(array) : array, variable.shape as number[]));
      });
    }
  }
}

const model = build();
// The same numbers in every peer: the published file has no classifier.
const classes = Float32Array.from({ length: 2 * WIDTH }, (_, i) => Math.sin(i) / 10);
model.getLayer('classes').setWeights([tf.tensor2d(classes, [WIDTH, 2]), tf.zeros([2])]);
if (file !== undefined) load(model, file);
model.compile({
  optimizer: kind === 'adam' ? tf.train.adam(1e-4, 0.9, 0.999, 1e-8) : tf.train.sgd(0.01),
  loss: 'categoricalCrossentropy',
});
const count = BATCH * TOKENS;
const of = (value: (i: number) => number): Tensor =>
  tf.tensor2d(
    Int32Array.from({ length: count }, (_, i) => value(i)),
    [BATCH, TOKENS],
    'int32',
  );
const inputs = [of((i) => 1000 + ((i * 7919) % 20_000)), of((i) => i % TOKENS), of(() => 0)];
const truth = tf.oneHot(
  tf.tensor1d(
    Int32Array.from({ length: BATCH }, (_, i) => i % 2),
    'int32',
  ),
  2,
);
const losses: number[] = [];
const begin = performance.now();
for (let step = 0; step < STEPS; step++) losses.push((await model.trainOnBatch(inputs, truth)) as number);
const seconds = (performance.now() - begin) / 1000;
const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
console.log(JSON.stringify({ peak, losses, seconds }));
