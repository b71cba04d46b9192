/**
 * One device, in units that the names say. A number without a source is null, with the reason in `unavailable`: never 0.
 */
export interface Device {
  /** As cells name it: `cuda:0`, `directml:0`, `cpu`. Null for a GPU that programs are not shown. */
  id: string | null;
  name: string | null;
  kind: 'GPU' | 'CPU';
  vendor: string | null;
  /** Whether the backend computes on it now. Null when the runtime did not answer. */
  inUse: boolean | null;
  /** Version of the display driver. */
  driverVersion: string | null;
  /** Newest CUDA that this driver runs: `12.9`. */
  cudaVersion: string | null;
  /** `8.9`. */
  computeCapability: string | null;
  uuid: string | null;
  pciBusId: string | null;
  memoryTotalBytes: number | null;
  memoryUsedBytes: number | null;
  memoryFreeBytes: number | null;
  /** Of the process that runs cells, as the driver (or, for the CPU, the kernel) reports it. */
  memoryProcessBytes: number | null;
  /** Sum of Tensorcell's tensors and variables on it, and the largest that sum has been. */
  memoryTensorsBytes: number | null;
  memoryTensorsPeakBytes: number | null;
  utilizationPercent: number | null;
  memoryUtilizationPercent: number | null;
  temperatureCelsius: number | null;
  powerWatts: number | null;
  powerLimitWatts: number | null;
  graphicsClockMegahertz: number | null;
  memoryClockMegahertz: number | null;
  processes: DeviceProcess[] | null;
  /** The source of the numbers. */
  source: 'nvml' | 'nvidia-smi' | 'directx' | 'linux';
  /** Why a field is null, by its name. */
  unavailable: Record<string, string>;
}

export interface DeviceProcess {
  processId: number;
  name: string | null;
  memoryBytes: number | null;
}

/** A device of which nothing is known yet. */
export function emptyDevice(given: Pick<Device, 'id' | 'name' | 'kind' | 'source'>): Device {
  return {
    ...given,
    vendor: null,
    inUse: null,
    driverVersion: null,
    cudaVersion: null,
    computeCapability: null,
    uuid: null,
    pciBusId: null,
    memoryTotalBytes: null,
    memoryUsedBytes: null,
    memoryFreeBytes: null,
    memoryProcessBytes: null,
    memoryTensorsBytes: null,
    memoryTensorsPeakBytes: null,
    utilizationPercent: null,
    memoryUtilizationPercent: null,
    temperatureCelsius: null,
    powerWatts: null,
    powerLimitWatts: null,
    graphicsClockMegahertz: null,
    memoryClockMegahertz: null,
    processes: null,
    unavailable: {},
  };
}
