import { describeBackend, describeMemory } from './describe.ts';
import type { MemoryDescription } from '../machine/devices/backend-description.ts';
import type { Device } from '../machine/devices/device.ts';
import { importInTurn } from '../base/spare-descriptors.ts';

/**
 * What the machine computes with: GPUs, then the CPU, with what tf uses of them. Units are in the names; a number that
 * nobody reports is null, and `unavailable` says why. Some milliseconds (about 100 for the first call), and at most a
 * second when a driver hangs.
 */
export async function devices(): Promise<Device[]> {
  // Loaded when first asked for: cells start without it.
  const { devices: look } = await importInTurn(() => import('../machine/devices/index.ts'));
  return await look(describeBackend());
}

/** What of ours holds memory: tensors and variables, the largest first, and sums by the cell that made them. */
export function memory(): MemoryDescription {
  return describeMemory();
}
