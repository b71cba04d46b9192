/** Which names the source of a function says that it uses. (Not a unit: jest cannot load the parser.) */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceNames } from '../../src/compile/guards/source-names.ts';

const names = (source: string) => [...sourceNames(source).names].toSorted();

test('names from outside: of functions, arrows, methods, accessors, classes', () => {
  assert.deepEqual(names('(a, b) => tf.mul(alpha, a, b)'), ['alpha', 'tf']);
  assert.deepEqual(
    names('function loss(a, { b: [c = beta] }, ...rest) { return inner(a, c, rest, loss, arguments) }'),
    ['beta', 'inner'],
  );
  assert.deepEqual(names('call(x, kwargs) { return this.scale * kwargs.training + rate }'), ['rate']);
  assert.deepEqual(names('async call(x) { await x; for (const input of inputs) input(x); }'), ['inputs']);
  assert.deepEqual(names('get rate() { return base }'), ['base']);
  assert.deepEqual(names('*[key](x) { yield* x }'), ['key']);
  assert.deepEqual(
    names('class A extends Base { static s = one; #p = two; call() { return this.#p + A.s + three } }'),
    ['Base', 'one', 'three', 'two'],
  );
});

test('a name that is declared in one place and free in another is from outside', () => {
  assert.deepEqual(names('() => { { let alpha = 1; use(alpha) } return alpha }'), ['alpha', 'use']);
  assert.deepEqual(names('(x) => ((alpha) => alpha)(x) + alpha'), ['alpha']);
  assert.deepEqual(names('() => { for (let i = 0; i < n; i++); try { f() } catch (e) { e } return i + e }'), [
    'e',
    'f',
    'i',
    'n',
  ]);
  // `var` and functions are there for the whole of their function.
  assert.deepEqual(names('() => { if (x) { var alpha = 1 } return alpha + late(); function late() {} }'), [
    'x',
  ]);
});

test('properties, labels and keys are no names; shorthands, defaults and computed keys are', () => {
  assert.deepEqual(
    names('() => { out: for (;;) break out; return { key: a.b.c, short, [computed]: 1, m() { return q } } }'),
    ['a', 'computed', 'q', 'short'],
  );
  assert.deepEqual(names('() => `${text} ${"alpha"} // ${/beta/.source}`'), ['text']);
});

test('members of a name, unless it is used in other ways', () => {
  const { members } = sourceNames('() => m.one + m.two() + n.one + n[key]');
  assert.deepEqual([...(members.get('m') as Set<string>)], ['one', 'two']);
  assert.equal(members.get('n'), 'any');
});

test('names that a cell looks up when it runs', () => {
  const { lookups } = sourceNames('() => $1.lookup("alpha",()=>alpha) + $1.assign("beta", 1)');
  assert.deepEqual([...(lookups.get('$1') ?? [])], ['alpha', 'beta']);
});

const evading: [string, RegExp][] = [
  ['(x) => this.scale * x', /arrow function/],
  ['(x) => eval("x")', /eval/],
  ['function f(o) { with (o) { return a } }', /with/],
  ['(x) => import("./a.js")', /imports/],
  ['() => {', /cannot be read/],
];
for (const [source, why] of evading) {
  test(`${source} evades`, () => {
    assert.match(sourceNames(source).evades ?? '', why);
  });
}

for (const source of [
  'function f() { return () => this.scale }',
  '(x) => ({ m() { return this.x } }).m()',
  '(x) => new (class { y = this; z() { return super.z() } })()',
]) {
  test(`${source} has the \`this\` of the call to it`, () => {
    assert.equal(sourceNames(source).evades, undefined);
  });
}

test('private names', () => {
  assert.equal(sourceNames('class A { #p = 1 }').hasPrivateNames, true);
  assert.equal(sourceNames('class A { p = 1 }').hasPrivateNames, false);
  assert.deepEqual(sourceNames('#hidden(x) { return this.#p + x + y }').names, new Set(['y']));
});
