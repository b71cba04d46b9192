/** Arguments that TensorFlow checks by aborting, at every entry point: each ends in an error, never in a dead process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HARMLESS, HOSTILE } from './hostile-calls.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = join(here, '../../.cache', `hostile-${process.pid}`);

before(async () => {
  mkdirSync(folder, { recursive: true });
  // Not bundled with this test: esbuild would rewrite the bundler's own texts.
  const bundler = new URL('../../scripts/bundle-source.mjs', import.meta.url).href;
  const { bundleSource } = (await import(bundler)) as {
    bundleSource: (entries: Record<string, string>, folder: string) => Promise<void>;
  };
  await bundleSource({ child: join(here, 'hostile-child.ts') }, folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Line {
  begin?: string;
  end?: string;
  error?: string;
  value?: string;
  alive?: number[];
}

function runChild(names: readonly string[]): { lines: Line[]; died: string | undefined; stderr: string } {
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    [join(folder, 'child.mjs'), ...names],
    {
      encoding: 'utf8',
      env: { ...process.env, TENSORCELL_RUNTIME: 'cpu' },
      timeout: 300_000,
      maxBuffer: 1 << 26,
    },
  );
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
  const alive = lines.at(-1)?.alive !== undefined && status === 0;
  return { lines, died: alive ? undefined : (signal ?? `exit code ${status}`), stderr };
}

test('hostile arguments end in errors, and the process computes on', () => {
  let names = Object.keys(HOSTILE);
  const wrong: string[] = [];
  const seen = new Set<string>();
  while (names.length > 0) {
    const { lines, died, stderr } = runChild(names);
    for (const { end, error, value } of lines) {
      if (end === undefined) continue;
      seen.add(end);
      if (error === undefined && !HARMLESS.has(end)) wrong.push(`${end}: gave ${value}`);
      if (error !== undefined && !/^\w*Error: .{10}/s.test(error)) wrong.push(`${end}: ${error}`);
      if (process.env['TENSORCELL_SHOW'] !== undefined) console.log(`${end}: ${error ?? value}`);
    }
    if (died === undefined) break;
    const killer = lines.findLast(({ begin }) => begin !== undefined)?.begin;
    wrong.push(
      `${killer}: the process ended with ${died}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`,
    );
    assert.ok(killer !== undefined, stderr);
    seen.add(killer);
    names = names.slice(names.indexOf(killer) + 1);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual([...seen], Object.keys(HOSTILE));
});
