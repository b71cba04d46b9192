/** Tensors without elements in compiled steps: TensorFlow's fused forms of some ops end the process for them. */
import type { Tensor } from '@tensorflow/tfjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTf, onBackendNotice } from '../../src/api/tensorflow.ts';
import { compile } from '../../src/api/compile.ts';

const tf = loadTf();
const notices: string[] = [];
onBackendNotice((line) => notices.push(line));
type Inputs = [Tensor, ...Tensor[]];
type Call = (...inputs: Inputs) => Tensor;

const dense: Call = (x, w, b) => tf.relu(tf.add(tf.matMul(x, w), b));
const convolution: Call = (x, w, b) => tf.relu(tf.add(tf.conv2d(x as never, w as never, 1, 'same'), b));
const normalization: Call = (x) => {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return tf.batchNorm(x, mean, variance);
};
const pool: Call = (x) => tf.maxPool(x as never, 2, 2, 'same');

/** Calls, with the shapes of their inputs. */
const CASES: Record<string, [Call, ...number[][]]> = {
  'a dense layer on no features': [dense, [3, 0], [0, 4], [4]],
  'a dense layer of no units': [dense, [3, 3], [3, 0], [0]],
  'a dense layer on no samples': [dense, [0, 3], [3, 4], [4]],
  'products of no columns': [(a, b) => tf.matMul(a, b).mul(0.5).add(1), [2, 3, 0], [2, 0, 4]],
  'no products': [(a, b) => tf.matMul(a, b).mul(0.5), [0, 3, 2], [0, 2, 4]],
  'a convolution of no images': [convolution, [0, 5, 5, 2], [3, 3, 2, 4], [4]],
  'a convolution to no channels': [convolution, [1, 5, 5, 2], [3, 3, 2, 0], [0]],
  'a convolution of images without rows': [convolution, [1, 0, 5, 2], [3, 3, 2, 4], [4]],
  'a convolution by depth of no channels': [
    (x, w) => tf.depthwiseConv2d(x as never, w as never, 1, 'same'),
    [1, 5, 5, 0],
    [3, 3, 0, 1],
  ],
  'a length of 1 that is repeated no time': [(a, b) => tf.mul(a, b), [2, 1, 2], [2, 0, 2]],
  'a row added to no rows': [(a, b) => tf.add(a, b).sub(b), [1, 3], [0, 3]],
  'the variance of nothing': [(x) => tf.moments(x, 0).variance, [0]],
  'a dilated convolution that reaches further than the image': [
    (x, w) => tf.conv2d(x as never, w as never, 1, 'valid', 'NHWC', 2),
    [2, 4, 4, 3],
    [3, 3, 3, 2],
  ],
  'a convolution of no volumes': [
    (x, w) => tf.conv3d(x as never, w as never, 1, 'same'),
    [0, 4, 4, 4, 2],
    [2, 2, 2, 2, 3],
  ],
  'a pool of no images': [pool, [0, 4, 4, 2]],
  'a pool of no channels': [pool, [1, 4, 4, 0]],
  'a normalization of no channels': [normalization, [2, 4, 4, 0]],
  'a response normalization of no images': [(x) => tf.localResponseNormalization(x as never), [0, 4, 4, 2]],
  'a softmax of no classes': [(x) => tf.softmax(x), [4, 0]],
  'a sum of nothing': [(x) => tf.sum(x, 0), [0, 3]],
  'an einsum over nothing': [(a, b) => tf.einsum('ij,jk->ik', a, b), [3, 0], [0, 4]],
};

const read = (tensor: Tensor) => ({ shape: tensor.shape, values: [...tensor.dataSync()] });

for (const [name, [call, ...shapes]] of Object.entries(CASES)) {
  test(`${name}: compiled values and gradients are those of the ops`, () => {
    const inputs = shapes.map((shape) => tf.ones(shape)) as Inputs;
    const slopes: (...all: Inputs) => Tensor[] = (...all) =>
      tf.grads((...given: Tensor[]) => call(...(given as Inputs)).sum())(all);
    const compiled = compile(call);
    const slopesCompiled = compile(slopes);
    // The first call runs eagerly, the second is traced.
    for (let turn = 0; turn < 3; turn++) {
      assert.deepEqual(read(compiled(...inputs)), read(call(...inputs)));
      assert.deepEqual(slopesCompiled(...inputs).map(read), slopes(...inputs).map(read));
    }
  });
}

test('a network on no features trains, predicts and is evaluated', async () => {
  const model = tf.sequential({
    layers: [tf.layers.dense({ inputShape: [0], units: 3, activation: 'relu' })],
  });
  model.compile({ optimizer: tf.train.sgd(0.5), loss: 'meanSquaredError' });
  const x = tf.zeros([3, 0]);
  const y = tf.ones([3, 3]);
  const { history } = await model.fit(x, y, { epochs: 3, batchSize: 2 });
  assert.equal((history['loss'] as number[]).length, 3);
  for (let turn = 0; turn < 3; turn++) {
    assert.equal((model.predict(x) as Tensor).shape.join(), '3,3');
    assert.ok(Number.isFinite((model.evaluate(x, y) as Tensor).dataSync()[0]));
  }
});

test('only such steps leave their graph: a batch normalization has no averages at first, and is trained in one', async () => {
  // Each is said once.
  assert.match(notices.join('\n'), /MatMul has an input without elements/);
  notices.length = 0;
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [4, 4, 1], filters: 2, kernelSize: 3 }),
      tf.layers.batchNormalization(),
      tf.layers.globalAveragePooling2d({}),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  await model.fit(tf.ones([4, 4, 4, 1]), tf.zeros([4, 2]), { epochs: 2, batchSize: 2 });
  assert.deepEqual(notices, []);
});
