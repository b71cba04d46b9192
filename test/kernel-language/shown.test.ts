/** Showing a value runs no code of it: no trap of a proxy and no getter, whatever the route. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withKernel } from '../kernel/kernel-process.ts';

/** Defines `runs`, which counts, and values that count whatever of them runs. */
const PREPARE = `
let runs: string[] = []
const count = (name: string): any => { runs.push(name); return undefined }
const trapsOf = (name: string): any => Object.fromEntries(
  ['get', 'set', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'defineProperty', 'deleteProperty', 'isExtensible', 'preventExtensions', 'setPrototypeOf', 'apply', 'construct']
    .map((trap) => [trap, (...all: any[]) => { runs.push(name + '.' + trap); return (Reflect as any)[trap](...all) }]))
const proxy = (name: string, target: any): any => new Proxy(target, trapsOf(name))
const withGetters = (name: string, target: any, keys: PropertyKey[]): any => {
  for (const key of keys)
    Object.defineProperty(target, key, { get() { runs.push(name + '[' + String(key) + ']'); return 1 }, enumerable: true, configurable: true })
  return target
}
const KEYS: PropertyKey[] = ['a', 'then', 'constructor', 'length', 'size', 'dataId', 'shape', 'dtype', 'rank', 'name', 'message', 'stack', 'cause', 'errors', 'code', 'toString', 'toJSON', 'valueOf', '$schema', 'outerHTML', 'nodeType', 'columns', 'data', 'metadata',
  Symbol.toStringTag, Symbol.toPrimitive, Symbol.iterator, Symbol.for('Jupyter.display'), Symbol.for('nodejs.util.inspect.custom')]
class Inherits {}
withGetters('prototype', Inherits.prototype, KEYS.filter((key) => key !== 'outerHTML'))
class Faulty extends Error {}
const faulty: any = withGetters('error', new Faulty('x'), ['name', 'message', 'cause', 'errors', 'code', 'stack', Symbol.toStringTag])
const revoked: any = (() => { const { proxy: made, revoke } = Proxy.revocable({}, {}); revoke(); return made })()
const values: Record<string, any> = {
  'a proxy of an object': proxy('object', { x: 1, nested: { y: 2 } }),
  'a proxy of an array': proxy('array', [{ x: 1 }, { x: 2 }]),
  'a proxy of a function': proxy('function', () => 1),
  'a proxy of a class': proxy('class', class A {}),
  'a proxy of an error': proxy('error', new Error('x')),
  'a proxy of a promise': proxy('promise', Promise.resolve(1)),
  'a proxy of a map': proxy('map', new Map([[1, 2]])),
  'a proxy of bytes': proxy('bytes', new Uint8Array(3)),
  'a proxy of a date': proxy('date', new Date(0)),
  'a proxy of a proxy': proxy('outer', proxy('inner', {})),
  'a revoked proxy': revoked,
  'getters': withGetters('getters', { plain: 1 }, KEYS.filter((key) => key !== 'outerHTML')),
  'getters of a prototype': new Inherits(),
  'getters of an array': withGetters('array', [1, 2], ['0', 'then', 'dataId', Symbol.for('Jupyter.display'), Symbol.for('nodejs.util.inspect.custom'), Symbol.toStringTag]),
  'getters of a function': withGetters('function', () => 1, ['then', 'name', 'extra', Symbol.for('Jupyter.display'), Symbol.for('nodejs.util.inspect.custom'), Symbol.toStringTag]),
  'getters of a map': withGetters('map', new Map([[1, 2]]), ['size', 'then', Symbol.toStringTag, Symbol.iterator]),
  'getters of a promise': withGetters('promise', Promise.resolve(1), [Symbol.toStringTag, 'extra']),
  'getters of an error': faulty,
  'a proxy as prototype': Object.create(proxy('prototype', { y: 1 }), { own: { value: 1, enumerable: true } }),
  'rows that are proxies': [proxy('row', { x: 1 }), proxy('row', { x: 2 })],
  'rows with getters': [withGetters('row', { x: 1 }, ['y']), withGetters('row', { x: 2 }, ['y'])],
  'a map of proxies': new Map([[proxy('key', {}), proxy('value', {})]]),
  'an error with a proxy as cause': new Error('outer', { cause: proxy('cause', {}) }),
  'an error with a proxy as property': Object.assign(new Error('outer'), { extra: proxy('extra', {}), code: proxy('code', {}) }),
  'a proxy as last in a tree': { a: { b: [proxy('deep', {}), withGetters('deep', {}, KEYS.filter((key) => key !== 'outerHTML'))] } },
}
const names = Object.keys(values)
let value: any`;

