import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCases } from './cases.ts';
import { NONE, TestSession } from './session.ts';

// Results: ECMAScript has no completion value for declarations; only the last statement of the cell itself counts.
runCases([
  ['result: an expression', ['1 + 1'], 2],
  ['result: with a semicolon and empty statements behind it', ['1 + 1;;\n// end'], 2],
  ['result: a declaration has none', ['const a = 1'], undefined],
  ['result: an expression within a block is none', ['{ let a = 1; a }'], undefined],
  ['result: an if statement has none', ['if (true) 1'], undefined],
  ['result: a directive', ["'hello'"], 'hello'],
  ['result: a sequence', ['1, 2'], 2],
  ['result: a promise is awaited', ['Promise.resolve(4)'], 4],
  ['result: an object literal', ['{ a: 1, b: [2] }'], { a: 1, b: [2] }],
  ['result: an object literal with shorthand', ['const a = 1', '{ a }'], { a: 1 }],
  ['result: a block that is no object', ['let a = 1', '{ a = 2; }', 'a'], 2],
  ['result: a function expression', ['(function () { return 3 })()'], 3],
  ['result: after a comment', ['// nothing\n/* here */ 5 // five'], 5],
  ['result: a template', ['const a = 2', '`${a}`'], '2'],
  ['result: export default', ['export default 6'], 6],
]);

