import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCases } from './cases.ts';
import { TestSession } from './session.ts';

/** Every way to declare the name `k` with a value. */
const declarations: Record<string, { source(value: number): string; constant: boolean }> = {
  const: { source: (v) => `const k = ${v}`, constant: true },
  let: { source: (v) => `let k = ${v}`, constant: false },
  var: { source: (v) => `var k = ${v}`, constant: false },
  'var in a loop': { source: (v) => `for (var k of [0, ${v}]) ;`, constant: false },
  'var in a block': { source: (v) => `{ var k = ${v} }`, constant: false },
  'const in a pattern': { source: (v) => `const { k } = { k: ${v} }`, constant: true },
  'let in a pattern with a default': { source: (v) => `let [, k = ${v}] = [0]`, constant: false },
  'await in a const': { source: (v) => `const k = await Promise.resolve(${v})`, constant: true },
  using: {
    source: (v) => `using k = { v: ${v}, [Symbol.dispose ?? Symbol.for('dispose')]() {} } as any`,
    constant: true,
  },
  function: { source: (v) => `function k() { return ${v} }`, constant: false },
  class: { source: (v) => `class k { static v = ${v} }`, constant: false },
  'class with a decorator': {
    source: (v) => `const none = (c: any, _: any) => c\n@none class k { static v = ${v} }`,
    constant: false,
  },
  enum: { source: (v) => `enum k { v = ${v} }`, constant: true },
  namespace: { source: (v) => `namespace k { export const v = ${v} }`, constant: true },
  'exported const': { source: (v) => `export const k = ${v}`, constant: true },
  'import of a name': { source: (v) => `import { k } from 'm${v}'`, constant: true },
  'import under another name': { source: (v) => `import { other as k } from 'm${v}'`, constant: true },
  'import of the default': { source: (v) => `import k from 'm${v}'`, constant: true },
  'import of all': { source: (v) => `import * as k from 'm${v}'`, constant: true },
  'import require': { source: (v) => `import k = require('m${v}')`, constant: true },
};

/** `k` as a number, however it was declared. */
const NUMBER = '(x: any) => (typeof x === "number" ? x : typeof x === "function" && !("v" in x) ? x() : x.v)';

/** Functions that read `k`, declared by a cell before its first declaration, by the cell of it, and after. */
const readers = [
  'const r$ = [() => num(k), async () => num(k), () => num({ k }.k), (x = k) => num(x)]',
  'class R$ { x = num(k); get y() { return num(k) } static z() { return num(k) } }\nfunction* g$() { yield num(k) }',
  'const later$ = { get now() { return num(k) }, nested: () => () => num(k) }',
].join('\n');
const read = (suffix: string): string =>
  `[${suffix}]`.replace(
    /\[(\w)\]/,
    '...r$1.map((f) => f()), new R$1().x, new R$1().y, R$1.z(), ...g$1(), later$1.now, later$1.nested()()',
  );
const assign = (suffix: string): string => `const set${suffix} = (v: any) => { k = v }`;

function sessionWithModules(): TestSession {
  const modules: Record<string, Record<string, unknown>> = Object.fromEntries(
    [1, 2].map((v) => [`m${v}`, { k: v, other: v, default: v, v }]),
  );
  return new TestSession({ modules, require: (specifier) => modules[specifier] });
}

for (const [firstKind, first] of Object.entries(declarations))
  test(`${firstKind}, then every kind: functions of all cells see the new value`, async () => {
    for (const [secondKind, second] of Object.entries(declarations)) {
      const what = `${firstKind} -> ${secondKind}`;
      const session = sessionWithModules();
      const reads = async (...suffixes: string[]): Promise<unknown[]> =>
        await Promise.all((await session.last(`[${suffixes.map(read).join()}]`)) as unknown[]);
      await session.all(`const num = ${NUMBER}`);
      await session.all(readers.replaceAll('$', 'a'), assign('A'));
      await session.all(`${first.source(1)}\n${readers.replaceAll('$', 'b')}\n${assign('B')}`);
      await session.all(readers.replaceAll('$', 'c'), assign('C'));
      assert.deepEqual([...new Set(await reads('a', 'b', 'c'))], [1], `${what}: first`);
      await session.all(second.source(2));
      await session.all(readers.replaceAll('$', 'd'), assign('D'));
      assert.deepEqual([...new Set(await reads('a', 'b', 'c', 'd'))], [2], `${what}: second`);
      assert.equal(await session.last('num(k)'), 2, `${what}: top-level code`);
      for (const [index, set] of ['setA', 'setB', 'setC', 'setD'].entries()) {
        const { error } = await session.run(`${set}(${10 + index})`);
        const expected = second.constant ? 2 : 10 + index;
        assert.equal((error as Error | undefined)?.name, second.constant ? 'TypeError' : undefined, what);
        assert.deepEqual([...new Set(await reads('a', 'b', 'c', 'd'))], [expected], `${what}: ${set}`);
        assert.equal(await session.last('num(k)'), expected, `${what}: top-level code after ${set}`);
      }
      const { error } = await session.run('k = 20 as any');
      assert.equal((error as Error | undefined)?.name, second.constant ? 'TypeError' : undefined, what);
      assert.equal(await session.last('num(k)'), second.constant ? 2 : 20, what);
    }
  });

