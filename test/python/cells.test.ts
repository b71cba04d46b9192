// %%python cells: what a Python notebook does with the same code. One kernel for all: each test leaves it usable.
import { strict as assert } from 'node:assert';
import { after, before, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { KernelProcess } from '../kernel/kernel-process.ts';
import { needs, python } from './python-kernel.ts';

let kernel: KernelProcess;
let client: JupyterClient;

before(async () => {
  kernel = new KernelProcess();
  client = await kernel.client();
});
after(() => kernel.stop());

test('prints, shows the last value and keeps its variables', async () => {
  const first = await client.cell(python('print("hello"); x = 41\nx + 1'));
  assert.equal(first.reply['status'], 'ok', first.reply['evalue']);
  assert.equal(first.stdout, 'hello\n');
  assert.equal(first.result, '42');
  assert.equal(first.of('execute_result')[0]!['execution_count'], first.reply['execution_count']);
  const second = await client.cell('%%python\nx * 2');
  assert.equal(second.result, '82');
  assert.deepEqual(
    second.order.filter((what) => !/display/.test(what)),
    ['busy', 'execute_input', 'execute_result', 'idle'],
  );
});

test("an error has Python's name, text and traceback, with the cell's own number", async () => {
  const cell = await client.cell('%%python\ndef f(n):\n    return 1 / n\nf(0)', { stop_on_error: false });
  assert.equal(cell.reply['status'], 'error');
  assert.equal(cell.reply['ename'], 'ZeroDivisionError');
  assert.equal(cell.reply['evalue'], 'division by zero');
  const [shown] = cell.of('error');
  assert.equal(shown!['ename'], 'ZeroDivisionError');
  const text = stripVTControlCharacters((shown!['traceback'] as string[]).join('\n'));
  assert.match(text, /----> 2 {5}return 1 \/ n/);
  assert.match(text, new RegExp(`In ?\\[${cell.reply['execution_count']}\\]`));
  const wrong = await client.cell('%%python\ndef', { stop_on_error: false });
  assert.equal(wrong.reply['ename'], 'SyntaxError');
  assert.equal((await client.cell('1 + 1')).result, '2');
});

test('output of both streams, native output, and a display that is updated and cleared', async () => {
  const cell = await client.cell(
    [
      '%%python',
      'import os, sys',
      'from IPython.display import HTML, clear_output, display',
      'print("out"); sys.stdout.flush()',
      'print("err", file=sys.stderr); sys.stderr.flush()',
      'shown = display(HTML("<b>1</b>"), display_id=True)',
      'shown.update(HTML("<b>2</b>"))',
      'clear_output(wait=True)',
      'os.system("echo native")',
    ].join('\n'),
  );
  assert.equal(cell.reply['status'], 'ok', cell.reply['evalue']);
  assert.match(cell.stdout, /^out\n/);
  assert.match(cell.stdout, /native\n/);
  assert.equal(cell.stderr, 'err\n');
  const [first] = cell.of('display_data');
  const [update] = cell.of('update_display_data');
  assert.equal(first!['data']['text/html'], '<b>1</b>');
  assert.equal(update!['data']['text/html'], '<b>2</b>');
  assert.equal(update!['transient']['display_id'], first!['transient']['display_id']);
  assert.deepEqual(cell.of('clear_output'), [{ wait: true }]);
});

test('a pandas table comes as HTML and as text', needs('pandas'), async () => {
  const cell = await client.cell('%%python\nimport pandas\npandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})');
  const { data } = cell.of('execute_result')[0]! as { data: Record<string, string> };
  assert.match(data['text/html']!, /<table border="1" class="dataframe">/);
  assert.equal(data['text/plain'], '   a  b\n0  1  x\n1  2  y');
});

test('input() asks the person', async () => {
  const id = await client.startCell('%%python\nname = input("Name? ")\nname.upper()', { allow_stdin: true });
  const question = await client.take('stdin', ({ type }) => type === 'input_request', 'input_request');
  assert.deepEqual(question.content, { prompt: 'Name? ', password: false });
  assert.equal(question.parent, id);
  await client.send('stdin', 'input_reply', { value: 'ada' });
  assert.equal((await client.finishCell(id)).result, "'ADA'");
  const refused = await client.cell('%%python\ninput("x")', { stop_on_error: false, allow_stdin: false });
  assert.equal(refused.reply['ename'], 'StdinNotImplementedError');
});

for (const [what, code] of [
  ['a busy loop', 'while True: pass'],
  ['a sleep', 'import time\nprint("begun", flush=True)\ntime.sleep(100)'],
  ['a child process', 'import subprocess\nsubprocess.run(["sleep", "100"])'],
] as const) {
  test(`an interrupt ends ${what}; variables stay`, async () => {
    const id = await client.startCell(`%%python\nkept = 5\n${code}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.request('control', 'interrupt_request', {});
    const cell = await client.finishCell(id);
    assert.equal(cell.reply['status'], 'error');
    assert.equal(cell.reply['ename'], 'KeyboardInterrupt');
    assert.equal((await client.cell('%%python\nkept')).result, '5');
  });
}

test('an interrupt that comes before Python has begun is not lost', async () => {
  const id = await client.startCell('%%python\nwhile True: pass');
  await client.send('control', 'interrupt_request', {});
  const cell = await client.finishCell(id);
  assert.match(cell.reply['ename'], /^(KeyboardInterrupt|Interrupted)$/);
  client.drain();
  assert.equal((await client.cell('%%python\nkept')).result, '5');
});

test('an interrupt ends input()', async () => {
  const id = await client.startCell('%%python\ninput("? ")', { allow_stdin: true });
  await client.take('stdin', ({ type }) => type === 'input_request', 'input_request');
  await client.request('control', 'interrupt_request', {});
  assert.equal((await client.finishCell(id)).reply['ename'], 'KeyboardInterrupt');
});

test('completion, help and is_complete come from Python, with positions of the cell', async () => {
  await client.cell(
    '%%python\nlonely_variable = "text"\ndef area(width, height):\n    "Width times height."',
  );
  const code = '%%python --env x\n# 😀\nlonely_variable.upp';
  const completed = await client.request('shell', 'complete_request', {
    code,
    cursor_pos: Array.from(code).length,
  });
  const { matches, cursor_start: start, cursor_end: end } = completed.reply!.content;
  assert.deepEqual(matches.includes('upper') || matches.includes('lonely_variable.upper'), true, matches);
  assert.equal(end, Array.from(code).length);
  assert.match(Array.from(code).slice(start, end).join(''), /upp$/);
  const helped = await client.request('shell', 'inspect_request', {
    code: '%%python\narea(1, 2)',
    cursor_pos: '%%python\nare'.length,
    detail_level: 0,
  });
  assert.equal(helped.reply!.content['found'], true);
  assert.match(helped.reply!.content['data']['text/plain'], /Width times height/);
  const complete = async (source: string): Promise<string> =>
    (await client.request('shell', 'is_complete_request', { code: source })).reply!.content['status'];
  assert.equal(await complete('%%python\nfor i in range(3):\n'), 'incomplete');
  assert.equal(await complete('%%python\nx = 1\n\n'), 'complete');
});

test('help with a question mark opens a page below the cell', async () => {
  const cell = await client.cell('%%python\narea?');
  assert.match(cell.of('display_data')[0]!['data']['text/plain'], /Width times height/);
});

test('the first line of a cell completes magics and their options', async () => {
  const code = '%%pyth';
  const completed = await client.request('shell', 'complete_request', { code, cursor_pos: code.length });
  assert.deepEqual(completed.reply!.content['matches'], ['%%python']);
});

test('types are not checked in Python cells', async () => {
  const cell = await client.cell('%%python\nnumber: int = "no TypeScript"\nimport os');
  assert.equal(cell.stderr, '');
  assert.equal((await client.cell('const after: number = 1; after')).result, '1');
});

test('interrupts at any moment of a cell end it, and Python answers the next one', async () => {
  for (let delay = 0; delay < 30; delay += 3) {
    const id = await client.startCell('%%python\nwhile True: pass');
    await new Promise((resolve) => setTimeout(resolve, delay));
    await client.request('control', 'interrupt_request', {});
    assert.match((await client.finishCell(id)).reply['ename'], /^(KeyboardInterrupt|Interrupted)$/);
  }
  assert.equal((await client.cell('%%python\nkept')).result, '5');
});
