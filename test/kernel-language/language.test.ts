/** The promised features of the language, sentence by sentence, through the real kernel. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Cell, JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel, type KernelProcess } from '../kernel/kernel-process.ts';

/** In two parts, since the runner of these tests gives `import.meta` of this file. */
const META = '.meta.';

const WAITS_FOR_TYPES = { environment: { TENSORCELL_HEADLESS: '1' } };

/** Runs cells that have to end well, and returns the last one. */
async function cells(client: JupyterClient, ...sources: string[]): Promise<Cell> {
  let last: Cell | undefined;
  for (const source of sources) {
    last = await client.cell(source);
    assert.deepEqual(
      [last.reply['status'], last.reply['evalue'], last.stderr],
      ['ok', undefined, ''],
      source,
    );
  }
  return last!;
}

function session(
  name: string,
  body: (client: JupyterClient, kernel: KernelProcess) => Promise<void>,
  files: Record<string, string> = {},
): void {
  test(name, () => withKernel(body, { ...WAITS_FOR_TYPES, files }));
}

session('names: redeclaration, live bindings, hoisting', async (client) => {
  await cells(client, 'const a = 1; let n = 0; const old = () => a; const up = () => ++n', 'const a = "two"');
  assert.equal((await cells(client, '[a, old(), up(), up(), n]')).result, "[ 'two', 'two', 1, 2, 2 ]");
  assert.equal((await cells(client, 'n = 40; up()')).result, '41');
  assert.equal(
    (await cells(client, 'const h = hoisted(2)\nfunction hoisted(x: number) { return x * 21 }\nh')).result,
    '42',
  );
});

session('classes, enums, namespaces, destructuring, generators', async (client) => {
  await cells(
    client,
    'class Point { constructor(public x: number, readonly y = 2) {} get sum() { return this.x + this.y } }\n' +
      'enum Colour { Red = 1, Green }\nnamespace Geo { export let count = 0; export const add = () => ++count }\n' +
      'const { x, inner: [first, ...rest], ...others } = { x: 1, inner: [2, 3, 4], p: 5, q: 6 };\n' +
      'function* squares() { for (let i = 1; i < 4; i++) yield i * i }',
  );
  assert.equal(
    (
      await cells(
        client,
        'Geo.add(); [new Point(40).sum, Colour.Green, Colour[1], Geo.count, x, first, rest, others, [...squares()]]',
      )
    ).result,
    "[ 42, 2, 'Red', 1, 1, 2, [ 3, 4 ], { p: 5, q: 6 }, [ 1, 4, 9 ] ]",
  );
});

session('using, async iteration, labelled and nested loops with await, var in blocks', async (client) => {
  const cell = await cells(
    client,
    'const log: string[] = [];\n{ using r = { [Symbol.dispose]() { log.push("disposed") } }; log.push("used") }\n' +
      'async function* ticks() { yield 1; await null; yield 2 }\nfor await (const t of ticks()) log.push(`tick ${t}`);\n' +
      'outer: for (let i = 0; i < 3; i++) { for (let j = 0; j < 3; j++) { await null; if (j === 1) continue outer; if (i === 2) break outer; log.push(`${i}${j}`) } }\n' +
      'if (true) { var deep = "var" }\nlog.push(deep); log',
  );
  assert.equal(cell.result, "[ 'used', 'disposed', 'tick 1', 'tick 2', '00', '10', 'var' ]");
});

session('top-level await; the last expression is the result, a promise is awaited', async (client) => {
  assert.equal((await cells(client, 'const v = await Promise.resolve(20); v + 1')).result, '21');
  assert.equal((await cells(client, 'Promise.resolve("awaited")')).result, "'awaited'");
  assert.equal((await cells(client, 'const nothing = 1')).result, undefined);
});

session('decorators and JSX with a chosen factory', async (client) => {
  assert.equal(
    (
      await cells(
        client,
        'function twice(f: (n: number) => number, _: ClassMethodDecoratorContext) { return function (this: unknown, n: number) { return 2 * f.call(this, n) } }\n' +
          'class Calc { @twice add(n: number) { return n + 1 } }\nnew Calc().add(20)',
      )
    ).result,
    '42',
  );
  await cells(
    client,
    'namespace JSX { export interface IntrinsicElements { b: { title?: string } } }\n' +
      'function h(tag: string, props: unknown, ...children: unknown[]) { return `<${tag}>${children.join("")}</${tag}>` }',
  );
  assert.equal(
    (await cells(client, '/** @jsx h */\n<b title="t">bold {1 + 1}</b>')).result,
    "'<b>bold 2</b>'",
  );
});

