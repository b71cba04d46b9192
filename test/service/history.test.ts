/** The history of earlier cells, in every form that a declaration may have. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openSession, type TestSession } from './session.ts';

let session: TestSession;
before(() => {
  session = openSession();
  session.write(
    'lib/a.ts',
    'export const named = 1; export default class Thing { size = 2 } export type Kind = "k";',
  );
});
after(() => session.close());

/** A cell that is right, then what a later cell takes it for: `value: type` must fit, `value: never` must not. */
async function declares(source: string, types: Record<string, string>): Promise<void> {
  assert.deepEqual(await session.cell(source), [], source);
  const entries = Object.entries(types);
  const same = entries.map(
    ([, type], index) =>
      `const same${index}: (<T>() => T extends ${type} ? 1 : 2) extends (<T>() => T extends typeof v${index} ? 1 : 2) ? true : false = true;`,
  );
  const values = entries.map(([value], index) => `const v${index} = ${value};`);
  assert.deepEqual(await session.cell([...values, ...same].join('\n')), [], source);
}

test('awaited values', () =>
  declares(
    'const one = await Promise.resolve(1), two = [await Promise.resolve("s")];\n' +
      'const deep = await (await Promise.resolve({ f: async () => true })).f();\n' +
      'const all = await Promise.all([1, Promise.resolve("x")]);\nlet seen; const list: string[] = [];\n' +
      'for await (const x of (async function* () { yield "a" })()) { list.push(x.toUpperCase()) }\n' +
      'async function later() { return await Promise.resolve(2) }',
    {
      one: 'number',
      two: 'string[]',
      deep: 'boolean',
      all: '[number, string]',
      'list[0]': 'string',
      'later()': 'Promise<number>',
    },
  ));

test('imports of every form', () =>
  declares(
    'import Thing, { named, type Kind } from "./lib/a.ts";\nimport * as everything from "./lib/a.ts";\n' +
      'import { named as renamed, default as Same } from "./lib/a.ts";\nimport type { Kind as OnlyType } from "./lib/a.ts";\n' +
      'import fs, { readFileSync } from "node:fs"; import "node:path";\nconst dynamic = await import("./lib/a.ts");',
    {
      'new Thing().size': 'number',
      named: '1',
      'everything.named': '1',
      renamed: '1',
      'new Same()': 'Thing',
      '"k" as OnlyType': '"k"',
      '"k" as Kind': 'Kind',
      'typeof fs.readFileSync':
        '"string" | "number" | "bigint" | "boolean" | "symbol" | "undefined" | "object" | "function"',
      'dynamic.named': '1',
    },
  ));

test('exports, which mean nothing in a cell', () =>
  declares(
    'export const exported = 1; const local = "l"; export { local as other }; export default class Main { m = 1 }\n' +
      'export interface Shape { s: 1 } export type { Shape as Form };\nexport function run() { return local }',
    { exported: '1', local: '"l"', 'new Main().m': 'number', '{} as Shape': 'Shape', 'run()': 'string' },
  ));

test('decorators, enums, namespaces, abstract classes, overloads, generators', () =>
  declares(
    'function mark(value: Function, context: ClassDecoratorContext) {}\n@mark\nclass Marked { a = 1 }\n' +
      'abstract class Base { abstract go(): void } const enum Size { S = 1, L }\nnamespace Space { export const x = 1; export class In {} }\n' +
      'function pick(a: 1): "one"; function pick(a: 2): "two"; function pick(a: number) { return a === 1 ? "one" : "two" }\n' +
      'function* count() { yield 1; return "end" }\nclass Sub extends Base { go() {} static make() { return new Sub() } }',
    {
      'new Marked().a': 'number',
      'Size.L': 'Size.L',
      'Space.x': '1',
      'new Space.In()': 'Space.In',
      'pick(2)': '"two"',
      'Sub.make()': 'Sub',
      'count().next()': 'IteratorResult<number, string>',
    },
  ));

test('using, var in blocks, destructuring with defaults', () =>
  declares(
    'using handle = { [Symbol.dispose]() {}, id: 1 };\nfor (var index = 0; index < 2; index++) { var inner = index }\n' +
      'const { a = 1, ...others } = { b: "b" } as { a?: number; b: string };\nconst [head, ...tail] = [1, 2, 3];',
    { 'handle.id': 'number', a: 'number', others: '{ b: string }', head: 'number', tail: '[number, number]' },
  ));

test('JSX, by the types of what is around it', () =>
  declares(
    'namespace JSX { export interface IntrinsicElements { b: {} } }\nfunction h(...all: unknown[]) { return all }\n',
    { 'h()': 'unknown[]' },
  ).then(() =>
    declares('/** @jsx h */\nconst made = { element: <b>x{1}</b>, size: 2 };', { 'made.size': 'number' }),
  ));

test('declarations that are global', () =>
  declares('declare global { interface Array<T> { ownMember(): T } var ownGlobal: 7 }', {
    '[1].ownMember()': 'number',
    ownGlobal: '7',
  }));

test('chains of cells, closures over what was declared again, recursion', async () => {
  await declares('const base = 1; const useBase = () => base; class Node2 { next?: Node2; base = base }', {
    'useBase()': 'number',
  });
  await declares(
    'const base = "text"; const both = [base, useBase()] as const; class Node2 { other = new Node2() }',
    {
      both: 'readonly ["text", number]',
      'useBase()': 'number',
      'new Node2().other': 'Node2',
    },
  );
});

test('%typecheck of a hundred cells in a burst ends soon, and typing is answered meanwhile', async () => {
  const checks = Array.from({ length: 100 }, (_, index) =>
    session.cell(`const burst${index} = ${index};\nburst${index} * 2`),
  );
  assert.deepEqual((await session.complete('burst99.toF[cur]')).texts, ['toFixed']);
  assert.deepEqual(
    await Promise.all(checks),
    checks.map(() => []),
  );
});
