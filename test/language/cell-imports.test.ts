import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCases } from './cases.ts';
import { TestSession } from './session.ts';

runCases([
  [
    'imports',
    [
      "import { sep } from 'node:path'\nimport os, * as all from 'node:os'",
      '[sep, typeof os.cpus, typeof all.cpus]',
    ],
    ['/', 'function', 'function'],
  ],
  ['imports are hoisted', ["const a = sep\nimport { sep } from 'node:path'\na"], '/'],
  [
    'an imported function gets no this',
    [
      "import { posix } from 'node:path'\nimport { isAbsolute as f } from 'node:path'",
      "const g = () => f('/a'); [g(), posix.isAbsolute('b')]",
    ],
    [true, false],
  ],
  [
    'import type vanishes',
    [
      "import type { Nothing } from 'no-such-package'\nimport { type Stats, statSync } from 'node:fs'",
      'let s: Stats; typeof statSync',
    ],
    'function',
  ],
  ['import = require', ["import path = require('node:path')\npath.sep", 'path.sep'], '/'],
  ['import()', ["const { sep } = await import('node:path')\nsep"], '/'],
  ['import() with attributes', ["const m = await import('node:path', { with: {} })\nm.sep"], '/'],
  [
    'import.meta',
    ['const { url, dirname } = import.meta', '[url, dirname, __dirname, __filename]'],
    ['file:///notebook/a.ipynb', '/notebook', '/notebook', '/notebook/a.ipynb'],
  ],
  ['require', ["const { sep } = require('node:path')\nsep"], '/'],
  ['require that the user declares', ['const require = (x: string) => x + 1', "require('a')"], 'a1'],
  [
    'exports declare',
    [
      'export const a = 1\nexport function f() { return 2 }\nexport class C {}\nexport { a as b }\nexport default class D {}',
      '[a, f(), typeof C, typeof D]',
    ],
    [1, 2, 'function', 'function'],
  ],
]);

test('imported bindings are live', async () => {
  const module: Record<string, unknown> = { n: 1, 'odd name': 2 };
  const session = new TestSession({ modules: { counter: module } });
  await session.run("import { n, 'odd name' as odd } from 'counter'\nconst f = () => n");
  module['n'] = 5;
  assert.deepEqual(await session.last('[n, f(), odd]'), [5, 5, 2]);
});

test('import attributes are passed on', async () => {
  const session = new TestSession({ modules: { './a.json': { default: { x: 1 } } } });
  assert.deepEqual(await session.last("import a from './a.json' with { type: 'json' }\na.x"), 1);
  assert.deepEqual(session.log, ['attributes {"type":"json"}']);
});

test('an import does its work although its names are unused', async () => {
  const session = new TestSession({ modules: { types: {} } });
  assert.deepEqual(
    (await session.run("import { Nothing } from 'types'\nconst x: Nothing = 1")).error,
    undefined,
  );
});
