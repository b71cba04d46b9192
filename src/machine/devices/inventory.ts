import type { BackendDescription } from './backend-description.ts';
import type { Device } from './device.ts';
import { emptyDevice } from './device.ts';
import type { DirectxAdapter, DirectxReport } from './directx/report.ts';
import { vendorName } from './directx/report.ts';
import type { LibraryChoice } from './loader.ts';
import { detectLibraries } from './loader.ts';
import type { Machine } from './machine.ts';
import { exists, listFolder, readText, usable } from './machine.ts';
import { askNvidiaSmi } from './nvidia-smi.ts';
import type { SmiAnswer } from './nvidia-smi.ts';
import { nvmlDevices, smiDevices } from './nvidia.ts';
import type { NvmlReport } from './nvml/report.ts';
import type { ProbeAnswer } from './probe/probe.ts';
import { probeOf } from './probe/probe.ts';
import type { SystemFacts } from './system.ts';
import { detectSystem } from './system.ts';

/** A whole look at the devices takes no longer, also when a driver hangs. */
const LOOK_LIMIT_MS = 900;
/** So much of it may NVML take: what is asked when it hangs needs the rest. */
const NVML_SHARE = 0.7;

export interface PciDisplay {
  address: string;
  vendorId: number;
  deviceId: number;
}

export interface Inventory {
  system: SystemFacts;
  /** `/dev/dxg` of WSL: absent, there, or there but not for this user. */
  dxg: 'absent' | 'usable' | 'forbidden';
  /** Graphics cards on the PCI bus. WSL shows none. */
  pci: PciDisplay[];
  /** Where `libcuda.so.1`, `libnvidia-ml.so.1` and `libdxcore.so` would be found, the loader's choice first. */
  libcuda: LibraryChoice[];
  libnvml: LibraryChoice[];
  libdxcore: LibraryChoice[];
  /** Undefined where there is no library to ask. */
  nvml: ProbeAnswer<NvmlReport> | undefined;
  /** Asked only where NVML could not tell, or all are asked. */
  smi: SmiAnswer | undefined;
  /** Asked only inside WSL, and only where NVIDIA's libraries show nothing. */
  directx: ProbeAnswer<DirectxReport> | undefined;
  devices: Device[];
}

/** Class 0x03 of PCI: display controllers. */
function detectPci(machine: Machine): PciDisplay[] {
  const found: PciDisplay[] = [];
  for (const address of listFolder(machine, '/sys/bus/pci/devices')) {
    const read = (name: string): number =>
      Number.parseInt(readText(machine, `/sys/bus/pci/devices/${address}/${name}`) ?? '', 16);
    if (read('class') >> 16 === 0x03) {
      found.push({ address, vendorId: read('vendor'), deviceId: read('device') });
    }
  }
  return found;
}

function processName(machine: Machine, processId: number): string | null {
  return readText(machine, `/proc/${processId}/comm`)?.trim() ?? null;
}

/** Resident memory of a process: `VmRSS` of its `/proc/<pid>/status`. */
function residentBytes(machine: Machine, processId: number): number | null {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readText(machine, `/proc/${processId}/status`) ?? '');
  return match ? Number(match[1]) * 1024 : null;
}

/** DirectX's description of a card; inside WSL it is little. */
export function directxDevice(adapter: DirectxAdapter, index: number): Device {
  const device = emptyDevice({
    id: `directml:${index}`,
    name: adapter.name,
    kind: 'GPU',
    source: 'directx',
  });
  device.vendor = vendorName(adapter.vendorId);
  device.driverVersion = adapter.driverVersion;
  device.memoryTotalBytes = adapter.integrated ? adapter.sharedMemoryBytes : adapter.dedicatedMemoryBytes;
  for (const name of [
    'memoryUsedBytes',
    'memoryFreeBytes',
    'utilizationPercent',
    'memoryUtilizationPercent',
    'temperatureCelsius',
    'powerWatts',
    'powerLimitWatts',
    'graphicsClockMegahertz',
    'memoryClockMegahertz',
    'processes',
  ]) {
    device.unavailable[name] = 'DirectX does not report it inside WSL';
  }
  if (device.memoryTotalBytes === null)
    device.unavailable['memoryTotalBytes'] = 'the adapter does not report it';
  return device;
}

function cpuDevice(system: SystemFacts): Device {
  const { cpu, memory } = system;
  const device = emptyDevice({ id: 'cpu', name: cpu.model, kind: 'CPU', source: 'linux' });
  if (cpu.model === null) device.unavailable['name'] = '/proc/cpuinfo does not report it';
  device.memoryTotalBytes = memory.totalBytes;
  device.memoryFreeBytes = memory.availableBytes;
  if (memory.totalBytes !== null && memory.availableBytes !== null) {
    device.memoryUsedBytes = memory.totalBytes - memory.availableBytes;
  } else {
    for (const name of ['memoryTotalBytes', 'memoryUsedBytes', 'memoryFreeBytes']) {
      device.unavailable[name] = '/proc/meminfo does not report it';
    }
  }
  device.unavailable['utilizationPercent'] = 'a single sample does not show it: use %device watch';
  return device;
}

