/** Notebooks that were written for tslab and for Deno run unchanged. The cells are in the manner of their examples. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';

const WAITS_FOR_TYPES = { environment: { TENSORCELL_HEADLESS: '1' } };

/** The displays of a cell, in order: the type of message and its data without plain text stand-ins. */
function shown(cell: Cell): unknown[] {
  assert.deepEqual([cell.reply['status'], cell.stderr], ['ok', '']);
  return cell.iopub
    .filter(({ type }) => !['status', 'execute_input'].includes(type))
    .map(({ type, content }) => (type === 'stream' ? content['text'] : { [type]: content['data'] }));
}

test('tslab: its import, versions, displays and newDisplay', () =>
  withKernel(async (client) => {
    const versions = await client.cell(
      "import * as tslab from 'tslab';\nconsole.log(Object.keys(tslab.versions), tslab.versions.node)",
    );
    assert.deepEqual(shown(versions), [`[ 'tslab', 'typescript', 'node' ] ${process.version}\n`]);
    assert.deepEqual(
      shown(
        await client.cell(
          "tslab.display.html('<b>bold</b>'); tslab.display.markdown('# title'); tslab.display.text('plain')",
        ),
      ),
      [
        { display_data: { 'text/html': '<b>bold</b>' } },
        { display_data: { 'text/markdown': '# title' } },
        { display_data: { 'text/plain': 'plain' } },
      ],
    );
    assert.deepEqual(
      shown(
        await client.cell(
          "import fs from 'fs';\ntslab.display.png(Buffer.from([1, 2, 3])); tslab.display.raw('text/latex', '$x$')",
        ),
      ),
      [
        { display_data: { 'text/plain': '<image/png>', 'image/png': 'AQID' } },
        { display_data: { 'text/latex': '$x$' } },
      ],
    );
    assert.deepEqual(
      shown(
        await client.cell(
          '{\n  const display = tslab.newDisplay();\n  for (let i = 1; i <= 3; i++) display.text(`progress: ${i}`);\n}',
        ),
      ),
      [
        { display_data: { 'text/plain': 'progress: 1' } },
        { update_display_data: { 'text/plain': 'progress: 2' } },
        { update_display_data: { 'text/plain': 'progress: 3' } },
      ],
    );
    assert.deepEqual(shown(await client.cell("const lab = require('tslab'); typeof lab.display.html")), [
      { execute_result: { 'text/plain': "'function'" } },
    ]);
  }, WAITS_FOR_TYPES));

test('tslab: top-level await, a promise as the last value, blocks with local names', () =>
  withKernel(async (client) => {
    const cell = await client.cell(
      'let sleep = (ms: number) => new Promise<string>((resolve) => setTimeout(() => resolve("slept"), ms));\nawait sleep(1);\nsleep(1);',
    );
    assert.deepEqual(shown(cell), [{ execute_result: { 'text/plain': "'slept'" } }]);
    assert.deepEqual(shown(await client.cell('{\n  let sleep = 1;\n  console.log(sleep);\n}')), ['1\n']);
    assert.deepEqual(shown(await client.cell('typeof sleep')), [
      { execute_result: { 'text/plain': "'function'" } },
    ]);
  }, WAITS_FOR_TYPES));

test("Deno: objects with Symbol.for('Jupyter.display'), also asynchronous ones and of classes", () =>
  withKernel(async (client) => {
    assert.deepEqual(
      shown(
        await client.cell(
          "({ [Symbol.for('Jupyter.display')]() { return { 'text/plain': 'p', 'text/html': '<i>h</i>' } } })",
        ),
      ),
      [{ execute_result: { 'text/plain': 'p', 'text/html': '<i>h</i>' } }],
    );
    assert.deepEqual(
      shown(
        await client.cell(
          "class Chart { async [Symbol.for('Jupyter.display')]() { await null; return { 'application/json': { points: [1, 2] }, 'text/plain': 'chart' } } }\nnew Chart()",
        ),
      ),
      [{ execute_result: { 'application/json': { points: [1, 2] }, 'text/plain': 'chart' } }],
    );
  }, WAITS_FOR_TYPES));

test('Deno: a display that throws does not break the cell', () =>
  withKernel(async (client) => {
    const cell = await client.cell(
      "({ a: 1, [Symbol.for('Jupyter.display')]() { throw new Error('broken display') } })",
    );
    assert.equal(cell.reply['status'], 'ok');
    assert.match(cell.result!, /a: 1/);
  }));

test('long, circular, sparse, proxied values and broken inspects print quickly, without running getters', () =>
  withKernel(async (client) => {
    await client.cell('1');
    const values: [string, RegExp][] = [
      ['Array.from({ length: 1_000_000 }, (_, i) => i)', /0, +1, +2[\s\S]*999[ ,\d]* more/],
      ["'x'.repeat(10_000_000)", /^'x+[\s\S]*more/],
      [
        'const circle: any = { a: 1 }; circle.self = circle; circle',
        /<ref \*1> \{ a: 1, self: \[Circular \*1\] \}/,
      ],
      ['const sparse: number[] = []; sparse[1e9] = 1; sparse', /1,000,000,000 empty items/],
      ['new Proxy({ a: 1 }, { get() { throw new Error("trapped") } })', /a: 1/],
      ['({ get boom() { throw new Error("evaluated") } })', /boom: \[Getter\]/],
      ['({ [Symbol.for("nodejs.util.inspect.custom")]() { throw new Error("broken inspect") } })', /./],
    ];
    for (const [source, expected] of values) {
      const cell = await client.cell(source);
      assert.equal(cell.reply['status'], 'ok', source);
      assert.match(cell.result!, expected, source);
      assert.equal(cell.result!.length < 100_000, true, source);
    }
    const table = await client.cell('console.table([{ a: 1, b: "<x>" }, { a: 2 }])');
    assert.match(JSON.stringify(table.iopub.map(({ content }) => content)), /&lt;x&gt;/);
  }));
