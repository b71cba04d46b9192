import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { Names } from '../../../runtime/names.ts';
import {
  commonJsNamespace,
  createNamespace,
  defineExports,
  defineReexports,
  namespaceOf,
} from '../../../runtime/modules/namespace.ts';

/** V8's own answer: a property of a dictionary takes ten times as long to read as one of a fast object. */
function isFast(object: object): boolean {
  setFlagsFromString('--allow-natives-syntax');
  try {
    return (runInThisContext('(object) => %HasFastProperties(object)') as (object: object) => boolean)(
      object,
    );
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

const many = <T>(value: (i: number) => T): Record<string, T> =>
  Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`name${i}`, value(i)]));

function exporting(getters: Record<string, () => unknown>): Record<string, unknown> {
  const namespace = createNamespace();
  defineExports(namespace, getters);
  return namespace;
}

function reexporting(from: Record<string, unknown>): Record<string, unknown> {
  const namespace = createNamespace();
  defineReexports(namespace, from);
  return namespace;
}

const counters = many((i) => () => i);
test.each([
  ['of a local file', exporting(counters)],
  ['that exports all of another one', reexporting(exporting(counters))],
  ['that exports all of a package', reexporting(many((i) => i))],
  ['of a CommonJS module', commonJsNamespace(many((i) => i))],
  ['of a JSON file', namespaceOf(many((i) => i))],
])('V8 reads a namespace fast: %s', (_, namespace) => {
  expect(namespace['name299']).toBeDefined();
  expect(isFast(namespace)).toBe(true);
});

test('the check tells a dictionary', () => {
  expect(isFast(Object.create(null) as object)).toBe(false);
});

test('values of all kinds of namespaces stay alive', () => {
  let value = 1;
  const local = exporting({ value: () => value });
  const again = reexporting(local);
  const exports = { value: 1, "a-'b\\": 2 };
  const common = commonJsNamespace(exports);
  const commonAgain = reexporting(common);
  value = 2;
  exports.value = 2;
  expect([local, again, common, commonAgain].map((namespace) => namespace['value'])).toEqual([2, 2, 2, 2]);
  expect(common["a-'b\\"]).toBe(2);
});

type Declaration = (names: Names) => void;
const constant: Declaration = (names) => names.declare('name', 'const', 1);
const variable: Declaration = (names) => names.declare('name', 'let', 2);
const imported: Declaration = (names) => names.link('name', {}, () => 3);
test.each<[string, Declaration[], number]>([
  ['a constant', [constant, constant], 1],
  ['a variable after a constant', [constant, variable], 2],
  ['an import after another one', [imported, imported], 3],
  ['an import after a constant', [constant, imported], 3],
  ['a variable after imports', [imported, imported, variable, variable], 2],
  ['a constant after an import', [constant, imported, constant], 1],
  ['an import after all of them', [constant, imported, variable, imported], 3],
])('V8 reads a name fast that is declared again: %s', (_, declarations, value) => {
  const names = new Names();
  for (const declare of declarations) declare(names);
  expect(isFast(names.box('name'))).toBe(true);
  expect(names.value('name')).toBe(value);
});
