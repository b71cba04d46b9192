import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import vm from 'node:vm';
import { CompileError, compileModule } from '../../kernel/language/compile/index.ts';
import type { ModuleContext } from '../../kernel/contracts/compiled-cells.ts';

/** The smallest loader that keeps bindings live and lets modules import each other in a circle. */
class Loader {
  readonly namespaces = new Map<string, Record<string, unknown>>();
  readonly order: string[] = [];
  private readonly running = new Map<string, Promise<void>>();
  /** Importer -> the module for which it waits. */
  private readonly waiting = new Map<string, string>();
  private readonly files: Record<string, string>;
  constructor(files: Record<string, string>) {
    this.files = files;
  }

  /** The namespace of a module that is loading or about to. */
  private namespace(name: string): Record<string, unknown> | undefined {
    if (this.files[name] === undefined) return undefined;
    void this.load(name, 'link');
    return this.namespaces.get(name);
  }

  async load(name: string, from?: string): Promise<Record<string, unknown>> {
    const source = this.files[name];
    if (source === undefined) return (await import(name)) as Record<string, unknown>;
    let namespace = this.namespaces.get(name);
    if (!namespace) {
      namespace = {};
      this.namespaces.set(name, namespace);
      this.running.set(name, this.evaluate(name, source, namespace));
      if (from !== 'link') {
        this.waiting.set(from ?? '', name);
        await this.running.get(name);
        this.waiting.delete(from ?? '');
      }
    } else if (from === undefined || !this.waitsOn(name, from)) {
      this.waiting.set(from ?? '', name);
      await this.running.get(name);
      this.waiting.delete(from ?? '');
    }
    return namespace;
  }

  private waitsOn(name: string, target: string): boolean {
    const next = this.waiting.get(name);
    return name === target || (next !== undefined && this.waitsOn(next, target));
  }

  private async evaluate(name: string, source: string, namespace: Record<string, unknown>): Promise<void> {
    const compiled = compileModule(source, name);
    const main = vm.runInThisContext(compiled.code, { filename: name }) as (
      module: ModuleContext,
    ) => Promise<void>;
    await main({
      export(getters) {
        for (const [key, get] of Object.entries(getters))
          Object.defineProperty(namespace, key, { get, enumerable: true });
      },
      exportAll(other) {
        for (const key of Object.keys(other))
          if (key !== 'default' && !(key in namespace))
            Object.defineProperty(namespace, key, { get: () => other[key], enumerable: true });
      },
      link: (specifier) => this.namespace(specifier),
      import: async (specifier) => await this.load(String(specifier), name),
      meta: { url: `file:///${name}`, dirname: '/', filename: `/${name}` } as ImportMeta,
      require: createRequire(import.meta.url),
      module: { exports: {} },
    });
    this.order.push(name);
  }
}

async function exportsOf(files: Record<string, string>): Promise<Record<string, unknown>> {
  return { ...(await new Loader(files).load('main.ts')) };
}

test('every form of export', async () => {
  const exports = await exportsOf({
    'main.ts': [
      'export const a = 1, { b, c: [d = 2] } = { b: 3, c: [] } as any',
      'export let e: number = 4',
      'export function f(): number { return e++ }',
      'export class G {}',
      'export enum H { A = 5 }',
      'const i = 6, j = 7',
      'export { i, j as k, j as "odd name" }',
      'export * as ns from "other.ts"',
      'export { x, default as y } from "other.ts"',
      'export * from "other.ts"',
      'export type T = number',
      'export interface U {}',
      'export default class {}',
    ].join('\n'),
    'other.ts': 'export const x = 1, z = 2\nexport default 3',
  });
  const { f, G, H, ns, default: main, ...values } = exports as Record<string, any>;
  assert.deepEqual(values, { a: 1, b: 3, d: 2, e: 4, i: 6, k: 7, 'odd name': 7, x: 1, y: 3, z: 2 });
  assert.deepEqual(
    [f(), typeof G, H.A, { ...ns }, main.name],
    [4, 'function', 5, { x: 1, z: 2, default: 3 }, 'default'],
  );
});

