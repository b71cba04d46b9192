/** The rest of a graph after TensorFlow's optimizer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { optimizedOps } from '../../src/engines/tensorflow/graph/optimized-graph.ts';
import { compile, loadTf } from '../../src/api/tensorflow.ts';
import { nativeBinding } from './native-binding.ts';

process.env['TENSORCELL_COMPILE'] = 'on';
const tf = loadTf();
const binding = nativeBinding();
const values = (tensor: Tensor) => Array.from(tensor.dataSync());

/** How many ops of each kind TensorFlow runs for a function, and that results are the eager ones. */
function optimized(fn: (x: Tensor) => Tensor, x: Tensor): (op: string) => number {
  const compiled = compile(fn);
  compiled(x).dispose();
  let result: number[] = [];
  const graphs = optimizedOps(binding, () => {
    result = values(compiled(x));
  });
  values(fn(x)).forEach((wanted, i) => {
    assert.ok(Math.abs((result[i] as number) - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)));
  });
  compiled.dispose();
  return (op) => graphs.reduce((sum, ops) => sum + (ops.get(op) ?? 0), 0);
}

const x = tf.randomNormal([3, 4], 0, 1, 'float32', 1);
const kernel = tf.variable(tf.tidy(() => tf.randomNormal([4, 4], 0, 1, 'float32', 2)));
const bias = tf.variable(tf.tidy(() => tf.randomNormal([4], 0, 1, 'float32', 3)));
const dense = (input: Tensor) => tf.add(tf.matMul(input as never, kernel as never), bias);

for (const activation of ['relu', 'relu6', 'elu'] as const) {
  // TensorFlow 2.21 gives up on a whole function with a sum between a dense layer and such an activation.
  test(`a residual connection before ${activation} keeps TensorFlow's optimizer going`, () => {
    const residual = (input: Tensor) => tf[activation](tf.add(dense(input), input));
    const swapped = (input: Tensor) => tf[activation](tf.add(input, dense(input)));
    for (const fn of [residual, swapped]) {
      const left = optimized(fn, x);
      assert.deepEqual([left('_FusedMatMul'), left('MatMul'), left('BiasAdd')], [1, 0, 0]);
    }
    const gradient = optimized(
      tf.grad((input) => residual(residual(input)).sum()),
      x,
    );
    // Both products of the forward pass, if relu6 does not need the sum itself; in the backward pass one each.
    assert.ok(gradient('_FusedMatMul') >= 1, 'nothing was fused');
  });
}

test('a leaky activation is one op with its product, also where its gradient is taken', () => {
  const leaky = (input: Tensor) => tf.leakyRelu(dense(input), 0.1);
  const left = optimized(
    tf.grad((input) => leaky(input).square().sum()),
    x,
  );
  assert.deepEqual([left('_FusedMatMul'), left('LeakyRelu'), left('LeakyReluGrad')], [1, 0, 1]);
});
