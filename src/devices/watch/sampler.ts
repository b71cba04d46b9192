import { detectLibraries } from '../loader.ts';
import type { Machine } from '../machine.ts';
import { readText } from '../machine.ts';
import { nvmlDevices } from '../nvidia.ts';
import { probeOf } from '../probe/probe.ts';
import { parseCpuInfo, parseMemoryInfo } from '../system.ts';

/** One look at one device; null where nobody tells. */
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
  return { busy: all - fields[3]! - (fields[4] ?? 0), all };
}

const LIMIT_MS = 900;

/** Looks again and again at what changes, without asking anew what does not. */
export class Sampler {
  readonly #machine: Machine;
  readonly #library: string | undefined;
  readonly #cpuName: string | null;
  #ticks: { busy: number; all: number } | undefined;

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
    const devices: DeviceSample[] = answer?.ok
      ? nvmlDevices(answer.value, machine.environment, () => null).map((device) => ({
          id: device.id ?? 'hidden',
          name: device.name,
          utilizationPercent: device.utilizationPercent,
          memoryUsedBytes: device.memoryUsedBytes,
          memoryTotalBytes: device.memoryTotalBytes,
          temperatureCelsius: device.temperatureCelsius,
        }))
      : [];
    const { totalBytes, availableBytes } = parseMemoryInfo(readText(machine, '/proc/meminfo') ?? '');
    devices.push({
      id: 'cpu',
      name: this.#cpuName,
      utilizationPercent: this.#cpuUtilization(),
      memoryUsedBytes: totalBytes === null || availableBytes === null ? null : totalBytes - availableBytes,
      memoryTotalBytes: totalBytes,
      temperatureCelsius: null,
    });
    return { at: machine.now(), devices, problem: answer?.ok === false ? answer.message : null };
  }

  #cpuUtilization(): number | null {
    const before = this.#ticks;
    const now = parseCpuTicks(readText(this.#machine, '/proc/stat') ?? '');
    this.#ticks = now;
    if (!before || !now || now.all <= before.all) return null;
    return Math.round((100 * (now.busy - before.busy)) / (now.all - before.all));
  }
}
