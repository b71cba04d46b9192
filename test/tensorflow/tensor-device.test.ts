// Which device a tensor's view names: asked of TensorFlow, without moving anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderValue } from '../../src/display/index.ts';
import { loadTf } from '../../src/api/tensorflow.ts';
import { deviceName } from '../../src/api/tensor-device.ts';

process.env['TENSORCELL_CONTEXT'] = JSON.stringify({ deviceCount: { CPU: 2 } });

test("a tensor's view says where its values lie", async () => {
  const tf = loadTf();
  const { device } = await import('../../src/api/index.ts');
  const place = (value: unknown): string | undefined =>
    / bytes · (.*?) · min /.exec(String(renderValue(value).data['text/html']))?.[1];
  const fresh = tf.tensor1d([1, 2]);
  assert.equal(place(fresh), 'not on a device yet');
  assert.equal(place(fresh.add(1)), 'on cpu');
  assert.equal(place(fresh), 'on cpu');
  assert.equal(place(device('cpu:1', () => fresh.mul(2))), 'on cpu:1');
  const text = (value: unknown): string => String(renderValue(value).data['text/plain']);
  assert.equal(text(fresh.add(1)), 'Tensor float32 [2]\n[2, 3]');
  fresh.dispose();
  assert.equal(text(fresh), 'Tensor float32 [2] (disposed)');
});

test('names of devices', () => {
  const full = '/job:localhost/replica:0/task:0/device:';
  assert.equal(deviceName(`${full}GPU:1`, 'cuda'), 'cuda:1');
  assert.equal(deviceName(`${full}GPU:0`, 'directml'), 'directml:0');
  assert.equal(deviceName(`${full}GPU:0`, '/some/folder'), 'gpu:0');
  assert.equal(deviceName(`${full}CPU:0`, 'cuda'), 'cpu');
});
