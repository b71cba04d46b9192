import * as tf from '@tensorflow/tfjs';
import { isDisplayHandle } from '../../../src/display/index.ts';
import { installNotebookHost } from '../../../src/base/host.ts';
import { installTraining } from '../../../src/training/index.ts';
import type { TensorcellFitArgs } from '../../../src/training/index.ts';
import { metricText } from '../../../src/base/text/numbers.ts';
import { recordingHost } from '../recording-host.ts';

tf.env().set('IS_TEST', true);

let notebook = recordingHost();
beforeAll(() => {
  installTraining(tf);
  installTraining(tf);
});
beforeEach(() => {
  notebook = recordingHost();
  installNotebookHost(notebook.host);
});
afterAll(() => {
  installNotebookHost(undefined);
});

function line(): { model: tf.Sequential; x: tf.Tensor; y: tf.Tensor } {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['mae'] });
  const x = tf.range(0, 1, 0.02).reshape([50, 1]);
  return { model, x, y: x.mul(3).add(1) };
}

test('a training is one display, updated in place, with a final form for every front end', async () => {
  const { model, x, y } = line();
  const history = await model.fit(x, y, { epochs: 3, batchSize: 10, validationSplit: 0.2 });
  expect(Object.keys(history.history).sort()).toEqual(['loss', 'mae', 'val_loss', 'val_mae']);
  expect((model as unknown as { history: unknown }).history).toBe(history);

  // The cell shows it; a later one may show it again.
  expect(isDisplayHandle(history)).toBe(true);

  const [first, ...updates] = notebook.shown;
  const last = notebook.shown.at(-1);
  expect(first?.update).toBe(false);
  expect(updates.every((shown) => shown.update && shown.displayId === first?.displayId)).toBe(true);
  expect(Object.keys(last?.data ?? {})).toEqual([
    'text/plain',
    'image/png',
    'image/svg+xml',
    'application/vnd.vegalite.v5+json',
  ]);
  const losses = history.history['loss'] as number[];
  const lines = String(last?.data['text/plain']).split('\n');
  expect(
    lines.map((text) =>
      text
        .replaceAll(/\d+(\.\d+)? m?s\b/g, 'T')
        .split(' · ')
        .slice(0, 2),
    ),
  ).toEqual([
    ['Epoch 1 of 3', 'T'],
    ['Epoch 2 of 3', 'T'],
    ['Epoch 3 of 3', 'T'],
    ['Trained 3 epochs in T', expect.stringMatching(/^\d+ steps\/s$/) as string],
  ]);
  expect(lines[2]).toContain(` · loss ${metricText(losses[2] as number)} · `);
  // 40 of 50 samples train, in batches of 10.
  expect(String(first?.data['text/plain'])).toContain('Epoch 1 of 3 · step 0 of 4');
});

test('the final SVG is made of presentation attributes only', async () => {
  const { model, x, y } = line();
  await model.fit(x, y, { epochs: 2, validationSplit: 0.2 });
  const svg = String(notebook.shown.at(-1)?.data['image/svg+xml']);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" /);
  expect(svg).not.toMatch(/<style|<script|\bid=|\bstyle=|\bclass=|<foreignObject|\bon\w+=/i);
  expect(svg).toMatch(
    /aria-label="Training over 2 of 2 epochs: loss from [\d.]+ to [\d.]+, validation [\d.]+; mae from/,
  );
});

test('interrupting stops after the running batch, with a partial history; fit goes on from there', async () => {
  const { model, x, y } = line();
  const steps: number[] = [];
  let ended: Promise<unknown> | undefined;
  const history = await model.fit(x, y, {
    epochs: 5,
    batchSize: 10,
    callbacks: {
      onBatchEnd: (batch) => {
        steps.push(batch);
        if (steps.length === 7) ended = notebook.interrupt();
      },
    },
  });
  await ended;
  expect(steps).toEqual([0, 1, 2, 3, 4, 0, 1]);
  expect(history.epoch).toEqual([0, 1]);
  expect(notebook.shown.at(-1)?.data['text/plain']).toMatch(
    /\nStopped in epoch 2 of 5 after step 2 of 5 in \d+ ms · /,
  );
  notebook = recordingHost();
  installNotebookHost(notebook.host);
  const more = await model.fit(x, y, { epochs: 5, initialEpoch: 2, batchSize: 10 });
  expect(more.epoch).toEqual([2, 3, 4]);
});

