// history_request: tail, range, search with glob, unique, n and outputs; kept across sessions.
import { strict as assert } from 'node:assert';
import { mkdtempSync, readdirSync, statSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JupyterClient } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

async function history(client: JupyterClient, content: object): Promise<unknown[]> {
  const { reply } = await client.request('shell', 'history_request', {
    raw: true,
    output: false,
    ...content,
  });
  assert.equal(reply!.content['status'], 'ok');
  return reply!.content['history'];
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-history-'));
  try {
    await test(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('two sessions', () =>
  withFolder(async (folder) => {
    const environment = { TENSORCELL_HISTORY: join(folder, 'history.sqlite') };
    await withKernel(
      async (client) => {
        for (const code of ['1 + 1', 'const a = 5', '"old"']) await client.cell(code);
        assert.deepEqual(await history(client, { hist_access_type: 'tail', n: 2 }), [
          [1, 2, 'const a = 5'],
          [1, 3, '"old"'],
        ]);
        assert.deepEqual(
          await history(client, { hist_access_type: 'range', session: 0, start: 1, stop: 3 }),
          [
            [1, 1, '1 + 1'],
            [1, 2, 'const a = 5'],
          ],
        );
        assert.deepEqual(await history(client, { hist_access_type: 'tail', n: 3, output: true }), [
          [1, 1, ['1 + 1', '2']],
          [1, 2, ['const a = 5', null]],
          [1, 3, ['"old"', "'old'"]],
        ]);
      },
      { environment },
    );
    await withKernel(
      async (client) => {
        for (const code of ['"new"', '1 + 1', 'const [b] = [1]']) await client.cell(code);
        assert.deepEqual(await history(client, { hist_access_type: 'tail', n: 4 }), [
          [1, 3, '"old"'],
          [2, 1, '"new"'],
          [2, 2, '1 + 1'],
          [2, 3, 'const [b] = [1]'],
        ]);
        assert.deepEqual(await history(client, { hist_access_type: 'range', session: -1, start: 2 }), [
          [1, 2, 'const a = 5'],
          [1, 3, '"old"'],
        ]);
        assert.deepEqual(
          await history(client, { hist_access_type: 'range', session: 1, start: 1, stop: 2 }),
          [[1, 1, '1 + 1']],
        );
        assert.deepEqual(await history(client, { hist_access_type: 'search', pattern: '1 + ?' }), [
          [1, 1, '1 + 1'],
          [2, 2, '1 + 1'],
        ]);
        assert.deepEqual(
          await history(client, { hist_access_type: 'search', pattern: '1 + *', unique: true }),
          [[2, 2, '1 + 1']],
        );
        assert.deepEqual(await history(client, { hist_access_type: 'search', pattern: 'const*', n: 1 }), [
          [2, 3, 'const [b] = [1]'],
        ]);
        assert.deepEqual(await history(client, { hist_access_type: 'search', pattern: 'nothing*' }), []);
      },
      { environment },
    );
    assert.deepEqual(readdirSync(folder), ['history.sqlite']);
    assert.equal(statSync(join(folder, 'history.sqlite')).mode & 0o777, 0o600);
  }));

test('a damaged file is put aside', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'history.sqlite');
    writeFileSync(path, 'this is no database, '.repeat(1000));
    await withKernel(
      async (client) => {
        await client.cell('1');
        assert.deepEqual(await history(client, { hist_access_type: 'tail', n: 5 }), [[1, 1, '1']]);
      },
      { environment: { TENSORCELL_HISTORY: path }, mayLog: /the history was damaged and is now/ },
    );
    assert.deepEqual(
      readdirSync(folder).map((name) => name.replace(/\d+$/, 'N')),
      ['history.sqlite', 'history.sqlite.damaged-N'],
    );
  }));

test('where nothing can be written, there is no history, and all else works', () =>
  withKernel(
    async (client) => {
      assert.equal((await client.cell('1 + 1')).result, '2');
      assert.deepEqual(await history(client, { hist_access_type: 'tail', n: 5 }), []);
    },
    { environment: { TENSORCELL_HISTORY: '/dev/null/history.sqlite' }, mayLog: /no history/ },
  ));
