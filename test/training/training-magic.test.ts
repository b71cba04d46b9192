// %training: answered while a cell trains, live, and after it.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';

/** JupyterLab's request: a user looks on. */
const ATTENDED = { allow_stdin: true };
const PATIENCE = 60_000;

const MODEL = `
const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [100], units: 100 }), tf.layers.dense({ units: 1 })] });
model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
const x = tf.randomNormal([3200, 100], 0, 1, 'float32', 1);
const y = x.slice([0, 0], [-1, 1]);
`;

async function withModel(work: (client: JupyterClient) => Promise<void>): Promise<void> {
  await withKernel(async (client) => {
    await client.cell('%typecheck off');
    await client.cell(MODEL, {}, { ms: PATIENCE });
    await work(client);
  });
}

/** Starts a training that does not end by itself, and waits until it is shown. */
async function startTraining(client: JupyterClient): Promise<{ id: string; display: string }> {
  const id = await client.startCell('await model.fit(x, y, { epochs: 100_000 })', ATTENDED);
  const first = await client.take(
    'iopub',
    ({ type, parent }) => type === 'display_data' && parent === id,
    'the display of the training',
    PATIENCE,
  );
  return { id, display: first.content['transient'].display_id };
}

test('without a training it reports that there was none', () =>
  withKernel(async (client) => {
    const cell = await client.cell('%training');
    assert.equal(cell.stdout, 'No training has run yet: model.fit(…) shows its progress while it runs.\n');
    const wrong = await client.cell('%training now');
    assert.equal(wrong.reply['evalue'], '%training now: write %training alone');
  }));

test('while fit runs it is answered at once, live; afterwards it shows what the training ended with', () =>
  withModel(async (client) => {
    const { id, display } = await startTraining(client);
    // As after a reload: another cell, while the first one runs, and before another that waits.
    const waits = await client.startCell('1 + 1');
    const again = await client.cell('// the training\n%training', {}, { ms: PATIENCE });
    assert.equal(again.reply['status'], 'ok');
    const [shown] = again.of('display_data');
    assert.match(shown!['data']['text/plain'], /step \d+ of 100/);
    assert.match(shown!['data']['text/html'], /^<div><progress /);
    // Front ends update every output of one display id.
    assert.equal(shown!['transient'].display_id, display);
    const step = (text: string): number => {
      const [, epoch, at] = /Epoch (\d+) of 100000 · step (\d+) of 100\b[^\n]*$/.exec(text) ?? [];
      return Number(epoch) * 100 + Number(at);
    };
    const first = step(shown!['data']['text/plain']);
    const later = await client.take(
      'iopub',
      ({ type, content }) =>
        type === 'update_display_data' &&
        content['transient'].display_id === display &&
        step(content['data']['text/plain']) > first,
      'an update after it',
      PATIENCE,
    );
    assert.ok(later.content['data']['text/html'].includes('<svg '));
    await client.request('control', 'interrupt_request', {});
    const trained = await client.finishCell(id, PATIENCE);
    assert.equal(trained.reply['ename'], 'Interrupted');
    const aborted = await client.finish(waits, 'shell');
    assert.equal(aborted.reply!.content['status'], 'aborted');
    const ended = await client.cell('%training');
    const last = ended.of('display_data')[0]!;
    assert.deepEqual(Object.keys(last['data']).sort(), [
      'application/vnd.vegalite.v5+json',
      'image/png',
      'image/svg+xml',
      'text/plain',
    ]);
    assert.match(last['data']['text/plain'], /\nStopped in epoch \d+ of 100000 after step \d+ of 100 in /);
  }));

test('a training whose process ends shows that in its display', () =>
  withModel(async (client) => {
    const cell = await client.cell(
      `await model.fit(x, y, { epochs: 1000, callbacks: { onBatchEnd: (batch) => { if (batch === 50) process.kill(process.pid, 'SIGKILL'); } } })`,
      ATTENDED,
      { ms: PATIENCE },
    );
    assert.equal(cell.reply['ename'], 'RuntimeDied');
    const last = cell.of('update_display_data').at(-1)!['data'];
    assert.match(last['text/plain'], /\nThe runtime process ended before this training did\.$/);
    assert.match(last['text/html'], /<p>The runtime process ended before this training did\.<\/p>$/);
    client.drain();
    const again = await client.cell('%training');
    assert.deepEqual(again.of('display_data')[0]!['data'], last);
  }));
