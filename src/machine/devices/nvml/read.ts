import koffi from 'koffi';
import type { Field, NvmlDeviceReport, NvmlReport } from './report.ts';
import { NVML } from './report.ts';

type Call = (...values: unknown[]) => number;

const HANDLE = 'uint64_t'; // an opaque pointer, never followed by us
const OUT = 'void *';

/** Functions are looked up one by one: an old library lacks some, and that is an answer (`functionNotFound`). */
class Library {
  readonly #library: ReturnType<typeof koffi.load>;
  readonly #calls = new Map<string, Call>();

  constructor(path: string) {
    this.#library = koffi.load(path);
  }

  /** The first of `names` that the library has, newest first; a function that refuses when it has none. */
  call(names: readonly string[], types: readonly string[]): Call {
    const key = names.join();
    let found = this.#calls.get(key);
    for (const name of found ? [] : names) {
      try {
        found = this.#library.func(name, 'int', [...types]) as Call;
        break;
      } catch {
        // Not in this version.
      }
    }
    found ??= () => NVML.functionNotFound;
    this.#calls.set(key, found);
    return found;
  }
}

const text = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
};

const NOT_AVAILABLE = 0xff_ff_ff_ff_ff_ff_ff_ffn; // NVML_VALUE_NOT_AVAILABLE in 64 bits

/** `nvmlMemory_v2_t`: version, total, reserved, free, used. The version word holds size and version. */
const MEMORY_2_SIZE = 40;
const MEMORY_2_VERSION = MEMORY_2_SIZE | (2 << 24);

/** An NVML library that is kept open. Blocks as long as the driver does: only for a process that may be killed. */
export class Nvml {
  readonly #library: Library;
  #initialized = false;

  /** @throws what the loader says when the library cannot be loaded. */
  constructor(path: string) {
    this.#library = new Library(path);
  }

  read(): NvmlReport {
    const report = this.#read();
    const failed = 'code' in report.count || report.devices.some(({ handle }) => handle !== NVML.success);
    if (this.#initialized && failed) {
      // A restarted driver answers again after a new start.
      this.#library.call(['nvmlShutdown'], [])();
      this.#initialized = false;
    }
    return report;
  }

