import * as tf from '@tensorflow/tfjs';
import { whereNotFinite } from '../../../src/training/not-finite.ts';

tf.env().set('IS_TEST', true);

function model(weights: Partial<Record<'first' | 'second', number>> = {}): tf.Sequential {
  const layer = (name: 'first' | 'second', more: object): tf.layers.Layer =>
    tf.layers.dense({
      units: 2,
      name,
      kernelInitializer: tf.initializers.constant({ value: weights[name] ?? 1 }),
      ...more,
    });
  const made = tf.sequential({
    layers: [layer('first', { inputShape: [1] }), layer('second', { units: 1 })],
  });
  made.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  return made;
}

const x = tf.ones([4, 1]);
const y = tf.ones([4, 1]);

test.each<[string, () => string, string]>([
  [
    'data',
    () => whereNotFinite(tf, model(), { x: tf.tensor2d([1, Number.NaN, Infinity, 0], [4, 1]), y }, undefined),
    'the data are not finite: 2 of the 4 values of x are NaN or infinite',
  ],
  [
    'targets in a record',
    () => whereNotFinite(tf, model(), { x, y: { out: tf.tensor1d([Number.NaN]) } }, undefined),
    'the data are not finite: 1 of the 1 values of y.out is NaN or infinite',
  ],
  [
    'several inputs',
    () => whereNotFinite(tf, model(), { x: [x, tf.tensor1d([-Infinity, 1])], y }, undefined),
    'the data are not finite: 1 of the 2 values of x[1] is NaN or infinite',
  ],
  [
    'what the step has noticed',
    () => whereNotFinite(tf, model(), { x, y }, { layer: 'second', what: 'gradient' }),
    'the first layer whose gradients are not finite is second. Try a smaller learning rate',
  ],
  [
    'a batch of a data set',
    () => whereNotFinite(tf, model(), {}, { layer: '', what: 'data' }),
    'the data are not finite: a batch has NaN or infinite values',
  ],
  [
    'the loss alone',
    () => whereNotFinite(tf, model(), { x, y }, { layer: '', what: 'loss' }),
    'all activations are finite, but the loss of them is not, as with the logarithm of 0',
  ],
  [
    'weights',
    () => whereNotFinite(tf, model({ second: Number.NaN }), { x, y }, undefined),
    'the first layer whose weights are not finite is second. Try a smaller learning rate',
  ],
  [
    'activations',
    () => whereNotFinite(tf, model({ first: 3e38, second: 3e38 }), { x, y }, undefined),
    'the first layer whose activations are not finite is second. Try a smaller learning rate',
  ],
  [
    'gradients',
    // The output is 4e19, the gradient for the first layer 2 · 4e19 · 2e19.
    () => whereNotFinite(tf, model({ first: 1, second: 2e19 }), { x, y: tf.zeros([4, 1]) }, undefined),
    'the first layer whose gradients are not finite is first. Try a smaller learning rate',
  ],
  [
    'nothing',
    () => whereNotFinite(tf, model(), { x, y }, undefined),
    'all weights are still finite. Try a smaller learning rate',
  ],
  [
    'a data set',
    () => whereNotFinite(tf, model(), {}, undefined),
    'all weights are still finite. Try a smaller learning rate',
  ],
])('%s', (_name, look, words) => {
  expect(look()).toBe(words);
});

test('nothing is left behind', () => {
  const bad = model({ first: 1, second: 2e19 });
  bad.predict(x);
  const before = tf.memory().numTensors;
  whereNotFinite(tf, bad, { x, y }, undefined);
  whereNotFinite(tf, bad, { x, y }, undefined);
  expect(tf.memory().numTensors).toBe(before);
});
