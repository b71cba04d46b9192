// One interrupt ends all of these, and costs nothing: chains that feed themselves, children, and stopped processes.
import { strict as assert } from 'node:assert';
import { describe, test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import type { KernelProcess } from '../kernel/kernel-process.ts';
import { processesOf, stateOf, stopProcess } from './processes.ts';

/** Chains that never let the event loop come, or that come back in each turn of it. */
const CHAINS: Record<string, string> = {
  'Promise.then': 'const f = () => Promise.resolve().then(f); f();',
  'process.nextTick': 'const f = () => process.nextTick(f); f();',
  queueMicrotask: 'const f = () => queueMicrotask(f); f();',
  setImmediate: 'const f = () => setImmediate(f); f();',
  setTimeout: 'const f = () => setTimeout(f, 0); f();',
  'await of nothing': '(async () => { for (;;) await null; })();',
  'an async generator':
    'async function* g() { for (;;) yield 1; } (async () => { for await (const x of g()); })();',
  'a thenable that resolves to itself': 'const t = { then(done) { done(t); } }; Promise.resolve(t);',
  'a proxy that is a thenable':
    "const t = new Proxy({}, { get: (_, key) => (key === 'then' ? (done) => done(t) : undefined) }); Promise.resolve(t);",
  'rejections that are caught': 'const f = () => Promise.reject(1).catch(f); f();',
  'rejections that are caught later':
    'const f = () => { const p = Promise.reject(1); queueMicrotask(() => p.catch(f)); }; f();',
  'rejections in finally': 'const f = () => Promise.reject(1).finally(() => 2).catch(f); f();',
  'async functions that throw': 'const f = async () => { throw 1; }; const g = () => f().catch(g); g();',
  'an async loop over rejections':
    '(async () => { for (;;) try { await Promise.reject(new Error("a")); } catch {} })();',
  'async generators that throw':
    'async function* g() { throw 1; } (async () => { for (;;) try { for await (const x of g()); } catch {} })();',
  'a thenable that rejects':
    'const t = { then(_, fail) { fail(1); } }; const f = () => Promise.resolve(t).catch(f); f();',
  'Promise.any and Promise.all of rejections':
    'const f = () => Promise.any([Promise.reject(1)]).catch(() => Promise.all([Promise.reject(2)])).catch(f); f();',
  'ticks that reject': 'const f = () => process.nextTick(() => Promise.reject(1).catch(f)); f();',
  'immediates that reject': 'const f = () => setImmediate(() => Promise.reject(1).catch(f)); f();',
  'promises that are settled twice':
    'const f = () => new Promise((yes, no) => { yes(1); no(2); yes(3); }).then(f); f();',
  'a subclass of Promise': 'class P extends Promise {} const f = () => P.reject(1).catch(f); f();',
  'promises of promises': 'const f = () => new Promise((done) => done(Promise.resolve())).then(f); f();',
  MessageChannel:
    'const { port1, port2 } = new MessageChannel(); port1.onmessage = () => port2.postMessage(1); port2.onmessage = () => port1.postMessage(1); port1.postMessage(1);',
  'Atomics.waitAsync':
    'const i = new Int32Array(new SharedArrayBuffer(4)); const f = () => { const { value } = Atomics.waitAsync(i, 0, 0); value.then(f); Atomics.notify(i, 0); }; f();',
  'an event that queues itself':
    "const t = new EventTarget(); t.addEventListener('a', () => queueMicrotask(() => t.dispatchEvent(new Event('a')))); t.dispatchEvent(new Event('a'));",
  'a stream without end':
    "const { Readable, Writable } = require('stream'); Readable.from((function* () { for (;;) yield 'x'; })()).pipe(new Writable({ write(c, e, done) { done(); } }));",
  'ticks and microtasks at once':
    'const f = () => Promise.resolve().then(f); f(); const g = () => process.nextTick(g); g(); const h = () => queueMicrotask(h); h();',
  'promises under async_hooks':
    "globalThis.hook = require('async_hooks').createHook({ init() {}, before() {}, after() {} }).enable(); const f = () => Promise.resolve().then(f); f();",
  AsyncLocalStorage:
    "new (require('async_hooks').AsyncLocalStorage)().run(1, () => { const f = () => Promise.resolve().then(f); f(); });",
};

const LEFT_BEHIND = [
  'Promise.then',
  'rejections that are caught',
  'process.nextTick',
  'ticks and microtasks at once',
  'promises under async_hooks',
];

/** Interrupts the cell as soon as it has printed `begun`, and checks that its variables are there. */
async function interrupted(client: JupyterClient, code: string, waitMs: number): Promise<void> {
  const kept = Math.random();
  const id = await client.startCell(`globalThis.kept = ${kept}; console.log('begun');\n${code}`);
  await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'begun');
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  await client.request('control', 'interrupt_request', {});
  const cell = await client.finishCell(id);
  assert.equal(cell.reply['ename'], 'Interrupted', JSON.stringify(cell.reply));
  const next = await client.cell('globalThis.hook?.disable(); globalThis.hook = undefined; globalThis.kept');
  assert.equal(next.result, String(kept), next.stderr);
  assert.equal(next.stderr, '');
  // Node hears of rejections again.
  const late = await client.cell(
    "Promise.reject(new Error('seen')); await new Promise((done) => setTimeout(done, 5)); 1",
  );
  const error = late.of('error')[0] ?? (await client.late(late.id, 'error')).content;
  assert.equal(error['evalue'], 'seen');
}