  #read(): NvmlReport {
    const nothing = {
      driverVersion: { code: 1 },
      cudaDriverVersion: { code: 1 },
      count: { code: 1 },
      devices: [],
    };
    if (!this.#initialized) {
      const init = this.#library.call(['nvmlInit_v2', 'nvmlInit'], [])();
      if (init !== NVML.success) return { init, ...nothing };
      this.#initialized = true;
    }
    const count = this.#number(['nvmlDeviceGetCount_v2', 'nvmlDeviceGetCount'], [], []);
    return {
      init: NVML.success,
      driverVersion: this.#text(['nvmlSystemGetDriverVersion'], [], [], 80),
      cudaDriverVersion: this.#number(
        ['nvmlSystemGetCudaDriverVersion_v2', 'nvmlSystemGetCudaDriverVersion'],
        [],
        [],
      ),
      count,
      devices: 'value' in count ? Array.from({ length: count.value }, (_, index) => this.#device(index)) : [],
    };
  }

  #out<T>(
    names: readonly string[],
    types: readonly string[],
    values: readonly unknown[],
    out: Buffer,
    decode: (out: Buffer) => T,
  ): Field<T> {
    const code = this.#library.call(names, [...types, OUT])(...values, out);
    return code === NVML.success ? { value: decode(out) } : { code };
  }

  #number(names: readonly string[], types: readonly string[], values: readonly unknown[]): Field<number> {
    return this.#out(names, types, values, Buffer.alloc(4), (out) => out.readUInt32LE(0));
  }

  #text(
    names: readonly string[],
    types: readonly string[],
    values: readonly unknown[],
    length: number,
  ): Field<string> {
    const out = Buffer.alloc(length);
    const code = this.#library.call(names, [...types, OUT, 'uint32_t'])(...values, out, length);
    return code === NVML.success ? { value: text(out) } : { code };
  }

  #device(index: number): NvmlDeviceReport {
    const handleOut = Buffer.alloc(8);
    const handle = this.#library.call(
      ['nvmlDeviceGetHandleByIndex_v2', 'nvmlDeviceGetHandleByIndex'],
      ['uint32_t', OUT],
    )(index, handleOut);
    const device = handle === NVML.success ? handleOut.readBigUInt64LE(0) : undefined;
    const asked = <T>(read: (device: bigint) => Field<T>): Field<T> =>
      device === undefined ? { code: handle } : read(device);
    const number = (name: string, types: string[] = [], values: unknown[] = []): Field<number> =>
      asked((device) => this.#number([name], [HANDLE, ...types], [device, ...values]));
    const name = (name: string): Field<string> =>
      asked((device) => this.#text([name], [HANDLE], [device], 96));
    return {
      index,
      handle,
      name: name('nvmlDeviceGetName'),
      uuid: name('nvmlDeviceGetUUID'),
      // nvmlPciInfo_t: 16 bytes legacy id, five 32-bit numbers, then the bus id.
      pciBusId: asked((device) =>
        this.#out(
          ['nvmlDeviceGetPciInfo_v3', 'nvmlDeviceGetPciInfo_v2'],
          [HANDLE],
          [device],
          Buffer.alloc(128),
          (out) => text(out.subarray(36, 68)) || text(out.subarray(0, 16)),
        ),
      ),
      computeCapability: asked((device) => this.#capability(device)),
      memory: asked((device) => this.#memory(device)),
      utilization: asked((device) =>
        this.#out(['nvmlDeviceGetUtilizationRates'], [HANDLE], [device], Buffer.alloc(8), (out) => ({
          gpu: out.readUInt32LE(0),
          memory: out.readUInt32LE(4),
        })),
      ),
      temperature: number('nvmlDeviceGetTemperature', ['int'], [0]),
      power: number('nvmlDeviceGetPowerUsage'),
      powerLimit: number('nvmlDeviceGetEnforcedPowerLimit'),
      graphicsClock: number('nvmlDeviceGetClockInfo', ['int'], [0]),
      memoryClock: number('nvmlDeviceGetClockInfo', ['int'], [2]),
      processes: asked((device) => this.#processes(device)),
    };
  }

  #capability(device: bigint): Field<[number, number]> {
    const [major, minor] = [Buffer.alloc(4), Buffer.alloc(4)];
    const call = this.#library.call(['nvmlDeviceGetCudaComputeCapability'], [HANDLE, OUT, OUT]);
    const code = call(device, major, minor);
    return code === NVML.success ? { value: [major.readInt32LE(0), minor.readInt32LE(0)] } : { code };
  }

  #memory(device: bigint): NvmlDeviceReport['memory'] {
    const newer = Buffer.alloc(MEMORY_2_SIZE);
    newer.writeUInt32LE(MEMORY_2_VERSION, 0);
    const number = (out: Buffer, at: number): number => Number(out.readBigUInt64LE(at));
    const second = this.#out(['nvmlDeviceGetMemoryInfo_v2'], [HANDLE], [device], newer, (out) => ({
      total: number(out, 8),
      reserved: number(out, 16),
      free: number(out, 24),
      used: number(out, 32),
    }));
    if ('value' in second) return second;
    return this.#out(['nvmlDeviceGetMemoryInfo'], [HANDLE], [device], Buffer.alloc(24), (out) => ({
      total: number(out, 0),
      free: number(out, 8),
      used: number(out, 16),
    }));
  }

  /** Those that compute and those that draw, each once. Entries have 24 bytes since version 2, 16 before. */
  #processes(device: bigint): NvmlDeviceReport['processes'] {
    const found = new Map<number, number | null>();
    let answered = false;
    let refusal: number = NVML.functionNotFound;
    for (const kind of ['Compute', 'Graphics']) {
      for (const [suffix, size] of [
        ['_v3', 24],
        ['_v2', 24],
        ['', 16],
      ] as const) {
        const call = this.#library.call(
          [`nvmlDeviceGet${kind}RunningProcesses${suffix}`],
          [HANDLE, OUT, OUT],
        );
        const room = 256;
        const count = Buffer.alloc(4);
        count.writeUInt32LE(room, 0);
        const entries = Buffer.alloc(room * size);
        const code = call(device, count, entries);
        if (code === NVML.functionNotFound) continue;
        if (code !== NVML.success) {
          refusal = code;
          break;
        }
        answered = true;
        for (let index = 0; index < Math.min(room, count.readUInt32LE(0)); index++) {
          const pid = entries.readUInt32LE(index * size);
          const memory = entries.readBigUInt64LE(index * size + 8);
          const known = memory === NOT_AVAILABLE ? null : Number(memory);
          found.set(pid, known === null ? (found.get(pid) ?? null) : known);
        }
        break;
      }
    }
    if (!answered) return { code: refusal };
    return { value: [...found].map(([pid, memory]) => ({ pid, memory })) };
  }
}
