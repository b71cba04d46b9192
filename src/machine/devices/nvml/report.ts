/** A requested value of a driver: its answer, or the code of its refusal. */
export type Field<T> = { value: T } | { code: number };

/** NVML's answers, before they are put into units and words. Plain data: it is sent between processes as JSON. */
export interface NvmlReport {
  /** Result of `nvmlInit`; everything below is empty unless it is 0. */
  init: number;
  driverVersion: Field<string>;
  /** As CUDA counts: 12080 is 12.8. */
  cudaDriverVersion: Field<number>;
  /** Result of asking for the number of devices, and each device. */
  count: Field<number>;
  devices: NvmlDeviceReport[];
}

export interface NvmlDeviceReport {
  index: number;
  /** Result of asking for the device's handle: a lost GPU is refused already here. */
  handle: number;
  name: Field<string>;
  uuid: Field<string>;
  pciBusId: Field<string>;
  computeCapability: Field<[number, number]>;
  /** Bytes. `reserved` only from `nvmlDeviceGetMemoryInfo_v2`; without it, it is part of `used`. */
  memory: Field<{ total: number; used: number; free: number; reserved?: number }>;
  /** Percent. */
  utilization: Field<{ gpu: number; memory: number }>;
  /** Degrees Celsius. */
  temperature: Field<number>;
  /** Milliwatts. */
  power: Field<number>;
  powerLimit: Field<number>;
  /** MHz. */
  graphicsClock: Field<number>;
  memoryClock: Field<number>;
  /** Bytes per process, null where the driver does not tell (always so on Windows' display driver model). */
  processes: Field<{ pid: number; memory: number | null }[]>;
}

/** `nvmlReturn_t` of nvml.h: what the codes mean for a person. */
const MEANINGS: Record<number, string> = {
  1: 'NVML was not initialised',
  2: 'the driver rejected the query',
  3: 'not supported by this device or driver',
  4: 'no permission',
  6: 'not found',
  8: 'the power cables are not attached properly',
  9: 'the NVIDIA driver is not loaded',
  10: 'the driver timed out',
  11: 'an interrupt problem with the GPU',
  12: 'the NVML library could not be loaded',
  13: 'this driver version does not report it',
  14: 'the info ROM is damaged',
  15: 'the GPU is lost: it fell off the bus or its driver was restarted',
  16: 'the GPU needs a reset',
  17: 'GPU access blocked by the operating system',
  18: 'driver and library have different versions',
  19: 'the GPU is in use',
  20: 'out of memory in the driver',
  999: 'unknown error of the driver',
};

/** Codes that the reading process itself needs: names as in nvml.h. */
export const NVML = {
  success: 0,
  notSupported: 3,
  insufficientSize: 7,
  driverNotLoaded: 9,
  functionNotFound: 13,
  gpuIsLost: 15,
  operatingSystem: 17,
  versionMismatch: 18,
  unknown: 999,
} as const;

export function nvmlMeaning(code: number): string {
  return MEANINGS[code] ?? `the driver returned code ${code}`;
}
