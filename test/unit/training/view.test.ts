import * as tf from '@tensorflow/tfjs';
import { renderValue } from '../../../src/display/index.ts';
import { installNotebookHost } from '../../../src/base/host.ts';
import { ticks } from '../../../src/display/plot/panels.ts';
import { installTraining, progress } from '../../../src/training/index.ts';
import { TrainingRecord } from '../../../src/training/record.ts';
import { finalBundle, liveHtml, progressLine, trainingText } from '../../../src/training/training-view.ts';
import { metricText } from '../../../src/base/text/numbers.ts';
import { durationText, rateText, textBar } from '../../../src/training/wording.ts';
import { recordingHost } from '../recording-host.ts';

test.each([
  [0, '0'],
  [0.12345, '0.1235'],
  [1.5, '1.500'],
  [23.456, '23.46'],
  [1234.5, '1235'],
  [0.000123, '1.23e-4'],
  [1234567, '1.23e+6'],
  [Number.NaN, 'NaN'],
])('metric %s is written %s', (value, text) => {
  expect(metricText(value)).toBe(text);
});

test.each([
  [12.4, '12 ms'],
  [2149, '2.1 s'],
  [65_000, '1:05 min'],
  [7_390_000, '2:03:10 h'],
])('%s ms is written %s', (value, text) => {
  expect(durationText(value)).toBe(text);
});

test('rates and bars', () => {
  expect([rateText(350.2), rateText(3.44), rateText(0.25), rateText(Number.NaN)]).toEqual([
    '350 steps/s',
    '3.4 steps/s',
    '4.0 s a step',
    '',
  ]);
  expect([textBar(0, 4), textBar(0.5, 4), textBar(1, 4)]).toEqual(['[>   ]', '[==> ]', '[====]']);
});

test('ticks are round numbers within the range', () => {
  expect(ticks(0, 1)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(ticks(0.013, 0.087)).toEqual([0.02, 0.04, 0.06, 0.08]);
  expect(ticks(0, 3, 5)).toEqual([0, 1, 2, 3]);
  expect(ticks(5, 5)).toEqual([5]);
});

function halfway(): TrainingRecord {
  const record = new TrainingRecord({ epochs: 2, steps: 4, now: 0 });
  record.beginEpoch(0, 0);
  for (const loss of [4, 2, 2, 1]) {
    record.endStep();
    record.sample({ loss }, record.step * 500);
  }
  record.endEpoch({ loss: 2.25, val_loss: 1.5 }, 2000);
  record.beginEpoch(1, 2000);
  record.endStep();
  record.sample({ loss: 1 }, 2500);
  return record;
}

test('a running training in words', () => {
  const record = halfway();
  expect(progressLine(record, 2500)).toBe(
    'Epoch 2 of 2 · step 1 of 4 · 2.0 steps/s · 1.5 s left · loss 1.000',
  );
  expect(liveHtml(record, 2500)).toMatch(
    /^<div><progress style="[^"]*" value="5" max="8">62 %<\/progress><pre style="[^"]*">Epoch 1 of 2 · 2.0 s · loss 2.250 · val_loss 1.500\nEpoch 2 of 2 · step 1 of 4 [^<]*<\/pre><div style="margin-top:10px"><svg /,
  );
});

test('names of metrics and notes are escaped', () => {
  const record = halfway();
  record.sample({ '<b>&"': 1 }, 2600);
  record.notes.push('<i>');
  const html = liveHtml(record, 2600);
  expect(html).not.toMatch(/<b>|<i>/);
  record.end('finished', 3000);
  expect(finalBundle(record).data['image/svg+xml']).not.toMatch(/<b>|<i>/);
});

test('values that are not numbers leave gaps, never broken pictures', () => {
  const record = halfway();
  record.endEpoch({ loss: Number.NaN, val_loss: Infinity }, 4000);
  record.end('finished', 4000);
  const bundle = finalBundle(record).data;
  expect(bundle['image/svg+xml']).not.toMatch(/(?:points|x|y|cx|cy|x1|y1|x2|y2)="[^"]*(?:NaN|Infinity)/);
  expect(trainingText(record)).toContain('loss NaN · val_loss Infinity');
});

test('long trainings keep a bounded number of points', () => {
  const record = new TrainingRecord({ epochs: 1, steps: 100_000, now: 0 });
  record.beginEpoch(0, 0);
  for (let step = 0; step < 100_000; step++) {
    record.endStep();
    record.sample({ loss: 1 / (step + 1) }, step);
  }
  const points = record.between.get('loss') ?? [];
  expect(points.length).toBeLessThanOrEqual(400);
  expect(points.at(-1)?.[0]).toBeGreaterThan(0.99);
  expect(liveHtml(record, 100_000).length).toBeLessThan(12_000);
});

