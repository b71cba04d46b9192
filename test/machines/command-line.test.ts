// `tensorcell doctor` as a command, on this machine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { SpawnSyncReturns } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Report } from '../../src/machine/doctor/index.ts';
import { CHECKS } from '../../src/machine/doctor/index.ts';

const doctor = (...more: string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [join(process.cwd(), 'dist', 'cli.js'), 'doctor', ...more], {
    encoding: 'utf8',
  });

test('--json is the report, and the exit code its summary', () => {
  const { status, stdout } = doctor('--json');
  const report = JSON.parse(stdout) as Report;
  assert.equal(status, report.exitCode);
  // The lines on Python's side come after all checks.
  const codes = [...CHECKS.map(({ code }) => code), 'python-cells'];
  const order = report.findings.map(({ code }) => codes.indexOf(code));
  assert.ok(!order.includes(-1), report.findings.map(({ code }) => code).join(', '));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  const worst = report.findings.map(({ severity }) => severity);
  const expected = worst.includes('broken') ? 2 : worst.includes('slow') ? 1 : 0;
  assert.equal(report.exitCode, expected);
  for (const { code, found, fix, severity } of report.findings) {
    assert.notEqual(found, '', code);
    if (severity === 'broken') assert.notEqual(fix.length, 0, code);
  }
});

test('the text names the same findings', () => {
  const { stdout, status } = doctor();
  assert.match(stdout, /^✔ system +/);
  assert.match(stdout, status === 0 ? /\nAll is well\.\n$/ : /\n(Works, slower|Something is broken)/);
});

test('an option that does not exist is refused', () => {
  const { status, stderr } = doctor('--repair');
  assert.notEqual(status, 0);
  assert.match(stderr, /--repair/);
});