session(
  'imports: default, namespace, type-only, Node, .ts, .js, .json and text files, dynamic, require, import.meta',
  async (client, kernel) => {
    await cells(
      client,
      'import Main, { type Kind, value } from "./lib.ts"; import * as everything from "./lib.ts"; import type { Kind as K } from "./lib.ts";\n' +
        'import fs, { existsSync } from "node:fs"; import data from "./data.json" with { type: "json" }; import text from "./note.txt" with { type: "text" };\n' +
        'import { js } from "./plain.js";\nconst kind: K = "k"; const { sep } = await import("node:path"); const os = require("node:os");',
    );
    assert.equal(
      (
        await cells(
          client,
          '[new Main().m, value, everything.value, existsSync === fs.existsSync, data.rows, text, js, kind, sep, typeof os.cpus]',
        )
      ).result,
      "[ 'main', 7, 7, true, [ 1, 2 ], 'note', 'js', 'k', '/', 'function' ]",
    );
    assert.equal((await cells(client, `import${META}dirname`)).result, `'${kernel.folder}'`);
    assert.match((await cells(client, `import${META}url`)).result!, new RegExp(`^'file://${kernel.folder}/`));
  },
  {
    'lib.ts':
      'export default class Main { m = "main" }\nexport const value: number = 7; export type Kind = "k";',
    'plain.js': 'export const js = "js";',
    'data.json': '{ "rows": [1, 2] }',
    'note.txt': 'note',
  },
);

session(
  'an edited file is seen after a save',
  async (client, kernel) => {
    assert.equal((await cells(client, 'import { version } from "./edited.ts"; version')).result, '1');
    writeFileSync(join(kernel.folder, 'edited.ts'), 'export const version = "two";');
    const again = await client.cell('import { version } from "./edited.ts"; version');
    assert.equal(again.result, "'two'");
  },
  { 'edited.ts': 'export const version = 1;' },
);

session(
  'packages: ES, CommonJS, only types, and one that arrives during the session',
  async (client, kernel) => {
    const add = (name: string, files: Record<string, string>) => {
      const folder = join(kernel.folder, 'node_modules', name);
      mkdirSync(folder, { recursive: true });
      for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    };
    const missing = await client.cell('import { es } from "es-package"; es');
    assert.equal(missing.reply['status'], 'error');
    assert.match(missing.reply['evalue'], /es-package/);
    add('es-package', {
      'package.json': '{ "name": "es-package", "type": "module", "exports": "./i.js", "types": "i.d.ts" }',
      'i.js': 'export const es = "es";',
      'i.d.ts': 'export declare const es: string;',
    });
    add('cjs-package', {
      'package.json': '{ "name": "cjs-package", "main": "i.js" }',
      'i.js': 'exports.cjs = 1; exports.f = () => {};',
    });
    add('types-package', {
      'package.json': '{ "name": "types-package", "types": "i.d.ts" }',
      'i.d.ts': 'export interface Only { o: 1 }',
    });
    assert.equal((await cells(client, 'import { es } from "es-package"; es')).result, "'es'");
    assert.equal(
      (await cells(client, 'import cjs, { cjs as named } from "cjs-package"; [cjs.cjs, named]')).result,
      '[ 1, 1 ]',
    );
    assert.equal(
      (await cells(client, 'import type { Only } from "types-package"; const only: Only = { o: 1 }; only'))
        .result,
      '{ o: 1 }',
    );
  },
);

session("packages with native addons, from the kernel's own where the notebook has none", async (client) => {
  const cell = await cells(
    client,
    `import koffi from 'koffi';
koffi.load('libc.so.6').func('int abs(int)')(-3)`,
  );
  assert.equal(cell.result, '3');
  const required = await cells(client, "require('zeromq').capability.curve");
  assert.equal(required.result, 'true');
});

session('packages of Deno notebooks: npm: specifiers', async (client, kernel) => {
  const folder = join(kernel.folder, 'node_modules', 'there');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "there", "version": "1.2.3", "main": "i.js" }');
  writeFileSync(join(folder, 'i.js'), 'module.exports = { here: 1 };');
  assert.equal((await cells(client, 'import there from "npm:there@1"; there.here')).result, '1');
  const missing = await client.cell('import x from "npm:not-there@2"');
  assert.equal(missing.reply['status'], 'error');
  assert.match(missing.reply['evalue'], /%install not-there/);
});

session('types: an error names line and column, is shown once, and never stops the cell', async (client) => {
  const cell = await client.cell('const count = 1;\nconst wrong: string = count;\ncount + 1');
  assert.equal(cell.reply['status'], 'ok');
  assert.equal(cell.result, '2');
  assert.match(
    stripVTControlCharacters(cell.stderr),
    /^type error line 2:7 Type 'number' is not assignable to type 'string'\. \(TS2322\)\n$/,
  );
  assert.equal((await client.cell('count')).stderr, '');
});

