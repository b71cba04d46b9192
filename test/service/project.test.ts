/** The surroundings of cells: folders, files that change, packages, the user's own tsconfig.json. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GLOBAL_TYPES, openSession, type TestSession } from './session.ts';

async function using(
  options: Parameters<typeof openSession>[0],
  body: (session: TestSession) => Promise<void>,
) {
  const session = openSession(options);
  try {
    await body(session);
    assert.deepEqual(
      session.logged,
      options?.globalTypes ? [`no types for tf and display: ${options.globalTypes} has no index.d.ts`] : [],
    );
  } finally {
    await session.close();
  }
}

test("nothing is written into the notebook's folder", () =>
  using({}, async (session) => {
    await session.cell('const a: string = 1');
    await session.complete('a.[cur]');
    assert.deepEqual(readdirSync(session.directory), []);
  }));

test('a folder with spaces, other scripts, percent signs and quotes in its name', () =>
  using({ folder: `my notebooks/100% größe 数据 %41 'it"s' #1 [a]/x` }, async (session) => {
    session.write('help er.ts', 'export const help = { a: 1 };');
    assert.deepEqual(await session.cell('import { help } from "./help er.ts"; const a: string = help.a;'), [
      "1:44 2322 Type 'number' is not assignable to type 'string'.",
    ]);
    assert.deepEqual(await session.cell('const b: number = a; help.b'), [
      "1:7 2322 Type 'string' is not assignable to type 'number'.",
      "1:27 2339 Property 'b' does not exist on type '{ a: number; }'.",
    ]);
    assert.deepEqual((await session.complete('help.[cur]')).texts, ['a']);
    assert.equal((await session.inspect('help.a[cur]'))?.text, '(property) a: number');
  }));

test('a folder that no longer exists', () =>
  using({}, async (session) => {
    rmSync(session.directory, { recursive: true });
    session.service.setDirectory(session.directory);
    assert.deepEqual(await session.cell('const a: string = tf.scalar(1)'), [
      "1:7 2322 Type 'Scalar' is not assignable to type 'string'.",
    ]);
  }));

test('a local file that is edited, added or removed is seen by the next cell', () =>
  using({}, async (session) => {
    session.write('lib/a.ts', 'export * from "./b.ts"; export const a = 1;');
    session.write('lib/b.ts', 'export const b = 1;');
    const cell = 'import { a, b } from "./lib/a.ts"; const s: string = b;';
    const wrong = ["1:42 2322 Type 'number' is not assignable to type 'string'."];
    assert.deepEqual(await session.cell(cell), wrong);
    session.write('lib/b.ts', 'export const b = "text";');
    assert.deepEqual(await session.cell(cell), []);
    assert.deepEqual(
      (await session.complete('import * as lib from "./lib/a.ts"; lib.b.toLowerC[cur]')).texts,
      ['toLowerCase'],
    );
    assert.deepEqual(await session.cell('import { c } from "./lib/c.ts"; const n: number = c'), [
      "1:19 2307 Cannot find module './lib/c.ts' or its corresponding type declarations.",
    ]);
    session.write('lib/c.ts', 'export const c = "x";');
    assert.deepEqual(await session.cell('import { c } from "./lib/c.ts"; const n: number = c'), [
      "1:39 2322 Type 'string' is not assignable to type 'number'.",
    ]);
    renameSync(join(session.directory, 'lib'), join(session.directory, 'moved'));
    assert.deepEqual(await session.cell('import { c as d } from "./lib/c.ts"; '), [
      "1:24 2307 Cannot find module './lib/c.ts' or its corresponding type declarations.",
    ]);
  }));

test('a package that is installed during the session is found', () =>
  using({}, async (session) => {
    const cell = 'import { one } from "late-package"; const s: string = one;';
    assert.deepEqual(await session.cell(cell), [
      "1:21 2307 Cannot find module 'late-package' or its corresponding type declarations.",
    ]);
    session.write(
      'node_modules/late-package/package.json',
      '{ "name": "late-package", "type": "module", "exports": "./index.js", "types": "index.d.ts" }',
    );
    session.write('node_modules/late-package/index.js', 'export const one = 1;');
    session.write('node_modules/late-package/index.d.ts', 'export declare const one: 1;');
    assert.deepEqual(await session.cell(cell), [
      "1:43 2322 Type 'number' is not assignable to type 'string'.",
    ]);
    assert.deepEqual(await session.cell('import x from "untyped"; x.y'), [
      "1:15 2307 Cannot find module 'untyped' or its corresponding type declarations.",
    ]);
    session.write('node_modules/untyped/package.json', '{ "name": "untyped", "main": "index.js" }');
    session.write('node_modules/untyped/index.js', 'module.exports = { y: 1 };');
    assert.deepEqual(await session.cell('import x from "untyped"; const y: number = x.y'), []);
  }));

test('files that are no modules, and npm: specifiers, are not called missing', () =>
  using({}, async (session) => {
    session.write('table.csv', 'a,b\n1,2');
    session.write('data.json', '{ "rows": [1, 2] }');
    assert.deepEqual(
      await session.cell(
        'import text from "./table.csv" with { type: "text" };\nimport data from "./data.json" with { type: "json" };\n' +
          'import lodash from "npm:lodash@4";\nconst n: string[] = data.rows;',
      ),
      [
        "4:7 2322 Type 'number[]' is not assignable to type 'string[]': Type 'number' is not assignable to type 'string'.",
      ],
    );
  }));

test("the user's tsconfig.json in the notebook's folder: paths, decorators, strictness and what it extends", () =>
  using({}, async (session) => {
    session.write('base.json', '{ "compilerOptions": { "strict": false, "experimentalDecorators": true } }');
    session.write(
      'tsconfig.json',
      '{ // a comment\n "extends": "./base.json", "compilerOptions": { "paths": { "@lib/*": ["./source/*"] }, ' +
        '"noUnusedLocals": true, "module": "commonjs", "target": "es5", "outDir": "out" }, "include": ["source"] }',
    );
    session.write('source/thing.ts', 'export const thing: string | null = "a";');
    assert.deepEqual(
      await session.cell(
        'import { thing } from "@lib/thing";\nthing.length; const unused = await 1;\n' +
          'function legacy(target: object, key: string) {}\nclass A { @legacy x = 1 }\nconst n: number = thing;',
      ),
      ["5:7 2322 Type 'string' is not assignable to type 'number'."],
    );
    assert.deepEqual(readdirSync(session.directory).sort(), ['base.json', 'source', 'tsconfig.json']);
  }));

test('a broken tsconfig.json does no harm, and counts once it is mended', () =>
  using({}, async (session) => {
    session.write('tsconfig.json', 'not { json ]');
    session.write('source/thing.ts', 'export const thing = 1;');
    assert.deepEqual(await session.cell('const a: string = 1'), [
      "1:7 2322 Type 'number' is not assignable to type 'string'.",
    ]);
    assert.match(session.logged.splice(0).join('\n'), /tsconfig\.json is not used: .*JSON/u);
    session.write('tsconfig.json', '{ "compilerOptions": { "paths": { "@lib/*": ["./source/*"] } } }');
    const cell = 'import { thing } from "@lib/thing"; const s: string = thing;';
    assert.deepEqual(await session.cell(cell), [
      "1:43 2322 Type 'number' is not assignable to type 'string'.",
    ]);
    session.write('source/thing.ts', 'export const thing = "edited";');
    assert.deepEqual(await session.cell(cell), []);
  }));

test('the folder changes again and again while cells are checked', () =>
  using({}, async (session) => {
    for (const number of [0, 1, 2])
      session.write(`folder${number}/tsconfig.json`, '{ "compilerOptions": { "strict": true } }');
    const folders = [0, 1, 2].map((number) => join(session.directory, `folder${number}`));
    assert.deepEqual(await session.cell('process.pid'), []);
    const checks: Promise<string[]>[] = [];
    for (let turn = 0; turn < 24; turn++) {
      session.service.setDirectory(folders[turn % folders.length]!);
      checks.push(session.cell(`const p${turn} = process.pid + ${turn}; Buffer.from([p${turn}]).length`));
      if (turn % 2 === 0) void session.complete(`p${turn}.toF[cur]`);
      await new Promise((resolve) => setTimeout(resolve, (turn * 7) % 20));
      if (turn % 3 === 0) session.service.setDirectory(folders[(turn + 1) % folders.length]!);
    }
    assert.deepEqual((await Promise.all(checks)).flat(), []);
  }));

test('%cd: imports resolve from the new folder, and earlier names stay', () =>
  using({}, async (session) => {
    session.write('other/here.ts', 'export const here = 1;');
    assert.deepEqual(await session.cell('const before = "b"; class Early { e = 1 }'), []);
    session.service.setDirectory(join(session.directory, 'other'));
    assert.deepEqual(
      await session.cell('import { here } from "./here.ts"; const n: number = before; new Early().f'),
      [
        "1:41 2322 Type 'string' is not assignable to type 'number'.",
        "1:73 2339 Property 'f' does not exist on type 'Early'.",
      ],
    );
    assert.deepEqual((await session.complete('new Early().[cur]')).texts, ['e']);
    assert.deepEqual((await session.complete('import x from "./[cur]"')).texts, ['here.ts']);
  }));

test("the user's own tfjs is used where it is installed", () =>
  using({}, async (session) => {
    assert.deepEqual(
      await session.cell('import { scalar } from "@tensorflow/tfjs-core"; const s: string = scalar(1)'),
      ["1:55 2322 Type 'Scalar' is not assignable to type 'string'."],
    );
    session.service.reset();
    session.write(
      'two/node_modules/@tensorflow/tfjs-core/package.json',
      '{ "name": "@tensorflow/tfjs-core", "types": "i.d.ts" }',
    );
    session.write('two/node_modules/@tensorflow/tfjs-core/i.d.ts', 'export declare const own: 1;');
    session.service.setDirectory(join(session.directory, 'two'));
    assert.deepEqual(
      await session.cell('import { own } from "@tensorflow/tfjs-core"; const s: string = own'),
      ["1:52 2322 Type 'number' is not assignable to type 'string'."],
    );
  }));

test('without the ambient types everything else works, and the log says what is missing', () =>
  using({ globalTypes: '/nowhere' }, async (session) => {
    assert.deepEqual(await session.cell('const a: string = 1'), [
      "1:7 2322 Type 'number' is not assignable to type 'string'.",
    ]);
  }));

test('the ambient types themselves have no mistake', () =>
  using({}, async (session) => {
    mkdirSync(session.directory, { recursive: true });
    const exported = 'display clearOutput input prompt confirm comms'.split(' ');
    assert.deepEqual(
      await session.cell(
        `import * as library from ${JSON.stringify(join(GLOBAL_TYPES, '..', 'index.ts'))};\n` +
          exported.map((name) => `const ${name}Same: typeof library.${name} = ${name};`).join(' ') +
          '\nconst notAny: 0 extends 1 & typeof tf ? "any" : "typed" = "typed";\n' +
          exported
            .map((name) => `const ${name}Typed: 0 extends 1 & typeof ${name} ? "any" : "typed" = "typed";`)
            .join(' '),
      ),
      [],
    );
  }));
