import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestSession } from './session.ts';
import type { TestSessionOptions } from './session.ts';

type Case = [what: string, cells: string[], expected: unknown];

function run(table: readonly Case[], options: TestSessionOptions = {}): void {
  for (const [what, cells, expected] of table)
    test(what, async () => {
      assert.deepEqual(await new TestSession(options).last(...cells), expected);
    });
}

// Syntax that only has to go. Where that would join two lines, they must stay apart.
run([
  [
    'annotations',
    [
      'let a: number = 1, b: string | undefined\nconst f = (x?: number, ...rest: string[]): x is number => rest.length > 0\n;[a, b, f(1)]',
    ],
    [1, undefined, false],
  ],
  [
    'interfaces and aliases',
    ['interface A { x: number }\ntype B<T> = { [K in keyof T]: T[K] }\nconst a: A = { x: 1 }\na.x'],
    1,
  ],
  [
    'as, satisfies, !, <T>',
    ['const a = <any>{ x: 1 } as { x: number } satisfies object\na!.x! + (a as any)!.x'],
    2,
  ],
  ['as const', ["const a = ['x', 'y'] as const\na.length"], 2],
  [
    'assertions as targets',
    [
      'let a: unknown = 1, o: any = {}',
      '(a as number) = 2; (<number>a)++; (o as any).x = 1; [(a as any), o!.y] = [5, 6]; (a as number)++',
      '[a, o]',
    ],
    [6, { x: 1, y: 6 }],
  ],
  [
    'a called assertion gets no this',
    [
      'let f: unknown = function (this: unknown) { return this }',
      'const g = () => [(f as any)(), f!()]',
      'g()',
    ],
    [undefined, undefined],
  ],
  ['an assertion in typeof', ['let a: unknown = 1', 'const f = () => typeof (a as any)', 'f()'], 'number'],
  [
    'generics',
    [
      'function id<T extends object = {}>(x: T): T { return x }\nconst pair = <A, B>(a: A, b: B): [A, B] => [a, b]\nnew Map<string, number[]>([["a", [1]]]).size + pair<number, string>(1, "x").length + Object.keys(id<{ y: 1 }>({ y: 1 })).length',
    ],
    4,
  ],
  ['instantiation expressions', ['const f = <T,>(x: T) => x\nconst g = f<number>\ng(3)'], 3],
  [
    'optional chains and calls with types',
    ['const o = { f: <T,>(x: T) => [x] } as { f?: <T>(x: T) => T[] }\no?.f?.<number>(1)!.length'],
    1,
  ],
  [
    'this parameters',
    [
      'function f(this: { x: number }, y = 2) { return this.x + y }\nfunction g(this: { x: number }) { return this.x }\nf.call({ x: 1 }) + g.call({ x: 3 })',
    ],
    6,
  ],
  ['a comma behind the this parameter', ['function f(this: any,) { return 1 }\nf()'], 1],
  [
    'overloads',
    ['function f(x: string): string\nfunction f(x: number): number\nfunction f(x: any) { return x }\nf(1)'],
    1,
  ],
  [
    'abstract classes',
    [
      'abstract class A<T> { abstract x: T; abstract f(): T; protected abstract get g(): T; h() { return this.f() } }\nclass B extends A<number> implements Iterable<number> { x = 1; f() { return 2 } get g() { return 3 } *[Symbol.iterator]() { yield 1 } }\nnew B().h()',
    ],
    2,
  ],
  [
    'modifiers',
    [
      'class A { private readonly a = 1; public static b?: number; protected static readonly c = 3; override toString() { return "A" } declare d: number; e!: number; readonly #f = 6; async *g?(): any {} static async h() {} private get i() { return this.#f } sum() { return this.a + A.c + this.i } }\n[new A().sum(), Object.keys(new A())]',
    ],
    [10, ['a', 'e']],
  ],
  [
    'names of members that are modifiers',
    [
      'class A { readonly = 1; declare = 2; static = 3; get = 4; async = 5; abstract() { return this.readonly } private: number = 6; public?() { return 7 } }\nconst a = new A(); [a.abstract(), a.private, a.get, a.public!()]',
    ],
    [1, 6, 4, 7],
  ],
  [
    'index signatures and overloads in classes',
    [
      'class A { [key: string]: any; f(x: string): void; f(x: any) { return x } constructor(); constructor(x?: number) { this.y = x } }\n[new A().f(1), (new (A as any)(2)).y]',
    ],
    [1, 2],
  ],
  [
    'fields without values are defined',
    ['class A { x: number; static y?: string }\n[Object.keys(new A()), Object.keys(A)]'],
    [['x'], ['y']],
  ],
  [
    'declare',
    [
      'declare const a: number\ndeclare let b: string, c: string\ndeclare function f(): void\ndeclare class K {}\ndeclare namespace N { const x: number }\ndeclare module "x" {}\ndeclare global { interface X {} }\ndeclare enum E { A }\n1',
    ],
    1,
  ],
  [
    'namespaces of types',
    ['namespace N { export interface A {} export type B = string }\nlet x: N.B = "a"; x'],
    'a',
  ],
  [
    'type-only exports',
    [
      'const a = 1\ninterface I {}\nexport type { I }\nexport { type I as J, a }\nexport interface K {}\nexport type L = 1\na',
    ],
    1,
  ],
  ['definite assignment', ['let a!: number\na = 1\na'], 1],
  [
    'types of patterns',
    [
      'const { a, b: [c] }: { a: number; b: number[] } = { a: 1, b: [2] }\nconst f = ({ x }: { x: number } = { x: 4 }, [y]: number[] = [5]) => x + y\ntry { throw 1 } catch (e: unknown) {}\n[a, c, f()]',
    ],
    [1, 2, 9],
  ],
  [
    'a return type over lines',
    [
      'const f = (x: number)\n  : {\n    y: number\n  } => ({ y: x })\nconst g = async <T,>(\n  x: T,\n): Promise<\n  T\n> => x\n;[f(1).y, await g(2)]',
    ],
    [1, 2],
  ],
  [
    'asserts',
    ['function f(x: unknown): asserts x is string { if (typeof x !== "string") throw 1 }\nf("a")'],
    undefined,
  ],
  [
    'an accessor with types',
    [
      'class A { #x = 1; get x(): number { return this.#x } set x(v: number) { this.#x = v } }\nconst a = new A(); a.x = 5; a.x',
    ],
    5,
  ],
  [
    'unicode in front of types',
    ['const größe: string = "😀"; const b = größe as string; [b, größe.length]'],
    ['😀', 2],
  ],
  ['escapes in a typed name', ['const \\u0061b: number = 1\nab'], 1],
  ['a comparison is no type', ['const a = 1, b = 2, c = 3\n;[a < b, a < b && b > c]'], [true, false]],
  [
    'an assertion above a parenthesis',
    ['let n = 0\nconst f = () => n++\nlet x = f as any\n(f as any)()\n;[typeof x, n]'],
    ['function', 1],
  ],
  [
    'an assertion above a bracket',
    ['const l: any = { 0: "no" }\nlet x = l as any\n[0].map(() => x)\nx === l'],
    true,
  ],
  [
    'a non-null mark above a parenthesis is called, as in TypeScript',
    ['const f = () => 1\nconst x = f!\n(1)\ntypeof x'],
    'number',
  ],
  ['an interface above a parenthesis', ['let x = 1\ninterface A {}\n(x)\nx'], 1],
  ['an alias above a bracket', ['let x = 1\ntype A = number\n;[x]\ntype B = number\n[x].length'], 1],
  [
    'fields above computed members',
    [
      'class A { a = 1\n private ["b"] = 2\n c: number\n ["d"] = 4\n declare e: number\n *f() { yield 1 }\n readonly g = 7 }\nObject.keys(new A())',
    ],
    ['a', 'b', 'c', 'd', 'g'],
  ],
  [
    'a typed field named get above a method',
    ['class A { get: number = 1; set?: number\n static: string\n x() { return 2 } }\nnew A().x()'],
    2,
  ],
  [
    'a field of type above a method',
    ['class A { get: number\n x() { return 2 } }\n[typeof new A().x, Object.keys(new A())]'],
    ['function', ['get']],
  ],
  [
    'return of an assertion',
    [
      'const f = (x: unknown) => { return <number>\n x }\nconst g = (x: unknown) => { return x as\n number }\nf(1) + g(2)',
    ],
    3,
  ],
  [
    'an arrow that is asserted above a line',
    ['const f = () => 1 as number\nconst g = f\n;[f(), g()]'],
    [1, 1],
  ],
  [
    'keyof and infer that look like code',
    [
      'type F<T> = T extends (...a: infer A) => infer R ? [A, R] : never\nlet x: F<(a: string) => number> = ["a", 1] as any\nx.length',
    ],
    2,
  ],
  [
    'abstract constructors in types',
    ['let C: abstract new () => object = Object as any\ntypeof C'],
    'function',
  ],
  [
    'accessors, in and out',
    ['interface A<in out T> { get x(): T; set x(v: T) }\nlet a: A<number> = { x: 1 }\na.x'],
    1,
  ],
  ['enum members as types only', ['type T = typeof undefined | unique symbol extends symbol ? 1 : 2\n1'], 1],
]);

