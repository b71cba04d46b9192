// The output of `%device`, `%device why` and `tensorcell.devices()` on each simulated machine, and which runtime fits it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  disposeProbes,
  selectionHtml,
  selectionText,
  statusHtml,
  statusText,
  takeStatus,
} from '../../src/machine/devices/index.ts';
import { missedGpu } from '../../src/machine/devices/missed-gpu.ts';
import { fittingRuntime } from '../../src/machine/runtimes/fit.ts';
import { hasCompiler } from './fake-libraries.ts';
import { assertGolden } from './golden.ts';
import { simulatedMachine } from './simulated-machine.ts';
import { SPECS, lookLimits } from './specs.ts';

after(disposeProbes);

const skip = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';

/** Text and HTML share their words; these show how the page is built. */
const IN_HTML = new Set(['wsl2-nvidia-two', 'wsl2-kepler', 'linux-version-mismatch']);

/** The choice of `tensorcell runtime install`, by machine. */
const fits: Record<string, unknown> = {};

for (const [name, spec] of Object.entries(SPECS)) {
  test(name, { skip }, async () => {
    const machine = await simulatedMachine(spec);
    try {
      const status = await takeStatus(machine, spec.backend, undefined, lookLimits(name));
      assertGolden(`${name}.device.txt`, `${statusText(status)}\n${selectionText(status)}`);
      if (IN_HTML.has(name))
        assertGolden(`${name}.device.html`, `${statusHtml(status)}\n${selectionHtml(status)}\n`);
      fits[name] = await fittingRuntime(machine);
      assertGolden(`${name}.devices.json`, `${JSON.stringify(status.devices, null, 1)}\n`);
    } finally {
      machine.dispose();
    }
  });
}

test('the runtime that fits each machine', { skip }, () => {
  assertGolden('runtime-fit.json', `${JSON.stringify(fits, null, 1)}\n`);
});

test('a driver that hangs costs the time limit, once', { skip }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-driver-hangs']!);
  try {
    const start = performance.now();
    const first = await takeStatus(machine, undefined);
    assert.equal(first.devices.at(-1)?.id, 'cpu');
    assert.equal(first.candidates[0]?.state, 'rejected');
    const between = performance.now();
    await takeStatus(machine, undefined);
    assert.ok(between - start < 10_000, `the first look took ${between - start} ms`);
    assert.ok(performance.now() - between < between - start, 'the second look waited again');
  } finally {
    machine.dispose();
  }
});

test('the first use of tf says what is missed, and only then', { skip }, async () => {
  const told: string[] = [];
  for (const [name, spec] of Object.entries(SPECS)) {
    const machine = await simulatedMachine(spec);
    const line = missedGpu(machine);
    if (line !== undefined) {
      told.push(name);
      assert.match(
        line,
        /^This machine has an NVIDIA GPU, but tf runs on the CPU: .*`tensorcell runtime install cuda`/,
      );
      assert.equal(
        missedGpu({ ...machine, environment: { ...machine.environment, CUDA_VISIBLE_DEVICES: '' } }),
        undefined,
      );
      assert.equal(
        missedGpu({ ...machine, environment: { ...machine.environment, TENSORCELL_RUNTIME: 'cpu' } }),
        undefined,
      );
    }
    machine.dispose();
  }
  assert.deepEqual(told, ['wsl2-nvidia-not-installed', 'wsl2-nvidia-nothing-installed']);
});
