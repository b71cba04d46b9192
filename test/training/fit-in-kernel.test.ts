// model.fit in a notebook's cell: one display, and interrupts that leave whole batches.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';

/** JupyterLab's request: a user looks on. */
const ATTENDED = { allow_stdin: true };
const PATIENCE = 60_000;

const MODEL = `
const model = tf.sequential({
  layers: [
    tf.layers.dense({ inputShape: [100], units: 200, activation: 'relu' }),
    tf.layers.dense({ units: 1 }),
  ],
});
model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
const x = tf.randomNormal([6400, 100], 0, 1, 'float32', 1);
const y = x.slice([0, 0], [-1, 1]);
let batches = 0;
`;

/** A kernel with the model in it. Types are not checked: their late messages are not what is tested here. */
async function withModel(work: (client: JupyterClient) => Promise<void>): Promise<void> {
  await withKernel(async (client) => {
    await client.cell('%typecheck off');
    await client.cell(MODEL, {}, { ms: PATIENCE });
    await work(client);
  });
}

async function interruptAfter(client: JupyterClient, code: string, milliseconds: number) {
  const id = await client.startCell(code, ATTENDED);
  await client.take(
    'iopub',
    ({ type, parent }) => type === 'update_display_data' && parent === id,
    'an update',
    PATIENCE,
  );
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  await client.request('control', 'interrupt_request', {});
  return client.finishCell(id, PATIENCE);
}

test('one display, updated in place, at most ten times a second', () =>
  withModel(async (client) => {
    const started = Date.now();
    const cell = await client.cell('await model.fit(x, y, { epochs: 5 })', ATTENDED, { ms: PATIENCE });
    const seconds = (Date.now() - started) / 1000;
    assert.equal(cell.reply['status'], 'ok');
    assert.equal(cell.of('display_data').length, 1);
    assert.equal(cell.result, undefined);
    const updates = cell.of('update_display_data');
    assert.ok(updates.length >= 1 && updates.length <= 10 * seconds + 3, `${updates.length} in ${seconds} s`);
    const first = cell.of('display_data')[0]!['transient'] as { display_id: string };
    for (const update of updates) assert.deepEqual(update['transient'], first);
    assert.deepEqual(Object.keys(updates.at(-1)!['data'] as object), [
      'text/plain',
      'image/png',
      'image/svg+xml',
      'application/vnd.vegalite.v5+json',
    ]);
    assert.deepEqual(cell.of('stream'), []);
  }));

test('an interrupt at twenty moments ends the cell after a whole batch; fit goes on from there', () =>
  withModel(async (client) => {
    // Adam's step count says how many batches changed the weights.
    const steps = `(await model.optimizer.getWeights())[0].tensor.dataSync()[0]`;
    for (let round = 0; round < 20; round++) {
      const pause = (round * 37) % 150;
      await client.cell('batches = 0; const before = ' + steps);
      const cell = await interruptAfter(
        client,
        `await model.fit(x, y, { epochs: 1000, callbacks: { onBatchEnd: () => { batches++; } } }); globalThis.after = true;`,
        pause,
      );
      assert.equal(cell.reply['status'], 'error');
      assert.equal(cell.reply['ename'], 'Interrupted');
      const shown = cell.of('update_display_data').at(-1)!['data'] as Record<string, string>;
      assert.match(shown['text/plain']!, /Stopped in epoch \d+ of 1000 after step \d+ of 200/);
      const answer = await client.cell(
        `[batches === ${steps} - before, typeof after, model.isTraining ?? false, model.history.history.loss.length >= 1, model.getWeights().every((w) => w.isFinite().all().dataSync()[0])].join()`,
      );
      assert.equal(answer.result, "'true,undefined,false,true,true'");
    }
    const again = await client.cell(
      '(await model.fit(x, y, { epochs: 1 })).epoch.length',
      {},
      { ms: PATIENCE },
    );
    assert.equal(again.result, '1');
  }));

test("with onInterrupt: 'return' the cell goes on", () =>
  withModel(async (client) => {
    const cell = await interruptAfter(
      client,
      `const history = await model.fit(x, y, { epochs: 1000, onInterrupt: 'return' }); history.epoch.length < 1000`,
      20,
    );
    assert.equal(cell.reply['status'], 'ok');
    assert.equal(cell.result, 'true');
  }));

test('where numbers went missing is said under the chart, as the compiled step has noticed it', () =>
  withModel(async (client) => {
    const cell = await client.cell(
      `const [hidden, out] = model.layers;
await model.fit(x, y, { epochs: 1, progress: 'quiet' });
// The next activations of the second layer overflow.
hidden.setWeights(hidden.getWeights().map((weight) => tf.fill(weight.shape, 3e37)));
await model.fit(x, y, { epochs: 1 });
out.name`,
      ATTENDED,
      { ms: PATIENCE },
    );
    const name = cell.result!.replaceAll("'", '');
    const last = cell.of('update_display_data').at(-1)!['data'] as Record<string, string>;
    const note = /\n(The loss is [^\n]*)\n/.exec(last['text/plain']!)?.[1] ?? '';
    assert.match(
      note,
      /^The loss is (NaN|Infinity) in epoch 1, step \d+: the first layer whose activations are not finite is /,
    );
    assert.ok(
      [model0(name), name].some((one) => note.includes(` ${one}.`)),
      `${note} (${name})`,
    );
    assert.match(last['image/svg+xml']!, /⚠ The loss is/);
  }));

/** The layer before: its own products of 100 numbers may overflow first. */
function model0(name: string): string {
  return name.replace(/\d+$/, (digits) => String(Number(digits) - 1));
}
