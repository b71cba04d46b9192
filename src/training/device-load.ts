import { availableParallelism } from 'node:os';
import type { BackendDescription } from '../machine/devices/backend-description.ts';
import type { Machine } from '../machine/devices/machine.ts';
import type { DeviceSample, Sampler } from '../machine/devices/watch/sampler.ts';
import { importInTurn } from '../base/spare-descriptors.ts';
import { formatBytes } from '../base/text/bytes.ts';

/** Between two looks: a driver is asked in a separate process, which costs this one next to nothing. */
const PAUSE_MS = 1000;

/**
 * The load of the devices that train, in one line. It never waits: it says what the last look found, and looks again when
 * that is a second old. A value that a driver does not report is `unavailable`.
 */
export class DeviceLoad {
  readonly #machine: Machine;
  readonly #backend: () => BackendDescription;
  #words = '';
  #next = 0;
  #looking = false;
  #gpus: { used: string[]; sampler: Sampler } | 'none' | undefined;
  #onCpu = false;
  #before: { cpu: number; time: number } | undefined;

  constructor(machine: Machine, backend: () => BackendDescription) {
    this.#machine = machine;
    this.#backend = backend;
  }

  /** @param now milliseconds of any clock. */
  words(now: number): string {
    if (now >= this.#next && !this.#looking) {
      this.#next = now + PAUSE_MS;
      // Without a GPU there is no driver to wait for.
      if (this.#onCpu) this.#words = this.#processWords(now);
      else void this.#look(now);
    }
    return this.#words;
  }

  async #look(now: number): Promise<void> {
    this.#looking = true;
    try {
      const gpus = (this.#gpus ??= await this.#find());
      if (gpus === 'none') {
        this.#onCpu = true;
        this.#words = this.#processWords(now);
        // The first look has nothing to compare with.
        this.#next = now + PAUSE_MS / 4;
      } else {
        const { devices } = await gpus.sampler.sample();
        this.#words = gpus.used
          .map((id) =>
            gpuWords(
              id,
              devices.find((device) => device.id === id),
            ),
          )
          .join(' · ');
      }
    } catch {
      // The training goes on without this line; `%device` says what is wrong.
      this.#words = '';
    } finally {
      this.#looking = false;
    }
  }

  /** Loaded when the first training is shown: cells start without it. */
  async #find(): Promise<{ used: string[]; sampler: Sampler } | 'none'> {
    const backend = this.#backend();
    if (!backend.devices.some(({ type }) => /GPU/i.test(type))) return 'none';
    const [{ usedDevices }, { Sampler: DeviceSampler }] = await importInTurn(() =>
      Promise.all([import('../machine/devices/inventory.ts'), import('../machine/devices/watch/sampler.ts')]),
    );
    const used = [...usedDevices(backend)].filter((id) => id !== 'cpu');
    return { used, sampler: new DeviceSampler(this.#machine) };
  }

  /** Of the CPU our own share is reported: other processes are not part of this training. */
  #processWords(now: number): string {
    const { user, system } = process.cpuUsage();
    const cpu = (user + system) / 1000;
    const before = this.#before;
    this.#before = { cpu, time: now };
    const busy = before === undefined ? undefined : (cpu - before.cpu) / (now - before.time);
    const cpus = availableParallelism();
    const use =
      busy === undefined
        ? ''
        : `${Math.min(busy, cpus).toFixed(1)} of ${cpus} CPU${cpus === 1 ? '' : 's'} · `;
    return `CPU: ${use}memory ${formatBytes(process.memoryUsage.rss())}`;
  }
}

function gpuWords(id: string, device: DeviceSample | undefined): string {
  const name = device?.name ?? id;
  const { utilizationPercent: use = null, memoryUsedBytes: used = null } = device ?? {};
  const total = device?.memoryTotalBytes ?? null;
  const memory =
    used === null
      ? 'unavailable'
      : `${formatBytes(used)}${total === null ? '' : ` of ${formatBytes(total)}`}`;
  return `${name}: utilization ${use === null ? 'unavailable' : `${use} %`} · memory ${memory}`;
}