/** Route -> a cell that shows `value`. */
const ROUTES: Record<string, string> = {
  'the last value': 'value',
  'the last value within an object': ';({ inside: value, list: [value] })',
  'the last value of an async cell': 'await 1; value',
  display: 'display(value)',
  'display of tensorcell': 'tensorcell.display(value)',
  'console.log': "console.log(value); console.log('text', [value])",
  'console.log with a format': "console.log('%o %O', value, value)",
  'console.error and console.dir': 'console.error(value); console.dir(value)',
  'console.table': 'console.table([value, { x: 1 }]); console.table(value)',
  'a thrown value': 'throw value',
  'the cause of an error': "throw new Error('with cause', { cause: value })",
  'one of several errors': "throw new AggregateError([value, value], 'several')",
  // (V8 itself turns what a timer throws into a string, unless it is an error.)
  'a late error':
    'setTimeout(() => { throw new Error("late", { cause: value }) }, 1); await new Promise((done) => setTimeout(done, 30))',
  'a late rejection': 'void Promise.reject(value); await new Promise((done) => setTimeout(done, 30))',
};

test('no route runs a trap or a getter', async (context) => {
  await withKernel(async (client) => {
    const ready = await client.cell(PREPARE);
    assert.equal(ready.reply['status'], 'ok', JSON.stringify(ready.reply));
    const count = Number((await client.cell('names.length')).result);
    const kinds = JSON.parse((await client.cell('console.log(JSON.stringify(names))')).stdout) as string[];
    assert.equal(kinds.length, count);
    const seen = async (): Promise<unknown> =>
      JSON.parse((await client.cell('console.log(JSON.stringify([...new Set(runs)])); runs = []')).stdout);
    /** Names of what ran tell the kind of value. */
    const check = async (route: string, show: (set: string) => Promise<unknown>): Promise<void> => {
      await client.cell('runs = []; 0');
      for (const index of kinds.keys()) await show(`value = values[names[${index}]!];`);
      const ran = await seen();
      await context.test(route, () => assert.deepEqual(ran, []));
    };
    const checkRequest = (route: string, show: () => Promise<unknown>): Promise<void> =>
      check(route, async (set) => {
        await client.cell(`${set} 0`);
        await show();
      });
    for (const [route, source] of Object.entries(ROUTES))
      await check(route, (set) => client.cell(`${set} ${source}`));
    await check('a user expression', (set) =>
      client.cell(`${set} 0`, { user_expressions: { shown: 'value' } }),
    );
    await checkRequest('the tooltip', () =>
      client.request('shell', 'inspect_request', { code: 'value', cursor_pos: 5, detail_level: 0 }),
    );
    await checkRequest('completion', () =>
      client.request('shell', 'complete_request', { code: 'value.', cursor_pos: 6 }),
    );
    await check('%who', (set) => client.cell(`${set}\n%who`));
  });
});