describe('one interrupt keeps the variables', () => {
  test('of a cell that starts a chain and waits', () =>
    withKernel(async (client) => {
      await client.cell('%typecheck off');
      // At once, before the library is loaded, and again when it is.
      for (const [name, chain] of Object.entries(CHAINS)) {
        await interrupted(client, `{ ${chain} }\nawait new Promise(() => {});`, 40).catch((error: Error) => {
          throw new Error(`${name}: ${error.message}`, { cause: error });
        });
      }
    }));

  test('of a cell that has ended and left a chain behind', () =>
    withKernel(async (client) => {
      await client.cell('%typecheck off');
      for (const name of LEFT_BEHIND) {
        const chain = CHAINS[name];
        await client.cell(`globalThis.kept = ${JSON.stringify(name)}; { ${chain} }`);
        // The cell has ended, and nothing else may be able to begin.
        const id = await client.startCell('while (true) await new Promise((done) => setTimeout(done, 5));');
        await new Promise((resolve) => setTimeout(resolve, 60));
        await client.request('control', 'interrupt_request', {});
        assert.equal((await client.finishCell(id)).reply['ename'], 'Interrupted');
        const next = await client.cell(
          'globalThis.hook?.disable(); globalThis.hook = undefined; globalThis.kept',
        );
        assert.equal(next.result, `'${name}'`);
      }
    }));

  test('of a chain that begins while the library would be loaded', () =>
    withKernel(async (client) => {
      await client.cell(
        `const kept = 41; setTimeout(() => { console.log('begun'); ${CHAINS['Promise.then']} }, 405);`,
      );
      // An interrupt before has nothing to end.
      await client.take('iopub', ({ type }) => type === 'stream', 'begun');
      const id = await client.startCell('kept + 1');
      await client.request('control', 'interrupt_request', {});
      await client.finishCell(id);
      assert.equal((await client.cell('kept + 1')).result, '42');
    }));
});

const CHILDREN: Record<string, string> = {
  execSync: "require('child_process').execSync('sleep 100');",
  spawnSync: "require('child_process').spawnSync('sleep', ['100']); for (;;);",
  execFileSync: "require('child_process').execFileSync('sleep', ['100']);",
  'children of children': `require('child_process').execSync("sh -c 'sh -c \\"sleep 100; true\\"; true'; true");`,
  'one after the other, whatever they throw':
    "for (;;) try { require('child_process').execSync('sleep 100'); } catch {}",
  'exec, awaited': "await new Promise((done) => require('child_process').exec('sleep 100; true', done));",
};

