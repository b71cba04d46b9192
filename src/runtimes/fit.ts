import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import type { RuntimeName } from './catalogue.ts';

/** Where the driver's library lies: WSL's folder is not always in the loader's cache. */
const CUDA_LIBRARIES = ['libcuda.so.1', '/usr/lib/wsl/lib/libcuda.so.1'];

/** Signs of an NVIDIA card; without any of them the driver is not asked. */
const SIGNS = [
  '/proc/driver/nvidia/version',
  '/dev/nvidia0',
  '/dev/nvidiactl',
  '/usr/lib/wsl/lib/libcuda.so.1',
];

/** Asks the driver in a process of its own, since a broken one may hang or crash. Prints the number of devices. */
const ASK_DRIVER = `
const koffi = require(process.argv[1]);
for (const name of process.argv.slice(2)) {
  try {
    const library = koffi.load(name);
    if (library.func('int cuInit(unsigned int flags)')(0) !== 0) continue;
    const count = [0];
    if (library.func('int cuDeviceGetCount(_Out_ int *count)')(count) === 0) { console.log(count[0]); break; }
  } catch {}
}`;

/** How many CUDA devices the NVIDIA driver answers for; 0 without a driver, or when it does not answer in 5 s. */
export async function cudaDevices(): Promise<number> {
  if (!SIGNS.some((path) => existsSync(path))) return 0;
  try {
    const koffi = createRequire(import.meta.url).resolve('koffi');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['-e', ASK_DRIVER, koffi, ...CUDA_LIBRARIES],
      { timeout: 5_000, killSignal: 'SIGKILL' },
    );
    return Number(stdout.trim()) || 0;
  } catch {
    return 0;
  }
}

export interface Fit {
  name: RuntimeName;
  why: string;
  /** Something else that the user may want to know of. */
  hint?: string;
}

/** The runtime to install on this machine when the user names none. */
export async function fittingRuntime(): Promise<Fit> {
  const count = await cudaDevices();
  if (count > 0) {
    return { name: 'cuda', why: `an NVIDIA driver answers for ${count} device${count === 1 ? '' : 's'}` };
  }
  if (SIGNS.some((path) => existsSync(path))) {
    return {
      name: 'cpu',
      why: 'there are signs of an NVIDIA card, but its driver does not answer',
      hint: '"tensorcell doctor" says what is in the way; afterwards: tensorcell runtime install cuda',
    };
  }
  if (existsSync('/dev/dxg')) {
    return {
      name: 'cpu',
      why: 'Windows shares a card with this WSL, but not one of NVIDIA',
      hint: "for an AMD or Intel card there is Microsoft's DirectML plugin, in maintenance mode: tensorcell runtime install directml",
    };
  }
  return { name: 'cpu', why: 'no NVIDIA driver answers' };
}
