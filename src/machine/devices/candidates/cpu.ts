import type { Inventory } from '../inventory.ts';
import { hasGlibc } from '../inventory.ts';
import type { Machine } from '../machine.ts';
import type { InstalledRuntime } from '../runtimes.ts';
import type { Verdict } from './verdict.ts';

/** Whether TensorFlow can compute on the CPU. */
export function judgeCpu(
  machine: Machine,
  inventory: Inventory,
  runtimes: readonly InstalledRuntime[],
): Verdict {
  const { cpu } = inventory.system;
  const name = cpu.model ?? `${machine.architecture} CPU`;
  if (!hasGlibc(machine)) {
    return {
      works: false,
      hardware: false,
      why: "TensorFlow's libraries need glibc, and this system has none",
    };
  }
  if (machine.architecture === 'x64' && cpu.flags.size > 0 && !cpu.flags.has('avx')) {
    return {
      works: false,
      hardware: false,
      why: `${name} has no AVX, which TensorFlow's libraries are built for`,
    };
  }
  if (runtimes.length === 0) {
    return {
      works: false,
      hardware: true,
      why: 'no TensorFlow build is installed',
      fix: ['tensorcell runtime install cpu'],
    };
  }
  return { works: true, hardware: true, why: `${name}, ${cpu.processors} logical CPUs` };
}
