// Local files that a cell imports and that are long or nest deeply: an answer or an error that names the file, never a dead process.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';

const DEEP = 20_000;

/** The content of a file, and the value of its `x`, or its error. */
const FILES: Record<string, [source: string, expected: number | RegExp]> = {
  brackets: [`export const x = ${'['.repeat(DEEP)}${']'.repeat(DEEP)};`, /nest(?:s|ed) too deeply/],
  'brackets within reach': [`export const x = ${'('.repeat(700)}5${')'.repeat(700)};`, 5],
  'if and else': [`export let x = 1; ${'if (!x) x++; else '.repeat(DEEP)} x = 6;`, /nest(?:s|ed) too deeply/],
  'a few if and else': [`export let x = 1; ${'if (!x) x++; else '.repeat(50)} x = 6;`, 6],
  'for in for': [`export let x = 1; ${'for (;0;) '.repeat(DEEP)} x--;`, /nest(?:s|ed) too deeply/],
  conditions: [`export const x = ${'0 ? 1 : '.repeat(DEEP)} 2;`, /nest(?:s|ed) too deeply/],
  'type arguments': [
    `export type T = ${'A<'.repeat(DEEP)}1${'>'.repeat(DEEP)}; export const x = 1;`,
    /nest(?:s|ed) too deeply/,
  ],
  'a long sum': [`export const x = ${'1 + '.repeat(DEEP)} 2;`, 20_002],
  'a table': [
    `export const rows = [${'{ x: 1, y: "abc" },\n'.repeat(12_000)}]; export const x = rows.length;`,
    12_000,
  ],
  'many statements': [`export let x = 0;\n${'x += 1;\n'.repeat(20_000)}`, 20_000],
  'a mistake': [`${'export const y = 1;\n'.repeat(1)}${'f();\n'.repeat(60_000)}const = 4;`, /60002/],
};

test('local files of each kind, imported or required', { timeout: 300_000 }, () =>
  withKernel(
    async (client) => {
      await client.cell('const kept = 42;');
      for (const [at, [name, [, expected]]] of Object.entries(FILES).entries()) {
        for (const load of [at % 2 === 0 ? `(await import('./file${at}')).x` : `require('./file${at}').x`]) {
          const id = await client.startCell(`${load};`);
          const { reply, result } = await client.finishCell(id, 60_000);
          const got = reply['status'] === 'ok' ? result : String(reply['evalue']);
          if (typeof expected === 'number') assert.equal(got, String(expected), `${name}: ${got}`);
          else {
            assert.match(String(got), expected, `${name}: ${got}`);
            assert.ok(String(got).includes(`file${at}.ts`), `${name}: ${got}`);
          }
          assert.equal((await client.cell('kept')).result, '42', name);
          // The kernel process looks at the file too, for the types.
          await client.request('shell', 'inspect_request', { code: 'kept', cursor_pos: 2, detail_level: 0 });
        }
      }
      client.drain();
    },
    {
      files: Object.fromEntries(Object.values(FILES).map(([source], at) => [`file${at}.ts`, source])),
    },
  ),
);

test('an interrupt ends the compilation of a local file; afterwards the file can be loaded', () =>
  withKernel(
    async (client) => {
      await client.cell('const kept = 42;');
      for (let round = 0; round < 3; round++) {
        const id = await client.startCell("console.log('begun'); (await import('./long')).x;");
        await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'begun');
        await new Promise((resolve) => setTimeout(resolve, 100 + 200 * round));
        await client.request('control', 'interrupt_request', {});
        assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
        assert.equal((await client.cell('kept')).result, '42');
      }
      await client.cell("require('node:fs').writeFileSync('long.ts', 'export const x = 7;')");
      assert.equal((await client.cell("(await import('./long')).x")).result, '7');
    },
    {
      files: { 'long.ts': `export const x = 1; const rows = [${'{ x: 1, y: "abc" },\n'.repeat(150_000)}];` },
    },
  ));
