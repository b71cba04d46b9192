import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openNotebook, type Notebook } from './notebook.ts';

/** Cells that do not end by themselves. */
const endless: Record<string, string> = {
  'a busy loop': 'for (;;);',
  'a busy loop in try and finally': 'for (;;) { try { for (;;); } finally { continue; } }',
  'a busy loop that catches everything': 'for (;;) { try { for (;;); } catch {} }',
  'a busy loop after an await': 'await cell.await(0); for (;;);',
  'a busy loop after a timer': 'await cell.await(new Promise((r) => setTimeout(r, 20))); for (;;);',
  'a busy loop in a timer, awaited':
    'setTimeout(() => { for (;;); }, 5); await cell.await(new Promise(() => {}));',
  'a busy loop in a microtask':
    'queueMicrotask(() => { for (;;); }); await cell.await(new Promise(() => {}));',
  'an endless chain of microtasks': 'for (;;) await cell.await(0);',
  'a regular expression that explodes': 'await cell.await(0); /^(a+)+$/.test("a".repeat(35) + "b");',
  'a pending await': 'await cell.await(new Promise(() => {}));',
  'an await in a nested function':
    'const f = async () => { await cell.await(new Promise(() => {})); }; await cell.await(f());',
  'an endless asynchronous iteration':
    'async function* g() { for (;;) { await new Promise((r) => setTimeout(r, 1)); yield 1; } } for await (const x of cell.iterate(g()));',
  'Atomics.wait': 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
  'a child process, blocking': 'require("child_process").execSync("sleep 60");',
  'a child process that ignores SIGINT, blocking':
    'require("child_process").execSync("trap \\"\\" INT; while true; do sleep 0.1; done");',
  'a child process, awaited':
    'await cell.await(new Promise((done) => require("child_process").exec("sleep 60", done)));',
  'endless printing': 'for (;;) console.log("a line of text");',
  'endless printing from a timer':
    'setInterval(() => console.log("tick"), 1); await cell.await(new Promise(() => {}));',
  'an endless import': 'await cell.import("./test/fixtures/runtime/endless.mjs");',
};

