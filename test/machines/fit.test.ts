// Which runtime `tensorcell runtime install` picks on each simulated machine, and what it says.
import { after, test } from 'node:test';
import { disposeProbes } from '../../src/devices/index.ts';
import { fittingRuntime } from '../../src/runtimes/fit.ts';
import { hasCompiler } from './fake-libraries.ts';
import { assertGolden } from './golden.ts';
import { simulatedMachine } from './simulated-machine.ts';
import { SPECS } from './specs.ts';

after(disposeProbes);

const skip = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';

test('the runtime that fits, on each machine', { skip }, async () => {
  const picked: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(SPECS)) {
    const machine = await simulatedMachine(spec);
    try {
      picked[name] = await fittingRuntime(machine);
    } finally {
      machine.dispose();
    }
  }
  assertGolden('runtime-fit.json', `${JSON.stringify(picked, null, 1)}\n`);
});
