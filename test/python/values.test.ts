// Plain values between TypeScript and Python, by name and by call; and Python from code.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { python, sharedPythonKernel } from './python-kernel.ts';

const { ok, fails, client } = sharedPythonKernel();

test('python.run prints and shows under its cell; its error has the traceback of Python', async () => {
  const cell = await ok('await python.run("print(1)\\n2 + 3"); "own"');
  assert.equal(cell.stdout, '1\n');
  assert.equal(cell.of('display_data').at(-1)!['data']['text/plain'], '5');
  assert.equal(cell.result, "'own'");
  const failed = await fails('await python.run("def f():\\n    raise KeyError(\'k\')\\nf()")');
  assert.equal(failed.reply['ename'], 'KeyError');
  const [shown] = failed.of('error');
  const traceback = stripVTControlCharacters((shown!['traceback'] as string[]).join('\n'));
  assert.match(traceback, /----> 2 {5}raise KeyError/);
  const caught = await ok(
    'try { await python.run("1/0") } catch (e) { console.log(e instanceof tensorcell.PythonError, e.name, e.code, e.message, e.traceback.length > 1) }',
  );
  assert.equal(caught.stdout, 'true ZeroDivisionError raised division by zero true\n');
});

for (const [typescript, inPython, back] of [
  ['1', '1'],
  ['1.5', '1.5'],
  ['-0', '-0.0'],
  ['NaN', 'nan'],
  ['-Infinity', '-inf'],
  ['2 ** 53 - 1', '9007199254740991'],
  ['2n ** 80n', '1208925819614629174706176'],
  ['"äöü\\u{1f600}\\n\\0"', "'äöü😀\\n\\x00'"],
  ['true', 'True'],
  ['null', 'None'],
  ['undefined', 'None', 'null'],
  ['[1, [2, [3]], "x", null]', "[1, [2, [3]], 'x', None]"],
  ['({ a: 1, b: { c: [true] } })', "{'a': 1, 'b': {'c': [True]}}"],
  ['({ $: "date", value: 1 })', "{'$': 'date', 'value': 1}"],
  ['JSON.parse(\'{"__proto__": 1}\')', "{'__proto__': 1}"],
  ['new Map([[1, "a"], [2, "b"]])', "{1: 'a', 2: 'b'}"],
  ['new Set([3])', '{3}'],
  [
    'new Date(Date.UTC(2024, 1, 29, 12, 30, 15, 250))',
    'datetime.datetime(2024, 2, 29, 12, 30, 15, 250000, tzinfo=datetime.timezone.utc)',
  ],
] as [string, string, string?][]) {
  test(`${typescript} is ${inPython} in Python, and comes back as it was`, async () => {
    await ok(`await python.set("value", ${typescript})`);
    assert.equal((await ok('%%python\nprint(repr(value))')).stdout, `${inPython}\n`);
    const returned = await ok(
      `const { isDeepStrictEqual } = await import('node:util'); isDeepStrictEqual(await python.get("value"), ${back ?? typescript})`,
    );
    assert.equal(returned.result, 'true');
  });
}

for (const [inPython, typescript] of [
  ['(1, "a")', "[ 1, 'a' ]"],
  ['2**53', '9007199254740992n'],
  ['-2**53', '-9007199254740992n'],
  ['{1: "a"}', "Map(1) { 1 => 'a' }"],
  ['frozenset([1])', 'Set(1) { 1 }'],
  ['b"ab"', 'Uint8Array(2) [ 97, 98 ]'],
  ['float("inf")', 'Infinity'],
  ['__import__("datetime").date(2024, 2, 29)', '2024-02-29T00:00:00.000Z'],
  ['__import__("collections").namedtuple("P", "x y")(1, 2)', '{ x: 1, y: 2 }'],
  ['__import__("enum").IntEnum("E", "A B").B', '2'],
  ['[i * i for i in range(3)]', '[ 0, 1, 4 ]'],
] as const) {
  test(`${inPython} comes as ${typescript}`, async () => {
    assert.equal((await ok(`await python.get(${JSON.stringify(inPython)})`)).result, typescript);
  });
}

test('several values are set at once, or none', async () => {
  await ok('await python.set({ a: 1, b: [2] })');
  assert.equal((await ok('%%python\n(a, b)')).result, '(1, [2])');
  assert.match(
    (await fails('await python.set({ a: 3, b: { inner: [() => 1] } })')).reply['evalue'],
    /b\.inner\[0\] is a function, which has no counterpart in Python/,
  );
  assert.equal((await ok('%%python\n(a, b)')).result, '(1, [2])');
  assert.match(
    (await fails('await python.set("a b", 1)')).reply['evalue'],
    /"a b" is not the name of a Python variable/,
  );
});

