// The language server is killed or stopped: answers come back by themselves, and the person is told once.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { LanguageService } from '../../kernel/contracts/language-service.ts';
import { openSession } from '../service/session.ts';
import { stateOf, stopProcess } from './processes.ts';

const pidOf = (service: LanguageService): number | undefined =>
  (service as unknown as { serverPid: number | undefined }).serverPid;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < end, 'it did not come back within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('killed six times: one notice, and types come back', async () => {
  const notices: string[] = [];
  const session = openSession({ notify: (text) => notices.push(text) });
  try {
    await session.cell('const known = { field: 1 };');
    for (let kill = 0; kill < 6; kill++) {
      await until(() => pidOf(session.service) !== undefined);
      const killed = pidOf(session.service)!;
      process.kill(killed, 'SIGKILL');
      // Another may be there before anyone looks.
      await until(() => pidOf(session.service) !== killed);
      if (kill < 2) await session.complete('known.[cur]');
    }
    assert.equal(notices.length, 1);
    assert.match(notices[0]!, /resume automatically/);
    await until(async () => (await session.complete('known.[cur]')).texts.includes('field'));
    assert.deepEqual(await session.cell('const wrong: string = known.field;'), [
      "1:7 2322 Type 'number' is not assignable to type 'string'.",
    ]);
  } finally {
    await session.close();
  }
});

test('stopped: it goes on with the next question, and loses nothing', async () => {
  const session = openSession();
  try {
    await session.cell('const known = { field: 1 };');
    const pid = pidOf(session.service)!;
    process.kill(pid, 'SIGSTOP');
    await until(() => stateOf(pid) === 'T');
    assert.deepEqual(await session.cell('const wrong: string = known.field;'), [
      "1:7 2322 Type 'number' is not assignable to type 'string'.",
    ]);
    assert.equal(pidOf(session.service), pid);
  } finally {
    await session.close();
  }
});

test('stopped again and again: it is replaced', async () => {
  const session = openSession();
  let first = 0;
  const stop = setInterval(() => first > 0 && stopProcess(first), 1);
  try {
    await session.cell('const known = { field: 1 };');
    first = pidOf(session.service)!;
    await until(() => stateOf(first) === 'T');
    await until(async () => (await session.complete('known.[cur]')).texts.includes('field'));
    assert.deepEqual((await session.cell('const wrong: string = known.field;')).length, 1);
  } finally {
    clearInterval(stop);
    await session.close();
  }
});
