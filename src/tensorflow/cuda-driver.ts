import { koffi, openLibrary } from './c-api/library.ts';

/** Where WSL keeps the Windows driver's library; not every distribution's loader looks there. */
const candidates = ['libcuda.so.1', '/usr/lib/wsl/lib/libcuda.so.1'];

/**
 * Why CUDA cannot be used on this machine, in words; undefined when its driver answers and has a device. Loads the
 * driver's library for good, so that TensorFlow finds it under its plain name.
 */
export function cudaDriverProblem(): string | undefined {
  for (const file of candidates) {
    try {
      openLibrary(file);
    } catch {
      continue;
    }
    const library = koffi().load(file, { lazy: true, global: true });
    const init = library.func('int cuInit(unsigned int flags)') as (flags: number) => number;
    const started = init(0);
    if (started !== 0) return `the NVIDIA driver answers with error ${started} (cuInit)`;
    const count = new Int32Array(1);
    const ask = library.func('int cuDeviceGetCount(void *count)') as (count: Int32Array) => number;
    const asked = ask(count);
    if (asked !== 0) return `the NVIDIA driver answers with error ${asked} (cuDeviceGetCount)`;
    return count[0] === 0 ? 'the NVIDIA driver finds no GPU' : undefined;
  }
  return 'no NVIDIA driver (libcuda.so.1) was found';
}
