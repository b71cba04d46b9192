import * as tf from '@tensorflow/tfjs';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { confusionMatrix, histogram, renderValue, roc, weights } from '../../../src/display/index.ts';

tf.env().set('IS_TEST', true);

/** The recorded charts; `TENSORCELL_GOLDENS=write` records it anew: look at the pictures before committing. */
function golden(name: string, made: string): string {
  const file = join(__dirname, 'charts', name);
  if (process.env['TENSORCELL_GOLDENS'] === 'write') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, made);
  }
  return readFileSync(file, 'utf8');
}

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
    'image/svg+xml': golden('histogram.golden.svg', chart.svg ?? ''),
    'application/vnd.vegalite.v5+json': chart.specification,
  });
  expect(() => histogram([])).toThrow('histogram() has no values');
  expect(() => histogram([1], { bins: 0 })).toThrow('bins is 0');
});

test('equal values are one range', () => {
  const { data } = histogram([3, 3]).specification as { data: { values: unknown } };
  expect(data.values).toEqual([{ from: 3, to: 4, count: 2 }]);
});

test('ROC: the area is the probability that a positive scores higher than a negative', () => {
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

test('every chart has words for who does not see it, and no colours that look alike', () => {
  const charts = [histogram([1, 2, 3, 3]), roc([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8])];
  for (const chart of charts) {
    expect(chart.specification).toMatchObject({ description: chart.description });
    expect(chart.svg).toContain(`role="img" aria-label="${chart.description}"`);
    expect(chart.svg).not.toMatch(/<style|<script|class=|\sid=|style=/);
    const colours = [...chart.svg!.matchAll(/"(#\w{6})"/g)].map(([, colour]) => colour);
    // Blue, greys: told apart by lightness alone.
    expect(new Set(colours)).toEqual(
      new Set(colours.filter((one) => ['#0072b2', '#767676', '#999999'].includes(one!))),
    );
  }
  expect(charts[1]!.svg).toBe(golden('roc.golden.svg', charts[1]!.svg!));
});

test('weights: a table, a chart for each, what is not finite, nothing left behind', () => {
  const model = tf.sequential({
    name: 'small',
    layers: [
      tf.layers.dense({ inputShape: [2], units: 2, name: 'first', trainable: false }),
      tf.layers.dense({ units: 1, name: 'last' }),
    ],
  });
  const [first, last] = model.layers;
  first!.setWeights([
    tf.tensor2d([
      [0, 1],
      [1, 3],
    ]),
    tf.tensor1d([0.5, Number.NaN]),
  ]);
  last!.setWeights([tf.tensor2d([[-1], [1]]), tf.tensor1d([7])]);
  const before = tf.memory().numTensors;
  const view = weights(model);
  expect(tf.memory().numTensors).toBe(before);
  expect(renderValue(view).data['text/plain']).toBe(
    [
      'Weights of small',
      'weight                      shape   min  max  mean   std  not finite',
      'first/kernel (not trained)  [2, 2]    0    3  1.25  1.09           0',
      'first/bias (not trained)    [2]     0.5  0.5   0.5     0           1',
      'last/kernel                 [2, 1]   -1    1     0     1           0',
      'last/bias                   [1]       7    7     7     0           0',
    ].join('\n'),
  );
  expect(view.description).toBe(
    'Weights of small: first/kernel [2, 2] from 0 to 3, mean 1.25; first/bias [2] from 0.5 to 0.5, mean 0.5; last/kernel [2, 1] from -1 to 1, mean 0; last/bias [1] from 7 to 7, mean 7. Not finite: 1 values of first/bias',
  );
  expect(view.rows[0]!.bars.filter(({ count }) => count > 0)).toEqual([
    { from: 0, to: 0.1, count: 1 },
    { from: 1, to: 1.1, count: 2 },
    { from: expect.closeTo(2.9, 10), to: 3, count: 1 },
  ]);
  const spec = view.specification as { concat: { title: { text: string } }[] };
  expect(spec.concat.map(({ title }) => title.text)).toEqual([
    'first/kernel [2, 2]',
    'first/bias [2]',
    'last/kernel [2, 1]',
    'last/bias [1]',
  ]);
  expect(view.svg).toBe(golden('weights.golden.svg', view.svg!));
  expect(() => weights(tf.layers.dense({ units: 1, name: 'new' }))).toThrow(
    'new has no weights: they are created when it is first used',
  );
  expect(() => weights({} as never)).toThrow('weights() takes a model or a layer of tfjs');
});

test('a confusion matrix as HTML', () => {
  const html = String(renderValue(confusionMatrix([0, 0, 1, 1], [0, 1, 1, 1])).data['text/html']);
  expect(html).toBe(golden('confusion-matrix.golden.html', html));
});