runCases([
  ['const in the next cell', ['const a = 1', 'a + 1'], 2],
  ['let assigned in the next cell', ['let a = 1', 'a += 2', 'a'], 3],
  ['let without a value', ['let a: number | undefined', 'a = 3', 'a'], 3],
  ['let assigned by a function of its own cell', ['let a = 1; const f = () => { a = 5 }; f(); a', 'a'], 5],
  ['let assigned by a function of the next cell', ['let a = 1', 'function f() { a++ }\nf(); f()', 'a'], 3],
  ['let assigned by a function that is older than it', ['function f() { a = 4 }', 'let a = 1\nf()\na'], 4],
  ['read after a call that assigns', ['let a = 1', 'const f = () => ++a', 'a + f() + a'], 5],
  ['a function of an earlier cell sees an assignment', ['let a = 1\nconst f = () => a', 'a = 5', 'f()'], 5],
  ['a function of its own cell sees an assignment', ['let a = 1\nconst f = () => a\na = 7\nf()'], 7],
  [
    'a function calls one that a later cell declares',
    ['const f = () => g()', 'function g() { return 7 }', 'f()'],
    7,
  ],
  [
    'a function reads what a later cell declares',
    ['const f = () => typeof g + g', 'const g = 1', 'f()'],
    'number1',
  ],
  ['typeof of what nobody declares', ['const f = () => typeof g', 'f()'], 'undefined'],
  [
    'a function assigns what a later cell declares',
    ['const f = () => { g += 2; g++; [g] = [g * 2]; return g ||= 1 }', 'let g = 1', 'f()', 'g'],
    8,
  ],
  ['shorthand of what a later cell declares', ['const f = () => ({ g })', 'const g = 1', 'f()'], { g: 1 }],
  [
    'new of what a later cell declares',
    [
      'const f = () => new g.G(1)',
      'const g = { G: class { x; constructor(x: number) { this.x = x } } }',
      'f().x',
    ],
    1,
  ],
  ['functions are hoisted within a cell', ['const a = f()\nfunction f() { return 3 }', 'a'], 3],
  [
    'mutual recursion in a cell',
    [
      'function even(n: number): boolean { return n === 0 || odd(n - 1) }\nfunction odd(n: number): boolean { return n > 0 && even(n - 1) }\neven(10)',
    ],
    true,
  ],
  [
    'mutual recursion over cells',
    [
      'function even(n: number): boolean { return n === 0 || odd(n - 1) }',
      'function odd(n: number): boolean { return n > 0 && even(n - 1) }',
      'even(9)',
    ],
    false,
  ],
  ['generators', ['function* g(n: number) { while (n > 0) yield n-- }', '[...g(3)]'], [3, 2, 1]],
  [
    'async generators',
    [
      'async function* g() { yield 1; yield await Promise.resolve(2) }',
      'const list: number[] = []\nfor await (const x of g()) list.push(x)\nlist',
    ],
    [1, 2],
  ],
  [
    'destructuring',
    ['const { a, b: [c = 5, ...d], ...e } = { a: 1, b: [undefined, 2, 3], x: 4 }', '[a, c, d, e]'],
    [1, 5, [2, 3], { x: 4 }],
  ],
  ['several declarators that use each other', ['let a = 1, b = a + 1, f = () => a + b\na = 10', 'f()'], 12],
  ['names that look like ours', ['const $ = 1, $$ = 2, $$$ = 3, $$a = 4', '[$, $$, $$$, $$a]'], [1, 2, 3, 4]],
  ['names with other letters', ['let größe = 1, \\u0061b = 2', 'größe += ab', 'größe'], 3],
  ['a parameter hides a name', ['let a = 1', '((a) => a++)(5)', 'a'], 1],
  [
    'a default of a parameter sees the outer name',
    ['let a = 1', '((b = a, c = () => a) => { var a = 9; return [a, b, c()] })()'],
    [9, 1, 1],
  ],
  ['catch hides a name', ['let e = 1', 'try { throw 2 } catch (e) { e = 3 }', 'e'], 1],
  [
    'a class hides its own name within',
    ['class A { static make() { return new A() } }\nconst B = A', 'class A {}', 'B.make() instanceof B'],
    true,
  ],
  [
    'a function expression hides its own name',
    ['const f = 1', '(function f(n: number): number { return n === 0 ? 0 : f(n - 1) })(3)'],
    0,
  ],
  ['functions in blocks stay there', ['let f = 1', '{ function f() { return 2 } f() }', 'f'], 1],
  ['a label is no name', ['let a = 0', 'a: for (;;) { a++; if (a > 2) break a; continue a }', 'a'], 3],
  ['properties are no names', ['let a = 1', 'a = 2; ({ a: 5 }).a + ({ a() { return 1 } }).a()'], 6],
  [
    'computed properties are',
    ["let a = 'x'", "const f = () => ({ [a]: 1, get [a + 'y']() { return 2 } })", '[f().x, (f() as any).xy]'],
    [1, 2],
  ],
  [
    'class fields and static blocks capture',
    ['let a = 1', 'class C { x = a; static y = a; static { a++ } }', '[new C().x, C.y, a]'],
    [2, 1, 2],
  ],
  [
    'calls get no this',
    ['let f = function (this: unknown) { return this }', 'const g = () => [f(), f?.(), (f)(), f``]', 'g()'],
    [undefined, undefined, undefined, undefined],
  ],
  [
    'tagged templates',
    [
      'let tag = (s: TemplateStringsArray, ...v: number[]) => s.raw.join("-") + v.join()',
      'const f = () => tag`a${1}b${2}`',
      'f()',
    ],
    'a-b-1,2',
  ],
  [
    'optional calls of nothing',
    ['let f: undefined | (() => void)', 'const g = () => f?.()', 'g()'],
    undefined,
  ],
  [
    'this is undefined',
    ['[this, (() => this)(), (function (this: any) { return this })()]'],
    [undefined, undefined, undefined],
  ],
  [
    'names of functions',
    [
      'let a = () => 1, b = class {}\nlet c: any; const set = () => { c = () => 1 }; set()\nlet d; d = () => 2\nlet e: any; const f = () => { [e = () => 1] = [] as any[] }; f()',
      '[a.name, b.name, c.name, d.name, e.name]',
    ],
    ['a', 'b', 'c', 'd', 'e'],
  ],
  [
    'this is that of a class',
    ['class A { f = () => this; static s = this }', 'const a = new A(); [a.f() === a, A.s === A]'],
    [true, true],
  ],
  ["arguments are the function's own", ['function f() { return arguments.length }', '(f as any)(1, 2)'], 2],
  ['delete of a property', ['let o: any = { a: 1 }', 'const f = () => delete o.a', 'f(); o'], {}],
  ['nested closures', ['let n = 0', 'const make = () => () => () => ++n', 'make()()(); make()()()', 'n'], 2],
  [
    'closures in loops',
    ['const fs: (() => number)[] = []\nfor (let i = 0; i < 3; i++) fs.push(() => i)', 'fs.map((f) => f())'],
    [0, 1, 2],
  ],
  [
    'strict mode',
    [
      'const f = () => { try { (Object.freeze([1]) as any)[0] = 2 } catch (e: any) { return e.name } }',
      'f()',
    ],
    'TypeError',
  ],
]);

