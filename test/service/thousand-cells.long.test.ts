/** A long session: 1,000 cells whose names all live on. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openSession } from './session.ts';

test('1,000 cells: memory of the server stays within half as much again, and all names are known', async () => {
  const session = openSession();
  try {
    const pid = () => (session.service as unknown as { serverPid: number }).serverPid;
    const resident = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid()}/status`, 'utf8'))![1]) / 1024;
    let early = 0;
    for (let at = 1; at <= 1000; at++) {
      const source = `const value${at} = tf.tensor([${at}]);\nclass C${at} { x = value${at} }\nvalue${at}.add(2)`;
      assert.deepEqual(await session.cell(source), []);
      session.service.commit(session.execution(), [`value${at}`, `C${at}`]);
      if (at === 200) early = resident();
    }
    const late = resident();
    assert.equal(
      late < 1.5 * early,
      true,
      `${early.toFixed(0)} MB after 200 cells, ${late.toFixed(0)} after 1,000`,
    );
    assert.deepEqual((await session.complete('new C1().x.square[cur]')).texts, [
      'square',
      'squaredDifference',
    ]);
    assert.deepEqual((await session.complete('value1000.square[cur]')).texts, [
      'square',
      'squaredDifference',
    ]);
  } finally {
    await session.close();
  }
});
