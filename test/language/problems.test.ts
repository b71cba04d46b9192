import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCellCompiler } from '../../kernel/language/compile/index.ts';
import type { Completeness } from '../../kernel/contracts/compiler.ts';

const compiler = createCellCompiler({ knownMagics: () => ['who', 'time'] });

test('a syntax error has a place and a frame', () => {
  const result = compiler.compile('const a = 1\nlet b = (a +\nlet c', 1);
  assert.deepEqual(result.ok ? undefined : { start: result.problem.start, frame: result.frame }, {
    start: { line: 2, column: 4 },
    frame: '  1 | const a = 1\n  2 | let b = (a +\n> 3 | let c\n    |     ^',
  });
});

test('columns count UTF-16 code units', () => {
  const result = compiler.compile('"😀ä"; let x = ;', 1);
  assert.deepEqual(result.ok ? undefined : [result.problem.start, result.frame], [
    { line: 0, column: 15 },
    '> 1 | "😀ä"; let x = ;\n    |                ^',
  ]);
});

test('tabs before the carets stay', () => {
  const result = compiler.compile('{\n\tlet 1\n}', 1);
  assert.equal(result.ok ? '' : result.frame, '  1 | {\n> 2 | \tlet 1\n    | \t   ^\n  3 | }');
});

test('errors that the grammar does not show are found before the cell runs', () => {
  const sources = [
    'let a = 1\nlet a = 2',
    'break',
    'return 1',
    'const a',
    'class A { constructor() {} constructor() {} }',
    'function f() { await 1 }',
    'new.target',
    'label: { continue label }',
    'let let = 1',
    "import { a } from 'x'\nimport { a } from 'y'",
    '1 = 2',
    '"\\u{110000}"',
    '/(/',
    'class A { #a; f() { return this.#b } }',
    'super.x',
    'function f(a, a) {}',
    'with (a) {}',
    'delete x',
    'enum E { A = }',
    '({ a = 1 })',
    'await = 1',
  ];
  assert.deepEqual(
    sources.filter((source) => compiler.compile(source, 1).ok),
    [],
  );
});

test('correct code is not taken for an error', () => {
  const sources = [
    'function f(): void\nfunction f(x?: number) {}\nnamespace f { export const a = 1 }',
    'interface A {}\nclass A {}\ninterface A { x: 1 }',
    'enum E { A }\nenum E { B = 1 }',
    'type T = 1\nconst T = 1',
    'class C {}\nnamespace C { export type X = 1 }',
    'let a = 1\n{ let a = 2 }',
    'var a = 1\nvar a = 2\nfunction g(a) { var a }',
    'let undefined_ = 1; let async = 2; let of = 3; let type = 4; let get = 5; let as = 6; let satisfies = 7',
    'for (const x of []) ;\nfor await (const x of []) ;',
    'const x = <T,>(y: T) => y',
    'a?.b?.[c]?.(d)!',
    'class A { static { this.x = 1 } static x: number; declare y: string }',
    'const { a = 1, ...b } = {} as any',
    'let x: typeof import("node:fs")',
    'label: for (;;) { break label }',
    'import type A, { type B } from "x"'.replace('A, { type B }', 'A'),
    'export {}; export * as ns from "node:fs"',
    'if (1) function_()\nelse { }',
    '#!/usr/bin/env node\n1',
    '0b11n + 0xffn; 1_000.5; 08.5'.replace('; 08.5', ''),
    '/(?<year>\\d{4})/v.exec("")',
    'abstract class A { abstract x: number; private constructor(); private constructor(y?: number) {} }',
  ];
  assert.deepEqual(
    sources.flatMap((source) => {
      const result = compiler.compile(source, 1);
      return result.ok ? [] : [[source, result.problem.message]];
    }),
    [],
  );
});

test('long sums are fine, and what is nested too deeply is a mistake', () => {
  const sum = compiler.compile(`let a = 1;a${'+a'.repeat(20_000)}`, 1);
  const nested = compiler.compile(`${'['.repeat(50_000)}${']'.repeat(50_000)}`, 1);
  assert.deepEqual(
    [sum.ok, nested.ok ? '' : nested.problem.message],
    [true, 'this code is nested too deeply'],
  );
});

const complete: Completeness = { status: 'complete' };
const invalid: Completeness = { status: 'invalid' };
const incomplete = (indent: string): Completeness => ({ status: 'incomplete', indent });

const completeness: [source: string, expected: Completeness][] = [
  ['', complete],
  ['1 + 1', complete],
  ['let a = 1', complete],
  ['function f() {}', complete],
  ['%who', complete],
  ['!ls', complete],
  ['!ls \\', incomplete('')],
  ['!ls \\\n  -a', complete],
  ['function f()', incomplete('')],
  ['function f(a: string): void\nfunction f(a: any)', incomplete('')],
  ['export async function f()', incomplete('')],
  ['declare function f(): void', complete],
  ['function f(): void;', complete],
  ['const g = function () {}', complete],
  ['1 +', incomplete('')],
  ['f(', incomplete('  ')],
  ['f(1,\n', incomplete('  ')],
  ['function f() {', incomplete('  ')],
  ['function f() {\n    if (a) {', incomplete('        ')],
  ['function f() {\n  if (a) {\n  }', incomplete('  ')],
  ['class A {', incomplete('  ')],
  ['const a = {\n\tb: [', incomplete('\t\t')],
  ['`abc', incomplete('')],
  ['`abc${', incomplete('  ')],
  ['/* abc', incomplete('')],
  ['const x =', incomplete('')],
  ['const f = () =>', incomplete('')],
  ['if (a)', incomplete('')],
  ['else', invalid],
  ['let x = ;', invalid],
  ['"abc', invalid],
  [')', invalid],
  ['f(]', invalid],
  ['let 1', invalid],
  ['function f() { let x = ; ', invalid],
  ['@dec', incomplete('')],
  ['interface A {', incomplete('  ')],
  ['type A =', incomplete('')],
  ['a.', incomplete('')],
  ['import { a }', incomplete('')],
  ['%%bash\nls', incomplete('')],
  ['%%bash\nls\n', complete],
  ['const re = /[(]/', complete],
  ['const s = "(" + f(', incomplete('  ')],
  ['// comment (\nf()', complete],
];

for (const [source, expected] of completeness)
  test(`is complete: ${JSON.stringify(source)}`, () => {
    assert.deepEqual(compiler.isComplete(source), expected);
  });
