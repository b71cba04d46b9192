import type { Tensor } from '@tensorflow/tfjs';
import { median } from '../statistics.ts';
import type { Tf } from '../../../src/api/tensorflow.ts';

export interface OpCase {
  name: string;
  /** `one`: tfjs-node runs one kernel for it; `several`: it composes what TensorFlow can do at once. */
  kernels: 'one' | 'several';
  run(): Tensor | Tensor[];
}

/** Small ops, so that what is measured is the way to TensorFlow and back, and not arithmetic. */
export function opCases(tf: Tf): OpCase[] {
  const a = tf.ones([4, 4]);
  const b = tf.ones([4, 4]);
  const bias = tf.ones([4]);
  const m = tf.ones([16, 16]) as never;
  const image = tf.ones([1, 8, 8, 3]) as never;
  const filter = tf.ones([3, 3, 3, 4]) as never;
  const rows = tf.tensor1d([0, 1, 2], 'int32');
  const labels = tf.ones([4, 4]).div(4);
  const one = (name: string, run: OpCase['run']): OpCase => ({ name, kernels: 'one', run });
  const several = (name: string, run: OpCase['run']): OpCase => ({ name, kernels: 'several', run });
  return [
    one('add', () => tf.add(a, b)),
    one('exp', () => tf.exp(a)),
    one('greater', () => tf.greater(a, b)),
    one('cast', () => tf.cast(a, 'int32')),
    one('sum', () => tf.sum(a)),
    one('matMul', () => tf.matMul(m, m)),
    one('transpose', () => tf.transpose(a)),
    one('slice', () => tf.slice(a, [0, 0], [2, 2])),
    one('concat', () => tf.concat([a, b])),
    one('conv2d', () => tf.conv2d(image, filter, 1, 'same')),
    one('maxPool', () => tf.maxPool(image, 2, 2, 'same')),
    one('softmax', () => tf.softmax(a)),
    several('add a bias', () => tf.add(a, bias)),
    several('mul by a number', () => tf.mul(a, 2)),
    several('reshape', () => tf.reshape(a, [16])),
    several('gather', () => tf.gather(a, rows)),
    several('mean', () => tf.mean(a, 1)),
    several('gradient of relu', () => tf.grad((x) => tf.relu(x))(a)),
    several('gradient of sigmoid', () => tf.grad((x) => tf.sigmoid(x))(a)),
    several('gradient of a bias', () => tf.grad((x) => tf.add(a, x))(bias)),
    several('cross-entropy', () => tf.tidy(() => tf.losses.softmaxCrossEntropy(labels, a))),
    several('gradient of a layer', () =>
      tf.tidy(() => tf.grad((x) => tf.relu(tf.matMul(x as never, m).add(1)).mean())(m)),
    ),
  ];
}

/** Microseconds a call, over about `ms` milliseconds: the median of runs of 20, which other work does not disturb. */
export function measure(tf: Tf, one: OpCase, ms: number): number {
  const times: number[] = [];
  const begin = performance.now();
  let now = begin;
  while (now - begin < ms) {
    const start = now;
    for (let i = 0; i < 20; i++) tf.dispose(one.run());
    now = performance.now();
    times.push(((now - start) / 20) * 1000);
  }
  return median(times);
}
