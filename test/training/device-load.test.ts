// The line on devices under a training: on simulated machines with fake drivers, and on this one.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { BackendDescription } from '../../src/machine/devices/backend-description.ts';
import { disposeProbes, thisMachine } from '../../src/machine/devices/index.ts';
import type { Machine } from '../../src/machine/devices/index.ts';
import { DeviceLoad } from '../../src/training/device-load.ts';
import { hasCompiler } from '../machines/fake-libraries.ts';
import { simulatedMachine } from '../machines/simulated-machine.ts';
import { onCpu, onCuda } from '../machines/machine-parts.ts';
import { SPECS } from '../machines/specs.ts';

after(disposeProbes);

const skip = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';

/** The line once a driver has answered. */
async function said(machine: Machine, backend: BackendDescription): Promise<string> {
  const load = new DeviceLoad(machine, () => backend);
  const end = Date.now() + 20_000;
  for (let now = 0; Date.now() < end; now += 2000) {
    const words = load.words(now);
    if (words !== '') return words;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no driver answered');
}

test('a GPU: utilization and memory as its driver reports them', { skip }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-nvidia']!);
  try {
    const words = await said(machine, onCuda);
    assert.match(words, /^NVIDIA [\w ]+: utilization 37 % · memory 1\.02 GiB of 8\.00 GiB$/);
  } finally {
    machine.dispose();
  }
});

test('unreported values are shown as unavailable', { skip }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-nvidia']!);
  try {
    const directml: BackendDescription = {
      ...onCuda,
      runtime: { name: 'directml', version: '2.10.1', path: '/' },
    };
    assert.equal(await said(machine, directml), 'directml:0: utilization unavailable · memory unavailable');
  } finally {
    machine.dispose();
  }
});

test('the CPU: our own share of it, and our own memory', async () => {
  const load = new DeviceLoad(thisMachine(), () => onCpu);
  let words = '';
  for (let now = 0; !/of \d+ CPU/.test(words); now += 1000) {
    assert.ok(now < 400_000, words);
    await new Promise((resolve) => setTimeout(resolve, 50));
    words = load.words(now);
  }
  assert.match(words, /^CPU: \d+\.\d of \d+ CPUs? · memory (\d+|\d+\.\d|\d\.\d\d) [MG]iB$/);
});