describe('an interrupt ends children that have just been started', () => {
  test('however they were started, 0 to 25 ms before', () =>
    withKernel(async (client, kernel) => {
      await client.cell("require('child_process')");
      for (const [name, code] of Object.entries(CHILDREN)) {
        for (const wait of [0, 5, 10, 25]) {
          await interrupted(client, code, wait).catch((error: Error) => {
            throw new Error(`${name}, ${wait} ms: ${error.message}`, { cause: error });
          });
        }
      }
      const goesOn =
        "globalThis.after = 0; try { require('child_process').execSync('sleep 100'); } catch {} globalThis.after = 1;";
      for (const wait of [0, 25, 100]) {
        await interrupted(client, goesOn, wait);
        assert.equal((await client.cell('globalThis.after')).result, '0', `${wait} ms`);
      }
      const all = processesOf(kernel.child.pid!);
      assert.ok(!all.some(({ command }) => command === 'sleep'), JSON.stringify(all, undefined, 1));
      // Some shells and services ignore SIGINT: they get SIGTERM.
      await interrupted(client, CHILD_WITHOUT_SIGINT, 0);
      // The shell ends at once, and execSync waits for what holds its output.
      await interrupted(client, "require('child_process').execSync('sleep 9731 & true');", 100);
      // A process that writes into a file delays nothing, and stays.
      await client.cell("require('child_process').execSync('sleep 9732 > /dev/null 2>&1 &');");
      await interrupted(client, "require('child_process').execSync('sleep 9733 & true');", 100);
      const left = processesOf(1).filter(({ line }) => /^sleep 973\d/.test(line));
      assert.deepEqual(
        left.map(({ line }) => line),
        ['sleep 9732'],
      );
      process.kill(left[0]!.pid);
    }));
});

const CHILD_WITHOUT_SIGINT = `require('child_process').execSync('trap "" INT; while true; do sleep 0.1; done');`;

/** The runtime process: the child of the kernel process whose command line names its bundle. */
function runtimeOf(kernel: KernelProcess): number {
  const found = processesOf(kernel.child.pid!).find(({ line }) => line.includes('runtime.cjs'));
  assert.ok(found);
  return found.pid;
}

test('an interrupt lets a stopped runtime process go on, and keeps its variables', () =>
  withKernel(async (client, kernel) => {
    await client.cell('const kept = 42;');
    const runtime = runtimeOf(kernel);
    process.kill(runtime, 'SIGSTOP');
    const id = await client.startCell('for (;;);');
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(stateOf(runtime), 'T');
    await client.request('control', 'interrupt_request', {});
    const cell = await client.finishCell(id);
    assert.equal(cell.reply['ename'], 'Interrupted');
    assert.match(cell.stderr, /was stopped by a signal/);
    assert.equal((await client.cell('kept')).result, '42');
    assert.equal(runtimeOf(kernel), runtime);
  }));

test('a runtime process that is stopped again and again is replaced after three interrupts', () =>
  withKernel(
    async (client, kernel) => {
      const runtime = runtimeOf(kernel);
      const id = await client.startCell("console.log('begun'); await new Promise(() => {});");
      await client.take('iopub', ({ type, parent }) => type === 'stream' && parent === id, 'begun');
      process.kill(runtime, 'SIGSTOP');
      // The process that stops it again can be slower than its control thread: then the interrupt has simply worked.
      const stop = setInterval(() => {
        if (!stopProcess(runtime)) clearInterval(stop);
      }, 0);
      const ended = client.finishCell(id, 30_000);
      for (let turn = 0; turn < 5; turn++) {
        await client.request('control', 'interrupt_request', {});
        const pause = new Promise<void>((resolve) => setTimeout(resolve, 2500));
        if (await Promise.race([ended.then(() => true), pause])) break;
      }
      clearInterval(stop);
      assert.match((await ended).reply['ename'], /^(?:RuntimeDied|Interrupted)$/);
      if (stateOf(runtime) === 'T') process.kill(runtime, 'SIGCONT');
      assert.equal((await client.cell('1 + 1')).result, '2');
      client.drain();
    },
    { mayLog: /./ },
  ));