test('functions are called with positional and named arguments, also async ones and methods', async () => {
  await ok(
    '%%python\ndef f(a, b=2, *, c=3):\n    print("called")\n    return {"sum": a + b + c}\nasync def later(x):\n    return x\nclass Model:\n    def predict(self, x): return [x]\nmodel = Model()',
  );
  const cell = await ok('await python.call("f", 10, { c: 30 })');
  assert.equal(cell.result, '{ sum: 42 }');
  assert.equal(cell.stdout, 'called\n');
  assert.equal((await ok('await python.call<number>("later", 5)')).result, '5');
  assert.equal((await ok('await python.call("model.predict", 5)')).result, '[ 5 ]');
  assert.equal((await ok('await python.call("later", { x: 1 }, python.kwargs({}))')).result, '{ x: 1 }');
  assert.match(
    (await fails('await python.call("f")')).reply['evalue'],
    /missing 1 required positional argument/,
  );
  assert.match((await fails('await python.call("a", 1)')).reply['evalue'], /a is not a function but int/);
});

test('a name that does not exist and a value that cannot be converted are clear errors; both sides go on', async () => {
  assert.match(
    (await fails('await python.get("modle")')).reply['evalue'],
    /no variable modle: did you mean model\?/,
  );
  const object = await fails('await python.get("model")');
  assert.match(
    object.reply['evalue'],
    /the value is __main__\.Model, which has no counterpart in TypeScript/,
  );
  assert.equal(object.reply['ename'], 'CannotConvert');
  await ok('%%python\nring = []; ring.append([ring])');
  assert.match((await fails('await python.get("ring")')).reply['evalue'], /contains itself/);
  assert.match(
    (await fails('const ring: any[] = []; ring.push(ring); await python.set("r", ring)')).reply['evalue'],
    /contains itself/,
  );
  assert.match(
    (await fails('await python.set("r", new (class Mine {})())')).reply['evalue'],
    /r is an object of class Mine/,
  );
  assert.match((await fails('await python.get("1 +")')).reply['ename'], /SyntaxError/);
  assert.equal((await ok('await python.get("a")')).result, '1');
});

test('--in and --out carry variables into a Python cell and back, with their types', async () => {
  await ok('const width = 3; const names = ["x", "y"];');
  const cell = await ok(
    python(
      'area = width ** 2\nlabels = {n: len(n) for n in names}\nprint(area)',
      '--in width,names --out area,labels',
    ),
  );
  assert.equal(cell.stdout, '9\n');
  assert.equal(cell.stderr, '');
  assert.equal((await ok('area + Object.keys(labels).length')).result, '11');
  const typed = await ok('const text: string = area;');
  assert.match(
    typed.stderr +
      (
        await client()
          .late(typed.id, 'stream')
          .catch(() => undefined)
      )?.content['text'],
    /'number' is not assignable to type 'string'/,
  );
  assert.match(
    (await fails('%%python --in widht\n1')).reply['evalue'],
    /TypeScript has no variable widht: did you mean width\?/,
  );
  assert.match((await fails('%%python --out nothing\n1')).reply['evalue'], /no variable nothing/);
  assert.match(
    (await fails('%%python --upside down\n1')).reply['evalue'],
    /--upside: write %%python \[--env PATH\]/,
  );
});

test('an interrupt ends python.run in a cell of TypeScript, and the next cell finds Python at rest', async () => {
  const id = await client().startCell('await python.run("import time\\nwhile True: time.sleep(0.01)")');
  await new Promise((resolve) => setTimeout(resolve, 200));
  await client().request('control', 'interrupt_request', {});
  const cell = await client().finishCell(id);
  assert.equal(cell.reply['ename'], 'Interrupted');
  assert.equal((await ok('await python.get("a")')).result, '1');
});

test('a death in the middle of a call is an error of the cell', async () => {
  await ok('%%python\nimport os, signal\ndef die(): os.kill(os.getpid(), signal.SIGKILL)');
  const cell = await fails('await python.call("die")');
  assert.equal(cell.reply['ename'], 'PythonDied');
  assert.match(cell.reply['evalue'], /killed \(SIGKILL\)/);
  assert.equal((await ok('await python.get("1 + 1")')).result, '2');
});
