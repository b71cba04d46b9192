import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cellText, startLab, type Lab } from './lab.ts';

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(async () => {
  await lab.close();
});

test('run all: every cell runs once, in order, and shows its own output', async () => {
  lab.write('all.ipynb', [
    "let total = 1;\nconsole.log('first', total);",
    "total += 1;\nconsole.log('second', total);",
    'total * 21',
  ]);
  const page = await lab.open('all.ipynb');
  await page.runAll();
  const cells = await page.cells();
  assert.deepEqual(cells.map(cellText), ['first 1\n', 'second 2\n', '42']);
  assert.deepEqual(await page.counts(), [1, 2, 3]);
  await page.close();
});

test('the interrupt button ends a busy loop and keeps the variables', async () => {
  lab.write('interrupt.ipynb', [
    "let turns = 0;\nconsole.log('started');\nwhile (true) turns++;",
    'turns > 0',
    "await new Promise(() => console.log('waiting'))",
    "'alive'",
  ]);
  const page = await lab.open('interrupt.ipynb');
  const button = page.page
    .locator('.jp-NotebookPanel-toolbar [data-command="notebook:interrupt-kernel"]')
    .first();
  await page.startCell(0);
  await page.waitForText(0, /started/);
  await button.click();
  await page.waitForText(0, /interrupt/i);
  await page.waitForIdle();
  await page.startCell(1);
  assert.equal(await page.waitForText(1, /./), 'true');
  await page.startCell(2);
  await page.waitForText(2, /waiting/);
  await button.click();
  await page.waitForText(2, /interrupt/i);
  await page.startCell(3);
  assert.equal(await page.waitForText(3, /./), "'alive'");
  await page.close();
});

test('the restart button gives a fresh session', async () => {
  lab.write('restart.ipynb', ['const kept = 1;\nkept', 'typeof kept']);
  const page = await lab.open('restart.ipynb');
  await page.startCell(0);
  assert.equal(await page.waitForText(0, /./), '1');
  await page.page
    .locator('.jp-NotebookPanel-toolbar [data-command="notebook:restart-kernel"]')
    .first()
    .click();
  await page.page.locator('.jp-Dialog .jp-mod-accept').click();
  await page.waitForIdle();
  await page.startCell(1);
  assert.equal(await page.waitForText(1, /./), "'undefined'");
  assert.equal((await page.counts())[1], 1);
  await page.close();
});

test('the input box asks, and what is typed reaches the cell', async () => {
  lab.write('input.ipynb', [
    "const who = await input('Name? ');\nconsole.log(`hello ${who}`);",
    "const secret = await input('Word? ', { password: true });\nconsole.log(secret.length);",
    "console.log(prompt('Colour?'));",
  ]);
  const page = await lab.open('input.ipynb');
  const boxOf = (cell: number) =>
    page.page.locator('.jp-Notebook .jp-CodeCell').nth(cell).locator('.jp-Stdin-input');
  await page.startCell(0);
  await boxOf(0).fill('Ada');
  await boxOf(0).press('Enter');
  await page.waitForText(0, /hello Ada/);
  await page.waitForIdle();
  await page.startCell(1);
  assert.equal(await boxOf(1).getAttribute('type'), 'password');
  await boxOf(1).fill('sesame');
  await boxOf(1).press('Enter');
  await page.waitForText(1, /^.*6\n/s);
  await page.waitForIdle();
  await page.startCell(2);
  await boxOf(2).fill('green');
  await boxOf(2).press('Enter');
  await page.waitForText(2, /green\n$/);
  await page.close();
});

test('clearOutput empties a cell, and waits for the next output when asked to', async () => {
  lab.write('clear.ipynb', [
    "console.log('before');\nclearOutput();\nconsole.log('after');",
    "console.log('before');\nclearOutput({ wait: true });\nconsole.log('after');",
  ]);
  const page = await lab.open('clear.ipynb');
  await page.runAll();
  assert.deepEqual((await page.cells()).map(cellText), ['after\n', 'after\n']);
  await page.command('notebook:clear-all-cell-outputs');
  assert.deepEqual((await page.cells()).map(cellText), ['', '']);
  await page.close();
});

test('two notebooks at once: each has its own kernel and its own output', async () => {
  const lines = (name: string): string =>
    `for (let at = 0; at < 20; at++) {\n  console.log('${name}', at);\n  await new Promise((done) => setTimeout(done, 50));\n}`;
  lab.write('left.ipynb', [lines('left')]);
  lab.write('right.ipynb', [lines('right')]);
  const [left, right] = await Promise.all([lab.open('left.ipynb'), lab.open('right.ipynb')]);
  await Promise.all([left.runAll(), right.runAll()]);
  const expected = (name: string): string =>
    Array.from({ length: 20 }, (_, at) => `${name} ${at}\n`).join('');
  assert.equal(cellText((await left.cells())[0]!), expected('left'));
  assert.equal(cellText((await right.cells())[0]!), expected('right'));
  await Promise.all([left.close(), right.close()]);
});
