/** The history's limits: a cell, the file, a reply; and files of versions that had none. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Sqlite from 'libsql';
import { History } from '../../kernel/session/history.ts';
import type { HistoryRequest } from '../../kernel/wire/messages.ts';
import { withKernel } from '../kernel/kernel-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-long-history-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const tail = { hist_access_type: 'tail', n: 1000, raw: true, output: true } as unknown as HistoryRequest;

function sourceOf([, , entry]: readonly unknown[]): string {
  return (entry as [string, string | null])[0];
}

test('a long cell and a long result are shortened, and marked', async () => {
  const history = new History({ path: join(folder, 'cells.sqlite'), log: () => undefined });
  history.add(1, 'a'.repeat(5_000_000), 'b'.repeat(5_000_000));
  // The cut would fall between the two halves of a character.
  history.add(2, `${'a'.repeat(999_999)}${'😀'.repeat(10)}`, undefined);
  history.add(3, 'short', 'result');
  const [long, face, short] = await history.find(tail);
  const mark = '\n// … shortened for the history: 1000000 of 5000000 characters';
  assert.deepEqual(long, [1, 1, ['a'.repeat(1_000_000) + mark, 'b'.repeat(1_000_000) + mark]]);
  assert.equal(
    sourceOf(face!),
    `${'a'.repeat(999_999)}\n// … shortened for the history: 999999 of 1000019 characters`,
  );
  assert.deepEqual(short, [1, 3, ['short', 'result']]);
  await history.close();
});

test('the file stays within its limit: the oldest cells go', async () => {
  const path = join(folder, 'file.sqlite');
  const said: string[] = [];
  const limits = { fileBytes: 2 ** 20 };
  for (let session = 1; session <= 3; session++) {
    const history = new History({ path, log: (line) => said.push(line), limits });
    for (let line = 1; line <= 100; line++)
      history.add(line, `${session} ${line} ${'x'.repeat(10_000)}`, undefined);
    await history.close();
    assert.ok(statSync(path).size <= 2 ** 20, `${statSync(path).size}`);
  }
  const history = new History({ path, log: (line) => said.push(line), limits });
  const rows = await history.find(tail);
  assert.ok(rows.length >= 20 && rows.length < 100, `${rows.length}`);
  assert.deepEqual(rows.at(-1)!.slice(0, 2), [3, 100]);
  assert.deepEqual(
    rows.map(([session, line]) => `${session} ${line}`),
    Array.from({ length: rows.length }, (_, at) => `3 ${101 - rows.length + at}`),
  );
  assert.ok(said.some((line) => line.includes('its oldest cells were removed')));
  await history.close();
});

test('a reply holds the newest cells that fit into it', async () => {
  const history = new History({
    path: ':memory:',
    log: () => undefined,
    limits: { replyCharacters: 25_000 },
  });
  for (let line = 1; line <= 9; line++) history.add(line, `${line}`.repeat(10_000), undefined);
  const rows = await history.find(tail);
  assert.deepEqual(
    rows.map(([, line]) => line),
    [8, 9],
  );
  await history.close();
});

test('a file of 72 MB of an older version does not hold the next console up, and becomes small', async () => {
  const path = join(folder, 'old.sqlite');
  const first = new History({ path, log: () => undefined });
  first.add(1, '"kept"', undefined);
  await first.close();
  const old = new Sqlite(path);
  const insert = old.prepare('INSERT INTO history VALUES (?, ?, ?, ?)');
  for (let line = 2; line <= 3; line++) {
    const long = `"${line}${'z'.repeat(18_000_000)}"`;
    insert.run(1, line, long, long);
  }
  old.close();
  assert.ok(statSync(path).size > 70_000_000);
  await withKernel(
    async (client) => {
      await client.cell('1 + 1');
      const { reply } = await client.request('shell', 'history_request', {
        raw: true,
        output: false,
        hist_access_type: 'tail',
        n: 1000,
      });
      assert.deepEqual(reply!.content['history'], [
        [1, 1, '"kept"'],
        [2, 1, '1 + 1'],
      ]);
    },
    { environment: { TENSORCELL_HISTORY: path }, mayLog: /its oldest cells were removed/ },
  );
  assert.ok(statSync(path).size < 2 ** 20, `${statSync(path).size}`);
});
