import * as tf from '@tensorflow/tfjs';
import { histogram, renderValue, roc } from '../../../src/display/index.ts';

tf.env().set('IS_TEST', true);

test('a histogram counts every value once', () => {
  const chart = histogram(tf.tensor1d([0, 1, 1, 2, 4, Number.NaN]), { bins: 4 });
  const { data } = chart.specification as { data: { values: unknown } };
  expect(data.values).toEqual([
    { from: 0, to: 1, count: 1 },
    { from: 1, to: 2, count: 2 },
    { from: 2, to: 3, count: 1 },
    { from: 3, to: 4, count: 1 },
  ]);
  expect(renderValue(chart).data).toEqual({
    'text/plain':
      'Histogram of 5 values from 0 to 4, mean 1.6; the fullest range begins at 1; 1 values are not finite',
    'application/vnd.vegalite.v5+json': chart.specification,
  });
  expect(() => histogram([])).toThrow('histogram() has no values');
  expect(() => histogram([1], { bins: 0 })).toThrow('bins is 0');
});

test('equal values are one range', () => {
  const { data } = histogram([3, 3]).specification as { data: { values: unknown } };
  expect(data.values).toEqual([{ from: 3, to: 4, count: 2 }]);
});

test('ROC: the area is the chance that a positive scores higher than a negative', () => {
  const truth = [1, 0, 1, 1, 0, 0, 1];
  const scores = [0.9, 0.8, 0.7, 0.4, 0.4, 0.2, 0.1];
  let wins = 0;
  for (const [i, a] of scores.entries()) {
    for (const [j, b] of scores.entries()) {
      if (truth[i] === 1 && truth[j] === 0) wins += a > b ? 1 : a === b ? 0.5 : 0;
    }
  }
  const curve = roc(truth, tf.tensor1d(scores));
  expect(curve.auc).toBeCloseTo(wins / 12, 12);
  expect(curve.points.at(0)).toEqual({ threshold: Infinity, falsePositives: 0, truePositives: 0 });
  expect(curve.points.at(-1)).toEqual({ threshold: Math.fround(0.1), falsePositives: 1, truePositives: 1 });
  expect(roc([0, 1], [0, 1]).auc).toBe(1);
  expect(roc([0, 1], [1, 1]).auc).toBe(0.5);
  expect(renderValue(roc([0, 1], [0, 1])).data['text/plain']).toBe(
    'ROC curve with an area of 1.000 below it (0.5: guessing, 1: always right)',
  );
});

test('ROC refuses what is no yes-or-no question', () => {
  expect(() => roc([0, 0], [1, 2])).toThrow('roc() takes labels 0 and 1, and some of both');
  expect(() => roc([0, 2], [1, 2])).toThrow('roc() takes labels 0 and 1');
  expect(() => roc([0, 1], [1])).toThrow('2 labels, but 1 scores');
});