describe('an interrupt', () => {
  let notebook: Notebook;
  before(() => {
    notebook = openNotebook();
  });
  after(() => notebook.host.dispose());

  for (const [name, code] of Object.entries(endless)) {
    test(`ends ${name}; variables stay and the next cell works`, async () => {
      const { host } = notebook;
      const run: Notebook['run'] = (cell, options) => notebook.run(cell, options);
      const set = await run('cell.declare("n", 1);', { bindings: [{ name: 'n' }] });
      assert.deepEqual(set, { status: 'ok', declared: ['n'] });
      const { execution, outcome } = notebook.begin(
        `cell.box("n").n$1 = 2; console.log("begun"); ${code} cell.box("n").n$1 = 3; console.log("never");`,
      );
      await notebook.until(() => notebook.text(execution).includes('begun'));
      await new Promise((resolve) => setTimeout(resolve, 60));
      await host.interrupt();
      const ended = await outcome;
      assert.equal(ended.status, 'error');
      assert.equal(ended.status === 'error' && ended.error.reason, 'interrupted');
      assert.equal(ended.status === 'error' && ended.error.name, 'Interrupted');
      assert.deepEqual(ended.declared, []);

      assert.deepEqual(await run('cell.result(cell.box("n").n$1); clearInterval(1)'), {
        status: 'ok',
        declared: [],
      });
      assert.equal(notebook.result(notebook.last), '2');
      // Nothing of the cell that was interrupted runs later.
      await run('await cell.await(new Promise((r) => setTimeout(r, 60)));');
      assert.ok(!notebook.text(execution).includes('never'));
      assert.deepEqual(notebook.replaced, []);
    });
  }

  test('twice in a row, and while idle, changes nothing', async () => {
    await Promise.all([notebook.host.interrupt(), notebook.host.interrupt()]);
    await notebook.host.interrupt();
    assert.deepEqual(await notebook.run('cell.result(6 * 7);'), { status: 'ok', declared: [] });
    assert.equal(notebook.result(notebook.last), '42');
  });

  test('ends every running execution, and cells that wait behind a busy one', async () => {
    const first = notebook.begin('await cell.await(new Promise(() => {}));');
    const second = notebook.begin('console.log("busy"); for (;;);');
    await notebook.until(() => notebook.text(second.execution) === 'busy\n');
    const third = notebook.begin('console.log("too late");');
    await notebook.host.interrupt();
    for (const { outcome } of [first, second, third]) {
      const ended = await outcome;
      assert.equal(ended.status === 'error' && ended.error.reason, 'interrupted');
    }
    assert.equal(notebook.text(third.execution), '');
  });

  test('lets a function of an earlier cell be used again later', async () => {
    await notebook.run(
      'cell.declare("f", async (ms) => { await cell.await(new Promise((r) => setTimeout(r, ms))); return "woke"; });',
      { bindings: [{ name: 'f' }] },
    );
    const { outcome } = notebook.begin('await cell.await(cell.box("f").f$1(60_000));');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await notebook.host.interrupt();
    assert.equal((await outcome).status, 'error');
    await notebook.run('cell.result(await cell.await(cell.box("f").f$1(1)));');
    assert.equal(notebook.result(notebook.last), "'woke'");
  });

  test('wakes prompt(), and the answer that comes too late is ignored', async () => {
    const questions: number[] = [];
    const asking = openNotebook({
      onMessage: (message) => {
        if (message.type === 'input') questions.push(message.id);
      },
    });
    try {
      const { outcome } = asking.begin('prompt("name?");', { allowStdin: true });
      await asking.until(() => questions.length === 1);
      await asking.host.interrupt();
      const ended = await outcome;
      assert.equal(ended.status === 'error' && ended.error.reason, 'interrupted');
      asking.host.sendControl({ type: 'input-reply', id: questions[0]!, value: 'late' });
      const next = asking.begin('cell.result(prompt("again?"));', { allowStdin: true });
      await asking.until(() => questions.length === 2);
      asking.host.sendControl({ type: 'input-reply', id: questions[1]!, value: 'in time' });
      assert.deepEqual(await next.outcome, { status: 'ok', declared: [] });
      assert.equal(asking.result(next.execution), "'in time'");
    } finally {
      await asking.host.dispose();
    }
  });

  test('waits for listeners that finish a batch, even a long one; a second interrupt does not', async () => {
    const batches = `
      const host = globalThis[Symbol.for('tensorcell.host')];
      let stop = false;
      const off = host.onInterrupt(async () => { stop = true; await finished; });
      let done; const finished = new Promise((r) => { done = r; });
      console.log('begun');
      while (!stop) {
        const end = Date.now() + 100; while (Date.now() < end);
        if (host.interrupted) console.log('saw it');
        await new Promise((r) => setImmediate(r));
      }
      console.log('batch finished'); done(); off();
      await cell.await(new Promise(() => {}));`;
    const { execution, outcome } = notebook.begin(batches, { async: true });
    await notebook.until(() => notebook.text(execution).includes('begun'));
    await notebook.host.interrupt();
    const ended = await outcome;
    assert.equal(ended.status === 'error' && ended.error.reason, 'interrupted');
    assert.match(notebook.text(execution), /^begun\n(?:saw it\n)+batch finished\n$/u);

    const stubborn = notebook.begin(
      `globalThis[Symbol.for('tensorcell.host')].onInterrupt(() => new Promise(() => {}));
       console.log('begun'); await cell.await(new Promise(() => {}));`,
    );
    await notebook.until(() => notebook.text(stubborn.execution).includes('begun'));
    const first = notebook.host.interrupt();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await notebook.host.interrupt();
    await first;
    assert.equal((await stubborn.outcome).status, 'error');

    const busy = notebook.begin(
      `globalThis[Symbol.for('tensorcell.host')].onInterrupt(() => {}); console.log('begun'); for (;;);`,
    );
    await notebook.until(() => notebook.text(busy.execution).includes('begun'));
    const asked = notebook.host.interrupt();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await notebook.host.interrupt();
    await asked;
    assert.equal((await busy.outcome).status, 'error');
  });

  test("lets the cell go on when a listener says 'continue'", async () => {
    const { execution, outcome } = notebook.begin(`
      const host = globalThis[Symbol.for('tensorcell.host')];
      let wake; const woken = new Promise((r) => { wake = r; });
      const off = host.onInterrupt(() => { setTimeout(wake, 10); return 'continue'; });
      console.log('begun');
      await cell.await(woken); off();
      cell.result(host.interrupted);`);
    await notebook.until(() => notebook.text(execution).includes('begun'));
    await notebook.host.interrupt();
    assert.deepEqual(await outcome, { status: 'ok', declared: [] });
    assert.equal(notebook.result(execution), 'false');
  });

  test("ends a busy loop inside nested tf.tidy and leaves tfjs's scopes as before", async () => {
    const engine = `const { state } = tf.engine(); cell.result([tf.memory().numTensors, state.scopeStack.length,
      state.gradientDepth, state.kernelDepth, state.activeScope?.name ?? null, state.activeTape ?? null].join());`;
    await notebook.run(`tf.tensor1d([1, 2]); ${engine}`);
    const before = notebook.result(notebook.last);
    const { execution, outcome } = notebook.begin(
      `tf.tidy(() => tf.tidy('inner', () => tf.grad((x) => { const y = x.square(); console.log('begun'); for (;;); return y; })(tf.scalar(2))));`,
    );
    await notebook.until(() => notebook.text(execution).includes('begun'));
    await notebook.host.interrupt();
    const ended = await outcome;
    assert.equal(ended.status === 'error' && ended.error.reason, 'interrupted');
    await notebook.run(engine);
    assert.equal(notebook.result(notebook.last), before);
    await notebook.run('cell.result(tf.tidy(() => tf.scalar(2).square().dataSync()[0]));');
    assert.equal(notebook.result(notebook.last), '4');
  });

  test('tells what it waits for in a native call, and restarts the runtime at the third interrupt', async () => {
    const { execution, outcome } = notebook.begin(
      `const { load } = require('koffi'); const sleep = load('libc.so.6').func('unsigned int sleep(unsigned int)');
       console.log('begun'); sleep(60);`,
    );
    await notebook.until(() => notebook.text(execution).includes('begun'));
    const waits: Promise<void>[] = [notebook.host.interrupt()];
    await notebook.until(() => notebook.text(execution, 'stderr').includes('native operation'));
    waits.push(notebook.host.interrupt());
    await notebook.until(() => notebook.text(execution, 'stderr').includes('restart the runtime'));
    waits.push(notebook.host.interrupt());
    await Promise.all(waits);
    const ended = await outcome;
    assert.equal(ended.status === 'error' && ended.error.reason, 'runtime-died');
    assert.deepEqual(notebook.replaced, [
      'it was restarted because a native operation did not return after several interrupts',
    ]);
    assert.deepEqual(await notebook.run('cell.result(1);'), { status: 'ok', declared: [] });
  });
});
