// Python cells in a real JupyterLab, with JupyterLab's own Python, which has ipykernel: output, widgets, progress.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cellText, root, startLab, type Lab } from './lab.ts';

let lab: Lab;
before(async () => {
  lab = await startLab({ env: { VIRTUAL_ENV: join(root, '.venv') } });
});
after(async () => {
  await lab.close();
});

/** A progress bar as ipywidgets makes it, by the widgets' own protocol: the environment here has no ipywidgets. */
const WIDGET = `%%python
from comm import create_comm
meta = {"version": "2.1.0"}
def widget(model, view, module="@jupyter-widgets/controls", version="2.0.0", **state):
    state.update(_model_name=model, _model_module=module, _model_module_version=version,
                 _view_name=view, _view_module=module, _view_module_version=version)
    return create_comm("jupyter.widget", data={"state": state, "buffer_paths": []}, metadata=meta)
layout = widget("LayoutModel", "LayoutView", "@jupyter-widgets/base", "2.0.0")
style = widget("ProgressStyleModel", "StyleView")
bar = widget("IntProgressModel", "ProgressView", value=10, min=0, max=100, description="bar",
             layout="IPY_MODEL_" + layout.comm_id, style="IPY_MODEL_" + style.comm_id)
display({"text/plain": "bar", "application/vnd.jupyter.widget-view+json":
         {"version_major": 2, "version_minor": 0, "model_id": bar.comm_id}}, raw=True)`;

const MOVE = `%%python
bar.send({"method": "update", "state": {"value": 60}, "buffer_paths": []})`;

test('a Python cell prints, shows its last value, and hands it to TypeScript', async () => {
  lab.write('cells.ipynb', [
    '%%python\nprint("from Python")\nx = [1, 2]\nlen(x)',
    '(await python.get<number[]>("x")).join()',
  ]);
  const page = await lab.open('cells.ipynb');
  await page.runAll();
  const cells = await page.cells();
  assert.match(cellText(cells[0]!), /from Python\n\n2$/);
  assert.equal(cellText(cells[1]!), "'1,2'");
  await page.close();
});

test('a widget of Python is drawn and moves', async () => {
  lab.write('widgets.ipynb', [WIDGET, MOVE]);
  const page = await lab.open('widgets.ipynb');
  await page.startCell(0);
  const bar = page.page.locator('.jp-OutputArea .progress-bar');
  await bar.waitFor({ state: 'attached' });
  await page.waitForIdle();
  const width = (): Promise<string> =>
    bar.evaluate((element) => (element as unknown as { style: { width: string } }).style.width);
  assert.equal(await width(), '10%');
  await page.startCell(1);
  await page.page.waitForFunction(
    () =>
      (
        globalThis as unknown as { document: { querySelector(query: string): { style: { width: string } } } }
      ).document.querySelector('.jp-OutputArea .progress-bar').style.width === '60%',
  );
  await page.close();
});

test('the interrupt button ends a Python cell; Tab completes in one', async () => {
  lab.write('interrupt.ipynb', [
    '%%python\nlonely_name = 1\nprint("begun", flush=True)\nwhile True: pass',
    '%%python\nlonely_n',
    "'alive'",
  ]);
  const page = await lab.open('interrupt.ipynb');
  await page.startCell(0);
  await page.waitForText(0, /begun/);
  await page.page
    .locator('.jp-NotebookPanel-toolbar [data-command="notebook:interrupt-kernel"]')
    .first()
    .click();
  await page.waitForText(0, /KeyboardInterrupt/);
  await page.waitForIdle();
  await page.focusCell(1);
  // JupyterLab gives up on a kernel that takes more than a second, which the first answer of Python may.
  for (let tries = 0; ; tries++) {
    await page.page.keyboard.press('Tab');
    const found = page.page.locator('.jp-Completer-item, .cm-content', { hasText: 'lonely_name' }).nth(1);
    if (
      await found.waitFor({ timeout: 5000 }).then(
        () => true,
        () => false,
      )
    )
      break;
    assert.ok(tries < 10, 'no completion of Python');
    await page.page.keyboard.press('Backspace');
    await page.page.keyboard.type('n');
  }
  await page.page.keyboard.press('Escape');
  await page.startCell(2);
  assert.equal(await page.waitForText(2, /./), "'alive'");
  await page.close();
});
