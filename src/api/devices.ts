import { describeBackend, describeMemory } from './describe.ts';
import type { MemoryDescription } from '../machine/devices/backend-description.ts';
import type { Device } from '../machine/devices/device.ts';
import { importInTurn } from '../base/spare-descriptors.ts';

/**
 * The machine's devices: GPUs, then the CPU, with tf's use of them. Units are in the names; an unreported
 * number is null, and `unavailable` gives the reason. Some milliseconds (about 100 for the first call), and at most a
 * second when a driver hangs.
 */
export async function devices(): Promise<Device[]> {
  // Loaded on first use: cells start without it.
  const { devices: look } = await importInTurn(() => import('../machine/devices/index.ts'));
  return await look(describeBackend());
}

/** Tensors and variables that hold memory, the largest first, and sums by the cell that made them. */
export function memory(): MemoryDescription {
  return describeMemory();
}
