// What `%device`, `%device why` and `tensorcell.devices()` say on each simulated machine.
import { after, test } from 'node:test';
import { disposeProbes, ladderText, statusText, takeStatus } from '../../src/devices/index.ts';
import { hasCompiler } from './fake-libraries.ts';
import { assertGolden } from './golden.ts';
import { simulatedMachine } from './simulated-machine.ts';
import { SPECS } from './specs.ts';

after(disposeProbes);

const skip = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';

for (const [name, spec] of Object.entries(SPECS)) {
  test(name, { skip }, async () => {
    const machine = await simulatedMachine(spec);
    try {
      const status = await takeStatus(machine, spec.backend, undefined, {
        limitMs: name.includes('hang') ? 900 : 20_000,
      });
      assertGolden(`${name}.device.txt`, `${statusText(status)}\n${ladderText(status.ladder)}`);
      assertGolden(`${name}.devices.json`, `${JSON.stringify(status.devices, null, 1)}\n`);
    } finally {
      machine.dispose();
    }
  });
}
