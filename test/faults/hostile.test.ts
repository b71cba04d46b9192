/** Arguments that TensorFlow checks by aborting, at every entry point: each ends in an error, never in a dead process. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bundledProgram, NAMED_ERROR, runRounds } from './child-rounds.ts';
import { HARMLESS, HOSTILE } from './hostile-calls.ts';

const folder = join(fileURLToPath(new URL('../../.cache', import.meta.url)), `hostile-${process.pid}`);
let program = '';

before(async () => {
  program = await bundledProgram('hostile-child.ts', folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const runChild = (names: readonly string[]) =>
  runRounds(program, names, { timeout: 300_000, maxBuffer: 1 << 26 });

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
      if (error !== undefined && !NAMED_ERROR.test(error)) wrong.push(`${end}: ${error}`);
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
