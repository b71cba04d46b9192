import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

const root = join(__dirname, '..', '..');
const TOP = ['cli', 'kernel', 'runtime', 'src'];

/** All sources by their path from the root. */
const sources = TOP.flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(top, name.replaceAll('\\', '/')))
    .filter((name) => /\.(ts|mjs|cjs)$/.test(name) && !name.endsWith('.d.ts')),
);

/** The room of a file: a folder of `src` or `kernel`, or one of the other top folders. */
function roomOf(file: string): string {
  const [top = '', room = '', ...rest] = file.split('/');
  return (top === 'src' || top === 'kernel') && rest.length > 0 ? `${top}/${room}` : top;
}

/** The state at the top level of modules by their path, as scripts/module-state.mjs finds it: Jest loads no ES modules. */
function stateOf(files: Record<string, string>): Record<string, { name: string; kind: string }[]> {
  const script = join(root, 'scripts', 'module-state.mjs');
  const output = execFileSync(process.execPath, [script], {
    input: JSON.stringify({ files }),
    maxBuffer: 2 ** 26,
    encoding: 'utf8',
  });
  return JSON.parse(output) as Record<string, { name: string; kind: string }[]>;
}

/** Rooms with their state: `file name`, the file as a path inside the room. */
function stateByRoom(): Map<string, string[]> {
  const texts = sources.map((file) => [file, readFileSync(join(root, file), 'utf8')] as const);
  const rooms = new Map<string, string[]>();
  for (const [file, found] of Object.entries(stateOf(Object.fromEntries(texts)))) {
    const room = roomOf(file);
    for (const { name } of found)
      rooms.set(room, [...(rooms.get(room) ?? []), `${file.slice(room.length + 1)} ${name}`]);
  }
  return rooms;
}

interface Row {
  state: string;
  reason: string;
}

/** Rows of docs/module-state.md by the heading that they are below. */
function rowsByRoom(): Map<string, Row[]> {
  const rooms = new Map<string, Row[]>();
  let room = '';
  for (const line of readFileSync(join(root, 'docs', 'module-state.md'), 'utf8').split('\n')) {
    room = /^## `([\w/-]+)\/`$/.exec(line)?.[1] ?? room;
    const [, name, file, reason = ''] = /^\| `([^`]+)`\s*\| `([^`]+)`\s*\|(.*)\|$/.exec(line) ?? [];
    if (name === undefined || file === undefined) continue;
    rooms.set(room, [...(rooms.get(room) ?? []), { state: `${file} ${name}`, reason: reason.trim() }]);
  }
  return rooms;
}

const state = stateByRoom();
const rows = rowsByRoom();

test.each([...new Set([...state.keys(), ...rows.keys()])].toSorted())(
  'docs/module-state.md lists the state of modules in %s/, and nothing that is gone',
  (room) => {
    const listed = (rows.get(room) ?? []).map((row) => row.state);
    expect(listed.toSorted()).toEqual((state.get(room) ?? []).toSorted());
  },
);

test('every row of docs/module-state.md gives a reason', () => {
  expect([...rows.values()].flat()).not.toEqual([]);
  const without = [...rows.values()].flat().filter(({ reason }) => reason.split(' ').length < 4);
  expect(without).toEqual([]);
});

const CASES: readonly [title: string, text: string, names: readonly string[]][] = [
  ['a let', 'let a: number | undefined;', ['a']],
  ['an exported let', 'export let a = 0, b = 1;', ['a', 'b']],
  ['a var in a pattern', 'var { x: a, y: [b] } = f();', ['a', 'b']],
  ['a map that a function fills', 'const a = new Map(); export function f() { a.set(1, 2); }', ['a']],
  [
    'a typed map',
    'const a: ReadonlyMap<string, 1> = new Map(); const f = () => (a as Map<string, 1>).clear();',
    ['a'],
  ],
  ['a set in a method', 'const a = new Set(); class A { f() { a.add(1); } }', ['a']],
  [
    'a weak map and a weak set',
    'const b = new WeakMap(), c = new WeakSet(); const f = () => b.delete(c) || c.add(b);',
    ['b', 'c'],
  ],
  ['an array', 'const a: number[] = []; const f = () => a.push(1);', ['a']],
  ['an array whose length changes', 'const a = [1]; function f() { a.length = 0; }', ['a']],
  ['a typed array', 'const a = new Int32Array(2); const f = (n: number) => void (a[0] = n);', ['a']],
  ['shared memory', 'const a = new Int32Array(4); const f = () => Atomics.store(a, 0, 1);', ['a']],
  ['a buffer', 'const a = Buffer.alloc(8); const f = () => a.fill(1);', ['a']],
  ['an object with a field that changes', 'const a = { n: { k: 0 } }; function f() { a.n.k++; }', ['a']],
  [
    'an object that loses a field',
    'const a = { n: 0 } as Record<string, 1>; const f = () => delete a.n;',
    ['a'],
  ],
  ['an object that gets fields', 'const a = {}; const f = (b: object) => Object.assign(a, b);', ['a']],
  ['an object of a class', 'export const a = new Counter();', ['a']],
  ['a finalization registry', 'const a = new FinalizationRegistry<number>((n) => f(n));', ['a']],
  ['the result of once', 'const a = once(() => import("x"));', ['a']],
  ['a closure with a counter', 'const a = (() => { let n = 0; return () => n++; })();', ['a']],
  ['a field of a function', 'function a() { a.calls = 0; }', ['a']],
  ['a static field', 'export class A { static n = 0; static readonly name = "a"; }', ['A.n']],
  ['a static map', 'class A { static readonly all = new Map(); static f() { A.all.set(1, 2); } }', ['A.all']],
  [
    'tables that nothing changes',
    'const a = new Set([1]), b = [1], c = { n: 1 }; const f = () => a.has(1) && b.map(g) && c.n === 1;',
    [],
  ],
  [
    'tables that only top-level code fills',
    'const a = new Set([1]); for (const b of [2, 3]) a.add(b); const f = () => a.has(1);',
    [],
  ],
  ['values without state', 'const a = new TextDecoder("utf-8"), b = new RegExp("x"), c = f(), d = 1;', []],
  ['state of a function', 'function f() { let a = 0; const b = new Map(); b.set(a++, 1); }', []],
  [
    'state of an object',
    'class A { n = 0; readonly #m = new Map(); f() { this.n++; this.#m.set(1, 2); } }',
    [],
  ],
  ['declarations without values', 'declare let a: number; declare const b: Map<string, number>;', []],
];
const found = stateOf(Object.fromEntries(CASES.map(([title, text]) => [`${title}.ts`, text])));

test.each(CASES)('module state is found: %s', (title, _text, names) => {
  expect(found[`${title}.ts`]?.map(({ name }) => name)).toEqual(names);
});

test('a table that only another module changes is state of the module that declares it', () => {
  const tables = 'export const a = new Map(), b = new Map();';
  const user = "import { a as c, b } from '../tables.ts'; c.set(1, 2); b.get(1);";
  expect(stateOf({ 'tables.ts': tables })).toEqual({ 'tables.ts': [] });
  expect(stateOf({ 'tables.ts': tables, 'folder/user.ts': user })).toEqual({
    'tables.ts': [{ name: 'a', kind: 'container' }],
    'folder/user.ts': [],
  });
});
