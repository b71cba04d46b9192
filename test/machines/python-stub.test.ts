// The stand-in for Python's library that DirectML's TensorFlow needs: a real loader takes it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import koffi from 'koffi';
import { isPythonObject, stubLibrary } from '../../src/machine/runtimes/python-stub.ts';
import { PYTHON_SYMBOLS } from '../../src/machine/runtimes/python-symbols.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-stub-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const skip = process.arch === 'x64' ? false : 'the library is for x86-64';

function open(names: readonly string[], soname: string): ReturnType<typeof koffi.load> {
  const path = join(folder, soname);
  writeFileSync(path, stubLibrary(names, soname));
  return koffi.load(path);
}

test('every function returns 0, whatever it is given, and every object is memory of zeros', { skip }, () => {
  const library = open(PYTHON_SYMBOLS, 'all.so');
  const functions = PYTHON_SYMBOLS.filter((name) => !isPythonObject(name));
  const objects = PYTHON_SYMBOLS.filter(isPythonObject);
  assert.deepEqual([functions.length, objects.length], [157, 30]);
  for (const name of functions) {
    const call = library.func(name, 'int64_t', ['int64_t', 'int64_t', 'int64_t']);
    assert.deepEqual([name, call(1, 2, 3)], [name, 0]);
  }
  const addresses = new Set<bigint>();
  for (const name of objects) {
    const object: unknown = library.symbol(name, 'uint8_t');
    const bytes = koffi.decode(object, koffi.array('uint8_t', 1024, 'Typed')) as Uint8Array;
    assert.deepEqual([name, bytes.length, bytes.some((byte) => byte !== 0)], [name, 1024, false]);
    addresses.add(koffi.address(object));
  }
  const sorted = [...addresses].sort((a, b) => (a < b ? -1 : 1));
  assert.equal(sorted.length, objects.length);
  assert.ok(
    sorted.every((address, index) => index === 0 || address - sorted[index - 1]! >= 1024n),
    'objects overlap',
  );
  // They are written to, as reference counts are.
  const none = library.symbol('_Py_NoneStruct', 'int64_t');
  koffi.encode(none, 'int64_t', 1);
  assert.equal(koffi.decode(none, 'int64_t'), 1);
});

test('a name that it was not made for is not there; one name and a thousand work', { skip }, () => {
  const one = open(['PyOne'], 'one.so');
  assert.equal(one.func('PyOne', 'int', [])(), 0);
  assert.throws(() => one.func('PyTwo', 'int', []), /PyTwo/);
  const names = Array.from({ length: 1000 }, (_, index) => `Py_${index.toString(36)}_${index * index}`);
  const many = open(names, 'many.so');
  for (const name of names) assert.equal(many.func(name, 'int', [])(), 0, name);
});

test('it stays under 34 kB', { skip }, () => {
  assert.ok(stubLibrary().length < 34_000);
});