// Syntax with a meaning at run time.
run(
  [
    ['enum', ['enum Color { Red, Green = 5, Blue }', '[Color.Green, Color[0], Color.Blue]'], [5, 'Red', 6]],
    [
      'enum of strings and computed members',
      ["enum E { A = 'a', B = 'b'.length, C = 1 << 3 }", '[E.A, E.B, E.C]'],
      ['a', 1, 8],
    ],
    ['const enum', ['const enum E { A = 3 }', 'E.A'], 3],
    [
      'an enum is redeclared',
      ['enum E { A = 1 }\nconst f = () => E.A', 'enum E { A = 2 }', '[f(), E.A]'],
      [2, 2],
    ],
    [
      'namespace',
      [
        'namespace N { export let a = 1; export const f = () => ++a; export namespace M { export const x = 5 } }',
        '[N.f(), N.a, N.M.x]',
      ],
      [2, 2, 5],
    ],
    [
      'a namespace in two parts',
      ['namespace N { export const a = 1 }\nnamespace N { export const b = a + 1 }', 'N.b'],
      2,
    ],
    [
      'a namespace over a function',
      ['function f() { return f.x }\nnamespace f { export let x = 3 }', 'f()'],
      3,
    ],
    ['an alias of a namespace', ['namespace N { export const a = 1 }\nimport A = N.a\nA'], 1],
    [
      'parameter properties',
      [
        'class P { constructor(private x: number, readonly y = 2, public z?: number) {} sum() { return this.x + this.y } }',
        'new P(1).sum()',
      ],
      3,
    ],
    [
      'accessor fields',
      ['class A { accessor x = 1; static accessor y = 2 }', 'const a = new A(); a.x++; [a.x, A.y]'],
      [2, 2],
    ],
    ['the value of the last expression of a lowered cell', ['enum E { A = 4 }\nE.A'], 4],
    [
      'no value where a lowered cell ends with a declaration',
      ['const log: string[] = []\nconst d = (c: any, x: any) => { log.push(x.name) }\n@d class A {}'],
      undefined,
    ],
    [
      'decorators',
      [
        'const seen: unknown[] = []\nfunction d(value: any, context: any) { seen.push(context.kind, String(context.name)) }\n@d class A { @d x = 1; @d f() {} @d static s = 2; @d get g() { return 1 } }\nseen.join()',
      ],
      'method,f,getter,g,field,s,field,x,class,A',
    ],
    [
      'a decorator replaces a method',
      [
        'const twice = (f: any) => function (this: any, ...a: any[]) { return f.apply(this, a) * 2 }\nclass A { @twice f(x: number) { return x } }',
        'new A().f(4)',
      ],
      8,
    ],
    ['await in a lowered cell', ['enum E { A = 1 }\nconst x = await Promise.resolve(E.A)', 'x'], 1],
    ['magic in a lowered cell', ['enum E { A = 1 }\n%who\n%time let y = E.A\ny', 'y + E.A'], 2],
    [
      'using',
      [
        'const log: string[] = []\nconst open = (n: string) => ({ n, [Symbol.dispose]() { log.push(n) } })\n{ using a = open("a"); using b = open("b"); log.push(a.n + b.n) }',
        'log',
      ],
      ['ab', 'b', 'a'],
    ],
    [
      'await using',
      [
        'const log: string[] = []\nasync function f() { await using a = { async [Symbol.asyncDispose]() { log.push("closed") } }; log.push("used") }\nawait f()',
        'log',
      ],
      ['used', 'closed'],
    ],
    [
      'using at the top level is closed at the end of its cell',
      [
        'const log: string[] = []',
        'using a = { x: 1, [Symbol.dispose]() { log.push("closed") } }\nlet other = a.x\nlog.push("used")',
        '[...log, a.x, other]',
      ],
      ['used', 'closed', 1, 1],
    ],
    [
      'using for redeclared names',
      [
        'let n = 0\nfunction f() { return ++n }',
        'using a = null\nlet n = 10\nfunction g() { return n }\nf() + g()',
      ],
      22,
    ],
  ],
  { knownMagics: () => ['who', 'time'] },
);

