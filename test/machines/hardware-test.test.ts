// `tensorcell hardware-test`: on this machine with the real steps, and with steps that hang and die.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { disposeProbes, thisMachine } from '../../src/machine/devices/index.ts';
import {
  HARDWARE_STEPS,
  testHardware,
  type HardwareReport,
  type HardwareTest,
} from '../../src/machine/hardware/index.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-hardware-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
  disposeProbes();
});

test('the quick test of this machine: every step that has its hardware works, and the reports hold no names', () => {
  const ran = spawnSync(
    process.execPath,
    [join(root, 'dist', 'cli.js'), 'hardware-test', '--quick', '--output', folder],
    { encoding: 'utf8', timeout: 150_000 },
  );
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  const text = readFileSync(join(folder, 'hardware-report.json'), 'utf8');
  const report = JSON.parse(text) as HardwareReport;
  const statuses = new Map(report.steps.map(({ name, status }) => [name, status]));
  for (const name of ['doctor', 'loading', 'first-op', 'ops', 'training-compiled', 'speed'])
    assert.equal(statuses.get(name), 'works', `${name}: ${ran.stdout}`);
  assert.ok(report.seconds <= 120, `${report.seconds} s`);
  assert.match(report.build ?? '', /^(cpu|cuda|directml) \d+\.\d+/);
  const markdown = readFileSync(join(folder, 'hardware-report.md'), 'utf8');
  const names = [homedir(), hostname(), userInfo().username, root, folder].filter(
    // Short words such as "root" and "/" occur in other texts, too.
    (name) => name.length > 5,
  );
  for (const name of names) {
    assert.ok(!text.includes(name), name);
    assert.ok(!markdown.includes(name), name);
  }
});

const script = join(import.meta.dirname, 'hardware-steps.mjs');

function provoke(options: Partial<HardwareTest> = {}): Promise<HardwareReport> {
  const steps = HARDWARE_STEPS.filter(({ requires }) => requires === 'nothing').map((step) => ({
    ...step,
    limitSeconds: step.name === 'doctor' ? 5 : 60,
  }));
  return testHardware({
    machine: thisMachine({ ...process.env, HOME: '/home/ada' }),
    mode: 'full',
    version: '0.1.0',
    script,
    digits: undefined,
    steps,
    ...options,
  });
}

test('a step that hangs or dies is a failure with its reason, and the others run', async () => {
  const { steps } = await provoke();
  const found = new Map(steps.map(({ name, status, found }) => [name, `${status}: ${found}`]));
  assert.equal(found.get('doctor'), 'fails: no answer within 5 s');
  assert.equal(
    found.get('loading'),
    'fails: the process was ended by SIGABRT: F0000 cuda_dnn.cc:12] no libcudnn in ~/libraries/cudnn',
  );
  assert.equal(found.get('first-op'), 'fails: the process ended with exit code 3');
  assert.equal(found.get('training-xla'), 'works: full, xla on, ~/models');
  assert.equal(steps.length, HARDWARE_STEPS.filter(({ requires }) => requires === 'nothing').length);
});

test('steps that do not fit into the time are not run', async () => {
  const { steps } = await provoke({ totalSeconds: 8 });
  assert.equal(steps[0]?.found, 'no answer within 5 s');
  assert.deepEqual(
    new Set(steps.slice(1).map(({ status, found }) => `${status}: ${found}`)),
    new Set(['not-run: the 8 s of the test were over']),
  );
});

test('Ctrl+C ends the step that runs, and the report lists what was not run', async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 500);
  const { steps } = await provoke({ signal: stop.signal });
  assert.deepEqual(
    new Set(steps.map(({ status, found }) => `${status}: ${found}`)),
    new Set(['not-run: stopped']),
  );
});
