import { describeBackend, describeMemory } from '../tensorflow/describe.ts';
import type { MemoryDescription } from './backend-description.ts';
import type { Device } from './device.ts';
import { devices as lookAtDevices } from './index.ts';

/**
 * What the machine computes with: GPUs, then the CPU, with what tf uses of them. Units are in the names; a number that
 * nobody reports is null, and `unavailable` says why. Some milliseconds (about 100 for the first call), and at most a
 * second when a driver hangs.
 */
export function devices(): Promise<Device[]> {
  return lookAtDevices(describeBackend());
}

/** What of ours holds memory: tensors and variables, the largest first, and sums by the cell that made them. */
export function memory(): MemoryDescription {
  return describeMemory();
}
