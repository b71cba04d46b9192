import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../..');

test('package-lock.json names every optional package, or npm ci refuses it', () => {
  const { stdout } = spawnSync(process.execPath, [join(root, 'scripts/complete-lock.mjs'), '--check'], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('0 entries missing\n');
});

test('package-lock.json names no registry', () => {
  expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "http/);
});
