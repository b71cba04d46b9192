import { cudaReportProblem } from '../../machine/devices/cuda/fit.ts';
import { readCuda } from '../../machine/devices/cuda/read.ts';
import type { CudaReport } from '../../machine/devices/cuda/report.ts';
import { CUDA_WHEEL, type BuildInfo } from '../../machine/devices/runtimes.ts';
import { libraryProblem } from './c-api/library.ts';
import { koffi } from '../../base/koffi.ts';

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
  const report = cudaReport(candidates);
  return report === undefined
    ? 'no NVIDIA driver (libcuda.so.1) was found'
    : cudaReportProblem(report, build);
}

/** The report of the driver's library; undefined without one. Loads it for good. */
export function cudaReport(candidates: readonly string[] = CANDIDATES): CudaReport | undefined {
  const file = candidates.find((candidate) => libraryProblem(candidate) === undefined);
  return file === undefined ? undefined : readCuda(file, koffi());
}
