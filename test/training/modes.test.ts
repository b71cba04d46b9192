// How trainings and loops show themselves: in a notebook with a user in front of it, under nbconvert, in words, not at all.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Cell, JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { notebookJson } from '../notebooks/notebook-file.ts';

/** JupyterLab's request: a user looks on. */
const ATTENDED = { allow_stdin: true };
const UNATTENDED = { allow_stdin: false };
const PATIENCE = 60_000;

const MODEL = `
const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [3], units: 1 })] });
model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['mae'] });
const x = tf.randomNormal([64, 3], 0, 1, 'float32', 1);
const y = x.sum(1, true);
const data = tf.data.zip({ xs: tf.data.array(x.arraySync() as number[][]), ys: tf.data.array(y.arraySync() as number[][]) }).batch(16);
`;

async function withModel(work: (client: JupyterClient) => Promise<void>): Promise<void> {
  await withKernel(async (client) => {
    // Types are checked before a cell runs: what a person writes here has to have them.
    await client.cell('%typecheck error');
    const made = await client.cell(MODEL, {}, { ms: PATIENCE });
    assert.equal(made.reply['status'], 'ok', made.reply['evalue']);
    await work(client);
  });
}

async function run(client: JupyterClient, code: string, options: object = ATTENDED): Promise<Cell> {
  const cell = await client.cell(code, options, { ms: PATIENCE });
  assert.equal(cell.reply['status'], 'ok', cell.reply['evalue']);
  return cell;
}

/** Times and rates are not the same twice. */
function steady(text: string): string {
  return text
    .replaceAll(/\d+(\.\d+)? m?s\b/g, 'T')
    .replaceAll(/[\d.]+ (step|item)s\/s/g, 'R')
    .replaceAll(/(loss|mae) [\d.]+(e-\d+)?/g, '$1 L');
}

const LINES = [
  'Epoch 1 of 2 · T · loss L · mae L',
  'Epoch 2 of 2 · T · loss L · mae L',
  'Trained 2 epochs in T · R · loss L · mae L',
];

const FINAL = ['application/vnd.vegalite.v5+json', 'image/png', 'image/svg+xml', 'text/plain'];

for (const [name, call] of [
  ['fit', 'model.fit(x, y, { epochs: 2, batchSize: 16'],
  ['fitDataset', 'model.fitDataset(data, { epochs: 2'],
] as const) {
  test(`${name}: a display, words, nothing`, () =>
    withModel(async (client) => {
      const shown = await run(client, `await ${call} })`);
      assert.equal(shown.of('display_data').length, 1);
      assert.equal(shown.of('execute_result').length, 0);
      assert.equal(shown.stdout, '');
      const last = shown.of('update_display_data').at(-1)!['data'];
      assert.deepEqual(Object.keys(last).sort(), FINAL);
      assert.deepEqual(steady(last['text/plain']).split('\n'), LINES);

      const said = await run(client, `await ${call}, progress: 'text' })`);
      assert.deepEqual(steady(said.stdout).trimEnd().split('\n'), LINES);
      const kinds = (cell: Cell): string[] =>
        cell.iopub.map(({ type }) => type).filter((type) => !/^(status|execute_input)$/.test(type));
      assert.deepEqual(new Set(kinds(said)), new Set(['stream']));

      for (const quiet of [`progress: 'quiet'`, 'verbose: 0']) {
        assert.deepEqual(kinds(await run(client, `await ${call}, ${quiet} })`)), []);
      }
      await run(client, `tensorcell.progressMode('text');`);
      assert.deepEqual(
        steady((await run(client, `await ${call} })`)).stdout)
          .trimEnd()
          .split('\n'),
        LINES,
      );
    }));

  test(`${name} where a program executes the notebook: lines as they come, and the chart`, () =>
    withModel(async (client) => {
      const cell = await run(client, `await ${call} })`, UNATTENDED);
      assert.deepEqual(steady(cell.stdout).trimEnd().split('\n'), LINES.slice(0, 2));
      const [chart, ...more] = cell.of('display_data');
      assert.deepEqual([more, cell.of('update_display_data'), cell.of('execute_result')], [[], [], []]);
      assert.deepEqual(Object.keys(chart!['data']).sort(), FINAL);
      assert.equal(steady(chart!['data']['text/plain']), LINES[2]);
    }));
}