// A name is one variable for the whole session (redeclared.test.ts has all kinds of declarations).
runCases([
  ['redeclared let', ['let a = 1', 'let a = 2', 'a'], 2],
  [
    'a closure sees the new value, and assigns the one variable',
    ['let a = 1\nconst f = () => a++', 'let a = 10', 'f(); f(); [f(), a]'],
    [12, 13],
  ],
  [
    'const to let to function to class',
    ['const a = 1', 'let a = 2\na++', 'function a() { return 3 }', 'class a { static x = 4 }', 'a.x'],
    4,
  ],
  [
    'redeclared function',
    ['function f() { return 1 }\nfunction g() { return f() }', 'function f() { return 2 }', 'g() * 10 + f()'],
    22,
  ],
  [
    'an assigned function',
    ['function f() { return 1 }', 'const g = () => f()', '(f as any) = () => 2', 'g() * 10 + f()'],
    22,
  ],
  ['the same cell twice', ['let a = 1\nconst b = () => a', 'let a = 1\nconst b = () => a', 'b()'], 1],
  ['an import after a variable of the name', ['let sep = 1', "import { sep } from 'node:path'", 'sep'], '/'],
  ['a variable after an import of the name', ["import { sep } from 'node:path'", 'let sep = 1', 'sep'], 1],
]);

// Every way to assign, by top-level code that has a local copy.
runCases([
  ['update expressions', ['let a = 1', '[a++, ++a, a--, --a, a]'], [1, 3, 3, 1, 1]],
  ['update expressions as statements', ['let a = 1', 'a++; ++a\na--\n;(a)++', 'a'], 3],
  ['updates of big integers', ['let a = 1n', '[a++, a, --a]', 'a'], 1n],
  ['an update makes a number', ["let a: any = '5'", '[a++, a]'], [5, 6]],
  [
    'compound assignments',
    [
      'let a = 7',
      '[a += 1, a -= 2, a *= 3, a /= 2, a %= 5, a **= 2, a <<= 3, a >>= 1, a >>>= 1, a &= 30, a |= 1, a ^= 3]',
      'a',
    ],
    2,
  ],
  [
    'logical assignments',
    [
      'let a: any = 0, b: any = null, c: any = 1',
      '[a ||= 2, a ||= 3, b ??= 4, b ??= 5, c &&= 6]',
      '[a, b, c]',
    ],
    [2, 4, 6],
  ],
  [
    'logical assignments evaluate their right side only if needed',
    ['let a = 1, n = 0', 'a ||= n++; a ??= n++', 'n'],
    0,
  ],
  ['chains', ['let a = 1, b = 2', 'a = b = 5', '[a, b]'], [5, 5]],
  ['swap', ['let [a, b] = [1, 2]', '[a, b] = [b, a]', '[a, b]'], [2, 1]],
  [
    'the value of a destructuring assignment',
    ['let a, b', 'const r = ([a, b] = [1, 2, 3])', '[a, b, r]'],
    [1, 2, [1, 2, 3]],
  ],
  [
    'destructuring with defaults, rest and nesting',
    [
      'let a: any, b: any, c: any, d: any',
      '({ a, b: [c = 1, ...d], ...b } = { a: 4, b: [undefined, 2], x: 1 } as any)',
      '[a, b, c, d]',
    ],
    [4, { x: 1 }, 1, [2]],
  ],
  [
    'destructuring into members',
    ['let a: any = 1\nconst o: any = {}', '[a, o.x, o["y"]] = [2, 3, 4]', '[a, o]'],
    [2, { x: 3, y: 4 }],
  ],
  [
    'a default that calls a function sees what was assigned before',
    ['let a = 1, b = 1', 'const f = () => a', '[a, b = f()] = [7] as any', 'b'],
    7,
  ],
  ['for of', ['let a = 0, n = 0', 'for (a of [1, 2, 3]) n += a', '[a, n]'], [3, 6]],
  ['for in', ["let k = ''", 'for (k in { x: 1, y: 2 }) ;', 'k'], 'y'],
  [
    'for of with a pattern',
    ['let a = 0, b = 0', 'for ([a, { b }] of [[1, { b: 2 }]] as any) {}', '[a, b]'],
    [1, 2],
  ],
  ['for of with a member', ['const o: any = {}', 'for (o.x of [1, 2]) ;', 'o'], { x: 2 }],
  [
    'for with a statement that is no block',
    ['let a = 0, n = 0', 'for (a = 0; a < 3; a++) n++', '[a, n]'],
    [3, 3],
  ],
  [
    'for of and a function that reads',
    ['let a = 0', 'const f = () => a', 'const seen = []\nfor (a of [1, 2]) seen.push(f())\nseen'],
    [1, 2],
  ],
  [
    'for of and a function that assigns',
    [
      'let a = 0',
      'const f = () => (a *= 10)',
      'const seen = []\nfor (a of [1, 2]) { f(); seen.push(a) }\nseen',
    ],
    [10, 20],
  ],
  ['for await', ['let a = 0', 'for await (a of [Promise.resolve(1), 2]) ;', 'a'], 2],
  [
    'comma and conditional',
    ['let a = 1, b = 1', 'a++, b--; a > 1 ? a++ : b++; a > 1 && b++', '[a, b]'],
    [3, 1],
  ],
  ['assignments in conditions', ['let a = 3, n = 0', 'while (a--) n++', '[a, n]'], [-1, 3]],
  ['in parentheses', ['let a = 1', '(a) = 2; ((a))++', 'a'], 3],
  ['within a template', ['let a = 1', '`${a++}${a}`', 'a'], 2],
  ['in a default of a declaration', ['let a = 1', 'const { b = a++ } = {} as any; [a, b]'], [2, 1]],
  [
    'statements without semicolons',
    ['let a = 1\nlet b = 2', 'a\n++b\na++\nb\n;[a, b] = [b, a]\n;[a, b]'],
    [3, 2],
  ],
  [
    'a line that begins with what is rewritten to a parenthesis',
    ['let a = 5, o: any = 1', 'o = a\na++ + 1\no', 'a'],
    6,
  ],
]);

