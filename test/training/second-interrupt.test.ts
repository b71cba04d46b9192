// A second interrupt during fit: the cell ends without the callbacks that are left, and a native op is waited for.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';

/** JupyterLab's request: a user looks on. */
const ATTENDED = { allow_stdin: true };
const PATIENCE = 90_000;

const SMALL = `
const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [100], units: 50 }), tf.layers.dense({ units: 1 })] });
model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
const x = tf.randomNormal([3200, 100], 0, 1, 'float32', 1);
const y = x.slice([0, 0], [-1, 1]);
const called: string[] = [];
const tell: { go?: () => void } = {};
`;

async function update(client: JupyterClient, id: string): Promise<void> {
  await client.take(
    'iopub',
    ({ type, parent }) => type === 'update_display_data' && parent === id,
    'an update',
    PATIENCE,
  );
}

async function printed(client: JupyterClient, id: string, text: string | RegExp): Promise<void> {
  let all = '';
  const found = (): boolean => (typeof text === 'string' ? all.includes(text) : text.test(all));
  while (!found()) {
    const { content } = await client.take(
      'iopub',
      ({ type, parent }) => type === 'stream' && parent === id,
      `'${String(text)}' after ${JSON.stringify(all)}`,
      PATIENCE,
    );
    all += content['text'];
  }
}

test('callbacks that are left do not run, and the next fit goes on', () =>
  withKernel(async (client) => {
    await client.cell('%typecheck off');
    await client.cell(SMALL, {}, { ms: PATIENCE });
    const id = await client.startCell(
      `
      await model.fit(x, y, { epochs: 100_000, callbacks: [
        { onTrainEnd: async () => { console.log('waiting'); called.push('first'); await new Promise<void>((resolve) => { tell.go = resolve; }); called.push('first went on'); } },
        { onTrainEnd: () => { called.push('second'); } },
      ] });
      called.push('cell went on');`,
      ATTENDED,
    );
    await update(client, id);
    await client.request('control', 'interrupt_request', {});
    await printed(client, id, 'waiting');
    await client.request('control', 'interrupt_request', {});
    const cell = await client.finishCell(id, PATIENCE);
    assert.equal(cell.reply['ename'], 'Interrupted');
    const shown = cell.of('update_display_data').at(-1)!['data'];
    assert.match(shown['text/plain'], /\nStopped in epoch \d+ of 100000 after step \d+ of 100 in /);
    // The event that it waited for happens now: still nothing goes on.
    const later = await client.cell(
      'tell.go?.(); await new Promise((resolve) => setTimeout(resolve, 50)); called.join()',
    );
    assert.equal(later.result, "'first'");
    const again = await client.cell(
      `const more = await model.fit(x, y, { epochs: 1 }); [more.epoch.length, called.join()].join(' ')`,
      {},
      { ms: PATIENCE },
    );
    assert.equal(again.result, "'1 first'");
  }));

test('JavaScript in a callback that does not return is ended', () =>
  withKernel(async (client) => {
    await client.cell('%typecheck off');
    await client.cell(SMALL, {}, { ms: PATIENCE });
    const id = await client.startCell(
      `
      await model.fit(x, y, { epochs: 100_000, callbacks: [
        { onTrainEnd: () => { console.log('busy'); for (;;) called.length = 0; } },
        { onTrainEnd: () => { called.push('second'); } },
      ] });`,
      ATTENDED,
    );
    await update(client, id);
    await client.request('control', 'interrupt_request', {});
    await printed(client, id, 'busy');
    await client.request('control', 'interrupt_request', {});
    const cell = await client.finishCell(id, PATIENCE);
    assert.equal(cell.reply['ename'], 'Interrupted');
    const again = await client.cell(
      `(await model.fit(x, y, { epochs: 1 })).epoch.length + called.join()`,
      {},
      { ms: PATIENCE },
    );
    assert.equal(again.result, "'1'");
  }));

/**
 * A model whose one step takes about eight seconds on any CPU: steps of four pictures are timed first. The thread
 * that waits for it speaks a second after it was told to end it. Windows of 15 and more pixels take oneDNN minutes.
 */
const LARGE = `
const build = () => {
  const layer = tf.layers.conv2d({ inputShape: [128, 128, 32], filters: 32, kernelSize: 13, padding: 'same', useBias: false, kernelInitializer: 'zeros' });
  const built = tf.sequential({ layers: [layer] });
  built.compile({ optimizer: tf.train.sgd(1e-9), loss: 'meanSquaredError' });
  return built;
};
const [timed, few] = [build(), tf.ones([4, 128, 128, 32])];
const spent = async () => { const start = performance.now(); await timed.trainOnBatch(few, few); return performance.now() - start; };
await spent();
const size = 4 * Math.ceil(8000 / Math.min(await spent(), await spent()));
const model = build();
const x = tf.ones([size, 128, 128, 32]);
let batches = 0;
`;
const FIT = `await model.fit(x, x, { epochs: 1000, batchSize: size, callbacks: { onBatchBegin: () => { console.log('batch'); }, onBatchEnd: () => { batches++; } } });`;

/** The op begins when the batch has been cut out: an interrupt before would end the training there. */
const underWay = () => new Promise((resolve) => setTimeout(resolve, 2000));

test('a native op is waited for, and a restart of the runtime is offered', () =>
  withKernel(async (client) => {
    await client.cell('%typecheck off');
    await client.cell(LARGE, {}, { ms: PATIENCE });
    const id = await client.startCell(FIT, ATTENDED);
    await printed(client, id, 'batch');
    await underWay();
    await client.request('control', 'interrupt_request', {});
    await client.request('control', 'interrupt_request', {});
    await printed(
      client,
      id,
      'waiting for a native operation to return; it cannot be stopped halfway. Interrupt once more to restart the runtime process (variables are lost).\n',
    );
    const cell = await client.finishCell(id, PATIENCE);
    assert.equal(cell.reply['ename'], 'Interrupted');
    // The runtime lives, with its variables.
    const state = await client.cell('[batches, model.countParams() === 13 * 13 * 32 * 32].join()');
    assert.equal(state.result, "'0,true'");
    // A second training of the same model would run on another thread.
    await client.cell(LARGE, {}, { ms: PATIENCE });
    const once = await client.startCell(FIT, ATTENDED);
    await printed(client, once, 'batch');
    await underWay();
    await client.request('control', 'interrupt_request', {});
    await client.request('control', 'interrupt_request', {});
    await printed(client, once, 'Interrupt once more to restart the runtime');
    await client.request('control', 'interrupt_request', {});
    const given = await client.finishCell(once, PATIENCE);
    assert.equal(given.reply['ename'], 'RuntimeDied');
    assert.match(given.reply['evalue'], /^it was restarted because a native operation did not return/);
    const fresh = await client.cell('typeof batches');
    assert.equal(fresh.result, "'undefined'");
  }));
