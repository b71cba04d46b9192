/** The service when things go wrong: the server dies, hangs, or gets what it cannot make sense of. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { LanguageService } from '../../kernel/contracts/language-service.ts';
import { openSession } from './session.ts';

const pidOf = (service: LanguageService) =>
  (service as unknown as { serverPid: number | undefined }).serverPid!;

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited 20 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('the server dies between requests and in the middle of one: answers go on, with everything known', async () => {
  const session = openSession();
  try {
    await session.cell('const known = { field: 1 };');
    const first = pidOf(session.service);
    process.kill(first, 'SIGKILL');
    assert.deepEqual((await session.complete('known.[cur]')).texts, ['field']);
    const second = pidOf(session.service);
    assert.notEqual(second, first);
    process.kill(second, 'SIGSTOP');
    const answer = session.complete('known.fi[cur]');
    const problems = session.cell('const wrong: string = known');
    setTimeout(() => process.kill(second, 'SIGKILL'), 100);
    assert.deepEqual((await answer).texts, ['field']);
    assert.deepEqual(await problems, [
      "1:7 2322 Type '{ field: number; }' is not assignable to type 'string'.",
    ]);
    assert.equal(session.logged.filter((line) => line.includes('gone (SIGKILL)')).length, 2);
  } finally {
    await session.close();
  }
});

test('a server that is stopped: the question lets it go on, within its limit', async () => {
  const session = openSession();
  try {
    await session.cell('const known = 1');
    const pid = pidOf(session.service);
    process.kill(pid, 'SIGSTOP');
    const started = performance.now();
    assert.deepEqual((await session.complete('kno[cur]')).texts, ['known']);
    assert.equal(performance.now() - started < 7_000, true);
    assert.equal(pidOf(session.service), pid);
  } finally {
    await session.close();
  }
});

test('a server that never starts: no answers, no exceptions, and a few attempts only', async () => {
  const session = openSession({ tscPath: '/nonexistent/tsc' });
  try {
    session.service.start();
    for (let attempt = 0; attempt < 10; attempt++) {
      assert.deepEqual(await session.cell('const a: string = 1'), []);
      assert.deepEqual((await session.complete('a.[cur]')).texts, []);
      assert.equal(await session.inspect('a[cur]'), undefined);
    }
    const attempts = session.logged.filter((line) => /cannot start|gone/.test(line)).length;
    assert.equal(attempts > 0 && attempts <= 10, true, `${attempts} attempts`);
  } finally {
    await session.close();
  }
});

test('it ends with the service, also in the middle of a request', async () => {
  const session = openSession();
  const problems = session.cell('const a: string = tf.scalar(1)');
  await until(() => pidOf(session.service) !== undefined);
  const pid = pidOf(session.service);
  await session.close();
  assert.deepEqual(await problems, []);
  assert.equal(existsSync(`/proc/${pid}`), false);
  assert.deepEqual((await session.complete('[1].[cur]')).texts, []);
});

test('cells that make no sense', async () => {
  const session = openSession();
  try {
    for (const source of [
      '}}}{{{',
      '`${`${',
      '"',
      'const = = 1',
      '\u0000\ud800',
      '/*',
      'class { constructor(',
      '%',
      '!',
      '%%',
      '<<<',
    ]) {
      await session.cell(source);
      await session.service.complete(source, source.length);
      await session.service.inspect(source, source.length);
    }
    assert.deepEqual((await session.complete('[1].lastIndexO[cur]')).texts, ['lastIndexOf']);
    assert.deepEqual((await session.service.complete('', 0)).items.length > 0, true);
    assert.deepEqual((await session.service.complete('[1].', 99)).end, 99);
    assert.deepEqual(session.logged, []);
  } finally {
    await session.close();
  }
});

test('a cell of 20,000 lines', async () => {
  const session = openSession();
  try {
    const lines = Array.from({ length: 20_000 }, (_, index) => `const v${index} = { index: ${index} };`);
    lines.push('const wrong: string = v19999.index;');
    assert.deepEqual(await session.cell(lines.join('\n')), [
      "20001:7 2322 Type 'number' is not assignable to type 'string'.",
    ]);
    assert.deepEqual((await session.complete('v1234.[cur]')).texts, ['index']);
    assert.deepEqual(await session.cell('const s: string = v77.index'), [
      "1:7 2322 Type 'number' is not assignable to type 'string'.",
    ]);
  } finally {
    await session.close();
  }
});

test('documents stay bounded when cells are run again and again', async () => {
  const session = openSession();
  try {
    const documents = session.service as unknown as { documentCount: number };
    const run = async (source: string, declared: string[]) => {
      assert.deepEqual(await session.cell(source), []);
      session.service.commit(session.execution(), declared);
    };
    await run('const y = [""]', ['y']);
    for (let round = 0; round < 50; round++) {
      // Each `x` has its type from the `y` before it, and that from the `x` before it.
      await run('const x = y.map(Number); function use() { return y }', ['x', 'use']);
      await run('const y = x.map(String)', ['y']);
      await run('console.log(y)', []);
    }
    assert.equal(documents.documentCount < 70, true, `${documents.documentCount} documents`);
    await run('const s: string[] = use(), n: number[] = x;', ['s', 'n']);
  } finally {
    await session.close();
  }
});
