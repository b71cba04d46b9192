/** Names with a value and a type, from one cell or from two; what holds for all cells; what this Node has. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openSession, type TestSession } from './session.ts';

let session: TestSession;
before(() => {
  session = openSession();
});
after(() => session.close());

/** Cells in order, all without a finding but for those of the last one. */
type Case = [what: string, cells: string[], last?: string[]];

const SCHEMA = 'const schema = <T,>(parse: (text: string) => T) => ({ parse });';
const ZOD = 'type Infer<S extends { parse(text: string): unknown }> = ReturnType<S["parse"]>;';

const cases: Case[] = [
  [
    'a constant and a type of one name in one cell',
    [
      `${SCHEMA}\n${ZOD}`,
      'const User = schema((text) => ({ id: text, age: 1 }));\ntype User = Infer<typeof User>;\nconst u: User = User.parse("x")',
      'const v: User = User.parse("y"); v.age.toFixed()',
      'const w: User = { id: 1 }; User.nothing',
    ],
    [
      "1:19 2322 Type 'number' is not assignable to type 'string'.",
      "1:33 2339 Property 'nothing' does not exist on type '{ parse: (text: string) => { id: string; age: number; }; }'.",
    ],
  ],
  [
    'a constant, and in another cell its type',
    [
      `${SCHEMA}\n${ZOD}`,
      'const Item = schema((text) => ({ name: text }));',
      'type Item = Infer<typeof Item>;',
      'const item: Item = Item.parse("x"); item.name.length',
      // The constant is edited: its type comes from its own cell, which runs again after it.
      'const Item = schema((text) => ({ size: text.length }));',
      'Item.parse("x").size.toFixed()',
      'type Item = Infer<typeof Item>;',
      'const other: Item = Item.parse("x"); other.size.toFixed()',
    ],
  ],
  [
    'a type, and in another cell its constant',
    [
      'type Shade<T = string> = { shade: T }',
      'const Shade = { of: (shade: string): Shade => ({ shade }) }',
      'const s: Shade<string> = Shade.of("x"); s.shade.length',
    ],
  ],
  [
    'a generic interface, and constants of its name again and again',
    [
      'interface Box<T> { content: T }\nconst Box = <T,>(content: T): Box<T> => ({ content })',
      'const Box = <T,>(content: T): Box<T> => ({ content })',
      'const b: Box<number> = Box(1); b.content.toFixed()',
    ],
  ],
  [
    'an enum of constants: as const and keyof typeof',
    [
      'const Level = { Low: 1, High: 2 } as const;\ntype Level = (typeof Level)[keyof typeof Level];',
      'const level: Level = Level.High',
      'const wrong: Level = 3',
    ],
    ["1:7 2322 Type '3' is not assignable to type 'Level'."],
  ],
  [
    'a class and an interface of its name in one cell',
    [
      'class Animal { legs = 4 }\ninterface Animal { name?: string }',
      'const a = new Animal(); a.name?.length; a.legs.toFixed()',
    ],
  ],
  [
    'a class, and in another cell an interface of its name',
    [
      'class Tree { height = 4 }',
      'interface Tree { age: number }',
      'const t = new Tree(); t.height.toFixed(); const grown: Tree = { age: 5 }',
    ],
  ],
  [
    'a class, a function and an enum with namespaces of their names',
    [
      'class Point { x = 1 }\nnamespace Point { export const origin = new Point(); export type Pair = [Point, Point] }\n' +
        'function area() { return area.unit }\nnamespace area { export const unit = "m" }\n' +
        'enum Size { S, L }\nnamespace Size { export const all = [Size.S, Size.L] }',
      'const pair: Point.Pair = [Point.origin, new Point()]; area().length; area.unit.length; const size: Size = Size.all[0]!; size.toFixed()',
    ],
  ],
  [
    'a decorated class with a namespace of its name',
    [
      'function mark<T extends new (...args: any[]) => object>(base: T, _: ClassDecoratorContext) { return base }\n@mark class Marked { x = 1 }\nnamespace Marked { export const y = 2 }',
      'new Marked().x + Marked.y',
    ],
  ],
  [
    'a variable and a type of one name',
    ['type Mode = "a" | "b"\nlet Mode: Mode = "a"', 'Mode = "b"; const m: Mode = Mode'],
  ],
  [
    'a type of an import, and a constant',
    ['import type { Stats } from "node:fs"', 'const Stats = 1', 'Stats.toFixed()'],
  ],
  [
    'declare global',
    [
      'declare global { interface Array<T> { second(): T | undefined } var appName: string }\nexport {}',
      '[1, 2].second()?.toFixed(); appName.length',
      'const one = 1',
      'const two = 2',
      '["a"].second()?.length',
    ],
  ],
  [
    'declare global that names types of its cell and of earlier ones',
    [
      'interface Config { port: number }',
      'type Theme = "dark" | "light"\ndeclare global { interface Array<T> { config?: Config; theme?: Theme; own?: typeof start } }\nconst start = 1',
      'const c: number | undefined = [].config?.port; const t: "dark" | "light" | undefined = [].theme',
      'const bad: string | undefined = [].config?.port',
    ],
    [
      "1:7 2322 Type 'number | undefined' is not assignable to type 'string | undefined': Type 'number' is not assignable to type 'string'.",
    ],
  ],
  [
    'declare global, edited',
    [
      'declare global { interface Array<T> { third(): number } }',
      'declare global { interface Array<T> { third(): string } }',
      '[1].third().length',
    ],
  ],
  [
    'an augmented module',
    [
      'import { Stats } from "node:fs"\ndeclare module "node:fs" { interface Stats { colour: string } }',
      'const nothing = 1',
      'import { statSync } from "node:fs"\nstatSync(".").colour.length',
    ],
  ],
  [
    'WebAssembly',
    [
      'const m = new WebAssembly.Module(new Uint8Array([0])); const i = await WebAssembly.instantiate(m, {}); i.exports; const r: WebAssembly.Memory = new WebAssembly.Memory({ initial: 1 })',
    ],
  ],
  ['@ts-nocheck', ['// @ts-nocheck\nconst broken: string = 1\nnothing.at.all', 'broken.length']],
  ['@ts-nocheck after other comments', ['/* a cell */\n// @ts-nocheck\nconst broken2: string = 1']],
  [
    '@ts-ignore and @ts-expect-error',
    [
      '// @ts-ignore\nconst a1: string = 1\n// @ts-expect-error it is a number\nconst a2: string = 2\nconst k1 = 1',
      '// @ts-expect-error a constant of an earlier cell\nk1 = 2',
    ],
  ],
  [
    '@ts-expect-error without an error',
    ['// @ts-expect-error\nconst a3 = 1'],
    ["1:1 2578 Unused '@ts-expect-error' directive."],
  ],
  [
    'what may not be assigned, in a later cell',
    [
      'const c9 = 1\nenum E9 { A }\nnamespace N9 { export const x = 1 }\nimport { sep } from "node:path"\nfunction f9() {}\nclass C9 {}\nlet l9 = 1',
      'c9 = 2; c9++; [c9] = [3];\nE9 = 1 as any\nN9 = 1 as any\nsep = "x"\nf9 = () => {}\nC9 = class {}\nl9 = 2',
    ],
    [
      "1:1 2588 Cannot assign to 'c9' because it is a constant.",
      "1:9 2588 Cannot assign to 'c9' because it is a constant.",
      "1:16 2588 Cannot assign to 'c9' because it is a constant.",
      "2:1 2628 Cannot assign to 'E9' because it is an enum.",
      "3:1 2631 Cannot assign to 'N9' because it is a namespace.",
      "4:1 2632 Cannot assign to 'sep' because it is an import.",
    ],
  ],
  [
    'an import is not assigned in its own cell',
    ['import { EOL } from "node:os"\nEOL = "x"'],
    ["2:1 2632 Cannot assign to 'EOL' because it is an import."],
  ],
  [
    'an edited constant',
    [
      'const rate = 1',
      'const twice = () => rate * 2\nconst get = () => rate',
      'const rate = 5',
      'get() === 5 && twice() === 10',
    ],
  ],
  [
    'an object as a cell',
    ['{ a: 1 }', '{ a: 1 }.a.toFixed()', '{ a: 1 }.b'],
    ["1:10 2339 Property 'b' does not exist on type '{ a: number; }'."],
  ],
];