runCases([
  [
    'var in blocks and loops',
    ['for (var i = 0, n = 3; i < n; i++) { var j = i * 2 }\nif (true) var k = 1', '[i, j, n, k]'],
    [3, 4, 3, 1],
  ],
  [
    'var in the head of for of',
    ['for (var x of [1, 2]) ;\nfor (var y in { a: 1 }) {}\nfor (var [z] of [[3]]) var q = z', '[x, y, z, q]'],
    [2, 'a', 3, 3],
  ],
  ['var is undefined before', ['const a = typeof x\nvar x = 1', '[a, x]'], ['undefined', 1]],
  ['var twice', ['var x = 1\nvar x = x + 1', 'x'], 2],
  [
    'var in try, switch and labels',
    [
      'try { var a = 1 } finally { var b = 2 }\nswitch (1) { case 1: var c = 3 }\nl: { var d = 4; break l }',
      '[a, b, c, d]',
    ],
    [1, 2, 3, 4],
  ],
  [
    'var that a function reads while the loop runs',
    ['const f = () => v\nfor (var v = 0; v < 2; v++) ;\nf()', 'f()'],
    2,
  ],
  ['var that a function assigns', ['var v = 1\nfunction f() { v = 5 }\nf()\nv', 'v'], 5],
  ['var of functions stays there', ['var v = 1', '(() => { var v = 2; v++ })()', 'v'], 1],
]);

