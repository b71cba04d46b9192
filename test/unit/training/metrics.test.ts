import * as tf from '@tensorflow/tfjs';
import { Metrics } from '../../../src/training/metrics.ts';

tf.env().set('IS_TEST', true);

test('scalars wait until something is shown, and may be disposed meanwhile', () => {
  const before = tf.memory().numTensors;
  const metrics = new Metrics();
  tf.tidy(() => {
    for (const item of [1, 2, 3]) metrics.add(item, { loss: tf.scalar(item), val_loss: 10 * item }, false);
  });
  expect(metrics.current).toEqual({ val_loss: 30 });
  metrics.add(4, { loss: tf.tidy(() => tf.scalar(4)) }, true);
  expect(metrics.current).toEqual({ loss: 4, val_loss: 30 });
  expect(metrics.panels(4, 'items')).toMatchObject([
    {
      title: 'loss',
      xRange: [0, 4],
      lines: [
        { points: [1, 2, 3, 4].map((item) => [item, item]) },
        { dashed: true, points: [1, 2, 3].map((item) => [item, 10 * item]) },
      ],
    },
  ]);
  expect(metrics.description(4)).toBe(
    'A loop over 4 items: loss from 1.000 to 4.000; val_loss from 10.00 to 30.00',
  );
  // The fourth was ours.
  expect(tf.memory().numTensors - before).toBe(1);
});

test('of many that wait some are dropped, never the last', () => {
  const before = tf.memory().numTensors;
  const metrics = new Metrics();
  for (let item = 1; item <= 1000; item++) {
    const loss = tf.scalar(item);
    metrics.add(item, { loss }, false);
    loss.dispose();
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(64);
  }
  metrics.readAll();
  const points = metrics.panels(1000, 'items')[0]?.lines[0]?.points ?? [];
  expect(points.length).toBeGreaterThan(30);
  expect(points.at(-1)).toEqual([1000, 1000]);
  expect(points.map(([item]) => item)).toEqual(points.map(([item]) => item).toSorted((a, b) => a - b));
  expect(tf.memory().numTensors).toBe(before);
});
