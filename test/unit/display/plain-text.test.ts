import { inspect } from 'node:util';
import { plainText } from '../../../src/display/plain-text.ts';

class Person {
  name = 'Ada';
  age = 36;
}

test.each<[string, unknown, string]>([
  ['a number', 1, '1'],
  ['minus zero', -0, '-0'],
  ['a big integer', 12n, '12n'],
  ['a string', "it's", `"it's"`],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['a function', function add() {}, '[Function: add]'],
  ['a class', Person, '[class Person]'],
  ['an instance', new Person(), "Person { name: 'Ada', age: 36 }"],
  ['an object', { a: 1, 'b c': [true], [Symbol.for('k')]: {} }, "{ a: 1, 'b c': [ true ], [Symbol(k)]: {} }"],
  ['an empty array', [], '[]'],
  [
    'no prototype',
    Object.assign(Object.create(null) as object, { a: 1 }),
    '[Object: null prototype] { a: 1 }',
  ],
  ['a map', new Map([['a', { b: 1 }]]), "Map(1) { 'a' => { b: 1 } }"],
  ['a set', new Set([1, 'x']), "Set(2) { 1, 'x' }"],
  ['a typed array', new Float32Array([1.5, 2]), 'Float32Array(2) [ 1.5, 2 ]'],
  ['bytes', Buffer.from([1, 255]), '<Buffer 01 ff>'],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['an expression', /a/g, '/a/g'],
  ['a promise', Promise.resolve(1), 'Promise { 1 }'],
  ['holes', [1, , , 4], '[ 1, <2 empty items>, 4 ]'], // oxlint-disable-line no-sparse-arrays
  ['an array with a property', Object.assign([1], { note: 'x' }), "[ 1, note: 'x' ]"],
  ['a proxy', new Proxy({ a: 1 }, { get: () => fail() }), '{ a: 1 }'],
  ['a boxed number', Object(5), '[Number: 5]'],
])('%s', (_, value, text) => {
  expect(plainText(value)).toBe(text);
});

test('getters are named, never run', () => {
  const value = {
    get secret(): number {
      throw new Error('ran');
    },
    set secret(_value) {},
    get other(): number {
      throw new Error('ran');
    },
    get [Symbol.toStringTag](): string {
      throw new Error('ran');
    },
  };
  expect(plainText(value)).toBe(
    '{\n  secret: [Getter/Setter],\n  other: [Getter],\n  [Symbol(Symbol.toStringTag)]: [Getter]\n}',
  );
});

test('circles are marked where they begin and where they close', () => {
  const value: Record<string, unknown> = { name: 'x' };
  value['self'] = value;
  value['list'] = [value];
  expect(plainText(value)).toBe("<ref *1> { name: 'x', self: [Circular *1], list: [ [Circular *1] ] }");
});

test('numbers stand in columns', () => {
  expect(plainText(Array.from({ length: 20 }, (_, index) => index * 5))).toBe(
    `[\n   0,  5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75,\n  80, 85, 90, 95\n]`,
  );
});

test('long arrays, strings and deep objects are cut, and say how to see more', () => {
  expect(plainText(new Set(Array.from({ length: 1005 }, (_, index) => index)), { items: 3 })).toBe(
    'Set(1005) { 0, 1, 2, … 1,002 more items }\n(cut: display(value, { items: 1000 }) shows more)',
  );
  expect(plainText('abcdef', { characters: 3 })).toBe(
    "'abc'… 3 more characters\n(cut: display(value, { characters: 1000 }) shows more)",
  );
  expect(plainText({ a: { b: { c: { d: 1 } } } }, { depth: 1 })).toBe(
    '{ a: { b: [Object] } }\n(cut: display(value, { depth: 4 }) shows more)',
  );
});

test('a custom inspect method is used, and one that throws is told', () => {
  expect(plainText({ [inspect.custom]: () => 'mine' })).toBe('mine');
  expect(plainText({ [inspect.custom]: (): unknown => ({ inner: 1 }) })).toBe('{ inner: 1 }');
  const broken = Object.defineProperty({ a: 1 }, inspect.custom, {
    value: () => {
      throw new Error('no!');
    },
  });
  expect(plainText([broken])).toBe('[ { a: 1 } [its custom inspect threw: no!] ]');
});

test('an error shows its stack and its cause', () => {
  const text = plainText(new TypeError('bad', { cause: { code: 7 } }));
  expect(text).toMatch(/^TypeError: bad\n {4}at /);
  expect(text).toMatch(/\[cause\]: \{ code: 7 \}/);
});

/** The promise is 50 ms; a machine that does much else gets a hundred times that. */
function withinTime(make: () => unknown): string {
  const value = make();
  const start = performance.now();
  const text = plainText(value);
  expect(performance.now() - start).toBeLessThan(5000);
  return text;
}

test('huge values are quick and short', () => {
  const wide = (depth: number): unknown =>
    depth === 0 ? 1 : Array.from({ length: 60 }, () => wide(depth - 1));
  const sparse = (length: number): unknown => Object.assign([], { length });
  const linked = (): unknown => {
    let head: unknown = null;
    for (let index = 0; index < 1e5; index++) head = { next: head };
    return head;
  };
  for (const make of [
    () => wide(3),
    linked,
    () => sparse(4_294_967_295),
    () => Object.assign([], { 1_000_000_000: 1 }),
    () => sparse(30_000_000),
    () => new Map(Array.from({ length: 1e5 }, (_, index) => [index, { index }])),
    () => Object.fromEntries(Array.from({ length: 1e5 }, (_, index) => [`k${index}`, index])),
    () => new Float64Array(1e7),
    () => 'x'.repeat(2e7),
    () => Array.from({ length: 1000 }, () => 'x'.repeat(9000)),
  ]) {
    expect(withinTime(make).length).toBeLessThan(1_000_000);
  }
  expect(plainText(Object.assign([], { 1_000_000_000: 1 }))).toBe('[ <1,000,000,000 empty items>, 1 ]');
});