test("onInterrupt: 'return' keeps the cell going", async () => {
  for (const [onInterrupt, answer] of [
    ['return', 'continue'],
    ['end', undefined],
  ] as const) {
    const { model, x, y } = line();
    let answers: Promise<unknown> | undefined;
    const args: tf.ModelFitArgs & TensorcellFitArgs = {
      epochs: 2,
      onInterrupt,
      callbacks: { onBatchEnd: () => void (answers ??= notebook.interrupt()) },
    };
    await model.fit(x, y, args);
    await expect(answers).resolves.toEqual([answer]);
  }
});

test('callbacks of every kind work together', async () => {
  const { model, x, y } = line();
  const seen: string[] = [];
  class Mine extends tf.Callback {
    override async onEpochEnd(epoch: number): Promise<void> {
      seen.push(`instance ${epoch}`);
    }
  }
  const record = {
    onEpochEnd: (epoch: number, logs?: tf.Logs) => {
      seen.push(`record ${epoch} ${typeof logs?.['loss']}`);
    },
  };
  await model.fit(x, y, { epochs: 1, callbacks: [record, new Mine()] as tf.CustomCallbackArgs[] });
  await model.fit(x, y, { epochs: 1, callbacks: new Mine() as unknown as tf.CustomCallbackArgs });
  await model.fit(x, y, { epochs: 1, callbacks: record });
  expect(seen).toEqual(['record 0 number', 'instance 0', 'instance 0', 'record 0 number']);
});

test('fitDataset is shown too; its length is learned when it ends', async () => {
  const { model, x, y } = line();
  const zipped = tf.data
    .zip({ xs: tf.data.array(tf.unstack(x)), ys: tf.data.array(tf.unstack(y)) })
    .batch(10)
    .filter(() => true);
  const history = await model.fitDataset(zipped, { epochs: 2 });
  expect(history.epoch).toEqual([0, 1]);
  const texts = notebook.shown.map(({ data }) => String(data['text/plain']));
  expect(texts[0]).toContain('Epoch 1 of 2 · step 0');
  expect(texts.at(-1)).toMatch(/^Epoch 1 of 2 · .*\nEpoch 2 of 2 · .*\nTrained 2 epochs in /);
});

test('a loss that is not finite is reported with the first layer that went wrong', async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 2, inputShape: [1], name: 'first' }),
      tf.layers.dense({ units: 1, name: 'second' }),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(1e20), loss: 'meanSquaredError' });
  await model.fit(tf.ones([20, 1]), tf.ones([20, 1]).mul(100), { epochs: 4, batchSize: 10 });
  const text = String(notebook.shown.at(-1)?.data['text/plain']);
  expect(text).toMatch(
    /\nThe loss is (NaN|Infinity) in epoch \d, step 2: (the first layer whose weights are not finite is first|all weights are still finite)\. Try a smaller learning rate\.\n/,
  );
  expect(text.match(/The loss is/g)).toHaveLength(1);
  expect(notebook.shown.at(-1)?.data['image/svg+xml']).toContain('⚠ The loss is');
});

test('quiet trainings show nothing, nor do trainings that never began', async () => {
  const { model, x, y } = line();
  await model.fit(x, y, { epochs: 1, verbose: 0 as tf.ModelFitArgs['verbose'] & 0 });
  await expect(model.fit(tf.ones([3, 2]), y, { epochs: 1 })).rejects.toThrow();
  expect(notebook.shown).toEqual([]);
});

test('no tensors are left behind', async () => {
  const { model, x, y } = line();
  await model.fit(x, y, { epochs: 1, validationSplit: 0.2 });
  const before = tf.memory().numTensors;
  await model.fit(x, y, { epochs: 2, validationSplit: 0.2 });
  expect(tf.memory().numTensors).toBe(before);
});

test('in a terminal it prints a line an epoch', async () => {
  installNotebookHost(undefined);
  const written: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  try {
    const { model, x, y } = line();
    await model.fit(x, y, { epochs: 2 });
  } finally {
    write.mockRestore();
  }
  expect(written.map((text) => text.split(' · ')[0]?.replace(/in .*/s, 'in T'))).toEqual([
    'Epoch 1 of 2',
    'Epoch 2 of 2',
    'Trained 2 epochs in T',
  ]);
});
