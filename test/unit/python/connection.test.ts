import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeOrphans } from '../../../kernel/python/connection.ts';

test('folders of kernels that were killed are removed; all others stay', () => {
  const base = mkdtempSync(join(tmpdir(), 'orphans-'));
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const orphan = `tensorcell-python-${gone}-a1B2c3`;
  const others = [
    `tensorcell-python-${process.pid}-a1B2c3`,
    'tensorcell-python-1-a1B2c3',
    'tensorcell-python-a1B2c3',
    `other-${gone}-a1B2c3`,
  ];
  for (const name of [orphan, ...others]) mkdirSync(join(base, name));
  writeFileSync(join(base, orphan, 'connection.json'), '{}');
  // A file of this name does not belong to us.
  const file = `tensorcell-python-${gone}-file00`;
  writeFileSync(join(base, file), '');
  removeOrphans(base);
  expect(readdirSync(base).sort()).toEqual([...others, file].sort());
  rmSync(base, { recursive: true });
});
