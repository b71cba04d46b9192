/** The CUDA driver library's answers. Plain data: it is sent between processes as JSON. */
export interface CudaReport {
  /** Result of `cuInit`. */
  init: number;
  /** `CUDA_ERROR_NO_DEVICE` and its sentence, as the library itself names the code. */
  initName: string | null;
  initText: string | null;
  /** As CUDA counts: 12080 is 12.8. Answered also when `cuInit` failed. */
  driverVersion: number | null;
  devices: CudaDeviceReport[];
}

export interface CudaDeviceReport {
  index: number;
  name: string | null;
  computeCapability: [number, number] | null;
  memoryTotalBytes: number | null;
}

/** `CUresult` of cuda.h, where it tells something to act on. */
const MEANINGS: Record<number, string> = {
  2: 'out of memory',
  3: 'not initialised',
  34: 'the CUDA stub library was loaded instead of the driver',
  36: 'the device cannot be reached with this driver',
  46: 'the device is busy or unavailable',
  100: 'no CUDA device',
  101: 'no such CUDA device',
  222: 'the driver cannot translate this PTX',
  303: 'a shared library of the driver could not be loaded',
  304: 'an operating system call of the driver failed',
  803: 'the driver does not fit the kernel module',
  804: 'the driver is too old, and forward compatibility is not supported on this GPU',
  999: 'unknown error of the driver',
};

export function cudaMeaning(code: number): string {
  return MEANINGS[code] ?? `the CUDA driver returned code ${code}`;
}

/** 12080 -> `12.8`. */
export function formatCudaVersion(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}
