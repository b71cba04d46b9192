// Two devices of one real TensorFlow: the CPU, split. Each op has to be told where it runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { thisMachine } from '../../src/machine/devices/index.ts';
import { PlacementError } from '../../src/api/placement.ts';
import { detectRuntimes } from '../../src/machine/devices/runtimes.ts';
import { tensorflowBackend } from '../../src/tfjs/backend.ts';
import { device, describeBackend, loadTf } from '../../src/api/tensorflow.ts';
import { loadedTensorflow } from '../../src/engines/tensorflow/loading.ts';

process.env['TENSORCELL_CONTEXT'] = JSON.stringify({ deviceCount: { CPU: 2 } });

const skip =
  detectRuntimes(thisMachine()).length > 0 ? false : 'no TensorFlow build is installed: npm run setup';

/** Where TensorFlow says that a computed tensor is. */
function placeOf(tensor: Tensor): string {
  const { binding, context } = loadedTensorflow()!;
  const { id } = tensorflowBackend()!.tensorMap.get(tensor.dataId);
  const { status } = binding;
  const name = context.api.TFE_TensorHandleDeviceName(binding.handle(id), status.pointer);
  return name.replace(/^.*\/device:/, '');
}

test('ops run where they are told, with inputs from the other device', { skip }, () => {
  const tf = loadTf();
  assert.deepEqual(
    describeBackend().devices.map(({ name }) => name.replace(/^.*\/device:/, '')),
    ['CPU:0', 'CPU:1'],
  );
  const first = tf.ones([4]).add(1);
  assert.equal(placeOf(first), 'CPU:0');
  const second = device('cpu:1', () => first.mul(3));
  assert.equal(placeOf(second), 'CPU:1');
  assert.deepEqual([...second.dataSync()], [6, 6, 6, 6]);
  assert.equal(placeOf(second.add(1)), 'CPU:0', 'after the call TensorFlow chooses again');
});

test('calls nest, and a failure restores the device', { skip }, () => {
  const tf = loadTf();
  const x = tf.ones([2]).add(0);
  device('cpu:1', () => {
    assert.equal(
      device('cpu', () => placeOf(x.add(1))),
      'CPU:0',
    );
    assert.equal(placeOf(x.add(1)), 'CPU:1');
    assert.throws(() =>
      device('cpu:0', () => {
        throw new Error('no');
      }),
    );
    assert.equal(placeOf(x.add(1)), 'CPU:1');
  });
  assert.equal(placeOf(x.add(1)), 'CPU:0');
});

test('an async action keeps its device until it settles', { skip }, async () => {
  const tf = loadTf();
  const x = tf.ones([2]).add(0);
  const places = await device('cpu:1', async () => {
    const before = placeOf(x.add(1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    return [before, placeOf(x.add(1))];
  });
  assert.deepEqual(places, ['CPU:1', 'CPU:1']);
  assert.equal(placeOf(x.add(1)), 'CPU:0');
});

test('a model trains on the second device, gradients included', { skip }, async () => {
  const tf = loadTf();
  const history = await device('cpu:1', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
    const xs = tf.tensor2d([[0], [1], [2], [3]]);
    const ys = xs.mul<typeof xs>(2).sub<typeof xs>(1);
    const { history } = await model.fit(xs, ys, { epochs: 60 });
    assert.equal(placeOf(model.predict(xs) as Tensor), 'CPU:1');
    return history['loss'] as number[];
  });
  assert.ok(history.at(-1)! < 0.05, `the loss ends at ${history.at(-1)}`);
});

test('a device that is not there', { skip }, () => {
  assert.throws(
    () => device('cuda:0', () => 1),
    (error: PlacementError) => {
      assert.ok(error instanceof PlacementError);
      assert.equal(error.code, 'no-such-device');
      assert.match(
        error.message,
        /^this TensorFlow build has no \/device:GPU:0: it has \/device:CPU:0, \/device:CPU:1 /,
      );
      return true;
    },
  );
});
