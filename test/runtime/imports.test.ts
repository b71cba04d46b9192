import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openNotebook, type Notebook } from './notebook.ts';

const ok = { status: 'ok', declared: [] as string[] };

/** Written so that the test runner, which puts the test file's own place there, passes it over. */
const META = ['import', 'meta'].join('.');

/** Writes files below a folder; each call gives them a later time than the one before. */
let clock = Date.now() / 1000 - 10_000;
function write(folder: string, files: Record<string, string>): void {
  clock += 10;
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replaceAll('IMPORT_META', META));
    utimesSync(path, clock, clock);
  }
}

describe('import', () => {
  let folder: string;
  let notebook: Notebook;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tensorcell-imports-'));
    write(folder, {
      'node_modules/esm-only/package.json':
        '{"name":"esm-only","version":"1.2.3","type":"module","exports":{".":"./main.js","./sub":"./sub.js"}}',
      'node_modules/esm-only/main.js':
        'export default class Thing { name = "esm" }\nexport const answer = 42;',
      'node_modules/esm-only/sub.js': 'export const sub = IMPORT_META.url.endsWith("sub.js");',
      'node_modules/common/package.json': '{"name":"common","main":"lib"}',
      'node_modules/common/lib/index.js': 'exports.twice = (x) => 2 * x; exports.here = __dirname;',
      'node_modules/literal/package.json': '{"name":"literal"}',
      'node_modules/literal/index.js': 'module.exports = { cjs: 1, f() { return 2; } };',
      'node_modules/callable/package.json': '{"name":"callable"}',
      'node_modules/callable/index.js': 'module.exports = function callable() { return "called"; };',
      'node_modules/@scope/pkg/package.json': '{"name":"@scope/pkg","main":"./x.js"}',
      'node_modules/@scope/pkg/x.js': 'module.exports = { scoped: true };',
      'node_modules/only-types/package.json': '{"name":"only-types","types":"index.d.ts"}',
      'node_modules/only-types/index.d.ts': 'export interface A { a: number }',
      'node_modules/@types/ambient/package.json': '{"name":"@types/ambient","types":"index.d.ts"}',
      'node_modules/@types/ambient/index.d.ts': 'export interface B { b: number }',
      'node_modules/uses-tf/package.json': '{"name":"uses-tf"}',
      'node_modules/uses-tf/index.js':
        'module.exports = { tf: require("@tensorflow/tfjs"), core: require("@tensorflow/tfjs-core") };',
      'data.json': '{"a": 1, "list": [1, 2]}',
      'note.txt': 'plain text\n',
      'page.md': '# title\n',
      'lib.ts':
        'import { base } from "./deep/base.ts";\nexport enum Kind { A = 1, B }\nexport let count: number = base;\nexport function up(): number { return ++count; }\nexport default (x: number): number => x + base;\nexport class Shape { area(): number { return 1; } }\nexport type Unused = string;',
      'deep/base.ts': 'export const base = 10;',
      'plain.js': 'export const plain = "esm by syntax";',
      'old.js': 'exports.old = "commonjs by syntax"; exports.dep = require("./dep.cjs").dep;',
      'dep.cjs': 'exports.dep = 1;',
      'odd.ts':
        'import { even } from "./even.ts";\nexport function odd(n: number): boolean { return n !== 0 && even(n - 1); }',
      'even.ts':
        'import { odd } from "./odd.ts";\nexport function even(n: number): boolean { return n === 0 || odd(n - 1); }\nexport const checked = odd(3);',
      'later.ts':
        'export const value = await new Promise<number>((r) => setTimeout(r, 10, 7));\nexport const where = [IMPORT_META.dirname, IMPORT_META.filename, IMPORT_META.url];',
      'waits.ts': 'export const value = await 1;',
      'broken.ts': 'export const a: number = ;',
      'throws.ts':
        'const inside = 1;\n\nexport function boom(): never {\n  throw new TypeError("from the file");\n}\n',
      'unloadable.ts': '\nthrow new RangeError("while loading");',
      'jsx.tsx':
        'const h = (tag: string, props: unknown, ...children: unknown[]) => ({ tag, children });\nconst React = { createElement: h };\nexport const view = <b>text</b>;',
    });
    notebook = openNotebook({ directory: folder });
  });
  after(async () => {
    await notebook.host.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a cell and gives its result's text; fails with the cell's error. */
  async function value(source: string): Promise<unknown> {
    const outcome = await notebook.cell(source.replaceAll('IMPORT_META', META));
    assert.equal(outcome.status, 'ok', JSON.stringify(outcome));
    return notebook.shown;
  }
  async function failure(source: string): Promise<{ name: string; message: string; traceback: string }> {
    const outcome = await notebook.cell(source.replaceAll('IMPORT_META', META));
    if (outcome.status !== 'error') throw new Error(`no error, but ${String(notebook.shown)}`);
    // eslint-disable-next-line no-control-regex -- colours
    const traceback = outcome.error.traceback.join('\n').replaceAll(/\u001B\[[\d;]*m/gu, '');
    return { name: outcome.error.name, message: outcome.error.message, traceback };
  }

  test('built-in modules, with and without node:', async () => {
    assert.equal(
      await value(
        'import { basename } from "node:path"; import fs from "fs"; [basename("/a/b"), typeof fs.readFileSync].join()',
      ),
      "'b,function'",
    );
  });

  test('packages: ES and CommonJS, default and named, sub paths, scopes, npm:', async () => {
    assert.equal(
      await value(
        `import Thing, { answer } from 'esm-only'; import { sub } from 'esm-only/sub'; import { twice } from 'common';
         import callable from 'callable'; import scoped from '@scope/pkg'; import { answer as again } from 'npm:esm-only@1'; import literal, { cjs, f } from 'literal';
         [new Thing().name, answer, sub, twice(4), callable(), scoped.scoped, again, cjs, f(), literal.cjs].join()`,
      ),
      "'esm,42,true,8,called,true,42,1,2,1'",
    );
  });

  test('import() and require', async () => {
    assert.equal(
      await value(
        `const name = 'esm-only'; const late = await import(name);
         [late.answer, require('common').twice(2), require('node:path').sep, require('./data.json').a, require('./old.js').old].join()`,
      ),
      "'42,4,/,1,commonjs by syntax'",
    );
  });

  test("the kernel's own packages are found where the notebook has none", async () => {
    assert.equal(await value("import MagicString from 'magic-string'; typeof MagicString"), "'function'");
  });

  test('JSON and text', async () => {
    assert.equal(
      await value(
        `import data, { a } from './data.json'; import data2 from './data.json' with { type: 'json' };
         import note from './note.txt'; import page from './page.md' with { type: 'text' };
         [data.list.length, a, data2.a, note, page].join('|')`,
      ),
      "'2|1|1|plain text\\n|# title\\n'",
    );
  });

  test('local TypeScript: enums, live bindings, default, types; JavaScript by what it says; JSX', async () => {
    assert.equal(
      await value(
        `import add, { Kind, count, up, type Unused } from './lib.ts'; import { plain } from './plain.js';
         import { old, dep } from './old.js'; import { view } from './jsx.tsx';
         up(); [Kind.B, Kind[1], count, add(1), plain, old, dep, view.tag].join()`,
      ),
      "'2,A,11,11,esm by syntax,commonjs by syntax,1,b'",
    );
    assert.equal(
      await value("import { up as up2, count as count2 } from './lib'; up2(); count2 + ',' + count"),
      "'12,12'",
    );
  });

  test('circles, top-level await, IMPORT_META', async () => {
    assert.equal(
      await value("import { even, checked } from './even.ts'; [even(10), checked].join()"),
      "'true,true'",
    );
    assert.equal(
      await value("import { value, where } from './later.ts'; [value, ...where].join()"),
      `'7,${folder},${join(folder, 'later.ts')},${pathToFileURL(join(folder, 'later.ts')).href}'`,
    );
    assert.equal(
      await value(
        "[IMPORT_META.dirname, IMPORT_META.resolve('./lib.ts'), IMPORT_META.url.startsWith('file://'), __dirname].join()",
      ),
      `'${folder},${pathToFileURL(join(folder, 'lib.ts')).href},true,${folder}'`,
    );
  });

  test('packages that ship only types give an empty namespace', async () => {
    assert.equal(
      await value(
        "import * as a from 'only-types'; import * as b from 'ambient'; Object.keys(a).length + Object.keys(b).length",
      ),
      '0',
    );
  });

  test('tensorcell, tslab and every name of tfjs are those of the notebook', async () => {
    assert.equal(
      await value(
        `import * as lib from 'tensorcell'; import * as tslab from 'tslab'; import * as tfjs from '@tensorflow/tfjs';
         import dflt from '@tensorflow/tfjs'; import { add as plus } from '@tensorflow/tfjs-core'; import used from 'uses-tf';
         [lib.display === display, typeof tslab.display.html, tfjs === tf, dflt === tf, plus === tf.add, used.tf === tf,
          used.core.add === tf.add, require('@tensorflow/tfjs-node') === tf].join()`,
      ),
      "'true,function,true,true,true,true,true,true'",
    );
  });

  test('an edit is seen by the next import, through files between, and old holders are named', async () => {
    write(folder, {
      'model.ts':
        'import { size } from "./part.ts";\nexport class Model { size = size; }\nexport const one = 1;',
      'part.ts': 'export const size = 1;',
    });
    assert.equal(
      await value("import { Model } from './model.ts'; const first = new Model(); first.size"),
      '1',
    );
    assert.equal(await value("import { Model as Same } from './model.ts'; Same === Model"), 'true');
    write(folder, { 'part.ts': 'export const size = 2;' });
    assert.equal(await value("import { Model } from './model.ts'; new Model().size"), '2');
    assert.equal(
      notebook.text(notebook.last, 'stderr'),
      'note: model.ts was edited and loaded again; the old version is still held by first, Same. Run their cells again to update them.\n',
    );
    // Touched, but with the same text: the same module.
    write(folder, { 'part.ts': 'export const size = 2;' });
    assert.equal(await value("import { Model as Third } from './model.ts'; Third === Model"), 'true');
    write(folder, { 'old.js': 'exports.old = "edited";' });
    assert.equal(
      await value("import { old as edited } from './old.js'; edited + require('./old.js').old"),
      "'editededited'",
    );
  });

  test('a package that is installed after a failure is found', async () => {
    assert.deepEqual(await failure("import x from 'not-yet'"), {
      name: 'ModuleNotFoundError',
      message: "cannot find package 'not-yet': install it with  %install not-yet",
      traceback:
        "ModuleNotFoundError: cannot find package 'not-yet': install it with  %install not-yet\n> 1 | import x from 'not-yet'\n    | ^\n    at cell ".concat(
          `${notebook.last}:1:1`,
        ),
    });
    assert.match((await failure("require('not-yet')")).message, /install it with {2}%install not-yet/u);
    write(folder, {
      'node_modules/not-yet/package.json': '{"name":"not-yet"}',
      'node_modules/not-yet/index.js': 'module.exports = 5;',
    });
    assert.equal(await value("import x from 'not-yet'; x + require('not-yet')"), '10');
  });

  test('a failed import names the reason', async () => {
    assert.match((await failure("import './missing.ts'")).message, /^cannot find '\.\/missing\.ts' from /u);
    assert.match(
      (await failure("import 'https://example.org/x.js'")).message,
      /modules come from files and installed packages/u,
    );
    assert.match(
      (await failure("import 'esm-only/hidden'")).message,
      /package 'esm-only' has no 'esm-only\/hidden'/u,
    );
    assert.match(
      (await failure("require('./waits.ts')")).message,
      /require\(\) cannot load a module with top-level await: use import\(\)/u,
    );
    const broken = await failure("import './broken.ts'");
    assert.equal(broken.name, 'SyntaxError');
    assert.match(broken.traceback, /broken\.ts:1:26/u);
    assert.match(broken.traceback, /export const a: number = ;/u);
  });

  test('errors in local files point at their own lines, and a failed file can be mended', async () => {
    const { traceback } = await failure("import { boom } from './throws.ts';\nboom();");
    assert.equal(
      traceback,
      [
        'TypeError: from the file',
        '  2 |',
        '  3 | export function boom(): never {',
        '> 4 |   throw new TypeError("from the file");',
        '    |         ^',
        '  5 | }',
        '    at boom (throws.ts:4:9)',
        `    at cell ${notebook.last}:2:1`,
      ].join('\n'),
    );
    assert.match((await failure("import './unloadable.ts'")).traceback, /unloadable\.ts:2:7/u);
    write(folder, { 'unloadable.ts': 'export const mended = true;' });
    assert.equal(await value("import { mended } from './unloadable.ts'; mended"), 'true');
  });

  test('the folder may change', async () => {
    write(folder, { 'other/local.ts': 'export const here = IMPORT_META.dirname;' });
    notebook.host.send({ type: 'directory', path: join(folder, 'other') });
    assert.equal(
      await value(
        "import { here } from './local.ts'; here === process.cwd() && here === IMPORT_META.dirname",
      ),
      'true',
    );
    assert.deepEqual(await notebook.cell('0;'), ok);
  });
});
