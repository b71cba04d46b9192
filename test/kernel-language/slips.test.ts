/** One line of help for what people write who come from Python, and none for correct code. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Cell, JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { CORRECT, SETUP, SLIPS } from './slip-cases.ts';

/** Replies wait for the type check, so that nothing of a cell comes late. */
const HEADLESS = { environment: { TENSORCELL_HEADLESS: '1' } };

/** All that a cell says, in order. */
function said(cell: Cell): string {
  const texts = cell.iopub.map(({ type, content }) =>
    type === 'stream'
      ? String(content['text'])
      : type === 'error'
        ? (content['traceback'] as string[]).join('\n') + '\n'
        : '',
  );
  return stripVTControlCharacters(texts.join(''));
}

function hints(cell: Cell): string[] {
  return said(cell)
    .split('\n')
    .filter((line) => line.startsWith('hint: '));
}

async function setUp(client: JupyterClient): Promise<void> {
  for (const source of SETUP)
    assert.equal((await client.cell(source, {}, { ms: 120_000 })).reply['status'], 'ok');
}

test('each slip gets one line of help, as the last line', () =>
  withKernel(async (client) => {
    await setUp(client);
    for (const [kind, slips] of Object.entries(SLIPS))
      for (const [source, help] of slips) {
        const cell = await client.cell(source, {}, { ms: 60_000 });
        const text = said(cell);
        assert.equal(hints(cell).length, 1, `${kind}: ${source}\n${text}`);
        const last = text.trimEnd().split('\n').at(-1)!;
        assert.match(last, /^hint: /, source);
        assert.match(last, help, source);
      }
  }, HEADLESS));

test('correct cells get no line of help, and mean what they mean', () =>
  withKernel(async (client) => {
    await setUp(client);
    for (const [source, result] of CORRECT) {
      const cell = await client.cell(source, {}, { ms: 60_000 });
      assert.equal(cell.reply['status'], 'ok', `${source}\n${said(cell)}`);
      assert.deepEqual(hints(cell), [], source);
      if (result !== undefined) assert.equal(cell.result ?? 'undefined', result, source);
    }
  }, HEADLESS));

test('an assignment declares a variable of the session, with its type', () =>
  withKernel(async (client) => {
    const value = async (source: string): Promise<string | undefined> => {
      const cell = await client.cell(source, {}, { ms: 60_000 });
      assert.deepEqual([cell.reply['status'], cell.stderr], ['ok', ''], source);
      return cell.result;
    };
    for (const source of [
      'n = 5\nconst read = () => n',
      'a = b = "x"',
      '[p, q] = [1, "y"]',
      '({ o } = { o: true })',
      'square = (x: number) => x * x',
      'half = 1\nfunction grow() { half += 1 }\ngrow()\nhalf',
    ])
      assert.match((await client.cell(source, {}, { ms: 60_000 })).stderr, /^hint: .*\n$/, source);
    assert.equal(
      await value('[n.toFixed(1), a.length, b.length, p + 1, q.length, o, square.name, half]'),
      "[ '5.0', 1, 1, 2, 1, true, 'square', 2 ]",
    );
    assert.equal(await value('n = 6\nread()'), '6');
    assert.equal(await value('let n = 7\nread()'), '7');
    // Positions are those of the cell as typed, also behind what the types see in addition.
    const wrong = await client.cell('u = 1; v = 2; const w: string = 3', {}, { ms: 60_000 });
    assert.match(stripVTControlCharacters(wrong.stderr), /type error line 1:21 Type 'number'/);
    const used = await client.cell('u.length', {}, { ms: 60_000 });
    assert.match(used.stderr, /Property 'length' does not exist on type 'number'/);
    // A value that cannot be computed declares nothing.
    assert.equal(
      (await client.cell('absent = missing()', {}, { ms: 60_000 })).reply['ename'],
      'ReferenceError',
    );
    assert.equal((await client.cell('typeof absent', {}, { ms: 60_000 })).result, "'undefined'");
    assert.match((await client.cell('%who let')).stdout, /^a .*let$/m);
  }, HEADLESS));

test('under %typecheck error an assignment declares nothing, and the cell does not run', () =>
  withKernel(async (client) => {
    await client.cell('%typecheck error');
    for (const [source, help] of [
      ['x = 5', /`let x = …`$/],
      ['prnt(1)', /`console\.log\(x\)`/],
      ['[1].append(2)', /`xs\.push\(x\)`/],
    ] as const) {
      const { reply } = await client.cell(source, {}, { ms: 120_000 });
      assert.equal(reply['ename'], 'TypeCheckError', source);
      const lines = reply['traceback'] as string[];
      assert.match(lines.at(-1)!, /^hint: /);
      assert.match(lines.at(-1)!, help);
      assert.equal(lines.filter((line) => line.startsWith('hint: ')).length, 1);
    }
    await client.cell('%typecheck warn');
    assert.equal((await client.cell('typeof x', {}, { ms: 60_000 })).result, "'undefined'");
  }, HEADLESS));

/** The output of a cell until its type check has ended, which may be after its end. */
async function saidLate(client: JupyterClient, cell: Cell, awaited: RegExp): Promise<string> {
  let text = said(cell);
  while (!awaited.test(text)) {
    const { type, content } = await client.take(
      'iopub',
      (message) => message.parent === cell.id,
      String(awaited),
      60_000,
    );
    const added = type === 'error' ? `${(content['traceback'] as string[]).join('\n')}\n` : content['text'];
    text += stripVTControlCharacters(String(added));
  }
  return text;
}

test('a person sees the line of help once, whether the run or the type check finds the slip first', () =>
  withKernel(async (client) => {
    const checks: [source: string, awaited: RegExp, help: RegExp][] = [
      ['print(1)', /Cannot find name 'print'/, /^hint: Python's `print\(x\)` is `console\.log\(x\)`/gm],
      ['const f = () => print(1)', /^hint: /m, /^hint: Python's `print\(x\)`/gm],
      [
        'setTimeout(() => totl, 20); let total = 1',
        /Cannot find name 'totl'[^]*is not defined|is not defined[^]*Cannot find name/,
        /^hint: did you mean `total`\?$/gm,
      ],
    ];
    for (const [source, awaited, help] of checks) {
      const text = await saidLate(client, await client.cell(source), awaited);
      assert.equal(text.match(/^hint: /gm)?.length, 1, text);
      assert.equal(text.match(help)?.length, 1, text);
    }
  }));

test('a large cell of assignments that a program made runs, and its names are there', () =>
  withKernel(async (client) => {
    const source = Array.from({ length: 5000 }, (_, index) => `row_${index} = ${index}`).join('\n');
    const cell = await client.cell(source, {}, { ms: 120_000 });
    assert.equal(cell.reply['status'], 'ok');
    assert.match(cell.stderr, /^hint: this cell declared `row_0`, `row_1`, `row_2`, `…`/);
    assert.equal((await client.cell('row_4999 + row_1', {}, { ms: 60_000 })).result, '5000');
  }, HEADLESS));
