/** The completer, the tooltip and late type errors, as JupyterLab shows them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PATIENCE, startLab, type Lab, type LabPage } from './lab.ts';

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(async () => {
  await lab.close();
});

/**
 * Presses Tab until something comes of it: JupyterLab gives up on a kernel that takes more than a second, which the
 * first question may on a busy machine.
 */
async function pressTab(page: LabPage, came: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    await page.page.keyboard.press('Tab');
    for (let waited = 0; waited < 30; waited++) {
      if (await came()) return;
      await page.page.waitForTimeout(100);
    }
  }
  await page.screenshot('no-completion');
  throw new Error('nothing was completed');
}

/** The text of a cell's editor. */
async function source(page: LabPage, cell: number): Promise<string> {
  return (
    await page.page.locator('.jp-Notebook .jp-CodeCell').nth(cell).locator('.cm-content').innerText()
  ).trim();
}

/** The completer's items: name and kind, as they are on the screen. */
async function offered(page: LabPage): Promise<string[]> {
  const completer = page.page.locator('.jp-Completer:not(.lm-mod-hidden)');
  await pressTab(page, () => completer.isVisible());
  const items = completer.locator('.jp-Completer-item');
  await items.first().waitFor();
  return await items.evaluateAll((elements) =>
    elements.map((element) => {
      const name = element.querySelector('.jp-Completer-match')?.textContent ?? '';
      const kind = element.querySelector('.jp-Completer-typeExtended')?.textContent ?? '';
      return `${name} ${kind}`.trim();
    }),
  );
}

async function type(page: LabPage, cell: number, text: string): Promise<void> {
  await page.focusCell(cell);
  await page.page.keyboard.type(text);
}

test('Tab completes members of what earlier cells made, with their kind', async () => {
  lab.write('completer.ipynb', ['const zoo = { zebra: 1, zone() {} };\nconsole.log("ran")', '', '']);
  const page = await lab.open('completer.ipynb');
  await page.startCell(0);
  await page.waitForText(0, /ran/);
  await type(page, 1, 'zoo.');
  assert.deepEqual(await offered(page), ['zebra property', 'zone method']);
  await page.screenshot('completer');
  await page.page.keyboard.press('Enter');
  await page.page.keyboard.type(' + 41');
  await page.page.keyboard.press('Control+Enter');
  assert.equal(await page.waitForText(1, /./), '42');
  // One match is put in at once.
  await type(page, 2, 'tf.layers.conv2dTr');
  await pressTab(page, async () => /tf\.layers\.conv2dTranspose/.test(await source(page, 2)));
  await page.close();
});

test('Tab completes after characters of two code units, and magics', async () => {
  lab.write('unicode.ipynb', ['', '']);
  const page = await lab.open('unicode.ipynb');
  await type(page, 0, "'😀'.toUpperC");
  await pressTab(page, async () => /'😀'\.toUpperCase/.test(await source(page, 0)));
  await type(page, 1, '%typech');
  await pressTab(page, async () => /%typecheck/.test(await source(page, 1)));
  await page.close();
});

test('Shift+Tab shows the signature with its documentation, and the value', async () => {
  lab.write('tooltip.ipynb', [
    '/** Adds two numbers.\n * @param a the first */\nfunction add(a: number, b: number) { return a + b }\nconst answer = 42;\nconsole.log("ran")',
    '',
    '',
  ]);
  const page = await lab.open('tooltip.ipynb');
  await page.startCell(0);
  await page.waitForText(0, /ran/);
  await type(page, 1, 'answer');
  await page.page.keyboard.press('Shift+Tab');
  const tooltip = page.page.locator('.jp-Tooltip');
  await tooltip.waitFor();
  assert.match((await tooltip.innerText()).replace(/\s+/g, ' '), /const answer: 42 .*42/);
  await page.page.keyboard.press('Escape');
  await type(page, 2, 'add(1, ');
  await page.page.keyboard.press('Shift+Tab');
  await tooltip.waitFor();
  const text = (await tooltip.innerText()).replace(/\s+/g, ' ');
  assert.match(text, /add\(a: number, b: number\): number .*Parameter: b: number/);
  await page.screenshot('tooltip');
  await page.close();
});

test('a type error appears under its cell, which ran all the same', async () => {
  lab.write('types.ipynb', ['const n = 40;\nconst s: string = n;\nn + 2']);
  const page = await lab.open('types.ipynb');
  await page.startCell(0);
  const text = await page.waitForText(0, /not assignable/);
  assert.match(text, /line 2:7/);
  assert.match(text, /^42$/m);
  await page.screenshot('type-error');
  await page.close();
});
