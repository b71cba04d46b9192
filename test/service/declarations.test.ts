/** The declarations of a cell, as the service reads them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyzeCell } from '../../kernel/language/service/declarations.ts';

const kinds = (source: string) =>
  Object.fromEntries(
    [...analyzeCell(source).declarations].map(([name, { value }]) => [name, value ?? 'type']),
  );

test('finds every kind of declaration', () => {
  assert.deepEqual(
    kinds(
      'const a = 1; let b; var c; using d = e; function f() {} async function* g() {} class H {} enum I {} ' +
        'interface J {} type K = 1; namespace L { export const x = 1 } namespace M { export type X = 1 } ' +
        'declare const n: number; declare function o(): void; import P from "p"; import * as Q from "q"; ' +
        'import { r, s as S, type T } from "r"; import type U from "u"; import V = L.x; abstract class W {}',
    ),
    {
      a: 'const',
      b: 'let',
      c: 'let',
      d: 'const',
      f: 'alias',
      g: 'alias',
      H: 'alias',
      I: 'alias',
      J: 'type',
      K: 'type',
      L: 'alias',
      M: 'type',
      n: 'type',
      o: 'type',
      P: 'alias',
      Q: 'alias',
      r: 'alias',
      S: 'alias',
      T: 'type',
      U: 'type',
      V: 'alias',
      W: 'alias',
    },
  );
});

test('destructuring, var in blocks and loops, exports', () => {
  const found = analyzeCell(
    'const { a, b: { c = 1 }, ...d } = x; const [e, [f], ...g] = y; for (var h of []) { var i = 1; let no = 1 } ' +
      'export const j = 1; export default function k() {} export { a as z }; function l() { var not = 1 }',
  );
  assert.deepEqual([...found.declarations.keys()], ['a', 'c', 'd', 'e', 'f', 'g', 'j', 'k', 'l', 'h', 'i']);
  assert.deepEqual([...found.exported], ['j', 'z']);
});

test('a value that shares its name with a type lives at run time', () => {
  assert.deepEqual(
    kinds('interface A {} const A = 1; class B {} interface B {} function C(): void; function C() {}'),
    {
      A: 'const',
      B: 'alias',
      C: 'alias',
    },
  );
});

test('assignments, at the top level and in functions', () => {
  const found = analyzeCell(
    'a = 1; [b, { c }] = d; e++; for (f of []) {} function x() { g = 1 } const y = () => h++',
  );
  assert.deepEqual([...found.assigned], ['a', 'b', 'c', 'e', 'f']);
  assert.deepEqual([...found.assignedInFunctions], ['g', 'h']);
});

test('imports, also dynamic ones and those of types', () => {
  assert.deepEqual(
    analyzeCell('import "a"; export * from "b"; const c = await import("./c.ts"); let d: import("d").D;')
      .imports,
    ['a', 'b', './c.ts', 'd'],
  );
});

test('JSX is told from casts', () => {
  assert.deepEqual(analyzeCell('const a = <b>text</b>').jsx, true);
  assert.deepEqual(analyzeCell('const a = <any>b').jsx, false);
  assert.deepEqual(analyzeCell('const f = <T,>(x: T) => x < 1').jsx, false);
});

test('pragmas before the first statement', () => {
  assert.deepEqual(
    analyzeCell('// @ts-nocheck\n/** @jsx h */\nx').pragmas,
    '/*  @ts-nocheck */ /*  @jsx h  */',
  );
  assert.deepEqual(analyzeCell('// said @someone\nx // @ts-nocheck').pragmas, '');
});

test('while the user types: declarations at the beginning of a line', () => {
  const found = analyzeCell(
    'const a = 1\nlet { b, c: d } = x\nexport async function e() {}\nimport { f, g as h } from "m"\n  const inner = 1\nclass I {\nfoo(',
  );
  assert.deepEqual(found.parsed, false);
  assert.deepEqual(
    Object.fromEntries([...found.declarations].map(([name, { value }]) => [name, value ?? 'type'])),
    {
      a: 'const',
      b: 'let',
      d: 'let',
      e: 'alias',
      I: 'alias',
      f: 'alias',
      g: 'alias',
      h: 'alias',
    },
  );
});
