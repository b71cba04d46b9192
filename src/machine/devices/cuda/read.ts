import type { default as Koffi } from 'koffi';
import type { CudaDeviceReport, CudaReport } from './report.ts';

const OUT = 'void *';
const CAPABILITY_MAJOR = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
const CAPABILITY_MINOR = 76;

/**
 * Asks the CUDA driver API. Blocks as long as the driver does: only for a process that may be killed. No context is
 * made, so no memory of the device is taken.
 *
 * @throws what the loader says when the library cannot be loaded.
 */
export function readCuda(path: string, koffi: Pick<typeof Koffi, 'load' | 'out' | 'pointer'>): CudaReport {
  const library = koffi.load(path);
  const call = (name: string, types: string[]): ((...values: unknown[]) => number) => {
    try {
      return library.func(name, 'int', types) as (...values: unknown[]) => number;
    } catch {
      return () => -1;
    }
  };
  const number = (name: string, types: string[], ...values: unknown[]): number | null => {
    const out = Buffer.alloc(4);
    return call(name, [OUT, ...types])(out, ...values) === 0 ? out.readInt32LE(0) : null;
  };
  const errorText = (name: string, code: number): string | null => {
    try {
      const out: [string | null] = [null];
      const ask = library.func(name, 'int', ['int', koffi.out(koffi.pointer('char *', 1))]);
      return (ask(code, out) as number) === 0 ? out[0] : null;
    } catch {
      return null;
    }
  };
  const init = call('cuInit', ['uint32_t'])(0);
  const devices: CudaDeviceReport[] = [];
  const count = init === 0 ? (number('cuDeviceGetCount', []) ?? 0) : 0;
  for (let index = 0; index < count; index++) {
    const device = number('cuDeviceGet', ['int'], index);
    if (device === null) continue;
    const name = Buffer.alloc(256);
    const named = call('cuDeviceGetName', [OUT, 'int', 'int'])(name, name.length, device) === 0;
    const total = Buffer.alloc(8);
    const summed = call('cuDeviceTotalMem_v2', [OUT, 'int'])(total, device) === 0;
    const major = number('cuDeviceGetAttribute', ['int', 'int'], CAPABILITY_MAJOR, device);
    const minor = number('cuDeviceGetAttribute', ['int', 'int'], CAPABILITY_MINOR, device);
    devices.push({
      index,
      name: named ? name.toString('utf8', 0, name.indexOf(0)) : null,
      computeCapability: major === null || minor === null ? null : [major, minor],
      memoryTotalBytes: summed ? Number(total.readBigUInt64LE(0)) : null,
    });
  }
  return {
    init,
    initName: init === 0 ? null : errorText('cuGetErrorName', init),
    initText: init === 0 ? null : errorText('cuGetErrorString', init),
    driverVersion: number('cuDriverGetVersion', []),
    devices,
  };
}