describe('progress', () => {
  const notebook = recordingHost();
  beforeEach(() => {
    notebook.shown.length = 0;
    installNotebookHost(notebook.host);
  });
  afterAll(() => {
    installNotebookHost(undefined);
  });

  test('gives every item, and a bar that ends full', () => {
    expect([...progress([1, 2, 3], { label: '<files>' })]).toEqual([1, 2, 3]);
    const last = notebook.shown.at(-1);
    expect(last?.data['text/plain']).toMatch(/^\[={20}\] <files> · 3 of 3 · /);
    expect(last?.data['text/html']).toMatch(
      /^<div><progress value="3" max="3"><\/progress> &lt;files&gt; · 3 of 3/,
    );
    expect(notebook.shown.map(({ update }) => update)).toEqual([false, true]);
  });

  test('says where a loop stopped', () => {
    for (const item of progress(new Set([1, 2, 3]))) if (item === 2) break;
    expect(notebook.shown.at(-1)?.data['text/plain']).toMatch(/ 1 of 3 · .*, stopped$/);
  });

  test('asynchronous loops of unknown length', async () => {
    async function* numbers(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }
    const seen: number[] = [];
    for await (const item of progress(numbers())) seen.push(item);
    expect(seen).toEqual([1, 2]);
    expect(notebook.shown.at(-1)?.data['text/plain']).toMatch(/^2 · /);
  });
});

describe('models and histories as values', () => {
  tf.env().set('IS_TEST', true);
  installTraining(tf);

  test('a model: its layers in text, in a table and as a diagram', () => {
    const model = tf.sequential({
      name: '<m>',
      layers: [
        tf.layers.dense({ inputShape: [4], units: 3, name: 'first' }),
        tf.layers.dense({ units: 2, name: 'second', trainable: false }),
      ],
    });
    const { data } = renderValue(model);
    expect(data['text/plain']).toBe(
      [
        "Sequential '<m>': 2 layers, 23 parameters (92 bytes), 15 of them trainable",
        'layer   kind   output    parameters',
        'first   Dense  [any, 3]          15',
        'second  Dense  [any, 2]           8',
      ].join('\n'),
    );
    expect(data['text/html']).not.toContain('<m>');
    expect(data['text/html']).toMatch(
      /<summary>Diagram<\/summary><svg [^>]*aria-label="Diagram of 2 layers: Dense \[any, 3\], then/,
    );
  });

  test('a model with branches', () => {
    const input = tf.input({ shape: [2], name: 'in' });
    const left = tf.layers.dense({ units: 3, name: 'left' }).apply(input) as tf.SymbolicTensor;
    const right = tf.layers.dense({ units: 3, name: 'right' }).apply(input) as tf.SymbolicTensor;
    const sum = tf.layers.add({ name: 'sum' }).apply([left, right]) as tf.SymbolicTensor;
    const html = String(renderValue(tf.model({ inputs: input, outputs: sum })).data['text/html']);
    expect(html.match(/<line /g)).toHaveLength(4);
  });

  test('a history is the chart its training ended with', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [1], units: 1 })] });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const history = await model.fit(tf.ones([4, 1]), tf.ones([4, 1]), { epochs: 3, verbose: 0 as never });
    const { data } = renderValue(history);
    expect(Object.keys(data)).toEqual([
      'text/plain',
      'image/png',
      'image/svg+xml',
      'application/vnd.vegalite.v5+json',
    ]);
    expect(String(data['text/plain']).split('\n')).toEqual([
      expect.stringMatching(/^Epoch 1 of 3 · loss /),
      expect.stringMatching(/^Epoch 2 of 3 · loss /),
      expect.stringMatching(/^Epoch 3 of 3 · loss /),
      expect.stringMatching(/^Trained 3 epochs · loss /),
    ]);
  });
});

test('of very many epochs the words have the first and the last, and the lines few points', () => {
  const record = new TrainingRecord({ epochs: 5000, steps: 1, now: 0 });
  for (let epoch = 0; epoch < 5000; epoch++) {
    record.beginEpoch(epoch, epoch);
    record.endStep();
    record.endEpoch({ loss: 1 / (epoch + 1), val_loss: 2 }, epoch + 1);
  }
  record.end('finished', 5000);
  const lines = trainingText(record).split('\n');
  expect(lines).toHaveLength(42);
  expect([lines[9], lines[10], lines[11], lines[40]].map((line) => line?.split(' · ')[0])).toEqual([
    'Epoch 10 of 5000',
    '… 4960 more epochs …',
    'Epoch 4971 of 5000',
    'Epoch 5000 of 5000',
  ]);
  const svg = String(finalBundle(record).data['image/svg+xml']);
  const counts = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points?.split(' '));
  expect(counts.map((points) => points?.length)).toEqual([385, 385]);
  // The last point is the last epoch's.
  expect(counts[0]?.at(-1)).toMatch(/^328,/);
});

test('values between epochs lag behind only where they are close together', () => {
  const record = new TrainingRecord({ epochs: 10, steps: 100, now: 0 });
  // Seen once an epoch: nothing to smooth.
  for (const [epoch, loss] of [4, 2, 1].entries()) {
    record.beginEpoch(epoch, epoch);
    record.endStep(50);
    record.sample({ loss }, epoch);
  }
  const points = record.between.get('loss') ?? [];
  expect(points.map(([at]) => at)).toEqual([0.5, 1.5, 2.5]);
  for (const [index, loss] of [4, 2, 1].entries()) expect(points[index]?.[1]).toBeCloseTo(loss, 6);
  // Every step: a jump shows, but not as a whole.
  record.endStep();
  record.sample({ loss: 2 }, 4);
  const last = record.between.get('loss')?.at(-1)?.[1];
  expect(last).toBeGreaterThan(1.1);
  expect(last).toBeLessThan(1.5);
});
