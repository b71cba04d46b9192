/** A console asks after each line: no beginning of a valid program may be called invalid. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createCellCompiler } from '../../kernel/language/compile/index.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const compiler = createCellCompiler({ knownMagics: () => ['who', 'time'] });

/** Every statement, declaration and expression that has more than one part. */
const PROGRAMS = [
  'try {\n1\n}\ncatch {\n2\n}\nfinally {\n3\n}',
  'try { a() } catch (error: any) { b() }',
  'do {\n1\n}\nwhile (x < 3)',
  'do x++; while (x < 3);',
  'x\n ? y\n : z',
  'const a = b ? c : d ? e : f',
  'import { a as b, type C, default as d } from "m" with { type: "json" };',
  'import e, * as f from "m"\nimport type { G } from "m"\nimport "side"\nimport H = require("h")',
  'export { a, b as c }\nexport * from "m"\nexport * as n from "m"\nexport type { T } from "m"',
  'export default function () {}',
  'export default class A extends B<C> implements D, E {}',
  'export abstract class A { abstract m(): void; protected abstract readonly x: number }',
  'export async function f() {}\nexport const enum E { A = 1, B }\nexport declare const z: number',
  'if (a) b(); else if (c) { d() } else e()',
  'for (let i = 0, n = 3; i < n; i++) continue',
  'for (const [key, { value = 1 }] of map) { break }',
  'for (const k in o) ;\nfor await (const x of y()) {}',
  'while (true) { if (done) break; }\nlabel: for (;;) { continue label }',
  'switch (a) { case 1: case 2: b(); break; default: c() }',
  'function f<T extends object = {}>(this: Window, a?: T, ...rest: number[]): asserts a is T { return }',
  'async function* g() { yield* h(); await i; yield }',
  'const f = async <T,>(x: T, { y = 1, ...z }: Y = {}): Promise<T> => ({ x, y, ...z })',
  'const g = x => y => z\nconst h = ([a, b = 2], c) => { return a }',
  'class A<T> { static #p = 1; readonly x?: string; declare y: number; get z() { return this.#p } set z(v) {} static { A.#p++ } constructor(private q: T) {} async *[Symbol.iterator]() {} accessor w = 1; [key: string]: unknown }',
  '@mark @tag("x") class B { @field x = 1; @method() m(@param p: any) {} }',
  'type A<T> = T extends (infer U)[] ? U : { readonly [K in keyof T]?: T[K] } & Partial<B>',
  'type F = new (...args: any[]) => void; type G = `a${string}`; type H = [a: number, b?: string, ...c: X[]]; type I = typeof import("m")',
  'interface J<T> extends K, L<T> { (x: number): string; new (y: string): J<T>; m?(): void; readonly [i: number]: T }',
  'enum Color { Red = "r", Green = 1 << 2, Blue }\nnamespace N.M { export const x = 1 }',
  'declare global { interface Window { x: 1 } var y: number }\ndeclare module "m" { export const z: 1 }\ndeclare function q(): void',
  'let x = y as unknown as Z, w = <any>v, u = t!, s = r satisfies Q',
  'a?.b?.[c]?.(d) ?? e\nf || g && !h',
  'new A(b, ...c).d`e${f}g${`h${i}`}`',
  '({ a, b: c, [d]: e, f() {}, get g() { return 1 }, async *h() {}, ...i })',
  '({ a = 1, b: { c = 2 } = {} } = d)',
  ';[a, , b = 1, ...c] = d',
  'let { a, b: { c: [d = 1] } = {}, ...e } = f, [g, , h] = i',
  'const re = /a[/]b/gi.test(s) ? 1 : 2 / 3',
  'using r = open(), s = open()\nawait using t = open()',
  'throw new Error("x", { cause: e })',
  'void 0, typeof x, delete o.p, await q',
  'a = b\n++c\nd **= e >>> 2',
  'function f(): void\nfunction f(x: number): void\nfunction f(x?: number) {}',
  'x = <div className="a" {...b}>text {c} <Br /> <></></div>',
  'const y = <A.B c={<d />}>{e}</A.B>',
  '{ a: 1, b: [2] }',
  '{ a: 1 }.a',
  ['import', 'meta.url; await import("m")'].join('.'),
  'function f() { return new.target }',
  'let b: bigint = 1_000n, o = 0xff, s = .5e-3',
  'abstract class Z { private constructor() {} protected static async m?(): Promise<void> }',
  'const m = new Map<string, Array<Set<number>>>([["a", []]])',
  'if (a) { }\nelse { }',
  'var yield_ = function* () { const x = yield; }',
  'unique: { const s: unique symbol = Symbol(); break unique }',
];

const TOKEN =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=(?:=>|[(,=:[!&|?{};\n])\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]])*\]|[^/\\\n])+\/[a-z]*|[\p{ID_Start}$_#@][\p{ID_Continue}$]*|\d[\w.]*|\.\d[\w-]*|=>|\.\.\.|\?\.|\?\?=?|&&=?|\|\|=?|\*\*=?|\+\+|--|[<>=!]==?|>>>?|<<|[+\-*%&|^/]=|\S/gu;

/** The text up to each border of two tokens. */
function prefixes(source: string): string[] {
  return [...source.matchAll(TOKEN)].map(({ index, 0: token }) => source.slice(0, index + token.length));
}

function wrong(source: string): string[] {
  return prefixes(source).filter((prefix) => compiler.isComplete(prefix).status === 'invalid');
}

/** Statements that a function cannot hold. */
const TOP_ONLY = /\b(?:import|export|namespace|declare|await)\b|^\{ a: 1/;

test('no beginning of any kind of statement is invalid, and the whole is complete', () => {
  const found = PROGRAMS.flatMap((program) => [
    ...wrong(program),
    ...(program.startsWith('{') ? [] : wrong(`before()\n${program}`)),
    ...(TOP_ONLY.test(program) ? [] : wrong(`function around() {\n  if (x) {\n${program}`)),
  ]);
  assert.deepEqual(found, []);
  assert.deepEqual(
    PROGRAMS.filter((program) => compiler.isComplete(program).status !== 'complete'),
    [],
  );
});

test('no beginning of a cell of the tutorials is invalid', () => {
  const folder = join(root, 'notebooks');
  const found: string[] = [];
  for (const file of readdirSync(folder).filter((name) => /^0[2468].*\.ipynb$/.test(name))) {
    const { cells } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      cells: { cell_type: string; source: string | string[] }[];
    };
    for (const { cell_type, source } of cells) {
      const text = [source].flat().join('');
      if (cell_type === 'code' && !/^\s*[%!]/m.test(text)) found.push(...wrong(text));
    }
  }
  assert.deepEqual(found, []);
});

test('a mistake stays invalid, whatever follows', () => {
  const mistakes = [
    'else',
    'let x = ;',
    'a b',
    'f(]',
    ')',
    'const = 4',
    'function f() { let x = ; ',
    'case 1:',
    'let 1',
    'try { } x',
    'do { } x',
    'x ? y ;',
    'import { a } frm',
    'import { a } from 5',
    'let a; let a',
    'if (a) else',
    '1 2',
    'const a; b',
    '"open',
    'x = = y',
    'function (',
    'catch {}',
  ];
  assert.deepEqual(
    mistakes.filter((source) => compiler.isComplete(source).status !== 'invalid'),
    [],
  );
});
