import type { Device } from '../device.ts';
import { directxDevice } from '../inventory.ts';
import { detectLibraries } from '../loader.ts';
import type { Machine } from '../machine.ts';
import { exists, readText } from '../machine.ts';
import { nvmlDevices, smiDevices } from '../nvidia.ts';
import { askNvidiaSmi } from '../nvidia-smi.ts';
import { nvmlMeaning } from '../nvml/report.ts';
import { probeOf } from '../probe/probe.ts';
import { parseCpuInfo, parseMemoryInfo } from '../system.ts';

/** One look at one device; null where it is unknown. */
export interface DeviceSample {
  id: string;
  name: string | null;
  utilizationPercent: number | null;
  memoryUsedBytes: number | null;
  memoryTotalBytes: number | null;
  temperatureCelsius: number | null;
}

export interface Sample {
  /** Milliseconds since 1970. */
  at: number;
  devices: DeviceSample[];
  /** Why there is nothing of a GPU, where one was expected. */
  problem: string | null;
}

/** Busy and all clock ticks since the start, of `/proc/stat`'s first line. */
export function parseCpuTicks(text: string): { busy: number; all: number } | undefined {
  const fields = /^cpu\s+(.*)$/m.exec(text)?.[1]?.split(/\s+/).map(Number);
  if (!fields || fields.length < 4 || fields.some(Number.isNaN)) return undefined;
  // user nice system idle iowait irq softirq steal; guest time is part of user.
  const all = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
  return { busy: all - (fields[3] ?? 0) - (fields[4] ?? 0), all };
}

const LIMIT_MS = 900;
/** nvidia-smi is a program to start, at 30 to 100 ms of a core: seldom enough that the panel stays below 1 %. */
const SMI_EVERY_MS = 10_000;

/** Looks again and again at what changes, without asking anew what does not. */
export class Sampler {
  readonly #machine: Machine;
  readonly #library: string | undefined;
  readonly #cpuName: string | null;
  #ticks: { busy: number; all: number } | undefined;
  /** Where NVML does not tell: what nvidia-smi or DirectX said last, and when. */
  #elsewhere: { at: number; devices: Device[] } | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#library = detectLibraries(machine, 'libnvidia-ml.so.1')[0]?.path;
    this.#cpuName = parseCpuInfo(readText(machine, '/proc/cpuinfo') ?? '').model;
    this.#ticks = parseCpuTicks(readText(machine, '/proc/stat') ?? '');
  }

  /** Never throws, and ends within a second also when a driver hangs. */
  async sample(): Promise<Sample> {
    const machine = this.#machine;
    const answer =
      this.#library === undefined ? undefined : await probeOf(machine).ask('nvml', this.#library, LIMIT_MS);
    const told = answer?.ok === true && answer.value.init === 0;
    const hung = answer?.ok === false && answer.reason === 'hung';
    const gpus = told
      ? nvmlDevices(answer.value, machine.environment, () => null)
      : hung
        ? []
        : await this.#askElsewhere();
    const devices = gpus.map((device): DeviceSample => ({
      id: device.id ?? 'hidden',
      name: device.name,
      utilizationPercent: device.utilizationPercent,
      memoryUsedBytes: device.memoryUsedBytes,
      memoryTotalBytes: device.memoryTotalBytes,
      temperatureCelsius: device.temperatureCelsius,
    }));
    const { totalBytes, availableBytes } = parseMemoryInfo(readText(machine, '/proc/meminfo') ?? '');
    devices.push({
      id: 'cpu',
      name: this.#cpuName,
      utilizationPercent: this.#cpuUtilization(),
      memoryUsedBytes: totalBytes === null || availableBytes === null ? null : totalBytes - availableBytes,
      memoryTotalBytes: totalBytes,
      temperatureCelsius: null,
    });
    const problem =
      answer?.ok === false ? answer.message : answer && !told ? nvmlMeaning(answer.value.init) : null;
    return { at: machine.now(), devices, problem };
  }

  /** NVIDIA's program, else the adapters that DirectX lists, which changes nothing from look to look. */
  async #askElsewhere(): Promise<Device[]> {
    const machine = this.#machine;
    const now = performance.now();
    if (this.#elsewhere && now - this.#elsewhere.at < SMI_EVERY_MS) return this.#elsewhere.devices;
    let devices: Device[] = [];
    const smi = await askNvidiaSmi(machine, LIMIT_MS);
    if (smi.ok) devices = smiDevices(smi.rows, machine.environment);
    else {
      const library = detectLibraries(machine, 'libdxcore.so')[0];
      const answer =
        library && exists(machine, '/dev/dxg')
          ? await probeOf(machine).ask('directx', library.path, LIMIT_MS)
          : undefined;
      if (answer?.ok) {
        devices = answer.value.adapters.filter(({ hardware }) => hardware !== false).map(directxDevice);
      }
    }
    // A program that hung is not started again soon.
    this.#elsewhere = { at: smi.ok || smi.reason === 'absent' ? now : now + 60_000, devices };
    return devices;
  }

  #cpuUtilization(): number | null {
    const before = this.#ticks;
    const now = parseCpuTicks(readText(this.#machine, '/proc/stat') ?? '');
    this.#ticks = now;
    if (!before || !now || now.all <= before.all) return null;
    return Math.round((100 * (now.busy - before.busy)) / (now.all - before.all));
  }
}
