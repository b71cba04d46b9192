import { runtimesFolder } from '../../base/home.ts';
import type { Machine } from './machine.ts';
import { exists, listFolder, readText } from './machine.ts';

export interface InstalledRuntime {
  name: string;
  version: string;
  tensorflow: string | null;
  path: string;
}

/** The TensorFlow of a Python environment that `tensorcell runtime use --python` chose. */
function chosenPython(machine: Machine): InstalledRuntime | undefined {
  const text = readText(machine, `${runtimesFolder(machine.environment)}/selected.json`);
  try {
    const { path, tensorflow } = JSON.parse(text ?? '{}') as { path?: unknown; tensorflow?: unknown };
    if (typeof path !== 'string' || !exists(machine, `${path}/tensorflow`)) return undefined;
    const version = typeof tensorflow === 'string' ? tensorflow : null;
    return { name: 'python', version: version ?? 'of unknown version', tensorflow: version, path };
  } catch {
    return undefined; // Not written by us: as if nothing had been chosen.
  }
}

/** Complete runtimes of the store: those that hold a `runtime.json`; then the one of a Python environment. */
export function detectRuntimes(machine: Machine): InstalledRuntime[] {
  const folder = runtimesFolder(machine.environment);
  const found: InstalledRuntime[] = [];
  for (const entry of listFolder(machine, folder)) {
    const path = `${folder}/${entry}`;
    const text = readText(machine, `${path}/runtime.json`);
    if (text === undefined) continue;
    try {
      const said = JSON.parse(text) as { name?: unknown; version?: unknown; tensorflow?: unknown };
      if (typeof said.name !== 'string' || typeof said.version !== 'string') continue;
      found.push({
        name: said.name,
        version: said.version,
        tensorflow: typeof said.tensorflow === 'string' ? said.tensorflow : null,
        path,
      });
    } catch {
      // Half written: the set-up has to be run again, and reports that itself.
    }
  }
  const python = chosenPython(machine);
  return python ? [...found, python] : found;
}

export interface BuildInfo {
  /** `12.5.1`. */
  cudaVersion: string | null;
  cudnnVersion: string | null;
  /** Capabilities with machine code, times ten: 60 is 6.0. */
  machineCode: number[];
  /** Capabilities with PTX, which newer GPUs translate before first use. */
  ptx: number[];
}

/** TensorFlow's generated `tensorflow/python/platform/build_info.py`: an ordered dictionary of pairs. */
export function parseBuildInfo(text: string): BuildInfo {
  const string = (name: string): string | null =>
    new RegExp(String.raw`["']${name}["']\s*[,:]\s*["']([^"']*)["']`).exec(text)?.[1] ?? null;
  const list = /["']cuda_compute_capabilities["']\s*[,:]\s*\[([^\]]*)\]/.exec(text)?.[1] ?? '';
  const machineCode: number[] = [];
  const ptx: number[] = [];
  for (const [, kind, digits] of list.matchAll(/(sm|compute)_(\d+)/g)) {
    (kind === 'sm' ? machineCode : ptx).push(Number(digits));
  }
  return { cudaVersion: string('cuda_version'), cudnnVersion: string('cudnn_version'), machineCode, ptx };
}

/** The target of TensorFlow 2.21's CUDA wheel; used until one is installed that says it itself. */
export const CUDA_WHEEL: BuildInfo = {
  cudaVersion: '12.5.1',
  cudnnVersion: '9',
  machineCode: [60, 70, 80, 89],
  ptx: [90],
};

/** The target of a TensorFlow build; undefined when it was not built for CUDA, or does not say. */
export function cudaBuildOf(machine: Machine, { path }: InstalledRuntime): BuildInfo | undefined {
  const text = readText(machine, `${path}/tensorflow/python/platform/build_info.py`);
  const info = text === undefined ? undefined : parseBuildInfo(text);
  return info && info.machineCode.length + info.ptx.length > 0 ? info : undefined;
}

/** The target of the TensorFlow build that would serve CUDA, or of the one to install. */
export function detectBuildInfo(machine: Machine): BuildInfo {
  const runtimes = detectRuntimes(machine).filter(({ name }) => name === 'cuda' || name === 'python');
  for (const runtime of runtimes) {
    const info = cudaBuildOf(machine, runtime);
    if (info) return info;
  }
  return CUDA_WHEEL;
}