/** Adds what the runtime says: which device is in use, and how much of it is ours. */
export function attachBackend(
  machine: Machine,
  devices: readonly Device[],
  backend: BackendDescription | undefined,
): void {
  const used = usedDevices(backend);
  for (const device of devices) {
    device.inUse = backend === undefined ? null : device.id !== null && used.has(device.id);
    if (!backend) {
      device.unavailable['inUse'] = 'the runtime process did not answer';
      continue;
    }
    if (backend.pid !== undefined && device.kind === 'GPU') {
      const ours = device.processes?.find(({ processId }) => processId === backend.pid);
      device.memoryProcessBytes = ours?.memoryBytes ?? null;
    }
    if (backend.pid !== undefined && device.kind === 'CPU') {
      device.memoryProcessBytes = residentBytes(machine, backend.pid);
    }
    // All our tensors are on the first device that is used, unless cells place them elsewhere.
    if (device.inUse && device.id === [...used][0]) {
      device.memoryTensorsBytes = backend.memory.bytes;
      device.memoryTensorsPeakBytes = backend.memory.peakBytes ?? null;
    }
  }
}

/** Our names of the devices that a backend computes on: its GPUs, or the CPU when it has none. */
export function usedDevices(backend: BackendDescription | undefined): Set<string> {
  if (!backend) return new Set();
  const family = backend.runtime?.name === 'directml' ? 'directml' : 'cuda';
  const gpus = backend.devices.flatMap(({ name, type }) => {
    const number = /:(\d+)$/.exec(name)?.[1];
    return /GPU/i.test(type) && number !== undefined ? [`${family}:${number}`] : [];
  });
  return new Set(gpus.length > 0 ? gpus : ['cpu']);
}

/** TensorFlow's wheels and Node's prebuilt addons need glibc's loader; musl has another. */
export function hasGlibc(machine: Machine): boolean {
  return ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'].some((path) => exists(machine, path));
}

export interface LookOptions {
  /** Time for everything that may hang. */
  limitMs?: number;
  /** Of it, for NVML, which is asked first. */
  nvmlLimitMs?: number;
  /** Asks nvidia-smi and DirectX also when NVML answered. */
  askAll?: boolean;
}

/** Looks at the machine. Never throws for what is missing there; never takes much longer than the limit. */
export async function takeInventory(machine: Machine, options: LookOptions = {}): Promise<Inventory> {
  const start = performance.now();
  const limit = options.limitMs ?? LOOK_LIMIT_MS;
  const left = (): number => limit - (performance.now() - start);
  const probe = probeOf(machine);
  const system = detectSystem(machine);
  const dxg = !exists(machine, '/dev/dxg') ? 'absent' : usable(machine, '/dev/dxg') ? 'usable' : 'forbidden';
  const libnvml = detectLibraries(machine, 'libnvidia-ml.so.1');
  const libcuda = detectLibraries(machine, 'libcuda.so.1');
  const libdxcore = detectLibraries(machine, 'libdxcore.so');

  const nvml = libnvml[0]
    ? await probe.ask('nvml', libnvml[0].path, options.nvmlLimitMs ?? limit * NVML_SHARE)
    : undefined;
  const told = nvml?.ok === true && nvml.value.init === 0 && 'value' in nvml.value.count;
  const hung = nvml?.ok === false && nvml.reason === 'hung';
  const mayAskSmi = (!told || options.askAll === true) && !hung;
  const smi = mayAskSmi ? await askNvidiaSmi(machine, left()) : undefined;

  const devices = told
    ? nvmlDevices(nvml.value, machine.environment, (id) => processName(machine, id))
    : smi?.ok
      ? smiDevices(smi.rows, machine.environment)
      : [];
  const directx =
    libdxcore[0] && dxg !== 'absent' && (options.askAll || devices.length === 0)
      ? await probe.ask('directx', libdxcore[0].path, left())
      : undefined;
  if (devices.length === 0 && directx?.ok) {
    devices.push(...directx.value.adapters.filter(({ hardware }) => hardware !== false).map(directxDevice));
  }
  devices.push(cpuDevice(system));
  return {
    system,
    dxg,
    pci: detectPci(machine),
    libcuda,
    libnvml,
    libdxcore,
    nvml,
    smi,
    directx,
    devices,
  };
}