session('types: earlier cells, generics over tf, redeclaration', async (client) => {
  await cells(
    client,
    'let total = 0; interface Shape { area: number } class Square implements Shape { area = 4 }',
  );
  await cells(client, 'total += new Square().area; function id<T extends tf.Tensor>(t: T): T { return t }');
  await cells(client, 'const total = "a string now"; total.toUpperCase()');
  const cell = await client.cell('const one: tf.Tensor1D = id(tf.tensor2d([[1]])); total.toFixed()');
  assert.match(cell.stderr, /1:7 .*Tensor2D.*Tensor1D/);
  assert.match(cell.stderr, /1:56 .*toFixed/);
});

session('%typecheck warn, error, off', async (client) => {
  await cells(client, '%typecheck error');
  const blocked = await client.cell('console.log("ran"); const s: string = 1');
  assert.equal(blocked.reply['status'], 'error');
  assert.equal(blocked.stdout, '');
  assert.match(blocked.reply['evalue'], /^1 type error; the cell did not run/);
  assert.match(blocked.reply['traceback'].join('\n'), /not assignable/);
  await cells(client, '%typecheck off');
  assert.deepEqual(
    [(await client.cell('const t: string = 2; t')).result, (await client.cell('1')).stderr],
    ['2', ''],
  );
  await cells(client, '%typecheck warn');
  assert.match((await client.cell('const u: string = 3')).stderr, /not assignable/);
});

/** Completes at `[cur]`. */
async function complete(client: JupyterClient, marked: string) {
  const cursor = Array.from(marked.slice(0, marked.indexOf('[cur]'))).length;
  const { reply } = await client.request('shell', 'complete_request', {
    code: marked.replace('[cur]', ''),
    cursor_pos: cursor,
  });
  return reply!.content;
}

async function inspect(client: JupyterClient, marked: string, detail = 0) {
  const { reply } = await client.request('shell', 'inspect_request', {
    code: marked.replace('[cur]', ''),
    cursor_pos: Array.from(marked.slice(0, marked.indexOf('[cur]'))).length,
    detail_level: detail,
  });
  return reply!.content;
}

session('completion: members, keys, unions, imports, magics; with types; never evaluated', async (client) => {
  await cells(
    client,
    'const zoo = { zebra: { stripes: 1 }, get trap(): { fuse: 1 } { throw new Error("evaluated") } };\n' +
      'function open(day: "monday" | "tuesday") {}\nlet 😀 = 1;'.replace('let 😀 = 1;', ''),
  );
  assert.deepEqual(await complete(client, '"😀"; zoo.zebra.str[cur]'), {
    status: 'ok',
    matches: ['stripes'],
    cursor_start: 15,
    cursor_end: 18,
    metadata: { _jupyter_types_experimental: [{ text: 'stripes', type: 'property', start: 15, end: 18 }] },
  });
  assert.equal((await complete(client, '[1,2,3].[cur]'))['matches'].length >= 30, true);
  assert.deepEqual((await complete(client, 'zoo.trap.[cur]'))['matches'], ['fuse']);
  assert.deepEqual((await complete(client, 'open("[cur]")'))['matches'], ['monday', 'tuesday']);
  assert.deepEqual((await complete(client, 'zoo["[cur]"]'))['matches'], ['trap', 'zebra']);
  assert.deepEqual((await complete(client, 'import x from "node:fs/p[cur]"'))['matches'], ['promises']);
  assert.deepEqual((await complete(client, 'tf.layers.conv2dT[cur]'))['matches'], ['conv2dTranspose']);
  assert.deepEqual((await complete(client, '%typech[cur]'))['matches'], ['%typecheck']);
  assert.deepEqual((await complete(client, '%typecheck e[cur]'))['matches'], ['error']);
});

session(
  'inspection: signature, documentation, the current value; the signature inside a call',
  async (client) => {
    await cells(
      client,
      '/** Adds numbers.\n * @param a the first */\nfunction add(a: number, b: number) { return a + b }\nlet total = 41; total = 42;',
    );
    assert.deepEqual(await inspect(client, 'tot[cur]al'), {
      status: 'ok',
      found: true,
      data: {
        'text/plain': 'let total: number\n\nvalue: 42',
        'text/markdown': '```typescript\nlet total: number\n```\n\nvalue:\n```\n42\n```',
      },
      metadata: {},
    });
    assert.match(
      (await inspect(client, 'ad[cur]d'))['data']['text/plain'],
      /^function add\(a: number, b: number\): number\nAdds numbers\./,
    );
    assert.match(
      (await inspect(client, 'add([cur]'))['data']['text/plain'],
      /^add\(a: number, b: number\): number\nParameter: a: number — the first/,
    );
    assert.deepEqual(await inspect(client, '1 [cur]+ 1'), {
      status: 'ok',
      found: false,
      data: {},
      metadata: {},
    });
  },
);

