import type { BuildInfo } from '../runtimes.ts';
import { cudaMeaning, formatCudaVersion, type CudaReport } from './report.ts';

export type CapabilityFit = 'native' | 'translated' | 'too-old';

/**
 * Machine code runs on every later minor version of the same major capability; PTX is translated for any later GPU
 * (CUDA C++ programming guide, "Binary compatibility" and "PTX compatibility").
 */
export function capabilityFit(capability: string, { machineCode, ptx }: BuildInfo): CapabilityFit {
  const [major, minor] = capability.split('.').map(Number) as [number, number];
  const wanted = major * 10 + minor;
  if (machineCode.some((code) => Math.floor(code / 10) === major && code <= wanted)) return 'native';
  return ptx.some((code) => code <= wanted) ? 'translated' : 'too-old';
}

/**
 * `full`: the driver knows this version of CUDA. `minor`: only an earlier one of the same major version, which runs
 * machine code but cannot translate PTX (CUDA compatibility guide, "Minor version compatibility").
 */
export type DriverFit = 'full' | 'minor' | 'too-old';

/**
 * Holds a driver's CUDA version against the build's, both such as `12.9`. The name of the driver differs between
 * Windows (527.41 is the first for CUDA 12) and Linux (525.60.13), so only this number is compared.
 */
export function driverFit(driver: string, { cudaVersion }: BuildInfo): DriverFit {
  if (cudaVersion === null) return 'full';
  const [major = 0, minor = 0] = driver.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = cudaVersion.split('.').map(Number);
  if (major !== wantedMajor) return major > wantedMajor ? 'full' : 'too-old';
  return minor >= wantedMinor ? 'full' : 'minor';
}

/** A card and its driver, as far as they are known. */
export interface CudaCard {
  name: string | null;
  /** `8.9` */
  computeCapability: string | null;
  /** The newest CUDA that its driver runs, such as `12.9`. */
  cudaVersion: string | null;
  driverVersion: string | null;
}

/** The first drivers for CUDA 12, on Linux and on Windows (CUDA 12.0 release notes, table 3). */
export const FIRST_CUDA_12_DRIVER = '525.60.13 on Linux, 527.41 on Windows';

/** The reason why a card cannot compute with a build; undefined when nothing does. */
export function cudaObstacle(
  card: CudaCard,
  build: BuildInfo,
): { cause: 'driver' | 'capability'; why: string } | undefined {
  const { cudaVersion, computeCapability } = card;
  const name = card.name ?? 'a GPU without a name';
  const driver = card.driverVersion === null ? 'the driver' : `driver ${card.driverVersion}`;
  const fit = cudaVersion === null ? 'full' : driverFit(cudaVersion, build);
  if (fit === 'too-old') {
    return {
      cause: 'driver',
      why: `${driver} runs CUDA up to ${cudaVersion}; the TensorFlow build needs ${build.cudaVersion} (first driver for it: ${FIRST_CUDA_12_DRIVER})`,
    };
  }
  if (computeCapability === null) return undefined;
  const capability = capabilityFit(computeCapability, build);
  if (capability === 'too-old') {
    return {
      cause: 'capability',
      why: `${name} has compute capability ${computeCapability}; the TensorFlow build starts at ${lowestCapability(build)}`,
    };
  }
  if (capability === 'translated' && fit === 'minor') {
    return {
      cause: 'driver',
      why: `${name} (compute capability ${computeCapability}) needs a translation of the build's code, which ${driver} for CUDA ${cudaVersion} cannot do: it needs CUDA ${build.cudaVersion}`,
    };
  }
  return undefined;
}

/** `6.0`: the least that a build has machine code for. */
export function lowestCapability({ machineCode }: BuildInfo): string {
  return (Math.min(...machineCode) / 10).toFixed(1);
}

/** Why CUDA cannot be used, from what its driver's library said; undefined when one of its cards can compute. */
export function cudaReportProblem(report: CudaReport, build: BuildInfo): string | undefined {
  if (report.init !== 0) {
    return `the NVIDIA driver answers with error ${report.init} (cuInit: ${report.initText ?? cudaMeaning(report.init)})`;
  }
  if (report.devices.length === 0) return 'the NVIDIA driver finds no GPU';
  const cudaVersion = report.driverVersion === null ? null : formatCudaVersion(report.driverVersion);
  const obstacles = report.devices.map(({ name, computeCapability }) =>
    cudaObstacle(
      { name, cudaVersion, driverVersion: null, computeCapability: computeCapability?.join('.') ?? null },
      build,
    ),
  );
  // One that fits is enough: TensorFlow leaves the others out.
  return obstacles.includes(undefined) ? undefined : obstacles[0]?.why;
}
