// `%device watch` on a simulated machine, `%device` through the magic, and the loader's cache of this very machine.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { device } from '../../kernel/magics/device.ts';
import { DeviceWatch } from '../../kernel/magics/device-watch.ts';
import { disposeProbes } from '../../src/machine/devices/index.ts';
import { parseLoaderCache } from '../../src/machine/devices/loader.ts';
import { call, testSession } from '../magics/session.ts';
import type { Recorded } from '../magics/session.ts';
import { hasCompiler } from './fake-libraries.ts';
import { simulatedMachine } from './simulated-machine.ts';
import { onCuda } from './machine-parts.ts';
import { SPECS } from './specs.ts';

after(disposeProbes);

const skip = hasCompiler() ? false : 'gcc is missing: it builds the fake driver libraries';

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < end, 'it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const plain = (recorded: Recorded): string[] =>
  recorded.displays.map(({ payload }) => String(payload.data['text/plain']));

test('the panel updates one display until it is stopped', { skip }, async () => {
  const machine = await simulatedMachine(SPECS['wsl2-nvidia']!);
  try {
    const watch = new DeviceWatch();
    const { context, recorded } = call('%device watch', testSession());
    await watch.start(context, machine, 20);
    await until(() => recorded.displays.length > 4);
    assert.equal(await watch.stop(), true);
    const shown = recorded.displays.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(recorded.displays.length, shown);
    assert.deepEqual(new Set(recorded.displays.map(({ payload }) => payload.displayId)).size, 1);
    assert.deepEqual(
      recorded.displays.map(({ update }) => update),
      recorded.displays.map((_, index) => index > 0),
    );
    const lines = plain(recorded).at(-1)!.split('\n');
    assert.match(
      lines[0]!,
      /^cuda:0 {2}utilization 37 %, memory 1\.02 of 8\.00 GiB, temperature 58 °C {2}▃+$/,
    );
    assert.match(lines[1]!, /^cpu {2}utilization (\d+ %|unavailable), memory 3\.9 of 15\.6 GiB/);
    assert.equal(lines[2], 'stopped');
    assert.equal(await watch.stop(), false);
  } finally {
    machine.dispose();
  }
});

test(
  'without NVML the panel asks nvidia-smi, and DirectX where there is no NVIDIA card',
  { skip },
  async () => {
    const expected: Record<string, RegExp> = {
      'wsl2-smi-only': /^cuda:0 {2}utilization 37 %, memory 1\.02 of 8\.00 GiB, temperature 58 °C/,
      'wsl2-amd': /^directml:0 {2}utilization unavailable, memory unavailable/,
      'wsl2-smi-crashes': /^directml:0 {2}utilization unavailable/,
      'linux-no-gpu': /^cpu {2}utilization/,
    };
    for (const [name, line] of Object.entries(expected)) {
      const machine = await simulatedMachine(SPECS[name]!);
      try {
        const watch = new DeviceWatch();
        const { context, recorded } = call('%device watch', testSession());
        await watch.start(context, machine, 20);
        await until(() => recorded.displays.length > 3);
        await watch.stop();
        for (const text of plain(recorded)) assert.match(text, line, name);
      } finally {
        machine.dispose();
      }
    }
  },
);

test('a second panel takes over from the first', { skip }, async () => {
  const machine = await simulatedMachine(SPECS['linux-no-gpu']!);
  try {
    const watch = new DeviceWatch();
    const [first, second] = [call('%device watch', testSession()), call('%device watch', testSession())];
    await watch.start(first.context, machine, 20);
    await watch.start(second.context, machine, 20);
    const shown = first.recorded.displays.length;
    await until(() => second.recorded.displays.length > 2);
    assert.equal(first.recorded.displays.length, shown);
    assert.match(plain(first.recorded).at(-1)!, /continues in a newer panel$/);
    await watch.stop();
  } finally {
    machine.dispose();
  }
});

test(
  '%device, %gpu, why and json through the magic; a busy runtime is said to be busy',
  { skip },
  async () => {
    const spec = SPECS['wsl2-nvidia']!;
    const machine = await simulatedMachine(spec);
    try {
      const magic = device(() => machine);
      let busy = false;
      const session = testSession({
        environment: { ...machine.environment },
        answer: () => (busy ? undefined : onCuda),
      });
      const run = async (text: string): Promise<Recorded> => {
        const { context, recorded } = call(text, session);
        await magic.run(context);
        return recorded;
      };
      assert.match(
        plain(await run('%device'))[0]!,
        /^backend {2}tensorflow, TensorFlow 2\.21\.0, build cuda 2\.21\.0\n/,
      );
      assert.match(
        plain(await run('%device why'))[0]!,
        /^Device selection, in this order:\n\* NVIDIA GPU with CUDA/,
      );
      const devices = JSON.parse((await run('%device json')).stdout) as { id: string; inUse: boolean }[];
      assert.deepEqual(
        devices.map(({ id, inUse }) => [id, inUse]),
        [
          ['cuda:0', true],
          ['cpu', false],
        ],
      );
      busy = true;
      assert.match(
        plain(await run('%device'))[0]!,
        /\nnote {5}the runtime process is busy: as of \d+ s ago\n/,
      );
      const { context } = call('%device everything', session);
      await assert.rejects(async () => magic.run(context), { code: 'usage' });
    } finally {
      machine.dispose();
    }
  },
);

test('the loader cache of this machine reads as ldconfig reads it', (t) => {
  if (!existsSync('/etc/ld.so.cache')) return t.skip('there is no /etc/ld.so.cache');
  let printed: string;
  try {
    printed = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  } catch {
    return t.skip('there is no ldconfig');
  }
  const expected = printed.split('\n').flatMap((line) => {
    const match = /^\s+(\S+) \(.*\) => (\S+)$/.exec(line);
    return match ? [{ name: match[1], path: match[2] }] : [];
  });
  assert.deepEqual(parseLoaderCache(readFileSync('/etc/ld.so.cache')), expected);
});
