// The doctor's findings on each simulated machine, and that it changes nothing there and never hangs.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CHECKS, formatReport, runDoctor } from '../../src/machine/doctor/index.ts';
import { disposeProbes } from '../../src/machine/devices/index.ts';
import { hasCompiler } from './fake-libraries.ts';
import { assertGolden } from './golden.ts';
import { simulatedMachine } from './simulated-machine.ts';
import { SPECS, lookLimits } from './specs.ts';

after(disposeProbes);

const skip = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';

function contents(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(root, name);
      const found = statSync(path, { throwIfNoEntry: false });
      return [name, found?.isFile() ? readFileSync(path).toString('base64') : 'other'];
    }),
  );
}

const seen = new Set<string>();

for (const [name, spec] of Object.entries(SPECS)) {
  test(name, { skip }, async () => {
    const machine = await simulatedMachine(spec);
    try {
      const before = contents(machine.root);
      const report = await runDoctor(machine, {
        directory: spec.directory ?? '/home/ada/notebooks',
        ...(spec.firstOp ? { firstOp: () => Promise.resolve(spec.firstOp) } : {}),
        limits: {
          look: 20_000,
          nvml: lookLimits(name).nvmlLimitMs,
          cuda: name.includes('hang') ? 1500 : 20_000,
          command: 20_000,
        },
      });
      assertGolden(`${name}.doctor.txt`, `${formatReport(report)}exit code ${report.exitCode}\n`);
      assert.deepEqual(contents(machine.root), before);
      for (const { code, severity } of report.findings) {
        if (severity !== 'ok' || code === 'libcuda-link') seen.add(code);
      }
    } finally {
      machine.dispose();
    }
  });
}

test('a driver that hangs does not hang the doctor', { skip }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-driver-hangs']!);
  try {
    const report = await runDoctor(machine, { directory: '/home/ada' });
    assert.equal(report.exitCode, 2);
    assert.ok(report.tookMilliseconds < 20_000, `took ${report.tookMilliseconds} ms`);
  } finally {
    machine.dispose();
  }
});

test('every check speaks up on some machine of the matrix', { skip }, () => {
  // libcuda-link never has more to say than that all is well.
  assert.deepEqual(
    CHECKS.map(({ code }) => code).filter((code) => !seen.has(code)),
    [],
  );
});
