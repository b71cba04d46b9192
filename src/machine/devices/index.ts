import type { BackendDescription } from './backend-description.ts';
import type { Device } from './device.ts';
import { attachBackend, takeInventory } from './inventory.ts';
import { detectLibraries } from './loader.ts';
import { probeOf } from './probe/probe.ts';
import { currentMachine } from './machine.ts';
import { takeStatus } from './status.ts';
import { statusHtml } from './status-html.ts';
import type { Machine } from './machine.ts';

export type { BackendDescription, MemoryDescription, TensorDescription } from './backend-description.ts';
export type { Device, DeviceProcess } from './device.ts';
export type { Machine } from './machine.ts';
export { currentMachine, thisMachine } from './machine.ts';
export { SETTINGS, configFile } from './settings.ts';
export { disposeProbes, probeOf } from './probe/probe.ts';
export { takeStatus } from './status.ts';
export type { DeviceStatus } from './status.ts';
export { selectionHtml, statusHtml } from './status-html.ts';
export { selectionText, statusText } from './status-text.ts';

/**
 * Lets the first `%device` answer at once: starts the process that asks the driver, where there is one, and looks once, since
 * code runs slowly the first time. Blocks for some 10 ms, so it is for a moment when the user does not wait.
 */
export async function warmDevices(machine: Machine): Promise<void> {
  const library = detectLibraries(machine, 'libnvidia-ml.so.1')[0];
  if (library) await probeOf(machine).ask('nvml', library.path, 5000);
  statusHtml(await takeStatus(machine, undefined));
}

/**
 * The devices of the machine: GPUs, then the CPU. A number that no driver reports is null, with the
 * reason in `device.unavailable`. Takes some milliseconds (about 100 for the first call), and at most a second when a
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
