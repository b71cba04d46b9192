import { formatCudaVersion } from './cuda/report.ts';
import type { Device } from './device.ts';
import { emptyDevice } from './device.ts';
import type { SmiField, SmiRow } from './nvidia-smi.ts';
import type { Field, NvmlReport } from './nvml/report.ts';
import { NVML, nvmlMeaning } from './nvml/report.ts';

const MIB = 1024 * 1024;

/**
 * `CUDA_VISIBLE_DEVICES` as CUDA reads it: indices or the beginning of UUIDs; what follows the first invalid entry is
 * ignored, so `-1` and an empty value hide all.
 *
 * @returns for each device the number under which CUDA programs see it, or null.
 */
export function visibleNumbers(
  setting: string | undefined,
  devices: readonly { index: number; uuid: string | null }[],
): (number | null)[] {
  if (setting === undefined) return devices.map((_, position) => position);
  const order: number[] = [];
  for (const entry of setting.split(',').map((entry) => entry.trim())) {
    const position = devices.findIndex(({ index, uuid }) =>
      /^\d+$/.test(entry) ? index === Number(entry) : entry.length > 4 && (uuid?.startsWith(entry) ?? false),
    );
    if (position < 0) break;
    order.push(position);
  }
  return devices.map((_, position) => {
    const number = order.indexOf(position);
    return number < 0 ? null : number;
  });
}

/** Devices as NVML reports them, in its (PCI bus) order. */
export function nvmlDevices(
  report: NvmlReport,
  environment: Readonly<Record<string, string | undefined>>,
  processName: (processId: number) => string | null,
): Device[] {
  const value = <T>(field: Field<T>): T | null => ('value' in field ? field.value : null);
  const numbers = visibleNumbers(
    environment['CUDA_VISIBLE_DEVICES'],
    report.devices.map(({ index, uuid }) => ({ index, uuid: value(uuid) })),
  );
  return report.devices.map((said, position) => {
    const number = numbers[position] ?? null;
    const device = emptyDevice({
      id: number === null ? null : `cuda:${number}`,
      name: value(said.name),
      kind: 'GPU',
      source: 'nvml',
    });
    device.vendor = 'NVIDIA';
    const take = <T>(names: readonly (keyof Device)[], field: Field<T>, use: (value: T) => void): void => {
      if ('value' in field) use(field.value);
      else for (const name of names) device.unavailable[name] = nvmlMeaning(field.code);
    };
    if (said.handle !== NVML.success) device.unavailable['name'] = nvmlMeaning(said.handle);
    if (number === null) device.unavailable['id'] = 'hidden from programs by CUDA_VISIBLE_DEVICES';
    take(['driverVersion'], report.driverVersion, (version) => (device.driverVersion = version));
    take(['cudaVersion'], report.cudaDriverVersion, (version) => {
      device.cudaVersion = formatCudaVersion(version);
    });
    take(['computeCapability'], said.computeCapability, ([major, minor]) => {
      device.computeCapability = `${major}.${minor}`;
    });
    take(['uuid'], said.uuid, (uuid) => (device.uuid = uuid));
    take(['pciBusId'], said.pciBusId, (id) => (device.pciBusId = id));
    take(['memoryTotalBytes', 'memoryUsedBytes', 'memoryFreeBytes'], said.memory, (memory) => {
      device.memoryTotalBytes = memory.total;
      device.memoryUsedBytes = memory.used;
      device.memoryFreeBytes = memory.free;
    });
    take(['utilizationPercent', 'memoryUtilizationPercent'], said.utilization, (percent) => {
      device.utilizationPercent = percent.gpu;
      device.memoryUtilizationPercent = percent.memory;
    });
    take(['temperatureCelsius'], said.temperature, (celsius) => (device.temperatureCelsius = celsius));
    take(['powerWatts'], said.power, (milliwatts) => (device.powerWatts = milliwatts / 1000));
    take(['powerLimitWatts'], said.powerLimit, (milliwatts) => (device.powerLimitWatts = milliwatts / 1000));
    take(['graphicsClockMegahertz'], said.graphicsClock, (clock) => (device.graphicsClockMegahertz = clock));
    take(['memoryClockMegahertz'], said.memoryClock, (clock) => (device.memoryClockMegahertz = clock));
    take(['processes'], said.processes, (processes) => {
      device.processes = processes.map(({ pid, memory }) => ({
        processId: pid,
        name: processName(pid),
        memoryBytes: memory,
      }));
    });
    return device;
  });
}

/** The same from nvidia-smi's text, which tells neither processes nor the compute capability in old versions. */
export function smiDevices(
  rows: readonly SmiRow[],
  environment: Readonly<Record<string, string | undefined>>,
): Device[] {
  const text = (row: SmiRow, field: SmiField): string | null => {
    const cell = row[field];
    return 'text' in cell ? cell.text : null;
  };
  const numbers = visibleNumbers(
    environment['CUDA_VISIBLE_DEVICES'],
    rows.map((row) => ({ index: Number(text(row, 'index')), uuid: text(row, 'uuid') })),
  );
  return rows.map((row, position) => {
    const number = numbers[position] ?? null;
    const device = emptyDevice({
      id: number === null ? null : `cuda:${number}`,
      name: text(row, 'name'),
      kind: 'GPU',
      source: 'nvidia-smi',
    });
    device.vendor = 'NVIDIA';
    if (number === null) device.unavailable['id'] = 'hidden from programs by CUDA_VISIBLE_DEVICES';
    const texts: [SmiField, 'name' | 'uuid' | 'pciBusId' | 'driverVersion'][] = [
      ['name', 'name'],
      ['uuid', 'uuid'],
      ['pci.bus_id', 'pciBusId'],
      ['driver_version', 'driverVersion'],
    ];
    for (const [field, name] of texts) {
      const cell = row[field];
      if ('text' in cell) device[name] = cell.text;
      else device.unavailable[name] = cell.why;
    }
    const quantities = [
      ['memory.total', 'memoryTotalBytes', MIB],
      ['memory.used', 'memoryUsedBytes', MIB],
      ['memory.free', 'memoryFreeBytes', MIB],
      ['utilization.gpu', 'utilizationPercent', 1],
      ['utilization.memory', 'memoryUtilizationPercent', 1],
      ['temperature.gpu', 'temperatureCelsius', 1],
      ['power.draw', 'powerWatts', 1],
      ['power.limit', 'powerLimitWatts', 1],
      ['clocks.gr', 'graphicsClockMegahertz', 1],
      ['clocks.mem', 'memoryClockMegahertz', 1],
    ] as const;
    for (const [field, name, unit] of quantities) {
      const cell = row[field];
      const quantity = 'text' in cell ? Number(cell.text) : Number.NaN;
      if (Number.isFinite(quantity)) device[name] = quantity * unit;
      else device.unavailable[name] = 'why' in cell ? cell.why : `nvidia-smi reports ${cell.text}`;
    }
    for (const name of ['computeCapability', 'cudaVersion', 'processes']) {
      device.unavailable[name] = 'nvidia-smi does not report it here';
    }
    return device;
  });
}
