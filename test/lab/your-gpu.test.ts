import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellText, startLab } from './lab.ts';

/** Doctor's first operation is one in a fresh process, and other tests may run at the same time. */
const PATIENCE = 300_000;

test('the third tutorial finds out what this machine calculates with', { timeout: PATIENCE }, async () => {
  const lab = await startLab({ notebooks: ['notebooks/03-your-gpu.ipynb'] });
  try {
    const page = await lab.open('03-your-gpu.ipynb', { width: 1280, height: 1080 });
    await page.runAll(PATIENCE);
    const cells = await page.cells();
    const errors = cells.filter(({ outputs }) => outputs?.some(({ output_type }) => output_type === 'error'));
    assert.deepEqual(errors.map(cellText), []);
    const shown = cells.map(cellText).join('\n');
    for (const expected of [
      /backend +tensorflow/,
      /first-operation/,
      /cpu: [\d.]+ ms/,
      /tensors now: 0 more than before/,
    ]) {
      assert.match(shown, expected);
    }
    await page.command('application:toggle-left-area');
    await page.page
      .locator('.jp-Notebook .jp-Cell')
      .first()
      .evaluate((cell) => cell.scrollIntoView());
    await page.page.waitForTimeout(1000);
    await page.screenshot('your-gpu');
  } finally {
    await lab.close();
  }
});