test('bindings are live', async () => {
  const loader = new Loader({
    'main.ts': 'import { n, up } from "other.ts"\nexport { n }\nexport const seen = [n, up(), n, up(), n]',
    'other.ts': 'export let n = 1\nexport const up = () => { n *= 2; return n }',
  });
  const main = await loader.load('main.ts');
  assert.deepEqual({ ...main }, { n: 4, seen: [1, 2, 2, 4, 4] });
});

test('a default function has its name and is hoisted', async () => {
  assert.equal(
    (
      await exportsOf({ 'main.ts': 'export const x = go()\nexport default function go() { return go.name }' })
    )['x'],
    'go',
  );
  const arrow = (await exportsOf({ 'main.ts': 'export default () => 1' }))['default'] as () => number;
  assert.deepEqual([arrow.name, arrow()], ['default', 1]);
});

test('modules in a circle see each other', async () => {
  const exports = await exportsOf({
    'main.ts':
      'import { odd } from "odd.ts"\nexport function even(n: number): boolean { return n === 0 || odd(n - 1) }\nexport const result = even(10)',
    'odd.ts':
      'import { even } from "main.ts"\nexport function odd(n: number): boolean { return n > 0 && even(n - 1) }\nexport const early = odd(3)',
  });
  assert.equal(exports['result'], true);
});

test('imports run first and in order', async () => {
  const loader = new Loader({
    'main.ts': 'export const x = y\nimport { y } from "b.ts"\nimport "a.ts"',
    'a.ts': 'await Promise.resolve()',
    'b.ts': 'export const y = 1',
  });
  assert.deepEqual([(await loader.load('main.ts'))['x'], loader.order], [1, ['b.ts', 'a.ts', 'main.ts']]);
});

test('specifiers that are loaded', () => {
  const { imports } = compileModule(
    [
      'import a from "a"',
      'import type b from "b"',
      'import { type c } from "c"',
      'import { D } from "d"',
      'import "e"',
      'export * from "f"',
      'export type * from "g"',
      'export { h } from "h"',
      'export { type i } from "i"',
      'import * as J from "j"',
      'let x: D = a as J.T',
    ].join('\n'),
    'x.ts',
  );
  // Without a use as a value an import is one of types, as in TypeScript.
  assert.deepEqual(imports, ['a', 'e', 'f', 'h']);
});

test('an imported function gets no this, a namespace gives it', async () => {
  const exports = await exportsOf({
    'main.ts':
      'import { self } from "other.ts"\nimport * as other from "other.ts"\nexport const x = [self(), other.self() === other]',
    'other.ts': 'export function self(this: unknown) { return this }',
  });
  assert.deepEqual(exports['x'], [undefined, true]);
});

test('top-level await, import.meta, require, dynamic import, this', async () => {
  const exports = await exportsOf({
    'main.ts':
      'export const a = await Promise.resolve(1)\nexport const m = [(import.meta as any)["dirname"], __filename, this]\nexport const { sep } = require("node:path")\nexport const p = (await import("node:path")).sep',
  });
  assert.deepEqual(exports, { a: 1, m: ['/', '/main.ts', undefined], sep: '/', p: '/' });
});

test('a loop at the top level of a module is untouched', () => {
  const { code } = compileModule(
    'let s = 0\nfor (let i = 0; i < 3; i++) s += i\nexport const f = () => s',
    'x.ts',
  );
  assert.ok(code.includes('let s = 0\nfor (let i = 0; i < 3; i++) s += i\n'));
});

test('TSX by its name', async () => {
  const files = { 'main.tsx': 'const React = { createElement: (t: string) => t }\nexport const x = <a/>' };
  assert.equal((await new Loader(files).load('main.tsx'))['x'], 'a');
});

test('a mistake is an error with place and frame', () => {
  assert.throws(
    () => compileModule('let a = 1\nlet = ;', '/dir/x.ts'),
    (error) =>
      error instanceof CompileError &&
      error.code === 'syntax' &&
      error.name === 'SyntaxError' &&
      error.message.includes('/dir/x.ts:2:7') &&
      error.frame.includes('> 2 | let = ;'),
  );
});