test('nbconvert', (t) => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const python = join(root, '.venv', 'bin', 'python');
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-nbconvert-'));
  try {
    execFileSync(python, ['-c', 'import nbconvert'], { stdio: 'ignore' });
  } catch {
    t.skip('there is no .venv with nbconvert: npm run setup');
    return;
  }
  try {
    const sources = [MODEL, 'await model.fit(x, y, { epochs: 2, batchSize: 16 })'];
    writeFileSync(join(folder, 'fit.ipynb'), notebookJson(sources));
    const html = execFileSync(
      python,
      ['-m', 'nbconvert', '--execute', '--to', 'html', '--stdout', join(folder, 'fit.ipynb')],
      { encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    assert.match(html, /Epoch 1 of 2 · /);
    const [, svg] = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html) ?? [];
    assert.ok(svg !== undefined, 'the page has no SVG');
    assert.match(
      Buffer.from(svg, 'base64').toString(),
      /^<svg [^>]*aria-label="Training over 2 of 2 epochs: loss from /,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the loss is read back only when it is shown, or when a callback needs it', () =>
  withModel(async (client) => {
    // Values are read from the device through a tensor's dataSync and data, and through the backend's.
    await run(
      client,
      `
const prototype = Object.getPrototypeOf(x) as { dataSync(): unknown; data(): unknown };
const counted = { reads: 0 };
for (const name of ['dataSync', 'data'] as const) {
  const own = prototype[name];
  prototype[name] = function (...args: []) { counted.reads++; return Reflect.apply(own, this, args); };
}
async function reads(work: () => Promise<unknown>): Promise<number> { counted.reads = 0; await work(); return counted.reads; }
`,
    );
    const count = async (code: string): Promise<number> =>
      Number((await run(client, `await reads(() => ${code})`)).result);
    // 16 steps an epoch. One way to train first, so that nothing is traced any more.
    const fit = (more: string): string => `model.fit(x, y, { epochs: 4, batchSize: 4, ${more} })`;
    await count(fit(`progress: 'quiet'`));
    const quiet = await count(fit(`progress: 'quiet'`));
    assert.ok(quiet <= 8, `${quiet} reads of loss and mae: the history's, once an epoch`);
    const shown = await count(fit(''));
    assert.ok(shown <= 8 + 2 * 10, `${shown} reads: also those that were shown`);
    const called = await count(
      fit(`progress: 'quiet', callbacks: { onBatchEnd: (_batch, logs) => void logs }`),
    );
    assert.ok(called >= 128, `${called} reads: two values after each of 64 batches`);
  }));

test('loops of any kind have a bar, and one that trains has a chart', () =>
  withModel(async (client) => {
    const sync = await run(
      client,
      `let sum = 0;
for (const item of tensorcell.progress([1, 2, 3], { label: 'adding' })) sum += item;
sum`,
    );
    assert.equal(sync.result, '6');
    assert.equal(
      steady(sync.of('update_display_data').at(-1)!['data']['text/plain']),
      '[====================] adding · 3 of 3 · R · T',
    );

    const asynchronous = await run(
      client,
      `async function* numbers() { yield 1; yield 2; }
let seen = 0;
for await (const item of tensorcell.progress(numbers(), { total: 2 })) seen += item;
seen`,
    );
    assert.equal(asynchronous.result, '3');
    assert.match(asynchronous.of('update_display_data').at(-1)!['data']['text/plain'], /^\[=+\] 2 of 2 · /);

    const own = await run(
      client,
      `const weight = tf.variable(tf.scalar(0));
const optimizer = tf.train.sgd(0.1);
const steps = tensorcell.progress(Array.from({ length: 40 }, (_, i) => i), { label: 'by hand' });
const before = tf.memory().numTensors;
for (const step of steps) {
  const loss = optimizer.minimize(() => weight.sub(3).square() as tf.Scalar, true)!;
  steps.log(step % 10 === 9 ? { loss, val_loss: 1 / step } : { loss });
  loss.dispose();
}
[weight.dataSync()[0] > 2.9, tf.memory().numTensors - before].join()`,
    );
    assert.equal(own.result, "'true,0'");
    assert.equal(own.of('display_data').length, 1);
    const last = own.of('update_display_data').at(-1)!['data'];
    assert.deepEqual(Object.keys(last).sort(), FINAL);
    assert.match(steady(last['text/plain']), /^by hand · 40 of 40 · R · T · loss L · val_loss L$/);
    assert.match(last['image/svg+xml'], /aria-label="A loop over 40 items: loss from [\d.]+ to /);
    assert.match(last['image/svg+xml'], />validation<\/text>/);
    // %training shows such a loop too.
    assert.deepEqual((await run(client, '%training')).of('display_data')[0]!['data'], last);

    const stopped = await client.startCell(
      `for (const item of tensorcell.progress({ *[Symbol.iterator]() { for (;;) yield 1; } }, { label: 'for ever' })) void item;`,
      ATTENDED,
    );
    await client.take(
      'iopub',
      ({ type, parent }) => type === 'update_display_data' && parent === stopped,
      'an update',
    );
    await client.request('control', 'interrupt_request', {});
    const ended = await client.finishCell(stopped, PATIENCE);
    assert.equal(ended.reply['ename'], 'Interrupted');
    assert.match(
      ended.of('update_display_data').at(-1)!['data']['text/plain'],
      /^for ever · \d+ · .*, stopped$/,
    );

    const lines = await run(
      client,
      `for (const item of tensorcell.progress([1, 2], { label: 'headless' })) void item;`,
      UNATTENDED,
    );
    assert.equal(steady(lines.stdout), 'headless · 2 of 2 · R · T\n');
    assert.deepEqual(lines.of('display_data'), []);
  }));
