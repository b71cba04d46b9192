import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestSession } from './session.ts';

/** Cells in order, and the result of the last one. */
const table: [what: string, cells: string[], expected: unknown][] = [
  ['value of the last expression', ['1+1'], 2],
  ['a declaration has no value', ['const a = 1'], undefined],
  ['a directive is a value', ["'hello'"], 'hello'],
  ['const in the next cell', ['const a = 1', 'a + 1'], 2],
  ['let assigned in the next cell', ['let a = 1', 'a += 2', 'a'], 3],
  ['let assigned by a function of the next cell', ['let a = 1', 'function f() { a++ }\nf(); f()', 'a'], 3],
  ['a closure keeps the variable it closed over', ['let a = 1\nconst f = () => a', 'let a = 2', 'f()'], 1],
  ['a function of an earlier cell sees an assignment', ['let a = 1\nconst f = () => a', 'a = 5', 'f()'], 5],
  [
    'a function calls one that a later cell declares',
    ['const f = () => g()', 'function g() { return 7 }', 'f()'],
    7,
  ],
  ['functions are hoisted within a cell', ['const a = f()\nfunction f() { return 3 }', 'a'], 3],
  [
    'redeclared function',
    ['function f() { return 1 }\nfunction g() { return f() }', 'function f() { return 2 }', 'g() * 10 + f()'],
    12,
  ],
  [
    'destructuring',
    ['const { a, b: [c = 5, ...d], ...e } = { a: 1, b: [undefined, 2, 3], x: 4 }', '[a, c, d, e]'],
    [1, 5, [2, 3], { x: 4 }],
  ],
  ['swap', ['let [a, b] = [1, 2]', '[a, b] = [b, a]', '[a, b]'], [2, 1]],
  [
    'destructuring assignment with defaults',
    ['let a = 1, b = 2', '({ a, b = 9 } = { a: 4 } as any)', '[a, b]'],
    [4, 9],
  ],
  ['update expressions', ['let a = 1', '[a++, ++a, a--, --a, a]'], [1, 3, 3, 1, 1]],
  ['top-level await', ['const a = await Promise.resolve(3)\na'], 3],
  ['a promise is awaited', ['Promise.resolve(4)'], 4],
  ['var in blocks', ['for (var i = 0; i < 3; i++) { var j = i * 2 }', '[i, j]'], [3, 4]],
  ['enum', ['enum Color { Red, Green = 5 }', '[Color.Green, Color[0]]'], [5, 'Red']],
  ['namespace', ['namespace N { export let a = 1; export const f = () => ++a }', '[N.f(), N.a]'], [2, 2]],
  [
    'imports',
    [
      "import { sep } from 'node:path'\nimport os, * as all from 'node:os'",
      '[sep, typeof os.cpus, typeof all.cpus]',
    ],
    ['/', 'function', 'function'],
  ],
  [
    'types vanish',
    ['interface A { x: number }\ntype B = A | string\nconst a: A = { x: 1 } as A satisfies A', 'a!.x'],
    1,
  ],
  [
    'this is undefined',
    ['[this, (() => this)(), (function (this: any) { return this })()]'],
    [undefined, undefined, undefined],
  ],
];

for (const [what, cells, expected] of table)
  test(what, async () => {
    assert.deepEqual(await new TestSession().last(...cells), expected);
  });
