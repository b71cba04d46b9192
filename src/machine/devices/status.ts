import type { BackendDescription } from './backend-description.ts';
import type { Device } from './device.ts';
import { attachBackend, takeInventory } from './inventory.ts';
import type { Inventory, LookOptions } from './inventory.ts';
import { chosenCandidate, fellShort, missedCandidates, selectDevice } from './selection.ts';
import type { Candidate } from './selection.ts';
import type { Machine } from './machine.ts';
import { formatBytes, formatShare } from '../../base/text/bytes.ts';

/** Everything that `%device` shows. */
export interface DeviceStatus {
  backend: BackendDescription | undefined;
  /** Why `backend` is missing or old. */
  note: string | undefined;
  devices: Device[];
  candidates: Candidate[];
  /** Sentences on what makes this session slower than the machine could be, each with what to do. */
  warnings: { text: string; fix: string[] }[];
}

export async function takeStatus(
  machine: Machine,
  backend: BackendDescription | undefined,
  note?: string,
  options: LookOptions = {},
): Promise<DeviceStatus> {
  const inventory: Inventory = await takeInventory(machine, options);
  attachBackend(machine, inventory.devices, backend);
  const candidates = selectDevice(machine, inventory);
  const warnings = missedCandidates(candidates).map(({ title, why, fix }) => ({
    text: `${title} is not used: ${why}`,
    fix,
  }));
  if (backend) {
    // The runtime process knows what happened when it tried; the device selection only what can be seen from outside.
    const short = fellShort(candidates, backend);
    for (const { what, why, fix } of backend.rejected) {
      if (short || warnings.length === 0) {
        warnings.push({
          text: `${describeMissed(backend, what)}: ${why}`,
          fix: fix === undefined ? [] : [fix],
        });
      }
    }
    if (short && backend.rejected.length === 0) {
      const chosen = chosenCandidate(candidates);
      warnings.push({
        text: `${chosen.title} could be used (${chosen.why}), but this runtime process uses a slower device`,
        fix: ['%restart'],
      });
    }
  }
  return { backend, note, devices: inventory.devices, candidates, warnings };
}

/** A runtime that was left out, or that serves without the GPU that it is for. */
export function describeMissed({ runtime, loaded }: BackendDescription, what: string): string {
  const itself = loaded && runtime !== undefined && what === `${runtime.name}-${runtime.version}`;
  return itself ? `${what} found no GPU and computes on the CPU` : `${what} is not used`;
}

const said = (value: string | number | null, unit = ''): string =>
  value === null ? 'unavailable' : `${value}${unit}`;

const watts = (value: number): number => Math.round(value * 10) / 10;

/** Cells of the table, in words; HTML and text share them. */
export interface DeviceRow {
  id: string;
  name: string;
  kind: string;
  driver: string;
  cuda: string;
  capability: string;
  memory: string;
  ours: string;
  utilization: string;
  temperature: string;
  power: string;
  clocks: string;
  processes: string;
  inUse: boolean;
}

export function describeDevice(device: Device): DeviceRow {
  const gpu = device.kind === 'GPU';
  const nothing = gpu ? 'unavailable' : '–';
  const memory =
    device.memoryTotalBytes === null
      ? 'unavailable'
      : device.memoryUsedBytes === null
        ? `${formatBytes(device.memoryTotalBytes)} (used: unavailable)`
        : formatShare(device.memoryUsedBytes, device.memoryTotalBytes);
  const ours: string[] = [];
  if (device.memoryTensorsBytes !== null) {
    const peak =
      device.memoryTensorsPeakBytes === null ? '' : ` (peak ${formatBytes(device.memoryTensorsPeakBytes)})`;
    ours.push(`tensors ${formatBytes(device.memoryTensorsBytes)}${peak}`);
  }
  if (device.memoryProcessBytes !== null) ours.push(`process ${formatBytes(device.memoryProcessBytes)}`);
  const power =
    device.powerWatts === null
      ? nothing
      : device.powerLimitWatts === null
        ? `${watts(device.powerWatts)} W`
        : `${watts(device.powerWatts)} of ${watts(device.powerLimitWatts)} W`;
  const clocks =
    device.graphicsClockMegahertz === null && device.memoryClockMegahertz === null
      ? nothing
      : `${said(device.graphicsClockMegahertz)} / memory ${said(device.memoryClockMegahertz)} MHz`;
  return {
    id: device.id ?? 'hidden',
    name: device.name ?? `unavailable (${device.unavailable['name'] ?? 'not reported'})`,
    kind: device.kind,
    driver: device.driverVersion ?? nothing,
    cuda: device.cudaVersion ?? (device.vendor === 'NVIDIA' && gpu ? 'unavailable' : '–'),
    capability: device.computeCapability ?? (device.vendor === 'NVIDIA' && gpu ? 'unavailable' : '–'),
    memory,
    ours: ours.length > 0 ? ours.join(', ') : '–',
    utilization: device.utilizationPercent === null ? nothing : `${device.utilizationPercent} %`,
    temperature: device.temperatureCelsius === null ? nothing : `${device.temperatureCelsius} °C`,
    power,
    clocks,
    processes:
      device.processes === null
        ? nothing
        : device.processes.length === 0
          ? 'none'
          : device.processes
              .map(
                ({ processId, name, memoryBytes }) =>
                  `${processId}${name === null ? '' : ` ${name}`} ${memoryBytes === null ? '(memory unavailable)' : formatBytes(memoryBytes)}`,
              )
              .join(', '),
    inUse: device.inUse === true,
  };
}

/** Label and value of each line about the backend. */
export function describeBackendLines({ backend, note }: DeviceStatus): [string, string][] {
  const lines: [string, string][] = [];
  if (!backend) {
    lines.push(['backend', `unavailable: ${note ?? 'the runtime process did not answer'}`]);
    return lines;
  }
  const runtime = backend.runtime ? `, build ${backend.runtime.name} ${backend.runtime.version}` : '';
  const version = backend.tensorflowVersion === undefined ? '' : `, TensorFlow ${backend.tensorflowVersion}`;
  if (backend.backend === 'cpu') {
    lines.push(['backend', 'cpu (plain JavaScript)']);
  } else {
    const when = backend.loaded ? '' : ' (loads on first use)';
    lines.push(['backend', `${backend.backend}${version}${runtime}${when}`]);
  }
  if (note !== undefined) lines.push(['note', note]);
  const library = backend.library ?? backend.runtime?.path;
  if (library !== undefined) lines.push(['from', library]);
  if (backend.devices.length > 0) {
    lines.push(['devices', backend.devices.map(({ name }) => name.replace(/^.*\/device:/, '')).join(', ')]);
  }
  if (backend.threads) {
    const { intraOp, interOp } = backend.threads;
    lines.push(['threads', `${intraOp} within an op, ${interOp} between ops`]);
  }
  const { tensors, bytes, peakBytes } = backend.memory;
  const peak = peakBytes === undefined ? '' : `, peak ${formatBytes(peakBytes)}`;
  lines.push(['tensors', `${tensors}, ${formatBytes(bytes)}${peak}`]);
  return lines;
}
