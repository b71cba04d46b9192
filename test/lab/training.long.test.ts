// A training in a real JupyterLab: live, after the page was reloaded in its middle, and what stays of it.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE, startLab } from './lab.ts';

const MODEL = `const model = tf.sequential({
  layers: [
    tf.layers.dense({ inputShape: [64], units: 256, activation: 'relu' }),
    tf.layers.dense({ units: 10, activation: 'softmax' }),
  ],
});
model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
const x = tf.randomNormal([6400, 64], 0, 1, 'float32', 1);
const y = tf.oneHot(x.slice([0, 0], [-1, 10]).argMax(1), 10).toFloat();
// Slow enough to be looked at.
const pause = { onEpochEnd: () => new Promise<void>((resolve) => setTimeout(resolve, 300)) };`;

test('the display moves on, %training shows it after a reload, and a chart stays', async () => {
  const lab = await startLab();
  try {
    lab.write('training.ipynb', [
      MODEL,
      'await model.fit(x, y, { epochs: 40, validationSplit: 0.2, callbacks: pause });',
      '%training',
    ]);
    const page = await lab.open('training.ipynb', { width: 1100, height: 900 });
    await page.startCell(0);
    await page.waitForIdle();
    await page.startCell(1);
    await page.waitForText(1, /Epoch 8 of 40 · step/);
    await page.screenshot('training-live');
    const output = page.page.locator('.jp-CodeCell').nth(1).locator('.jp-OutputArea-output');
    assert.equal(await output.locator('progress').count(), 1);
    assert.equal((await output.locator('svg polyline').count()) >= 4, true);
    assert.match((await output.locator('pre').textContent()) ?? '', /\nCPU: [\d.]+ of \d+ CPUs? · memory /);

    await page.command('docmanager:save');
    await page.page.reload();
    await page.page.waitForSelector('.jp-Notebook .jp-Cell');
    const frozen = await page.waitForText(1, /Epoch \d+ of 40 · step/);
    await sleep(1000);
    await page.startCell(2);
    const before = await page.waitForText(2, /Epoch \d+ of 40 · step/);
    const epoch = Number(/Epoch (\d+) of 40 · step/.exec(before)?.[1]);
    assert.ok(epoch < 40, before);
    await page.waitForText(2, new RegExp(`Epoch ${epoch + 2} of 40`));
    assert.equal(await page.waitForText(1, /Epoch \d+ of 40 · step/), frozen);

    await page.waitForText(2, /\nTrained 40 epochs in /, 2 * PATIENCE);
    await sleep(2000);
    await page.screenshot('training-kept');
    const kept = page.page.locator('.jp-CodeCell').nth(2).locator('.jp-OutputArea-output');
    assert.equal((await kept.locator('.jp-RenderedVegaCommon5, .vega-embed').count()) >= 1, true);
    const [, , cell] = await page.cells();
    assert.deepEqual(Object.keys(cell?.outputs?.[0]?.data ?? {}).sort(), [
      'application/vnd.vegalite.v5+json',
      'image/png',
      'image/svg+xml',
      'text/plain',
    ]);
  } finally {
    await lab.close();
  }
});
