import { cudaReportProblem } from '../devices/cuda/fit.ts';
import { readCuda } from '../devices/cuda/read.ts';
import { CUDA_WHEEL, type BuildInfo } from '../devices/runtimes.ts';
import { koffi, libraryProblem } from './c-api/library.ts';

/** Where WSL keeps the Windows driver's library; not every distribution's loader looks there. */
const CANDIDATES = ['libcuda.so.1', '/usr/lib/wsl/lib/libcuda.so.1'];

/**
 * Why CUDA cannot be used on this machine by a TensorFlow of this build, in words; undefined when the driver answers and
 * has a device that fits. Loads the driver's library for good, so that TensorFlow finds it under its plain name.
 */
export function cudaDriverProblem(
  build: BuildInfo = CUDA_WHEEL,
  candidates: readonly string[] = CANDIDATES,
): string | undefined {
  for (const file of candidates) {
    if (libraryProblem(file) !== undefined) continue;
    return cudaReportProblem(readCuda(file, koffi()), build);
  }
  return 'no NVIDIA driver (libcuda.so.1) was found';
}