test('showing a value runs only the code that the documentation lists, and help with an error runs nothing', async () => {
  await withKernel(async (client) => {
    const ready = await client.cell(`${PREPARE}
class Odd extends Error { get name() { count('name'); return 'Odd' } get message() { count('message'); return 'odd' } }
class Named { static get name() { count('static name'); return 'Named' } }
class NamedError extends Error { static get name() { count('static name'); return 'NamedError' } }
class Tagged { get [Symbol.toStringTag]() { count('tag'); return 'T' } get other() { count('other'); return 1 } }
const shownValues: any = { odd: new Odd(), named: new Named(), namedError: new NamedError('x'), tagged: new Tagged(), behind: new Proxy(new Tagged(), trapsOf('behind')),
  element: { get outerHTML() { count('outerHTML'); return '' } } }
shownValues.list = [shownValues.named, shownValues.namedError]`);
    assert.equal(ready.reply['status'], 'ok', JSON.stringify(ready.reply['traceback']));
    const ran = async (source: string): Promise<string> => {
      await client.cell('runs = []; 0');
      await client.cell(source);
      return (await client.cell('console.log([...new Set(runs)].sort().join())')).stdout.trim();
    };
    const allowed: Record<string, RegExp> = {
      odd: /^(?:message|message,name|name)?$/,
      behind: /^(?:tag)?$/,
      named: /^$/,
      namedError: /^$/,
      tagged: /^$/,
      element: /^$/,
      list: /^$/,
    };
    for (const [name, pattern] of Object.entries(allowed))
      for (const show of [
        'V',
        'console.log(V)',
        'display(V)',
        'throw V',
        "throw new Error('x', { cause: V })",
      ])
        assert.match(await ran(show.replace('V', `shownValues.${name}`)), pattern, `${show} of ${name}`);
    // The call itself reads the member, which is a proxy's trap; the line of help looks further and runs nothing.
    for (let index = 0; index < Number((await client.cell('names.length')).result); index++) {
      const call = `const one: any = values[names[${index}]!]; `;
      const alone = await ran(`${call}try { one.missing() } catch {}`);
      assert.equal(await ran(`${call}one.missing()`), alone, `help with a member of value ${index}`);
    }
  });
});

test('timers are not shown, and numbers and lists of them are', async () => {
  await withKernel(async (client) => {
    for (const [source, shown] of [
      ['setTimeout(() => {}, 1)', undefined],
      ['const waiting = setInterval(() => {}, 1000); waiting', undefined],
      ['clearInterval(waiting)', undefined],
      ['setImmediate(() => {})', undefined],
      ['setTimeout(() => {}, 1).unref()', undefined],
      ["import { setTimeout as start } from 'node:timers'\nstart(() => {}, 1)", undefined],
      ['typeof waiting', "'object'"],
      ['Number(waiting) > 0', 'true'],
      ["await (await import('node:timers/promises')).setTimeout(1, 'slept')", "'slept'"],
    ] as const) {
      const cell = await client.cell(source);
      assert.deepEqual([cell.reply['status'], cell.result], ['ok', shown], source);
    }
    // In a list it is a value like any other.
    assert.match((await client.cell('[waiting]')).result!, /Timeout/);
  });
});

test('results of methods of output streams are not shown', async () => {
  await withKernel(async (client) => {
    for (const source of [
      "process.stdout.write('a')",
      "(process.stderr.write('a'))",
      "const out = process.stdout; out.write('a')",
      "process.stdout?.write('a')",
      'process.stdout.cursorTo(0)',
      "enum Lowered { A }\nprocess.stdout.write('a')",
      "import { PassThrough } from 'node:stream'\nnew PassThrough().write('a')",
      "new PassThrough().end('a')",
    ]) {
      const cell = await client.cell(source);
      assert.deepEqual([cell.reply['status'], cell.result], ['ok', undefined], source);
    }
    for (const [source, shown] of [
      ['({ write: () => true }).write()', 'true'],
      ["process.stdout.write('a') ? 1 : 2", '1'],
      ['process.stdout.isTTY', 'true'],
      ["[process.stdout.write('a')]", '[ true ]'],
    ]) {
      assert.equal((await client.cell(source!)).result, shown, source);
    }
  });
});
