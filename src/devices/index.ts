import type { BackendDescription } from './backend-description.ts';
import type { Device } from './device.ts';
import { attachBackend, takeInventory } from './inventory.ts';
import { detectLibraries } from './loader.ts';
import { probeOf } from './probe/probe.ts';
import { currentMachine } from './machine.ts';
import type { Machine } from './machine.ts';

export type { BackendDescription, MemoryDescription, TensorDescription } from './backend-description.ts';
export type { Device, DeviceProcess } from './device.ts';
export type { Machine } from './machine.ts';
export { currentMachine, thisMachine } from './machine.ts';
export { SETTINGS, configFile } from './settings.ts';
export { disposeProbes, probeOf } from './probe/probe.ts';
export { takeStatus } from './status.ts';
export type { DeviceStatus } from './status.ts';
export { ladderHtml, statusHtml } from './status-html.ts';
export { ladderText, statusText } from './status-text.ts';

/** Lets the first `%device` answer at once, where there is a driver to ask: starts its process and NVML in it. */
export function warmDevices(machine: Machine): void {
  const library = detectLibraries(machine, 'libnvidia-ml.so.1')[0];
  if (library) void probeOf(machine).ask('nvml', library.path, 5000);
}

/**
 * What the machine computes with: GPUs, then the CPU. A number that no driver reports is null, and
 * `device.unavailable` says why. Takes some milliseconds (about 100 for the first call), and at most a second when a
 * driver hangs.
 *
 * @param backend what the process's own backend says of itself; with it, `inUse` and our share of memory are told.
 */
export async function devices(backend?: BackendDescription): Promise<Device[]> {
  const machine = currentMachine();
  const inventory = await takeInventory(machine);
  attachBackend(machine, inventory.devices, backend);
  return inventory.devices;
}