session('completion and inspection answer while a cell runs', async (client) => {
  await cells(client, 'const known = { field: 1 }; let stop = false');
  const running = await client.startCell('console.log("on"); while (true) { }');
  await client.late(running, 'stream');
  const { reply: done } = await client.request('control', 'interrupt_request', {});
  assert.equal(done!.content['status'], 'ok');
  assert.equal((await client.finishCell(running)).reply['status'], 'error');
  assert.deepEqual((await complete(client, 'known.[cur]'))['matches'], ['field']);
});

session(
  'late errors: unhandled rejections and exceptions in timers appear under their cell',
  async (client) => {
    const cell = await cells(
      client,
      'setTimeout(() => { throw new Error("from a timer") }, 50); void Promise.reject(new TypeError("rejected")); 1',
    );
    // Before idle or after it: both belong to the cell.
    const errors = cell.of('error');
    while (errors.length < 2) errors.push((await client.late(cell.id, 'error')).content);
    assert.deepEqual(
      errors.map(({ ename, evalue }) => `${ename}: ${evalue}`),
      ['TypeError: rejected', 'Error: from a timer'],
    );
    assert.equal((await cells(client, '"alive"')).result, "'alive'");
  },
);

test('after a burst of 200 cells completion answers while their types are still being checked', () =>
  withKernel(async (client) => {
    const sent: string[] = [];
    for (let at = 0; at < 200; at++)
      sent.push(await client.startCell(`const burst${at} = ${at};\nburst${at} * 2`));
    for (const [at, id] of sent.entries()) assert.equal((await client.finishCell(id)).result, String(at * 2));
    assert.equal((await complete(client, '[1,2,3].[cur]'))['matches'].length >= 30, true);
    assert.deepEqual((await complete(client, 'burst199.toFix[cur]'))['matches'], ['toFixed']);
  }));

test('a syntax error of an imported file shows the lines around it, whatever the file is', () =>
  withKernel(async (client, { folder }) => {
    const broken = 'const a = 1;\nconst b = ;\nconst c = 3;\n';
    for (const name of ['bad.ts', 'bad.tsx', 'bad.js', 'bad.mjs', 'bad.cjs', 'bad.cts'])
      writeFileSync(join(folder, name), broken);
    writeFileSync(join(folder, 'outer.ts'), "import './bad.ts'\n");
    writeFileSync(join(folder, 'bad.json'), '{\n  "a": 1,\n  b: 2\n}\n');
    mkdirSync(join(folder, 'node_modules', 'commonjs'), { recursive: true });
    const manifest = JSON.stringify({ name: 'commonjs', type: 'commonjs', main: 'bad.js' });
    writeFileSync(join(folder, 'node_modules', 'commonjs', 'package.json'), manifest);
    writeFileSync(join(folder, 'node_modules', 'commonjs', 'bad.js'), broken);
    for (const [source, file, line] of [
      ["import './bad.ts'", 'bad.ts', 2],
      ["import './bad.tsx'", 'bad.tsx', 2],
      ["import './bad.js'", 'bad.js', 2],
      ["import './bad.mjs'", 'bad.mjs', 2],
      ["import './bad.cjs'", 'bad.cjs', 2],
      ["import './bad.cts'", 'bad.cts', 2],
      ["import './outer.ts'", 'bad.ts', 2],
      ["await import('./bad.ts')", 'bad.ts', 2],
      ["require('./bad.cjs')", 'bad.cjs', 2],
      ["import data from './bad.json'", 'bad.json', 3],
      ["import 'commonjs'", 'bad.js', 2],
    ] as const) {
      const { reply } = await client.cell(source);
      const shown = stripVTControlCharacters((reply['traceback'] as string[]).join('\n'));
      assert.equal(reply['ename'], 'SyntaxError', source);
      assert.match(shown, new RegExp(`^> ${line} \\| +(?:const b = ;|b: 2)\\n +\\| +\\^`, 'm'), shown);
      assert.match(shown, new RegExp(`${file.replace('.', '\\.')}:${line}:\\d+`), shown);
      assert.doesNotMatch(shown, /code: 'syntax'/);
    }
  }));
