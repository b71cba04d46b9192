import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openNotebook, type Notebook } from './notebook.ts';

describe('an error', () => {
  let notebook: Notebook;
  before(() => {
    notebook = openNotebook();
  });
  after(() => notebook.host.dispose());

  /** Name, message and traceback without colours, cells called `N`. */
  async function failure(source: string): Promise<string[]> {
    const outcome = await notebook.cell(source);
    if (outcome.status !== 'error') throw new Error(`no error, but ${String(notebook.shown)}`);
    return plain([outcome.error.name, outcome.error.message, ...outcome.error.traceback]);
  }
  function plain(lines: string[]): string[] {
    return lines
      .join('\n')
      .replaceAll(`cell ${notebook.last}`, 'cell N')
      .replaceAll(/\u001B\[[\d;]*m/gu, '') // eslint-disable-line no-control-regex -- colours
      .split('\n');
  }

  test("points at the cell's own line and column, with the line", async () => {
    assert.deepEqual(
      await failure(
        'interface A { b?: { c: number } }\nconst a: A = {};\n\nfunction read(x: A): number {\n  return x.b!.c;\n}\n[1].map(() => read(a));',
      ),
      [
        'TypeError',
        "Cannot read properties of undefined (reading 'c')",
        "TypeError: Cannot read properties of undefined (reading 'c')",
        '  3 |',
        '  4 | function read(x: A): number {',
        '> 5 |   return x.b!.c;',
        '    |               ^',
        '  6 | }',
        '    at read (cell N:5:15)',
        '    at cell N:7:15',
        '    at Array.map (<anonymous>)',
        '    at cell N:7:5',
      ],
    );
  });

  test('keeps asynchronous callers', async () => {
    assert.deepEqual(
      (
        await failure(
          'async function inner() {\n  await new Promise((r) => setTimeout(r, 1));\n  throw new Error("late");\n}\nawait inner();',
        )
      ).slice(-2),
      ['    at inner (cell N:3:9)', '    at async cell N:5:1'],
    );
  });

  test("of Node's DOMException has its name and message, also as a cause", async () => {
    const aborted = ['AbortError', 'This operation was aborted', 'AbortError: This operation was aborted'];
    for (const source of [
      'AbortSignal.abort().throwIfAborted();',
      'throw AbortSignal.abort().reason;',
      'await fetch("http://127.0.0.1:9", { signal: AbortSignal.abort() });',
    ])
      assert.deepEqual((await failure(source)).slice(0, 3), aborted, source);
    assert.match(
      (await failure('structuredClone(() => 1);')).slice(0, 2).join(': '),
      /^DataCloneError: .* could not be cloned/,
    );
    const lines = await failure(
      'throw new Error("outer", { cause: new DOMException("inner", "TimeoutError") });',
    );
    assert.ok(lines.includes('TimeoutError: inner'), lines.join('\n'));
  });

  test('in a function of an earlier cell names both cells', async () => {
    await notebook.cell('function fails() {\n  throw new RangeError("here");\n}');
    const first = notebook.last;
    const lines = await failure('\nfails();');
    assert.deepEqual(lines.slice(-2), [`    at fails (cell ${first}:2:9)`, '    at cell N:2:1']);
  });

  test('shows causes, aggregated errors and what a library added', async () => {
    const lines = await failure(
      'try { throw new Error("root"); } catch (e) { throw Object.assign(new Error("outer", { cause: e }), { code: "E_OUTER" }); }',
    );
    assert.deepEqual(
      lines.filter((line) => /^\w*Error|^caused|^\{/u.test(line)),
      ['Error', 'Error: outer', "{ code: 'E_OUTER' }", 'caused by:', 'Error: root'],
    );
    const several = await failure(
      'await Promise.any([Promise.reject(new Error("one")), Promise.reject(new TypeError("two"))]);',
    );
    assert.deepEqual(
      several.filter((line) => /^\w*Error|^error /u.test(line)),
      [
        'AggregateError',
        'AggregateError: All promises were rejected',
        'error 1 of 2:',
        'Error: one',
        'error 2 of 2:',
        'TypeError: two',
      ],
    );
    const circular = await failure('const e = new Error("round"); e.cause = e; throw e;');
    assert.equal(circular.at(-1), '(an error shown above)');
  });

  test('need not be an error', async () => {
    assert.deepEqual(await failure('throw "text";'), ['Thrown', "'text'", "Thrown: 'text'"]);
    assert.deepEqual(await failure('throw undefined;'), ['Thrown', 'undefined', 'Thrown: undefined']);
    assert.deepEqual(await failure('throw { a: 1 };'), ['Thrown', '{ a: 1 }', 'Thrown: { a: 1 }']);
    assert.deepEqual(await failure('await Promise.reject(null);'), ['Thrown', 'null', 'Thrown: null']);
  });

  test('may have getters that throw, or be a proxy', async () => {
    const lines = await failure(
      'const e = new Error("x"); for (const k of ["message", "stack", "cause", "name"]) Object.defineProperty(e, k, { get() { throw new Error("no " + k); } }); throw e;',
    );
    assert.deepEqual(lines.slice(0, 3), ['Error', '', 'Error']);
    assert.equal(
      (
        await failure(
          'throw new Proxy({}, { get() { throw new Error("trap"); }, getPrototypeOf() { throw 1; } });',
        )
      )[0],
      'Thrown',
    );
    // The target of a proxy is shown, but nothing asks the proxy whether it is an error.
    const [name, message] = await failure(
      'throw new Proxy(new Error("x"), { get() { throw new Error("trap"); } });',
    );
    assert.equal(name, 'Thrown');
    assert.match(message!, /^(?:Proxy\()?Error: x/u);
    assert.deepEqual(await notebook.cell('1;'), { status: 'ok', declared: [] });
  });

  test('names what the user wrote, not the generated code', async () => {
    await notebook.cell('let notAFunction: any = 3; const object: any = {};');
    assert.equal((await failure('notAFunction();'))[1], 'notAFunction is not a function');
    assert.equal((await failure('object.method();'))[1], 'object.method is not a function');
    assert.equal((await failure('neverDeclared + 1;'))[1], 'neverDeclared is not defined');
    assert.equal((await failure('const [p] = notAFunction;'))[1], 'notAFunction is not iterable');
    assert.equal(
      (await failure('early; const early = 1;'))[1],
      "Cannot access 'early' before initialization",
    );
  });

  test("is the same in the cell's own hands", async () => {
    await notebook.cell(
      'let stack = "";\ntry {\n  null!.x;\n} catch (e) { stack = (e as Error).stack!; }\nconsole.log(stack);',
    );
    assert.deepEqual(plain([notebook.text(notebook.last)]), [
      "TypeError: Cannot read properties of null (reading 'x')",
      '    at cell N:3:9',
      '',
    ]);
  });

  test('of too much recursion ends the cell only', async () => {
    const lines = await failure('function f(n: number): number { return f(n + 1) + 1; }\nf(0);');
    assert.deepEqual(lines.slice(0, 2), ['RangeError', 'Maximum call stack size exceeded']);
    assert.deepEqual(notebook.replaced, []);
  });

  test('in a timer or a promise without await appears under its own cell and ends nothing', async () => {
    const cells: Record<string, number> = {};
    for (const [name, source] of Object.entries({
      timer: 'setTimeout(() => { throw new Error("timer"); }, 30);',
      promise:
        'void (async () => { await new Promise((r) => setTimeout(r, 30)); throw new Error("promise"); })();',
      immediate: 'setImmediate(() => { throw new Error("immediate"); });',
      microtask: 'queueMicrotask(() => { throw new Error("microtask"); });',
      tick: 'process.nextTick(() => { throw new Error("tick"); });',
      rejected: 'void Promise.reject(new Error("rejected"));',
    })) {
      assert.equal((await notebook.cell(source)).status, 'ok');
      cells[name] = notebook.last;
    }
    await notebook.cell('"another cell runs meanwhile"; await new Promise((r) => setTimeout(r, 100));');
    const seen = notebook.messages.flatMap((message) =>
      message.type === 'late-error' ? [[message.error.message, message.execution]] : [],
    );
    assert.deepEqual(Object.fromEntries(seen), cells);
    assert.deepEqual(notebook.replaced, []);
  });
});