run(
  [
    [
      'legacy decorators',
      [
        'function d(target: any, key: string) { target.seen = key }\nclass A { @d f() {} }',
        '(A.prototype as any).seen',
      ],
      'f',
    ],
    [
      'legacy decorators of parameters',
      [
        'const seen: unknown[] = []\nconst p = (t: any, k: any, i: number) => { seen.push(i) }\nclass A { constructor(@p a: number, @p b: string) {} }\nseen',
      ],
      [1, 0],
    ],
  ],
  { lowering: () => ({ decorators: { metadata: true, strictNullChecks: true } }) },
);

run(
  [
    [
      'JSX',
      [
        'const h = (tag: unknown, props: unknown, ...children: unknown[]) => [tag, props, ...children]',
        'const x = 1\n;<div id="a">{x}<br/></div>',
      ],
      ['div', { id: 'a' }, 1, ['br', null]],
    ],
    [
      'JSX fragments and components',
      [
        'const h = (tag: any, props: any, ...c: any[]) => typeof tag === "function" ? tag(props, c) : c\nconst Fragment = (_: unknown, c: unknown[]) => c\nconst A = ({ n }: { n: number }) => n * 2',
        '<><A n={4} /></>',
      ],
      [8],
    ],
    ['a JSX comment goes first', ['/** @jsx g */\nconst g = (tag: string) => tag + "!"\n;<a/>'], 'a!'],
    ['an assertion in angles is no JSX', ['const a = <any>1\na'], 1],
  ],
  { lowering: () => ({ jsx: { factory: 'h', fragment: 'Fragment' } }) },
);

test('enums and namespaces are bindings that cannot be assigned', async () => {
  const session = new TestSession();
  await session.run(
    'export enum E { A }\nnamespace N { export let x = 1 }\nnamespace N { export const y = 2 }\nlet v = 1',
  );
  assert.deepEqual(
    session.compiler
      .bindings()
      .map(({ name, kind }) => [name, kind])
      .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
    [
      ['E', 'const'],
      ['N', 'const'],
      ['v', 'let'],
    ],
  );
  assert.deepEqual(await session.last('const f = () => [E.A, N.x, N.y]', 'f()'), [0, 1, 2]);
});

test('a function and a namespace of one name stay a function', async () => {
  const session = new TestSession();
  await session.run('function f() { return f.x }\nnamespace f { export let x = 3 }');
  assert.deepEqual(await session.last('f() + f.x'), 6);
  assert.deepEqual(
    session.compiler.bindings().map(({ name, kind }) => [name, kind]),
    [['f', 'function']],
  );
});

test('swc is not needed for what can be erased', () => {
  const session = new TestSession();
  const cell = session.compile(
    'class A<T> { private x: T; constructor(x: T) { this.x = x as T } }\nlet a: A<number>',
  );
  assert.equal(cell.code.split('\n').length, 3);
});