runCases([
  ['an edited constant', ['const k = 1', 'const f = () => k', 'const k = 5', 'f()'], 5],
  [
    'a closure in a closure',
    ['const k = 1', 'const f = () => () => k', 'const g = f()', 'const k = 5', 'g()'],
    5,
  ],
  [
    'instances keep their class, new ones get the new one',
    [
      'class A { v() { return 1 } }',
      'const old = new A(), make = () => new A()',
      'class A { v() { return 2 } }',
      '[old.v(), make().v(), old instanceof A]',
    ],
    [1, 2, false],
  ],
  [
    'a subclass keeps its base until its cell runs again',
    [
      'class A { v() { return 1 } }',
      'class B extends A {}',
      'class A { v() { return 2 } }',
      'const before = new B().v()',
      'class B extends A {}',
      '[before, new B().v()]',
    ],
    [1, 2],
  ],
  [
    'within a class its own name means this class',
    [
      'class A { make() { return new A() }; v = 1 }',
      'const a = new A()',
      'class A { v = 2 }',
      '(a.make() as any).v',
    ],
    1,
  ],
  [
    'a timer calls the new function, unless it was given the old one',
    [
      'const seen: string[] = []\nconst tick = () => seen.push("old")',
      'setTimeout(() => tick(), 30)\nsetTimeout(tick, 30)',
      'const tick = () => seen.push("new")',
      'await new Promise((r) => setTimeout(r, 80))\nseen.toSorted()',
    ],
    ['new', 'old'],
  ],
  [
    'mutual recursion with an edited half',
    [
      'const even = (n: number): boolean => n === 0 || odd(n - 1)',
      'const odd = (n: number): boolean => n > 0 && even(n - 1)',
      'const odd = (n: number): boolean => n === 99',
      '[even(4), even(100)]',
    ],
    [false, true],
  ],
  [
    'a counter of a closure starts again',
    ['let n = 0\nconst inc = () => ++n', 'inc(); inc()', 'let n = 0', 'inc()'],
    1,
  ],
  [
    'let without a value',
    ['let a: any = 1\nconst f = () => a', 'let a: any', '[f(), a]'],
    [undefined, undefined],
  ],
  ['var without a value keeps it', ['var a = 1\nconst f = () => a', 'var a: number', '[f(), a]'], [1, 1]],
  ['var reads its earlier value', ['var a = 1', 'var b = a\nvar a = 2', '[a, b]'], [2, 1]],
  [
    'a loop over a redeclared name with a function that assigns it',
    [
      'let s = 0\nconst add = (v: number) => { s += v }',
      'let s = 100\nfor (let i = 0; i < 3; i++) { add(i); s += 10 }\ns',
      's',
    ],
    133,
  ],
  [
    'a const that was a variable, in patterns and loops of functions',
    [
      'let a = 1\nconst f = (how: number) => { try { if (how === 0) [a] = [2]; else if (how === 1) for (a of [3]) ; else if (how === 2) a++; else if (how === 3) a ||= 0; else ({ a } = { a: 4 }) } catch (e: any) { return e.name } return a }',
      'const a = 0',
      '[f(0), f(1), f(2), f(3), f(4), a]',
    ],
    ['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 0],
  ],
  [
    'a variable that was a const, in patterns and loops of functions',
    [
      'const a: any = 1\nconst f = (how: number): any => { if (how === 0) [a] = [2]; else if (how === 1) for (a of [3]) ; else if (how === 2) a++; else if (how === 3) a &&= 5; else if (how === 4) ({ a } = { a: 6 }); else return a++ + a-- + (a += 1); return a }',
      'let a: any = 0',
      '[f(0), f(1), f(2), f(3), f(4), f(5), a]',
    ],
    [2, 3, 4, 5, 6, 20, 7],
  ],
  [
    'a default of a pattern sees what the pattern has bound',
    ['let a = 1, b = 1\nconst f = () => { a = 5 }', 'let { a, b = a }: any = { a: 7 };\n[a, b]'],
    [7, 7],
  ],
  [
    'a cell that runs twice',
    ['const k = 1\nconst f = () => k\nf()', 'const k = 1\nconst f = () => k\nf()'],
    1,
  ],
  [
    'names that hold dollar signs',
    ['const a$1 = 1, a = 2\nconst f = () => [a, a$1]', 'const a$1 = 3', 'f()'],
    [2, 3],
  ],
]);

// Until a cell reaches the declaration, the name has its earlier value, for top-level code and for functions, as in
// Python and in V8's REPL; without an earlier value that is a ReferenceError.
const early: [what: string, source: string][] = [
  ['const', 'told(typeof k)\nconst k = 2'],
  ['let', 'told(k)\nlet k = 2'],
  ['in its own declaration', 'let k = (told(k), 2)'],
  ['a pattern', 'const { a = told(k), k } = { k: 2 }'],
  ['its own default in a pattern', 'let { k = told(k) } = {} as any'],
  ['class', 'told(k)\nclass k {}'],
  ['a function of its own cell', 'told((() => k)())\nconst k = 2'],
  ['a hoisted function of its own cell', 'told(own())\nconst k = 2\nfunction own() { return k }'],
  ['shorthand', 'told({ k }.k)\nconst k = 2'],
  ['a template', 'told(`${k}`)\nconst k = 2'],
  ['enum', 'told(read())\nenum k { v }'],
  ['a compound assignment', 'let a = 0; told(a += k)\nlet k = 2'],
];
for (const [what, source] of early)
  test(`early read of ${what}`, async () => {
    for (const hasEarlier of [false, true]) {
      const told: unknown[] = [];
      (globalThis as Record<string, unknown>)['told'] = (value: unknown) => told.push(value);
      const session = new TestSession();
      await session.all('const read = () => k');
      if (hasEarlier) await session.all('const k: any = 1');
      const { error } = await session.run(source);
      if (what === 'enum' && !hasEarlier) {
        assert.equal((error as Error).name, 'ReferenceError');
      } else if (hasEarlier) {
        assert.equal(error, undefined);
        assert.deepEqual(told.map(String), [what === 'const' ? 'number' : '1']);
      } else {
        assert.deepEqual(
          [(error as Error).name, (error as Error).message],
          ['ReferenceError', "Cannot access 'k' before initialization"],
        );
        assert.deepEqual(told, []);
      }
    }
  });

test('a cell that fails halfway: what it reached is new, the rest keeps its value and its kind', async () => {
  const session = new TestSession();
  await session.all(
    'let a = 1\nconst b = 1\nfunction f() { return 1 }\nclass C { static v = 1 }',
    'const all = () => [a, b, f(), C.v]\nconst setA = () => { a = 7 }\nconst setB = () => { (b as any) = 7 }',
  );
  const { error, declared } = await session.run(
    'const a = 2\nfunction f() { return 2 }\nthrow new Error("no")\nlet b = 2\nclass C { static v = 2 }',
  );
  assert.equal((error as Error).message, 'no');
  assert.deepEqual(declared.toSorted(), ['a', 'f']);
  assert.deepEqual(await session.last('all()'), [2, 1, 2, 1]);
  assert.equal(((await session.run('setA()')).error as Error).name, 'TypeError');
  assert.equal(((await session.run('setB()')).error as Error).name, 'TypeError');
  assert.deepEqual(
    session.compiler
      .bindings()
      .filter(({ name }) => 'abfC'.includes(name))
      .map(({ name, kind }) => `${kind} ${name}`),
    ['const a', 'const b', 'function f', 'class C'],
  );
});

test('a name that its first cell never reached is not defined, and comes into being later', async () => {
  const session = new TestSession();
  await session.run('function f() { return k }\nthrow 1\nconst k = 1');
  assert.equal(
    ((await session.run('f()')).error as Error).message,
    "Cannot access 'k' before initialization",
  );
  assert.equal(((await session.run('k')).error as Error).message, 'k is not defined');
  assert.deepEqual(await session.last('const k = 3', 'f()'), 3);
});

test('an import follows its module, also after it was imported again', async () => {
  const modules: Record<string, Record<string, unknown>> = { m: { k: 1 } };
  const session = new TestSession({ modules });
  await session.all("import { k } from 'm'\nconst f = () => k", 'const g = () => [f(), k]');
  modules['m']!['k'] = 2;
  assert.deepEqual(await session.last('g()'), [2, 2]);
  modules['m'] = { k: 3 };
  assert.deepEqual(await session.last("import { k } from 'm'", 'g()'), [3, 3]);
  assert.deepEqual(await session.last('const k = 4', 'g()'), [4, 4]);
  assert.deepEqual(await session.last("import { k } from 'm'", 'g()'), [3, 3]);
  // An import that fails changes nothing.
  assert.ok((await session.run("import { nope } from 'm'\nimport { k } from 'no-such-module'\nnope")).error);
  assert.deepEqual(await session.last('g()'), [3, 3]);
});

test('cells at the same time: names that change while a cell waits', async () => {
  const session = new TestSession();
  const gates: (() => void)[] = [];
  (globalThis as Record<string, unknown>)['gate'] = () => new Promise<void>((open) => gates.push(open));
  await session.all('const k = 1, f = () => 1\nlet v = 1');
  const waiting = session.run(
    'let own = 1\nconst before = [k, f(), v, own]\nawait gate()\n;[...before, k, f(), v, own]',
  );
  await session.all('const k = 2\nfunction f() { return 2 }\nlet v = 2', 'own = 2');
  gates[0]!();
  assert.deepEqual((await waiting).result, [1, 1, 1, 1, 2, 2, 2, 2]);
});
