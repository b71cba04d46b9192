// The counts of %memory on a real TensorFlow: also the variables that compiled steps keep in resources.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thisMachine } from '../../src/machine/devices/index.ts';
import { detectRuntimes } from '../../src/machine/devices/runtimes.ts';
import { describeBackend, describeMemory, loadTf } from '../../src/api/tensorflow.ts';

const skip =
  detectRuntimes(thisMachine()).length > 0 ? false : 'no TensorFlow build is installed: npm run setup';

test(
  'weights and the state of the optimizer count while they train, and go with the model',
  { skip },
  async () => {
    const tf = loadTf();
    const start = describeMemory();
    const xs = tf.tidy(() => tf.ones([64, 100]).add(0));
    const ys = tf.tidy(() => tf.ones([64, 50]).add(0));
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 50, inputShape: [100], useBias: false, name: 'only' })],
    });
    const optimizer = tf.train.adam();
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await model.fit(xs, ys, { epochs: 3, batchSize: 16 });

    const trained = describeMemory();
    const kernelBytes = 100 * 50 * 4;
    const kernels = trained.tensors.filter(({ shape }) => shape.join() === '100,50');
    assert.deepEqual(
      kernels.map(({ bytes, dtype }) => [bytes, dtype]),
      [
        [kernelBytes, 'float32'],
        [kernelBytes, 'float32'],
        [kernelBytes, 'float32'],
      ],
      'the kernel and its two moments',
    );
    assert.equal(kernels.filter(({ variable }) => variable === 'only/kernel').length, 1);
    assert.equal(trained.bytes, describeBackend().memory.bytes);
    assert.equal(trained.count, describeBackend().memory.tensors);
    assert.ok(trained.peakBytes! >= trained.bytes);

    // Reading the weights makes a handle that shares their memory: nothing counts twice.
    const before = describeMemory().bytes;
    await model.getWeights()[0]!.data();
    assert.equal(describeMemory().bytes, before);
    await model.fit(xs, ys, { epochs: 1, batchSize: 16 });
    assert.equal(describeMemory().bytes, before);

    tf.dispose([xs, ys]);
    model.dispose();
    optimizer.dispose();
    const end = describeMemory();
    assert.deepEqual(
      end.tensors.filter(({ shape }) => shape.join() === '100,50'),
      [],
    );
    assert.equal(end.bytes - start.bytes <= 64, true, `${end.bytes - start.bytes} bytes stay`);
  },
);