for (const [what, cells, last = []] of cases)
  test(what, async () => {
    for (const source of cells.slice(0, -1)) assert.deepEqual(await session.cell(source), [], source);
    assert.deepEqual(await session.cell(cells.at(-1)!), last);
  });

test('a cell that fails before its constant leaves the earlier one, and its type counts', async () => {
  await session.cell('const Pair = (x: number) => ({ x });\ntype Pair = { x: number }');
  session.service.commit(session.execution(), ['Pair']);
  await session.cell('throw 1;\nconst Pair = 5;\ntype Pair = { x: string }');
  session.service.commit(session.execution(), []);
  assert.deepEqual(await session.cell('const made = Pair(1).x; const p: Pair = { x: "s" }'), []);
  // A cell that did not run at all changes nothing.
  await session.cell('const Pair = 6;\ntype Pair = { x: boolean }');
  session.service.commit(session.execution(), undefined);
  assert.deepEqual(await session.cell('const again = Pair(1).x; const q: Pair = { x: "s" }'), []);
});

test('a feature that this Node lacks is neither known nor offered', async () => {
  const features: [object, string, string][] = [
    [Set.prototype, 'union', 'new Set([1]).'],
    [Promise, 'withResolvers', 'Promise.'],
    [Promise, 'try', 'Promise.'],
    [Array, 'fromAsync', 'Array.'],
    [Object, 'groupBy', 'Object.'],
    [RegExp, 'escape', 'RegExp.'],
    [Error, 'isError', 'Error.'],
    [Uint8Array, 'fromBase64', 'Uint8Array.'],
    [Array.prototype, 'toSorted', '[1].'],
    [String.prototype, 'isWellFormed', '"a".'],
    [globalThis, 'Temporal', 'globalThis.'],
    [globalThis, 'Float16Array', 'globalThis.'],
  ];
  for (const [owner, name, text] of features) {
    const { texts } = await session.complete(`${text}[cur]`);
    assert.equal(texts.includes(name), name in owner, `${text}${name} on ${process.version}`);
  }
});

test('completion within a name replaces the rest of it', async () => {
  assert.deepEqual(await session.cell('const value = { abacus: 1, abc: 2, other: 3 }'), []);
  for (const [source, texts] of [
    ['value.[cur]ab', ['abacus', 'abc', 'other']],
    ['value.a[cur]b', ['abacus', 'abc']],
    ['value.ab[cur]; 1', ['abacus', 'abc']],
    ['val[cur]ue.abc', ['value']],
    ['(value.o[cur]ther)', ['other']],
  ] as const) {
    const found = await session.complete(source);
    const plain = source.replace('[cur]', '');
    const [, head, name] = /^(.*?)(\w*)$/s.exec(source.split('[cur]')[0]!)!;
    const rest = /^\w*/.exec(source.split('[cur]')[1]!)![0];
    assert.deepEqual(
      found.texts.filter((text) => texts.includes(text as never)),
      texts,
      source,
    );
    assert.equal(plain.slice(found.start, found.end), name! + rest, source);
    assert.equal(plain.slice(0, found.start), head, source);
  }
});