runCases([
  ['top-level await', ['const a = await Promise.resolve(3)\na'], 3],
  ['await in a pattern', ['let { a = await Promise.resolve(1), b } = { b: 2 } as any', '[a, b]'], [1, 2]],
  ['await between the parts of an expression', ['let a = 1', 'a + (await Promise.resolve(a++)) + a', 'a'], 2],
  [
    'await as an operand of an assignment reads first',
    ['let a = 1', 'a += await Promise.resolve(5)', 'a'],
    6,
  ],
  [
    'await in nested async functions',
    [
      'let a = 0',
      'const f = async () => { a += await Promise.resolve(2); return a }',
      'await f() + await f()',
    ],
    6,
  ],
  [
    'await in loops with labels',
    [
      'let n = 0',
      'outer: for (let i = 0; i < 3; i++) for (;;) { n += await Promise.resolve(1); if (i === 1) break outer; continue outer }',
      'n',
    ],
    2,
  ],
  ['await of a sequence', ['await (1, Promise.resolve(2))'], 2],
  [
    'await reads again what a callback changed',
    ['let a = 0', 'const t = setTimeout(() => { a = 9 }, 1)\nawait new Promise((r) => setTimeout(r, 10))\na'],
    9,
  ],
  [
    'for await at the top',
    [
      'const list: number[] = []\nfor await (const x of (async function* () { yield 1; yield 2 })()) list.push(x)\nlist',
    ],
    [1, 2],
  ],
]);

test('another cell changes a variable while this one awaits', async () => {
  const session = new TestSession();
  await session.run('let a = 1');
  (globalThis as Record<string, unknown>)['gate'] = new Promise((resolve) => setTimeout(resolve, 30));
  const waiting = session.run('await gate\na');
  await session.run('a = 2');
  assert.deepEqual((await waiting).result, 2);
});

test('a cell that is not async runs at once, one that awaits is async', () => {
  const session = new TestSession();
  assert.deepEqual(
    [
      '1',
      'async () => await 1',
      'await 1',
      'for await (const x of []) ;',
      "import 'node:fs'",
      'export {}',
    ].map((source) => session.compile(source).async),
    [false, false, true, true, true, false],
  );
});

test('a cell that fails leaves what it had not declared as it was', async () => {
  const session = new TestSession();
  await session.run('let a = 1, b = 2');
  const failed = await session.run('let a = 10\na++\nthrow new Error("no")\nlet b = 20');
  assert.deepEqual([failed.declared, (failed.error as Error).message], [['a'], 'no']);
  assert.deepEqual(await session.last('[a, b]'), [11, 2]);
});

test('assignments before an error stay', async () => {
  const session = new TestSession();
  await session.run('let a = 1');
  await session.run('for (var i = 0; ; i++) { a = i; if (i === 5) throw 1 }');
  assert.deepEqual(await session.last('[a, i]'), [5, 5]);
});

test('errors of the language come as such', async () => {
  const session = new TestSession();
  const names: unknown[] = [];
  for (const source of [
    'const c = 1\nc = 2',
    'c2',
    'const d = d + 1',
    'later(); let x1 = 1; function later() { return x1 }',
    'null.x',
    "import { sep } from 'node:path'\nsep = 1",
    "import { nope } from 'node:path'\nnope",
  ]) {
    const { error } = await session.run(source);
    names.push((error as Error | undefined)?.name);
  }
  await session.run('const c3 = 1');
  const { error } = await session.run('c3 = 2');
  names.push((error as Error).name);
  assert.deepEqual(names, [
    'TypeError',
    'ReferenceError',
    'ReferenceError',
    'ReferenceError',
    'TypeError',
    'TypeError',
    'SyntaxError',
    'TypeError',
  ]);
});

test('bindings say how names were declared', async () => {
  const session = new TestSession();
  await session.run(
    "import def, { sep as s } from 'node:path'\nimport * as all from 'node:os'\nconst a = 1\nlet b = 2\nb++\nvar c = 3\nfunction f() { c = 1 }\nclass K {}",
  );
  await session.run('f()');
  assert.deepEqual(session.compiler.bindings(), [
    { name: 'def', kind: 'import', imported: { specifier: 'node:path', name: 'default' } },
    { name: 's', kind: 'import', imported: { specifier: 'node:path', name: 'sep' } },
    { name: 'all', kind: 'import', imported: { specifier: 'node:os', name: '*' } },
    { name: 'a', kind: 'const' },
    { name: 'b', kind: 'let' },
    { name: 'c', kind: 'var' },
    { name: 'f', kind: 'function' },
    { name: 'K', kind: 'class' },
  ]);
  session.compiler.reset();
  assert.deepEqual(session.compiler.bindings(), []);
});

test('a cell without statements has no result', async () => {
  assert.equal((await new TestSession().run('// nothing\n')).result, NONE);
});
